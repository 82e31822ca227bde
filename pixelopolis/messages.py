"""What cars and the server say to each other: VDA 5050 3.0 in the shape that we use.

One WebSocket a car carries text frames `{"topic": "...", "message": {...}}`. Topics: the car sends
`connection` and `state`, the server sends `order` and `instantActions`. Names are camelCase on the
wire and snake_case here; unknown fields are ignored, as the standard asks.

`orders` says what an order means on the road; this module knows only the shape.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    model_validator,
)
from pydantic.alias_generators import to_camel

from pixelopolis.routing import Place

VERSION = "3.0.0"
MANUFACTURER = "Pixelopolis"

_PLACE_NODE = re.compile(r"at:(?P<edge>[A-Za-z0-9_.:-]{1,40}):(?P<mm>\d{1,7})")


def place_node_id(place: Place) -> str:
    """Return the node id of a stop place on an edge, `at:EDGE:MILLIMETRES`."""
    return f"at:{place.edge}:{max(0, round(place.s_m * 1000))}"


def parse_place(node_id: str) -> Place | None:
    """Return the place that a node id names, None for a junction's id."""
    match = _PLACE_NODE.fullmatch(node_id)
    return Place(match["edge"], int(match["mm"]) / 1000) if match else None


def _to_utc_ms(value: datetime) -> datetime:
    utc = value.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _iso_ms(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc_ms),
    PlainSerializer(_iso_ms, return_type=str, when_used="json"),
]
"""UTC, whole milliseconds, `2026-11-30T12:00:00.000Z` on the wire."""

Id = Annotated[str, Field(min_length=1, max_length=100)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
# pi, with the standard's own rounding
Angle = Annotated[float, Field(ge=-3.14159265359, le=3.14159265359)]
SequenceId = Annotated[int, Field(ge=0, le=1_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class Message(_Part):
    """The header that every message carries; `header_id` counts up per topic."""

    header_id: Annotated[int, Field(ge=0)]
    timestamp: Timestamp
    version: Id = VERSION
    manufacturer: Id = MANUFACTURER
    serial_number: Id


# --- order ------------------------------------------------------------------------------------


class NodePosition(_Part):
    x: Number
    y: Number
    theta: Angle | None = None
    map_id: Id


class Action(_Part):
    action_type: Id
    action_id: Id
    action_descriptor: str | None = None
    blocking_type: Literal["NONE", "SOFT", "SINGLE", "HARD"] = "NONE"


class OrderNode(_Part):
    """A junction (the town's node id) or a stop place (`at:EDGE:MILLIMETRES`)."""

    node_id: Id
    sequence_id: SequenceId
    released: bool
    node_descriptor: str | None = None
    node_position: NodePosition | None = None
    actions: tuple[Action, ...] = ()


class OrderEdge(_Part):
    """One edge of the town; it joins the order's nodes before and behind it."""

    edge_id: Id
    sequence_id: SequenceId
    released: bool
    maximum_speed: Number | None = None
    length: Number | None = None
    actions: tuple[Action, ...] = ()


class Order(Message):
    """Where to go. The released prefix is the base, the rest is the horizon.

    Sequence ids count nodes and edges together; the base ends with a node. A first message starts
    at sequence 0 with the place where the car stands; an update starts with the last node of the
    base before it, resent unchanged.
    """

    order_id: Id
    order_update_id: Annotated[int, Field(ge=0)]
    order_description: str | None = None
    nodes: Annotated[tuple[OrderNode, ...], Field(min_length=1, max_length=2000)]
    edges: Annotated[tuple[OrderEdge, ...], Field(max_length=2000)] = ()

    @model_validator(mode="after")
    def _check_sequence(self) -> Order:
        if len(self.edges) != len(self.nodes) - 1:
            raise ValueError(
                f"{len(self.nodes)} nodes need {len(self.nodes) - 1} edges, got {len(self.edges)}"
            )
        steps: list[OrderNode | OrderEdge] = [self.nodes[0]]
        for edge, node in zip(self.edges, self.nodes[1:], strict=True):
            steps += [edge, node]
        first = steps[0].sequence_id
        if first % 2:
            raise ValueError(f"the first node's sequenceId must be even, got {first}")
        for expected, step in enumerate(steps, start=first):
            if step.sequence_id != expected:
                raise ValueError(f"sequenceId {expected} expected, got {step.sequence_id}")
        released = [step.released for step in steps]
        count = sum(released)
        if released != [True] * count + [False] * (len(steps) - count):
            raise ValueError("released nodes and edges must come first, without a gap")
        if count % 2 == 0:
            raise ValueError("the base must begin and end with a node")
        return self

    @property
    def base_nodes(self) -> int:
        """How many of `nodes` are released; at least 1."""
        return sum(node.released for node in self.nodes)


# --- instant actions ----------------------------------------------------------------------------


class InstantAction(_Part):
    action_type: Id
    action_id: Id
    action_descriptor: str | None = None
    blocking_type: Literal["NONE"] = "NONE"


CANCEL_ORDER = "cancelOrder"
EMERGENCY_STOP = "emergencyStop"
RELEASE_EMERGENCY_STOP = "releaseEmergencyStop"
"""Ours: the standard has no instant action for it. Running until the car's board has read it back,
then finished, or failed."""


class InstantActions(Message):
    """What a car shall do at once: `cancelOrder` (stop, and forget the order), emergency stop."""

    actions: Annotated[tuple[InstantAction, ...], Field(max_length=100)]


# --- state --------------------------------------------------------------------------------------


class NodeState(_Part):
    node_id: Id
    sequence_id: SequenceId
    released: bool


class EdgeState(_Part):
    edge_id: Id
    sequence_id: SequenceId
    released: bool


class MobileRobotPosition(_Part):
    x: Number
    y: Number
    theta: Angle
    map_id: Id
    localized: bool


class Velocity(_Part):
    vx: Number | None = None
    vy: Number | None = None
    omega: Number | None = None


class ActionState(_Part):
    action_id: Id
    action_type: str | None = None
    action_status: Literal[
        "WAITING", "INITIALIZING", "RUNNING", "PAUSED", "RETRIABLE", "FINISHED", "FAILED"
    ]


class PowerSupply(_Part):
    """`state_of_charge` in percent, voltage in volts."""

    state_of_charge: Annotated[float, Field(ge=0, le=100)]
    battery_voltage: Number | None = None
    charging: bool = False


class OperatingMode(StrEnum):
    STARTUP = "STARTUP"
    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    INTERVENED = "INTERVENED"
    MANUAL = "MANUAL"
    SERVICE = "SERVICE"
    TEACH_IN = "TEACH_IN"


class ErrorLevel(StrEnum):
    """WARNING, URGENT: goes on. CRITICAL: not with this order. FATAL: needs a person."""

    WARNING = "WARNING"
    URGENT = "URGENT"
    CRITICAL = "CRITICAL"
    FATAL = "FATAL"


class ErrorType(StrEnum):
    """The standard's error types that our cars use."""

    VALIDATION_FAILURE = "VALIDATION_FAILURE"
    OUTDATED_ORDER_UPDATE = "OUTDATED_ORDER_UPDATE"
    SAME_ORDER_UPDATE_ID = "SAME_ORDER_UPDATE_ID"
    ORDER_UPDATE_FOLLOWING_CANCEL = "ORDER_UPDATE_FOLLOWING_CANCEL"
    OTHER_ORDER_ACTIVE = "OTHER_ORDER_ACTIVE"
    START_NODE_OUT_OF_RANGE = "START_NODE_OUT_OF_RANGE"
    NO_ROUTE_TO_TARGET = "NO_ROUTE_TO_TARGET"
    NO_ORDER_TO_CANCEL = "NO_ORDER_TO_CANCEL"


BLOCKED_BY_CAR = "blockedByCar"
"""A car's own error type: another car has kept it standing for long. A WARNING, whose reference
`edgeId` names the edge on which the other stands, or to which it is on its way."""

OFF_ROUTE = "offRoute"
"""A car's own error type: it is not on the way of the order that the reference `orderId` names,
and has dropped it. A WARNING; where it is instead, its state says."""


class Reference(_Part):
    reference_key: str
    reference_value: str


class StateError(_Part):
    """An active error; `error_type` is one of `ErrorType` or a car's own."""

    error_type: Id
    error_level: ErrorLevel
    error_references: tuple[Reference, ...] = ()
    error_description: str | None = None
    error_hint: str | None = None


INFO_VIDEO = "video"
"""infoType whose descriptor is the address of the car's live view."""
INFO_WAITING = "waiting"
"""infoType whose descriptor says in words why the car stands."""


class Info(_Part):
    info_type: Id
    info_descriptor: str | None = None
    info_level: Literal["INFO", "DEBUG"] = "INFO"


class SafetyState(_Part):
    active_emergency_stop: Literal["MANUAL", "REMOTE", "NONE"] = "NONE"
    field_violation: bool = False


class State(Message):
    """What a car does. Sent on every event, and every 0.5 s.

    `last_node_id` and `distance_since_last_node` (metres) say where the car's axle is: see
    `orders.progress_at`. Before any order `last_node_id` is a stop place, sequence 0.
    """

    order_id: Annotated[str, Field(max_length=100)] = ""
    order_update_id: Annotated[int, Field(ge=0)] = 0
    last_node_id: Annotated[str, Field(max_length=100)]
    last_node_sequence_id: SequenceId = 0
    distance_since_last_node: Number = 0.0
    node_states: Annotated[tuple[NodeState, ...], Field(max_length=2000)] = ()
    edge_states: Annotated[tuple[EdgeState, ...], Field(max_length=2000)] = ()
    mobile_robot_position: MobileRobotPosition | None = None
    velocity: Velocity | None = None
    driving: bool
    paused: bool = False
    new_base_request: bool = False
    action_states: Annotated[tuple[ActionState, ...], Field(max_length=2000)] = ()
    instant_action_states: Annotated[tuple[ActionState, ...], Field(max_length=2000)] = ()
    power_supply: PowerSupply
    operating_mode: OperatingMode = OperatingMode.AUTOMATIC
    errors: Annotated[tuple[StateError, ...], Field(max_length=200)] = ()
    information: Annotated[tuple[Info, ...], Field(max_length=200)] = ()
    safety_state: SafetyState = SafetyState()

    def info(self, info_type: str) -> str | None:
        """Return the descriptor of the first information of a type."""
        return next((i.info_descriptor for i in self.information if i.info_type == info_type), None)


# --- connection ---------------------------------------------------------------------------------


class ConnectionState(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    HIBERNATING = "HIBERNATING"
    CONNECTION_BROKEN = "CONNECTION_BROKEN"


class Connection(Message):
    connection_state: ConnectionState


# --- frames of the link ---------------------------------------------------------------------------


class ConnectionFrame(_Part):
    topic: Literal["connection"] = "connection"
    message: Connection


class StateFrame(_Part):
    topic: Literal["state"] = "state"
    message: State


class OrderFrame(_Part):
    topic: Literal["order"] = "order"
    message: Order


class InstantActionsFrame(_Part):
    topic: Literal["instantActions"] = "instantActions"
    message: InstantActions


FromCar = Annotated[ConnectionFrame | StateFrame, Field(discriminator="topic")]
FromServer = Annotated[OrderFrame | InstantActionsFrame, Field(discriminator="topic")]
_from_car: TypeAdapter[ConnectionFrame | StateFrame] = TypeAdapter(FromCar)
_from_server: TypeAdapter[OrderFrame | InstantActionsFrame] = TypeAdapter(FromServer)


def encode(message: Connection | State | Order | InstantActions) -> str:
    """Return the text frame that carries a message."""
    frames: dict[type[Message], Any] = {
        Connection: ConnectionFrame,
        State: StateFrame,
        Order: OrderFrame,
        InstantActions: InstantActionsFrame,
    }
    frame: BaseModel = frames[type(message)](message=message)
    return frame.model_dump_json(by_alias=True, exclude_none=True)


def decode_from_car(text: str) -> Connection | State:
    """Return the message in a text frame that a car sent.

    Raises:
        pydantic.ValidationError: for anything else.
    """
    return _from_car.validate_json(text).message


def decode_from_server(text: str) -> Order | InstantActions:
    """Return the message in a text frame that the server sent.

    Raises:
        pydantic.ValidationError: for anything else.
    """
    return _from_server.validate_json(text).message
