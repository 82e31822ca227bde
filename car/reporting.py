"""How a car says in the standard's words where it is on its order and what is wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from car.observation import Decision, Mission
from pixelopolis.order_messages import InstantAction, Order, place_node_id
from pixelopolis.orders import OrderRejectedError, Plan, node_ids, progress_at
from pixelopolis.routing import Place
from pixelopolis.state_messages import (
    BLOCKED_BY_CAR,
    INFO_VIDEO,
    OFF_ROUTE,
    EdgeState,
    ErrorLevel,
    ErrorType,
    Info,
    NodeState,
    Reference,
    StateError,
    waiting_info,
)
from pixelopolis.vehicle import CAR_FRONT_M, CAR_REAR_M

NEW_BASE_M = 0.40
"""With less than this granted, the car asks for more: three seconds at cruise."""

INFO_STATE = "driveState"
"""infoType whose descriptor is the driver's own state."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the runtime knows about the car itself, for the server."""

    video_url: str | None = None
    battery_v: float | None = None
    battery_pct: float | None = None
    """State of charge; None when nobody knows, and the state then says 0."""
    speed_mps: float = 0.0
    turn_rad_s: float = 0.0
    errors: tuple[StateError, ...] = ()
    emergency_stop: Literal["NONE", "MANUAL", "REMOTE"] = "NONE"
    """Whether one keeps the wheels still: by the board's button, or because we were told."""
    emergency_stop_status: Literal["", "RUNNING", "FINISHED", "FAILED"] = ""
    """How far one has got that we were told; empty when we were not."""


@dataclass(frozen=True, slots=True)
class Way:
    """The part of a state message that is about the order."""

    last_node: str
    sequence_id: int = 0
    since_m: float = 0.0
    nodes: tuple[NodeState, ...] = ()
    edges: tuple[EdgeState, ...] = ()
    asks: bool = False
    """The car wants a longer base."""


def standing(place: Place | None) -> Way:
    """Return what a car without an order says; its last node is empty when it knows no place."""
    return Way(place_node_id(place) if place else "")


def on_the_way(plan: Plan, mission: Mission, distance_m: float, *, ended: bool) -> Way:
    """Return what a car says that is at a distance of its mission's path."""
    route, released = plan.route, plan.released_edges
    at = progress_at(mission.path, distance_m, arrived=ended)
    ids = node_ids(mission.path.city, route)
    if ended:
        return Way(ids[at.node], at.sequence_id, at.since_m)
    nodes = tuple(
        NodeState(node_id=ids[i], sequence_id=2 * i, released=i <= released)
        for i in range(at.node + 1, len(ids))
    )
    edges = tuple(
        EdgeState(edge_id=edge, sequence_id=2 * i + 1, released=i < released)
        for i, edge in enumerate(route.edges)
        if i >= at.node
    )
    asks = released < len(route.edges) and mission.granted_m - distance_m < NEW_BASE_M
    return Way(ids[at.node], at.sequence_id, at.since_m, nodes, edges, asks)


def information(decision: Decision, health: Health) -> tuple[Info, ...]:
    """Return what the standard has no field for: the driver's state, the video, why it stands."""
    said = [(INFO_STATE, str(decision.state))]
    if health.video_url:
        said.append((INFO_VIDEO, health.video_url))
    infos = [Info(info_type=kind, info_descriptor=text) for kind, text in said]
    if decision.reason is not None:
        infos.append(waiting_info(decision.reason))
    return tuple(infos)


# --- what is wrong --------------------------------------------------------------------------------


def rejected(order: Order, error: OrderRejectedError) -> StateError:
    """An order that the car does not take."""
    return _warning(
        error.error_type,
        error.description,
        orderId=order.order_id,
        orderUpdateId=str(order.order_update_id),
    )


def not_understood(why: str) -> StateError:
    """A message that could not be read."""
    return _warning(ErrorType.VALIDATION_FAILURE, why)


def nothing_to_cancel(action: InstantAction) -> StateError:
    return _warning(
        ErrorType.NO_ORDER_TO_CANCEL, "there is no order to cancel.", actionId=action.action_id
    )


def off_route(plan: Plan, place: Place) -> StateError:
    """An order that the car has dropped because it is elsewhere."""
    where = f"is not on its way but at {place_node_id(place)!r}."
    return _warning(OFF_ROUTE, where, orderId=plan.order_id)


def blocked_by_car(mission: Mission, decision: Decision) -> StateError:
    """Another car has kept this one standing for long."""
    words = decision.reason.words if decision.reason else ""
    return _warning(BLOCKED_BY_CAR, words, edgeId=blocked_edge(mission, decision))


def blocked_edge(mission: Mission, decision: Decision) -> str:
    """Return the edge on which the car ahead stands, or to which it is on its way."""
    gap_m = decision.car_ahead.gap_m if decision.car_ahead else 0.0
    there_m = decision.distance_m + CAR_FRONT_M + gap_m + CAR_REAR_M
    leg = mission.path.leg_at(there_m)
    return leg.edge if leg.movement is None and leg.edge else (leg.movement or ("", ""))[1]


def _warning(error_type: str, description: str, **references: str) -> StateError:
    return StateError(
        error_type=error_type,
        error_level=ErrorLevel.WARNING,
        error_references=tuple(
            Reference(reference_key=key, reference_value=value) for key, value in references.items()
        ),
        error_description=description,
    )
