"""The order-related part of the state message: progress on the order and driver state. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from car.driving.types import Decision, Mission
from pixelopolis.city.route import Place
from pixelopolis.vda5050.order import place_node_id
from pixelopolis.vda5050.order_progress import node_ids, progress_at
from pixelopolis.vda5050.order_rules import MergedOrder
from pixelopolis.vda5050.state import (
    INFO_VIDEO,
    EdgeState,
    Info,
    NodeState,
    StateError,
    waiting_info,
)

REPORT_S: Final = 0.5
"""A state is sent on every event, and at least at this interval."""

NEW_BASE_M: Final = 0.40
"""Request a longer base when less than this is left: three seconds at cruise speed."""

MOVING_MPS: Final = 0.005
MOVING_RAD_S: Final = 0.05
"""A slower car counts as standing: the motors' resolution is 0.8 mm/s."""

INFO_STATE: Final = "driveState"
"""infoType whose descriptor is the driver's own state."""


@dataclass(frozen=True, slots=True)
class Health:
    """The car's condition, for the state message."""

    video_url: str | None = None
    battery_v: float | None = None
    battery_pct: float | None = None
    """State of charge; None if unknown, reported as 0."""
    speed_mps: float = 0.0
    turn_rad_s: float = 0.0
    errors: tuple[StateError, ...] = ()
    emergency_stop: Literal["NONE", "MANUAL", "REMOTE"] = "NONE"
    """Whether one is active: by the board's button, or requested remotely."""
    emergency_stop_status: Literal["", "RUNNING", "FINISHED", "FAILED"] = ""
    """Progress of a remotely requested one; empty if none."""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The part of a state message about the order."""

    last_node: str
    sequence_id: int = 0
    since_m: float = 0.0
    nodes: tuple[NodeState, ...] = ()
    edges: tuple[EdgeState, ...] = ()
    asks: bool = False
    """The car wants a longer base."""


def standing(place: Place | None) -> OrderReport:
    """Return the report of a car without an order; an unknown place gives an empty last node."""
    return OrderReport(place_node_id(place) if place else "")


def on_the_way(
    plan: MergedOrder, mission: Mission, distance_m: float, *, ended: bool
) -> OrderReport:
    """Return the report of a car at a distance along its mission's path."""
    route, released = plan.route, plan.released_edges
    at = progress_at(mission.path, distance_m, arrived=ended)
    ids = node_ids(mission.path.city, route)
    if ended:
        return OrderReport(ids[at.node], at.sequence_id, at.since_m)
    nodes = tuple(
        NodeState(node_id=ids[i], sequence_id=2 * i, released=i <= released)
        for i in range(at.node + 1, len(ids))
    )
    edges = tuple(
        EdgeState(edge_id=edge, sequence_id=2 * i + 1, released=i < released)
        for i, edge in enumerate(route.edges)
        if i >= at.node
    )
    return OrderReport(
        ids[at.node], at.sequence_id, at.since_m, nodes, edges, asks(plan, mission, distance_m)
    )


def asks(plan: MergedOrder, mission: Mission, distance_m: float) -> bool:
    there_is_more = plan.released_edges < len(plan.route.edges)
    return there_is_more and mission.granted_m - distance_m < NEW_BASE_M


def is_moving(decision: Decision, health: Health) -> bool:
    """Whether the car drives or rolls: its wheels turn, or are commanded to and not blocked."""
    turns = abs(health.speed_mps) >= MOVING_MPS or abs(health.turn_rad_s) >= MOVING_RAD_S
    return turns or (decision.drives and health.emergency_stop == "NONE")


def information(decision: Decision, health: Health) -> tuple[Info, ...]:
    """Return what the standard has no field for: the driver's state, the video, why it stands."""
    said = [(INFO_STATE, str(decision.state))]
    if health.video_url:
        said.append((INFO_VIDEO, health.video_url))
    infos = [Info(info_type=kind, info_descriptor=text) for kind, text in said]
    if decision.reason is not None:
        infos.append(waiting_info(decision.reason))
    return tuple(infos)
