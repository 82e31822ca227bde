"""A car's order executor without physics, and orders for it, for the standard's rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from car.driving.types import Decision, DriveState
from car.orders.executor import OrderExecutor
from car.orders.state_report import Health
from pixelopolis.city.route import Place, Route
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.frames import decode_from_server, encode
from pixelopolis.vda5050.order import ActionParameter, InstantAction, InstantActions, Order
from pixelopolis.vda5050.order_progress import make_order
from pixelopolis.vda5050.state import State, StateError
from tests.support.paths import ROOT

NOW = datetime(2026, 11, 30, 12, 0, 0, 123_000, tzinfo=UTC)
CASES = ROOT / "tests" / "vda5050" / "cases"
CITY = load_city("pixelopolis")
START = Place("15", 0.6)
WAY = Route(("15", "14", "6"), 0.6, 0.1)


def a_car(place: Place | None = START) -> OrderExecutor:
    return OrderExecutor(CITY, "car1", place)


def an_order(
    released: int = 1, update: int = 0, first: int = 0, order_id: str = "o1", way: Route = WAY
) -> Order:
    return make_order(
        CITY,
        way,
        order_id=order_id,
        order_update_id=update,
        released_edges=released,
        first_node=first,
        header_id=update,
        serial_number="car1",
        timestamp=NOW,
    )


def changed(order: Order, *path: Any, **fields: Any) -> Order:
    """Return an order with changed fields on the wire, at `path`."""
    frame = json.loads(encode(order))
    at = frame["message"]
    for key in path:
        at = at[key]
    at.update(fields)
    decoded = decode_from_server(json.dumps(frame))
    assert isinstance(decoded, Order)
    return decoded


def case(name: str) -> Order:
    body = json.loads((CASES / name).read_text(encoding="utf-8"))
    decoded = decode_from_server(json.dumps({"topic": "order", "message": body}))
    assert isinstance(decoded, Order)
    return decoded


def action(kind: str, action_id: str = "a1", **parameters: Any) -> InstantAction:
    given = tuple(ActionParameter(key=key, value=value) for key, value in parameters.items())
    return InstantAction(action_type=kind, action_id=action_id, action_parameters=given)


def actions(*which: InstantAction, **header: Any) -> InstantActions:
    fields: dict[str, Any] = {"header_id": 0, "timestamp": NOW, "serial_number": "car1", **header}
    return InstantActions(actions=which, **fields)


def drives(car: OrderExecutor, distance_m: float, state: DriveState = DriveState.DRIVING) -> bool:
    """Move the car along its way; return whether its state changed."""
    speed = 4.0 if state in (DriveState.DRIVING, DriveState.TURNING) else 0.0
    return car.take_decision(Decision(speed, speed, state, distance_m=distance_m), car.mission)


def arrives(car: OrderExecutor) -> None:
    assert car.mission is not None
    drives(car, car.mission.path.length_m, DriveState.ARRIVED)


def says(car: OrderExecutor, health: Health | None = None) -> State:
    return car.report(0, NOW, health or Health())


def about(error: StateError) -> dict[str, str]:
    return {r.reference_key: r.reference_value for r in error.error_references}


def only_error(car: OrderExecutor) -> StateError:
    (error,) = says(car).errors
    return error
