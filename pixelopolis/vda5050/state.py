"""Messages from a car to the server: state and connection, as in VDA 5050 3.0."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from pixelopolis.reasons import Reason, from_parts
from pixelopolis.vda5050.base import (
    Angle,
    FailFastTuple,
    Id,
    Message,
    Number,
    SequenceId,
    Uint32,
    WireValue,
)


class NodeState(WireValue):
    node_id: Id
    sequence_id: SequenceId
    released: bool


class EdgeState(WireValue):
    edge_id: Id
    sequence_id: SequenceId
    released: bool


class MobileRobotPosition(WireValue):
    x: Number
    y: Number
    theta: Angle
    map_id: Id
    localized: bool


class Velocity(WireValue):
    vx: Number | None = None
    vy: Number | None = None
    omega: Number | None = None


class ActionState(WireValue):
    action_id: Id
    action_type: str | None = None
    action_status: Literal[
        "WAITING", "INITIALIZING", "RUNNING", "PAUSED", "RETRIABLE", "FINISHED", "FAILED"
    ]


class PowerSupply(WireValue):
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
    """The standard's error types that our cars use, and our own in the same style.

    Our own: BLOCKED_BY_CAR: another car has blocked this one for long; its reference `edgeId` names
    the other's edge, or the one it is about to enter. OFF_ROUTE: the car has left the route of the
    order in the reference `orderId` and dropped it; its state says where it is. MESSAGE_REFUSED:
    the server could not use a message of this car.
    """

    VALIDATION_FAILURE = "VALIDATION_FAILURE"
    OUTDATED_ORDER_UPDATE = "OUTDATED_ORDER_UPDATE"
    SAME_ORDER_UPDATE_ID = "SAME_ORDER_UPDATE_ID"
    ORDER_UPDATE_FOLLOWING_CANCEL = "ORDER_UPDATE_FOLLOWING_CANCEL"
    OTHER_ORDER_ACTIVE = "OTHER_ORDER_ACTIVE"
    START_NODE_OUT_OF_RANGE = "START_NODE_OUT_OF_RANGE"
    NO_ROUTE_TO_TARGET = "NO_ROUTE_TO_TARGET"
    NO_ORDER_TO_CANCEL = "NO_ORDER_TO_CANCEL"
    UNSUPPORTED_PARAMETER = "UNSUPPORTED_PARAMETER"
    INVALID_ORDER_ACTION = "INVALID_ORDER_ACTION"
    INVALID_INSTANT_ACTION = "INVALID_INSTANT_ACTION"
    UNKNOWN_MAP_ID = "UNKNOWN_MAP_ID"
    LOCALIZATION_ERROR = "LOCALIZATION_ERROR"
    BLOCKED_BY_CAR = "BLOCKED_BY_CAR"
    OFF_ROUTE = "OFF_ROUTE"
    MESSAGE_REFUSED = "MESSAGE_REFUSED"

    @property
    def level(self) -> ErrorLevel:
        """Its severity (VDA 5050 3.0, table 9); our own types are warnings."""
        return _LEVELS.get(self, ErrorLevel.WARNING)


_LEVELS: Final = {
    ErrorType.UNSUPPORTED_PARAMETER: ErrorLevel.CRITICAL,
    ErrorType.LOCALIZATION_ERROR: ErrorLevel.FATAL,
}

MAX_REFERENCES: Final = 50
"""Maximum per error or information; ours have fewer than ten."""


class Reference(WireValue):
    reference_key: str
    reference_value: str


class StateError(WireValue):
    """An active error; `error_type` is one of `ErrorType` or a car's own."""

    error_type: Id
    error_level: ErrorLevel
    error_references: Annotated[FailFastTuple[Reference], Field(max_length=MAX_REFERENCES)] = ()
    error_description: str | None = None
    error_hint: str | None = None


INFO_VIDEO: Final = "video"
"""infoType whose descriptor is the address of the car's live view."""
INFO_WAITING: Final = "waiting"
"""infoType of why the car stands: references are a reason's code and values, the descriptor its
words."""
REASON_CODE: Final = "code"
"""referenceKey of a reason's code; the other keys are its values."""


class Info(WireValue):
    info_type: Id
    info_references: Annotated[FailFastTuple[Reference], Field(max_length=MAX_REFERENCES)] = ()
    info_descriptor: str | None = None
    info_level: Literal["INFO", "DEBUG"] = "INFO"


def waiting_info(reason: Reason) -> Info:
    """Return why a car stands, as information in its state."""
    parts = {REASON_CODE: str(reason.code), **reason.values}
    references = (Reference(reference_key=k, reference_value=str(v)) for k, v in parts.items())
    return Info(
        info_type=INFO_WAITING,
        info_references=tuple(references),
        info_descriptor=reason.words,
    )


class SafetyState(WireValue):
    active_emergency_stop: Literal["MANUAL", "REMOTE", "NONE"] = "NONE"
    field_violation: bool = False


class State(Message):
    """A car's state. Sent on every event, and every 0.5 s.

    `last_node_id` and `distance_since_last_node` (meters) tell where the car's axle is: see
    `order_progress.progress_at`. Before any order `last_node_id` is a stop place, sequence 0.
    """

    topic: ClassVar[str] = "state"
    order_id: Annotated[str, Field(max_length=100)] = ""
    order_update_id: Uint32 = 0
    last_node_id: Annotated[str, Field(max_length=100)]
    last_node_sequence_id: SequenceId = 0
    distance_since_last_node: Number = 0.0
    node_states: Annotated[FailFastTuple[NodeState], Field(max_length=2000)] = ()
    edge_states: Annotated[FailFastTuple[EdgeState], Field(max_length=2000)] = ()
    mobile_robot_position: MobileRobotPosition | None = None
    velocity: Velocity | None = None
    driving: bool
    paused: bool = False
    new_base_request: bool = False
    action_states: Annotated[FailFastTuple[ActionState], Field(max_length=2000)] = ()
    instant_action_states: Annotated[FailFastTuple[ActionState], Field(max_length=2000)] = ()
    power_supply: PowerSupply
    operating_mode: OperatingMode = OperatingMode.AUTOMATIC
    errors: Annotated[FailFastTuple[StateError], Field(max_length=200)] = ()
    information: Annotated[FailFastTuple[Info], Field(max_length=200)] = ()
    safety_state: SafetyState = SafetyState()

    def info(self, info_type: str) -> str | None:
        """Return the descriptor of the first information of a type."""
        return next((i.info_descriptor for i in self.information if i.info_type == info_type), None)

    @property
    def waiting_for(self) -> Reason | None:
        """Why the car reports standing; None if it reports no reason."""
        for info in self.information:
            if info.info_type == INFO_WAITING:
                values = {r.reference_key: r.reference_value for r in info.info_references}
                code = values.pop(REASON_CODE, "")
                return from_parts(code, values, info.info_descriptor or "")
        return None


class ConnectionState(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    HIBERNATING = "HIBERNATING"
    CONNECTION_BROKEN = "CONNECTION_BROKEN"


class Connection(Message):
    topic: ClassVar[str] = "connection"
    connection_state: ConnectionState
