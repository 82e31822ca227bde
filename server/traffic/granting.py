"""Decides which edges are released next, to which cars. Pure; the time is passed in.

A grant is one movement and the edge after it. It is given if both are free, no older ride waits
for them, and all rides can still be finished afterwards (`safe_state`). The oldest ride is asked
first, so every ride eventually becomes the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from pixelopolis.city.movement_conflicts import MovementKey
from pixelopolis.city.route import Route
from pixelopolis.reasons import Reason, ReasonCode, held_by, reason
from server.traffic.reservations import (
    Car,
    Held,
    Ride,
    Traffic,
    base_end_m,
    closed_in,
    closed_to,
    held,
)
from server.traffic.safe_state import Token, find_plan, plan_next_step
from server.traffic.street_graph import Closed, StreetGraph

LOOKAHEAD_M: Final = 0.6
"""A car asks for its next edge when this much of its base is left: it stops 0.10 m before the end,
brakes in 0.08 m and reports every 0.07 m, so it need not slow down when the edge is free."""

STANDS_WITHIN_M: Final = 0.2
"""A car this near the end of its base counts as standing there."""

PATIENCE_S: Final = 15.0
"""A car waiting this long at a stop line has the streets cleared for it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a car does not get its next edge; `cars` are those it waits for."""

    cars: tuple[str, ...]
    reason: Reason


def advance(
    streets: StreetGraph, traffic: Traffic, now_s: float
) -> tuple[Traffic, dict[str, Wait]]:
    """Release everything that can be released now; return why each other asking car waits."""
    work = _Round(streets, traffic, now_s)
    work.end_blocked_orders()
    work.reroute_around_closures()
    work.resolve_starvation()
    work.grant_all()
    if work.relocate_idle_cars() or work.resolve_deadlock():
        work.grant_all()
    work.note_waits()
    return work.traffic, work.waits


class _Round:
    def __init__(self, streets: StreetGraph, traffic: Traffic, now_s: float) -> None:
        self.streets = streets
        self.traffic = traffic
        self.now_s = now_s
        self.waits: dict[str, Wait] = {}
        self.closed = closed_in(streets, traffic)
        self._reserved: dict[str, str] = {}
        """Edges promised to one car in this round."""
        self._refresh_holders()

    def _refresh_holders(self) -> None:
        self._held: dict[str, Held] = {
            car.id: held(self.streets, car) for car in self.traffic.cars.values()
        }
        self._edge_of: dict[str, str] = {e: id_ for id_, h in self._held.items() for e in h.edges}
        self._movement_of: dict[MovementKey, str] = {
            key: id_ for id_, h in self._held.items() for key in h.movements
        }

    def _put(self, *cars: Car) -> None:
        self.traffic = self.traffic.put(*cars)
        self._refresh_holders()

    # --- requests ----------------------------------------------------------------------------

    def _left_m(self, ride: Ride) -> float:
        return base_end_m(self.streets, ride) - ride.progress_m

    def _rides(self) -> list[tuple[Car, Ride]]:
        """Return rides whose cars can move, oldest first; relocations before waiting rides."""
        rides = [
            (car, car.ride)
            for car in self.traffic.cars.values()
            if car.ride is not None and not car.frozen and not car.ride.ending
        ]
        return sorted(
            rides, key=lambda cr: (cr[1].sequence, cr[1].booking_id is not None, cr[0].id)
        )

    def _asking(self) -> list[tuple[Car, Ride]]:
        return [
            (car, ride)
            for car, ride in self._rides()
            if not ride.is_whole and self._left_m(ride) <= LOOKAHEAD_M
        ]

    def _tokens(self) -> list[Token]:
        wanting = [
            Token(car.id, car.edge, ride.route.edges[-1], must_move=not ride.is_whole)
            for car, ride in self._rides()
        ]
        named = {token.car for token in wanting}
        return wanting + [
            Token(car.id, car.edge)
            for car in self.traffic.cars.values()
            if car.id not in named and not car.frozen
        ]

    # --- regular grants ----------------------------------------------------------------------

    def grant_all(self) -> None:
        while self._grant_one():
            pass

    def _grant_one(self) -> bool:
        """Grant the first request that can be granted; otherwise note who waits for whom."""
        self.waits = {}
        promised: dict[MovementKey, str] = {}
        for car, ride in self._asking():
            key = (ride.base_edge, ride.ahead[0])
            if key[1] in self.traffic.rules.closed_edges:
                self.waits[car.id] = Wait((), reason(ReasonCode.STREET_CLOSED, edge=key[1]))
                continue
            blockers = self._blockers(car.id, key)
            if blockers:
                self.waits[car.id] = self._wait(key, blockers)
                # a crossing car drives on; the car that holds the next edge may stay there
                if key[1] not in self._edge_of and not self._any_frozen(blockers):
                    promised.setdefault(key, car.id)
                continue
            if first := self._promised_to(car.id, key, promised):
                self.waits[car.id] = Wait((first,), reason(ReasonCode.LETS_GO_FIRST, car=first))
                continue
            granted = self._with_grant(car, ride)
            if not self._is_safe(granted):
                others = tuple(c.id for c, _ in self._rides() if c.id != car.id)
                self.waits[car.id] = Wait(others, reason(ReasonCode.KEEPS_ROOM))
                continue
            self._put(granted)
            return True
        return False

    def _blockers(self, car: str, key: MovementKey) -> tuple[str, ...]:
        """Return the cars that hold the edge or a crossing movement."""
        holders = [self._edge_of.get(key[1])]
        holders += [self._movement_of.get(other) for other in (key, *self.streets.conflicts[key])]
        return tuple(dict.fromkeys(h for h in holders if h is not None and h != car))

    def _any_frozen(self, cars: tuple[str, ...]) -> bool:
        return any(self.traffic.cars[car].frozen for car in cars)

    def _promised_to(
        self, car: str, key: MovementKey, promised: dict[MovementKey, str]
    ) -> str | None:
        """Return the car for which the edge or a crossing movement is reserved."""
        kept = [self._reserved.get(key[1])]
        kept += [promised.get(other) for other in (key, *self.streets.conflicts[key])]
        return next((id_ for id_ in kept if id_ is not None and id_ != car), None)

    def _with_grant(self, car: Car, ride: Ride) -> Car:
        released = replace(
            ride, released=ride.released + 1, update_id=ride.update_id + 1, stands_since_s=None
        )
        return replace(car, ride=released)

    def _is_safe(self, car: Car) -> bool:
        before = self.traffic
        try:
            self.traffic = before.put(car)
            if self._all_can_finish():
                return True
        finally:
            self.traffic = before
        # if the state was not provably safe before, waiting would not make it safer
        return not self._all_can_finish()

    def _all_can_finish(self) -> bool:
        return find_plan(self.streets, self._tokens(), self.closed) is not None

    def _wait(self, key: MovementKey, blockers: tuple[str, ...]) -> Wait:
        holder = self._edge_of.get(key[1])
        if holder in blockers:
            return Wait(blockers, held_by(key[1], holder, self.traffic.cars[holder].frozen))
        node = self.streets.city.movements[key].node
        return Wait(
            blockers, reason(ReasonCode.JUNCTION_CROSSED, node=node, cars=", ".join(blockers))
        )

    # --- rerouting and relocation ------------------------------------------------------------

    def end_blocked_orders(self) -> None:
        """End orders whose base is blocked further on by another car.

        A base never shrinks, so the car gives back its order where it stands, and its booking
        gets a new one. Nothing is ended if there is no other route from there.
        """
        for car, ride in self._rides():
            path = self.streets.path_of(ride.route)
            leg = path.leg_at(ride.progress_m)
            if not car.blocked or leg.edge is None:
                continue
            at = path.legs.index(leg) // 2  # legs are edge, movement, edge, ...
            if set(car.blocked).isdisjoint(ride.route.edges[at + 1 : ride.released]):
                continue
            closed = closed_to(self.closed, car)
            if self.streets.way(leg.edge, ride.route.edges[-1], closed) is not None:
                self._put(replace(car, ride=replace(ride, ending=True)))

    def reroute_around_closures(self) -> None:
        """Give a new horizon to cars that would have to pass a car that does not move."""
        for car, ride in self._rides():
            closed = closed_to(self.closed, car)
            steps = zip((ride.base_edge, *ride.ahead), ride.ahead, strict=False)
            if all(self.streets.may_go(a, b, closed) for a, b in steps):
                continue
            way = self.streets.way(ride.base_edge, ride.route.edges[-1], closed)
            if way is not None:
                self._put(_with_horizon(car, ride, way))

    def relocate_idle_cars(self) -> bool:
        """Move parked cars off the next edges of waiting rides; return whether any was moved."""
        sent = False
        for waiting, ride in self._rides():
            for edge in ride.ahead[:2]:
                holder = self._edge_of.get(edge)
                if holder is None or holder == waiting.id:
                    continue
                idle = self.traffic.cars[holder]
                if idle.ride is not None or idle.frozen:
                    continue
                way = self._route_to_parking(idle, ride)
                if way is None:
                    continue
                before, could_finish = self.traffic, self._all_can_finish()
                self._relocate(idle, way, waiting.id, ride.sequence)
                sent = not self._undo_if_unsafe(before, could_finish) or sent
        return sent

    def _route_to_parking(self, idle: Car, ride: Ride) -> tuple[str, ...] | None:
        taken = frozenset(self._edge_of) - {idle.edge}
        free = Closed(self.closed.edges | taken, self.closed.movements)
        wanted = set(chain.from_iterable(r.ahead for _, r in self._rides()))
        destinations = {d.edge for d in self.streets.city.destinations.values()}
        ways = list(self.streets.ways_from(idle.edge, free))
        for avoided in (wanted | destinations, wanted, set(ride.ahead)):
            for way in ways:
                if way[-1] not in avoided:
                    return way
        return None

    def _relocate(self, idle: Car, way: tuple[str, ...], for_car: str, sequence: int) -> None:
        end = self.streets.parking(way[-1])
        ride = Ride(
            order_id=f"way-{idle.id}-{round(self.now_s * 1000)}",
            booking_id=None,
            route=Route(way, idle.place.s_m, end.s_m),
            sequence=sequence,
            reason=reason(ReasonCode.MAKES_WAY, car=for_car),
        )
        self._put(replace(idle, ride=ride))

    # --- starvation and deadlock -------------------------------------------------------------

    def _standing(self) -> list[tuple[Car, Ride]]:
        return [cr for cr in self._asking() if self._left_m(cr[1]) <= STANDS_WITHIN_M]

    def resolve_starvation(self) -> bool:
        """Clear the way for the oldest starved ride, following the safe-state plan."""
        late = [
            (car, ride)
            for car, ride in self._standing()
            if ride.stands_since_s is not None and self.now_s - ride.stands_since_s > PATIENCE_S
        ]
        return any(self._make_way_for(car, ride) for car, ride in late[:1])

    def resolve_deadlock(self) -> bool:
        """Follow the safe-state plan when every car with a ride stands without a grant."""
        for car in self.traffic.cars.values():
            ride = car.ride
            if ride is None or car.frozen:
                continue
            if ride.ending or ride.is_whole or self._left_m(ride) > STANDS_WITHIN_M:
                return False
        return any(self._make_way_for(car, ride) for car, ride in self._standing())

    def _make_way_for(self, car: Car, ride: Ride) -> bool:
        """Give one car its next step, unless that would keep the others from finishing."""
        before, reserved = self.traffic, dict(self._reserved)
        could_finish = self._all_can_finish()
        steps = plan_next_step(self.streets, self._tokens(), self.closed, car.id)
        if steps is None or not self._execute(steps, car.id, ride.sequence):
            return False
        if self._undo_if_unsafe(before, could_finish):
            self._reserved = reserved
            return False
        return True

    def _undo_if_unsafe(self, before: Traffic, could_finish: bool) -> bool:
        """Undo the changes since `before` if they made the state unsafe; return whether undone."""
        if not could_finish or self._all_can_finish():
            return False
        self.traffic = before
        self._refresh_holders()
        return True

    def _execute(self, steps: tuple[tuple[str, str], ...], for_car: str, sequence: int) -> bool:
        changed = False
        for i, (id_, edge) in enumerate(steps):
            car = self.traffic.cars[id_]
            if car.ride is None:
                way = (car.edge, *(e for w, e in steps[i:] if w == id_))
                self._relocate(car, way, for_car, sequence)
            elif car.ride.ending or car.ride.is_whole:
                return changed  # it has to arrive first
            elif car.ride.ahead[0] != edge:
                self._divert_via(car, car.ride, edge)
            car = self.traffic.cars[id_]
            if car.ride is None or car.ride.is_whole or car.ride.ahead[0] != edge:
                return changed
            if self._blockers(id_, (car.edge, edge)):
                self._reserved[edge] = id_
                return True
            self._put(self._with_grant(car, car.ride))
            changed = True
        return changed

    def _divert_via(self, car: Car, ride: Ride, edge: str) -> None:
        goal = ride.route.edges[-1]
        way = (edge,) if edge == goal else self.streets.way(edge, goal, self.closed)
        if way is not None:
            self._put(_with_horizon(car, ride, (car.edge, *way)))

    def note_waits(self) -> None:
        """Note for every ride since when it stands without a grant."""
        asking = {car.id for car, _ in self._asking()}
        for car in list(self.traffic.cars.values()):
            ride = car.ride
            if ride is None:
                continue
            stands = car.id in asking and self._left_m(ride) <= STANDS_WITHIN_M
            if stands != (ride.stands_since_s is not None):
                since_s = self.now_s if stands else None
                self.traffic = self.traffic.put(
                    replace(car, ride=replace(ride, stands_since_s=since_s))
                )


def _with_horizon(car: Car, ride: Ride, way: tuple[str, ...]) -> Car:
    """Return the car with a new horizon; `way` begins with the last edge of its base."""
    edges = (*ride.route.edges[: ride.released], *way[1:])
    if edges == ride.route.edges:
        return car
    route = replace(ride.route, edges=edges)
    return replace(car, ride=replace(ride, route=route, update_id=ride.update_id + 1))
