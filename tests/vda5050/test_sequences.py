"""Any messages in any order: the car never fails, and its base never shrinks."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from car.driving.types import Decision, DriveState
from car.orders.executor import OrderExecutor
from car.orders.state_report import Health
from pixelopolis.city.route import Place, Route
from pixelopolis.vda5050.frames import MalformedMessageError, decode_from_server, encode
from pixelopolis.vda5050.order import ACTION_PARAMETERS, InstantActions, Order
from pixelopolis.vda5050.state import State
from tests.support.vda5050_car import CITY, action, actions, an_order, says

EDGES = sorted(CITY.edges)
HEALTHS = st.builds(
    Health,
    speed_mps=st.floats(-0.2, 0.2),
    turn_rad_s=st.floats(-2, 2),
    emergency_stop=st.sampled_from(["NONE", "MANUAL", "REMOTE"]),
    emergency_stop_status=st.sampled_from(["", "RUNNING", "FINISHED", "FAILED"]),
)


class Server:
    """Draws valid and invalid messages to a car, based on earlier ones."""

    def __init__(self, draw: st.DrawFn, car: OrderExecutor) -> None:
        self.draw, self.car = draw, car
        self.way: Route | None = None
        self.released = self.update = self.orders = 0

    def new_order(self) -> Order:
        place = self.car.place or Place("15", 0.6)
        edges = [place.edge]
        for _ in range(self.draw(st.integers(0, 4))):
            edges.append(self.draw(st.sampled_from([m.to_edge for m in CITY.exits[edges[-1]]])))
        end_m = CITY.edges[edges[-1]].length_m
        least_m = round(place.s_m, 3) if len(edges) == 1 else 0.0
        s_m = self.draw(st.floats(min(least_m, end_m), end_m))
        self.way = Route(tuple(edges), place.s_m, s_m)
        self.released, self.update = self.draw(st.integers(0, len(edges))), 0
        self.orders += 1
        return self._message(0)

    def next_update(self) -> Order:
        if self.way is None or self.released == 0:
            return self.new_order()
        first = self.released
        self.released = self.draw(st.integers(first, len(self.way.edges)))
        self.update += self.draw(st.integers(0, 2))
        return self._message(first)

    def _message(self, first: int) -> Order:
        assert self.way is not None
        return an_order(self.released, self.update, first, f"o{self.orders}", self.way)

    def broken(self) -> Order:
        """Return an order with one changed field; a valid message all the same."""
        frame = json.loads(encode(self.draw(st.sampled_from([self.new_order, self.next_update]))()))
        body: dict[str, Any] = frame["message"]
        part = self.draw(st.sampled_from([body, *body["nodes"], *body["edges"]]))
        key = self.draw(st.sampled_from(sorted(part)))
        part[key] = self.draw(
            st.one_of(
                st.integers(0, 9),
                st.booleans(),
                st.text(max_size=9),
                st.sampled_from(["at:15:600", "11", "at:6:100", "15", *EDGES]),
                st.floats(0.001, 0.2),
            )
        )
        decoded = decode_from_server(json.dumps(frame))
        assert isinstance(decoded, Order)
        return decoded

    def instant_actions(self) -> InstantActions:
        kinds = [*sorted(ACTION_PARAMETERS), "dance"]
        drawn = self.draw(
            st.lists(st.tuples(st.sampled_from(kinds), st.sampled_from("abcdef")), max_size=3)
        )
        return actions(*(action(kind, id_) for kind, id_ in drawn))


def decide(draw: st.DrawFn, car: OrderExecutor) -> None:
    """Let the driver have made some possible decision."""
    mission, here_m = car.mission, car.decision.distance_m
    states = [DriveState.DRIVING, DriveState.PAUSED, DriveState.STALE, DriveState.LOST]
    if mission is None:
        place = draw(st.sampled_from([None, Place("1", 0.5), Place("15", 0.6)]))
        idle = Decision(0.0, 0.0, DriveState.IDLE, place=place, located=draw(st.booleans()))
        car.take_decision(idle, None)
        return
    if here_m >= mission.path.length_m or draw(st.booleans()):
        states = [DriveState.ARRIVED] if mission.granted_m >= mission.path.length_m else states
        here_m = max(here_m, mission.granted_m)
    here_m = max(here_m, min(here_m + draw(st.floats(0, 1.0)), mission.granted_m))
    state = draw(st.sampled_from(states))
    speed = 4.0 if state is DriveState.DRIVING else 0.0
    off = draw(st.integers(0, 19)) == 0
    place = Place("1", 0.5) if off else mission.path.place_at(here_m)
    car.take_decision(
        Decision(speed, speed, state, distance_m=here_m, place=place, off_route=off), mission
    )


class Base:
    """The base in a car's states."""

    def __init__(self) -> None:
        self.order_id = ""
        self.nodes: dict[int, str] = {}

    def follow(self, state: State, ended: bool) -> None:
        said = {n.sequence_id: n.node_id for n in state.node_states if n.released}
        last = state.last_node_sequence_id
        if state.order_id == self.order_id and not ended:
            kept = {key: value for key, value in self.nodes.items() if key > last}
            assert kept.items() <= said.items()
            assert last >= min(self.nodes, default=0)
            assert self.nodes.get(last, state.last_node_id) == state.last_node_id
        self.order_id, self.nodes = state.order_id, {last: state.last_node_id, **said}


@settings(max_examples=300)
@given(data=st.data())
def test_nothing_that_comes_breaks_the_car_or_takes_back_its_base(data: st.DataObject) -> None:
    car = OrderExecutor(CITY, "car1", data.draw(st.sampled_from([None, Place("15", 0.6)])))
    server, base = Server(data.draw, car), Base()
    for _ in range(data.draw(st.integers(1, 12))):
        ended = False
        match data.draw(st.sampled_from(["order", "update", "update", "broken", "act", "drive"])):
            case "order":
                car.take_order(server.new_order())
            case "update":
                car.take_order(server.next_update())
            case "broken":
                try:
                    car.take_order(server.broken())
                except MalformedMessageError as error:
                    car.refuse(error)
            case "act":
                sent = server.instant_actions()
                car.take_actions(sent)
                ended = any(a.action_type == "cancelOrder" for a in sent.actions)
            case "drive":
                for _ in range(4):
                    decide(data.draw, car)
                    ended = ended or car.mission is None
        state = says(car, data.draw(HEALTHS))
        base.follow(state, ended)
        assert state.paused is car.paused
