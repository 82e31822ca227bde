"""The factsheet of VDA 5050 3.0 with the fields that our cars fill."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from pixelopolis.vda5050.base import FailFastTuple, Id, Message, Number, WireValue

Count = Annotated[int, Field(ge=0)]


class TypeSpecification(WireValue):
    series_name: Id
    series_description: str | None = None
    mobile_robot_kinematics: Id
    mobile_robot_class: Id
    maximum_load_mass: Number
    localization_types: FailFastTuple[Id]
    navigation_types: FailFastTuple[Id]


class PhysicalParameters(WireValue):
    """Meters, m/s, m/s^2."""

    minimum_speed: Number
    maximum_speed: Number
    maximum_acceleration: Number
    maximum_deceleration: Number
    minimum_height: Number
    maximum_height: Number
    width: Number
    length: Number


class MaximumStringLengths(WireValue):
    maximum_message_length: Count
    maximum_topic_serial_length: Count
    maximum_id_length: Count


class MaximumArrayLengths(WireValue):
    """Field names as on the wire, where they contain dots."""

    model_config = ConfigDict(alias_generator=None)

    order_nodes: Annotated[Count, Field(alias="order.nodes")]
    order_edges: Annotated[Count, Field(alias="order.edges")]
    instant_actions: Annotated[Count, Field(alias="instantActions")]
    state_instant_action_states: Annotated[Count, Field(alias="state.instantActionStates")]


class Timing(WireValue):
    """Seconds."""

    minimum_order_interval: Number
    minimum_state_interval: Number
    default_state_interval: Number


class ProtocolLimits(WireValue):
    maximum_string_lengths: MaximumStringLengths
    maximum_array_lengths: MaximumArrayLengths
    timing: Timing


class OptionalParameter(WireValue):
    parameter: Id
    support: Literal["SUPPORTED", "REQUIRED"] = "SUPPORTED"
    description: str | None = None


class ParameterOfAction(WireValue):
    key: Id
    value_data_type: Literal["BOOL", "NUMBER", "INTEGER", "STRING", "OBJECT", "ARRAY"]
    is_optional: bool = True


class MobileRobotAction(WireValue):
    action_type: Id
    action_scopes: FailFastTuple[Literal["INSTANT", "NODE", "EDGE", "ZONE"]] = ("INSTANT",)
    action_parameters: FailFastTuple[ParameterOfAction] = ()
    blocking_types: FailFastTuple[Literal["NONE", "SOFT", "SINGLE", "HARD"]] = ("NONE",)
    pause_allowed: bool = False
    cancel_allowed: bool = False


class ProtocolFeatures(WireValue):
    optional_parameters: FailFastTuple[OptionalParameter]
    mobile_robot_actions: FailFastTuple[MobileRobotAction]


class WheelPosition(WireValue):
    x: Number
    y: Number


class Wheel(WireValue):
    """`diameter` and `width` in meters; `position` from the center of the axle, x forward."""

    type: Id
    is_active_driven: bool
    is_active_steered: bool
    position: WheelPosition
    diameter: Number
    width: Number


class Vertex(WireValue):
    x: Number
    y: Number


class Envelope2d(WireValue):
    envelope_2d_id: Annotated[Id, Field(alias="envelope2dId")]
    vertices: FailFastTuple[Vertex]


class MobileRobotGeometry(WireValue):
    wheel_definitions: FailFastTuple[Wheel]
    envelopes_2d: Annotated[FailFastTuple[Envelope2d], Field(alias="envelopes2d")]


class LoadSpecification(WireValue):
    """Our cars carry nothing."""

    load_positions: FailFastTuple[Id] = ()


class Factsheet(Message):
    topic: ClassVar[str] = "factsheet"
    type_specification: TypeSpecification
    physical_parameters: PhysicalParameters
    protocol_limits: ProtocolLimits
    protocol_features: ProtocolFeatures
    mobile_robot_geometry: MobileRobotGeometry
    load_specification: LoadSpecification = LoadSpecification()
