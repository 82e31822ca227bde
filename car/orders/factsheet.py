"""The car's factsheet: size, speeds and supported features. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from car.driving.speed_profile import DECELERATION_MPS2
from car.orders.instant_actions import MAX_ACTION_STATES
from car.orders.state_report import REPORT_S
from pixelopolis.geometry import Pose
from pixelopolis.vda5050.base import MAX_FRAME_BYTES
from pixelopolis.vda5050.factsheet import (
    Envelope2d,
    Factsheet,
    MaximumArrayLengths,
    MaximumStringLengths,
    MobileRobotAction,
    MobileRobotGeometry,
    OptionalParameter,
    ParameterOfAction,
    PhysicalParameters,
    ProtocolFeatures,
    ProtocolLimits,
    Timing,
    TypeSpecification,
    Vertex,
    Wheel,
    WheelPosition,
)
from pixelopolis.vda5050.order import ACTION_PARAMETERS, MAX_ACTIONS, MAX_NODES
from pixelopolis.vehicle.bodies import body_corners
from pixelopolis.vehicle.dimensions import (
    CAR_HEIGHT_M,
    CAR_LENGTH_M,
    CAR_WIDTH_M,
    WHEEL_BASE_M,
    WHEEL_RADIUS_M,
    WHEEL_WIDTH_M,
)
from pixelopolis.vehicle.speeds import SLOWEST_MPS

ACCELERATION_MPS2: Final = 1.7
"""Cruise speed divided by the motors' time constant of 0.08 s."""

OPTIONAL_PARAMETERS: Final = (
    OptionalParameter(parameter="order.orderDescription"),
    OptionalParameter(parameter="order.nodes.nodeDescriptor"),
    OptionalParameter(
        parameter="order.nodes.nodePosition",
        description="Checked against the town: the car drives where the town has the node.",
    ),
    OptionalParameter(
        parameter="order.nodes.nodePosition.theta",
        description="Checked against the lane: the car cannot turn on the spot.",
    ),
    OptionalParameter(parameter="order.edges.edgeDescriptor"),
    OptionalParameter(
        parameter="order.edges.maximumSpeed", description=f"From {SLOWEST_MPS} m/s on."
    ),
)


def make_factsheet(
    header_id: int, timestamp: datetime, serial_number: str, cruise_mps: float
) -> Factsheet:
    """Return the factsheet of a car that drives at most `cruise_mps`."""
    return Factsheet(
        header_id=header_id,
        timestamp=timestamp,
        serial_number=serial_number,
        type_specification=TypeSpecification(
            series_name="Pixelopolis",
            series_description="A miniature car that keeps its lane by sight.",
            mobile_robot_kinematics="DIFFERENTIAL",
            mobile_robot_class="CARRIER",
            maximum_load_mass=0.0,
            localization_types=("NATURAL",),
            navigation_types=("VIRTUAL_LINE_GUIDED",),
        ),
        physical_parameters=PhysicalParameters(
            minimum_speed=SLOWEST_MPS,
            maximum_speed=cruise_mps,
            maximum_acceleration=ACCELERATION_MPS2,
            maximum_deceleration=DECELERATION_MPS2,
            minimum_height=CAR_HEIGHT_M,
            maximum_height=CAR_HEIGHT_M,
            width=CAR_WIDTH_M,
            length=CAR_LENGTH_M,
        ),
        protocol_limits=ProtocolLimits(
            maximum_string_lengths=MaximumStringLengths(
                maximum_message_length=MAX_FRAME_BYTES,
                maximum_topic_serial_length=50,
                maximum_id_length=100,
            ),
            maximum_array_lengths=MaximumArrayLengths(
                order_nodes=MAX_NODES,
                order_edges=MAX_NODES - 1,
                instant_actions=MAX_ACTIONS,
                state_instant_action_states=MAX_ACTION_STATES,
            ),
            timing=Timing(
                minimum_order_interval=0.0,
                minimum_state_interval=0.0,
                default_state_interval=REPORT_S,
            ),
        ),
        protocol_features=ProtocolFeatures(
            optional_parameters=OPTIONAL_PARAMETERS,
            mobile_robot_actions=tuple(
                MobileRobotAction(
                    action_type=kind,
                    action_parameters=tuple(
                        ParameterOfAction(key=key, value_data_type="STRING") for key in sorted(keys)
                    ),
                )
                for kind, keys in ACTION_PARAMETERS.items()
            ),
        ),
        mobile_robot_geometry=_geometry(),
    )


def _geometry() -> MobileRobotGeometry:
    wheels = tuple(
        Wheel(
            type="DRIVE",
            is_active_driven=True,
            is_active_steered=False,
            position=WheelPosition(x=0.0, y=side * WHEEL_BASE_M / 2),
            diameter=2 * WHEEL_RADIUS_M,
            width=WHEEL_WIDTH_M,
        )
        for side in (1, -1)
    )
    corners = tuple(Vertex(x=x, y=y) for x, y in body_corners(Pose(0.0, 0.0, 0.0)))
    body = Envelope2d(envelope_2d_id="body", vertices=corners)
    return MobileRobotGeometry(wheel_definitions=wheels, envelopes_2d=(body,))
