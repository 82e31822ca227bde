"""The server's end of a car's link, and what the car's messages mean. No I/O."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.geometry import wrap_rad
from pixelopolis.reasons import MAX_TEXT, Reason, ReasonCode, reason
from pixelopolis.vda5050.frames import MAX_CHARACTERS, FromServer, Refusal
from pixelopolis.vda5050.order import (
    CANCEL_ORDER,
    START_PAUSE,
    InstantAction,
    InstantActions,
    parse_place,
)
from pixelopolis.vda5050.order_progress import Progress, distance_at, make_order
from pixelopolis.vda5050.state import INFO_VIDEO, ErrorLevel, ErrorType, State
from pixelopolis.web_address import is_web_address
from server.traffic.reservations import Ride
from server.traffic.street_graph import StreetGraph

LEASE_S: Final = 3.0
"""A car not heard from for this long is silent; it reports every 0.5 s."""

RESEND_S: Final = 2.0
"""An order that a connected car has not confirmed is sent again after this time."""

REFUSED_FOR_GOOD: Final = frozenset(
    {
        ErrorType.VALIDATION_FAILURE,
        ErrorType.NO_ROUTE_TO_TARGET,
        ErrorType.UNKNOWN_MAP_ID,
        ErrorType.UNSUPPORTED_PARAMETER,
        ErrorType.INVALID_ORDER_ACTION,
    }
)
"""A car that refuses an order for one of these reasons would refuse the next one too."""

GOOD_STATES: Final = 20
"""Valid states (10 s) after which an unusable message is forgotten."""

MAX_URL: Final = 300
"""Maximum length of a live view's address, in characters."""

BESIDE_LANE_M: Final = 0.3
"""A position farther than this from every lane is not on an edge."""


@dataclass
class CarLink:
    """One connected car; `send` queues a message for its socket."""

    car: str
    send: Callable[[FromServer], None]
    state: State | None = None
    video_url: str | None = None
    problem: Reason | None = None
    """Why the car cannot be used; None if it can."""
    refused: Reason | None = None
    """Why a recent message of this car could not be used; None if all could."""
    heard_s: float = -math.inf
    """When the car connected, or was heard last (monotonic)."""
    last_sent_s: float = -math.inf
    """When an order or action was last sent (monotonic)."""
    last_pause_s: float = -math.inf
    """When the car was last told to pause (monotonic)."""
    _cancels: set[str] = field(default_factory=set)
    """Action ids of the cancellations sent since the last order."""
    _order_ids: count[int] = field(default_factory=count)
    _action_ids: count[int] = field(default_factory=count)
    _refusal_ids: count[int] = field(default_factory=count)
    _heard_since_refused: int = 0

    def is_alive(self, now_s: float) -> bool:
        """Whether the car was heard lately on this connection."""
        return now_s - self.heard_s < LEASE_S

    def receive(self, state: State) -> None:
        self.state = state
        self._heard_since_refused += 1
        if self._heard_since_refused >= GOOD_STATES:
            self.refused = None
        said = state.info(INFO_VIDEO) or ""
        # shown on every page, so it must be a web address of limited length
        if len(said) <= MAX_URL and is_web_address(said):
            self.video_url = said

    def refuse(self, topic: str, header_id: int | None, fault: str) -> None:
        """Tell the car that its message cannot be used, and remember why.

        Args:
            topic: the message's topic, empty if it has none.
            header_id: the message's header id, None if it has none.
            fault: names field and value.
        """
        self.refused = reason(ReasonCode.MESSAGE_REFUSED, fault=fault[:MAX_TEXT])
        self._heard_since_refused = 0
        self.tell(topic, header_id, fault)

    def tell(self, topic: str, header_id: int | None, fault: str) -> None:
        """Tell the car what cannot be used, without holding it against the car."""
        self.send(
            Refusal(
                header_id=next(self._refusal_ids),
                timestamp=datetime.now(UTC),
                serial_number=self.car,
                refused_topic=topic,
                refused_header_id=header_id,
                description=fault[:MAX_CHARACTERS],
            )
        )

    def send_order(self, streets: StreetGraph, ride: Ride, first_node: int, now_s: float) -> None:
        """Send an order from `first_node` on; from node 0 the car takes it as a new order."""
        self.last_sent_s = now_s
        self._cancels.clear()
        self.send(
            make_order(
                streets.city,
                ride.route,
                order_id=ride.order_id,
                order_update_id=ride.update_id if first_node else 0,
                released_edges=ride.released,
                first_node=first_node,
                header_id=next(self._order_ids),
                serial_number=self.car,
                timestamp=datetime.now(UTC),
            )
        )

    def send_cancel(self, now_s: float) -> None:
        self.last_sent_s = now_s
        self._cancels.add(self.send_action(CANCEL_ORDER))

    def keep_paused(self, now_s: float) -> None:
        """Tell the car to pause, again and again until it says that it is paused."""
        is_paused = self.state is not None and self.state.paused
        if not is_paused and now_s - self.last_pause_s >= RESEND_S:
            self.last_pause_s = now_s
            self.send_action(START_PAUSE)

    def send_action(self, kind: str) -> str:
        """Send an instant action without parameters; return its id."""
        action = InstantAction(action_type=kind, action_id=f"{kind}-{uuid.uuid4().hex}")
        self.send(
            InstantActions(
                header_id=next(self._action_ids),
                timestamp=datetime.now(UTC),
                serial_number=self.car,
                actions=(action,),
            )
        )
        return action.action_id

    def has_cancelled(self, state: State) -> bool:
        """Whether no earlier order can still be on its way to the car.

        True once the car has answered a cancellation, or if this connection has sent nothing yet.
        """
        answered = {action.action_id for action in state.instant_action_states}
        return self.last_sent_s == -math.inf or not self._cancels.isdisjoint(answered)


def is_halted(state: State | None) -> bool:
    """Whether the car says that it is paused and stands."""
    return state is not None and bool(state.paused) and not state.driving


def is_stopped(state: State | None) -> bool:
    """Whether the car says that its emergency stop is active and that it stands."""
    if state is None or state.driving:
        return False
    return state.safety_state.active_emergency_stop != "NONE"


def is_released(state: State | None) -> bool:
    """Whether the car says that neither pause nor emergency stop keeps it."""
    if state is None or state.paused:
        return False
    return state.safety_state.active_emergency_stop == "NONE"


def is_idle(state: State) -> bool:
    """Whether the car has nothing left to do."""
    return not state.node_states and not state.edge_states


def other_map(city: City, state: State) -> Reason | None:
    """Return a reason if the car uses another map, so that its positions mean nothing here."""
    position = state.mobile_robot_position
    if position is None or position.map_id == city.name:
        return None
    return reason(ReasonCode.OTHER_MAP, map=position.map_id)


def needs_person(state: State) -> Reason | None:
    """Return why the car cannot continue by itself, None if it can."""
    if state.operating_mode != "AUTOMATIC":
        return reason(ReasonCode.NOT_AUTOMATIC, mode=state.operating_mode.lower())
    if state.safety_state.active_emergency_stop != "NONE":
        return reason(ReasonCode.EMERGENCY_STOP)
    if state.paused:
        return reason(ReasonCode.PAUSED)
    if state.mobile_robot_position is not None and not state.mobile_robot_position.localized:
        return reason(ReasonCode.LOST)
    fatal = [e for e in state.errors if e.error_level is ErrorLevel.FATAL]
    return reason(ReasonCode.BROKEN, error=fatal[0].error_type) if fatal else None


def blocked_edge(state: State) -> str:
    """Return the edge on which another car has blocked this one for long, or ""."""
    for error in state.errors:
        if error.error_type == ErrorType.BLOCKED_BY_CAR:
            about = {r.reference_key: r.reference_value for r in error.error_references}
            return about.get("edgeId", "")
    return ""


def reported_distance_m(streets: StreetGraph, ride: Ride, state: State) -> float:
    """Return how far along its order the car says it is."""
    progress = Progress(state.last_node_sequence_id // 2, max(0.0, state.distance_since_last_node))
    return distance_at(streets.path_of(ride.route), progress)


def known_base(state: State) -> int:
    """Return the index of the last base node that the car knows."""
    return max(_released_ids(state)) // 2


def _released_ids(state: State) -> list[int]:
    released = [n.sequence_id for n in state.node_states if n.released]
    return [state.last_node_sequence_id, *released]


def beyond_order(ride: Ride, state: State) -> Reason | None:
    """Return a reason if the car names a node that its order does not release."""
    wrong = [id_ for id_ in _released_ids(state) if id_ % 2 or id_ > 2 * ride.released]
    return reason(ReasonCode.BEYOND_ORDER, sequence=str(wrong[0])) if wrong else None


def rejected(state: State, ride: Ride) -> str:
    """Return the type of the error with which the car rejected this order, or ""."""
    for error in state.errors:
        about = {r.reference_key: r.reference_value for r in error.error_references}
        if about.get("orderId") == ride.order_id:
            return error.error_type
    return ""


def refuses_town(state: State, ride: Ride) -> Reason | None:
    """Return why the car would not take the next order either, None if it may.

    Only refusals of a complete order (`orderUpdateId` 0) count: a car that lost the order that an
    update continues refuses the update too.
    """
    for error in state.errors:
        about = {r.reference_key: r.reference_value for r in error.error_references}
        same = about.get("orderId") == ride.order_id and about.get("orderUpdateId") == "0"
        if same and error.error_type in REFUSED_FOR_GOOD:
            return reason(ReasonCode.ORDER_REFUSED, error=error.error_type)
    return None


def left_route(state: State, ride: Ride) -> bool:
    """Whether the car dropped this order because it left the route."""
    off = (e for e in state.errors if e.error_type == ErrorType.OFF_ROUTE)
    return any(
        r.reference_key == "orderId" and r.reference_value == ride.order_id
        for error in off
        for r in error.error_references
    )


def stated_place(city: City, state: State) -> Place | None:
    """Return where an idle car stands: its last stop place, else the lane nearest its position."""
    if other_map(city, state):
        return None
    place = parse_place(state.last_node_id)
    if place is not None and place.edge in city.edges:
        s_m = place.s_m + max(0.0, state.distance_since_last_node)
        return Place(place.edge, min(s_m, city.edges[place.edge].length_m))
    position = state.mobile_robot_position
    if position is None or not position.localized:
        return None
    best: tuple[float, Place] | None = None
    for edge in city.edges.values():
        at = edge.curve.project(position.x, position.y)
        pose = edge.curve.pose_at(at.s_m)
        off_m = math.hypot(position.x - pose.x_m, position.y - pose.y_m)
        if abs(wrap_rad(pose.heading_rad - position.theta)) > math.pi / 4:
            continue
        if off_m <= BESIDE_LANE_M and (best is None or off_m < best[0]):
            best = off_m, Place(edge.id, at.s_m)
    return best[1] if best else None
