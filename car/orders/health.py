"""The health of the car's parts as errors of the state message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from car.board.status import BoardStatus, EmergencyStop
from car.driving.wheel_check import WheelFault, reason_of
from car.orders.state_report import Health
from pixelopolis.vda5050.state import ErrorLevel, StateError
from pixelopolis.vehicle.control_table import BoardFault

BATTERY_EMPTY_V: Final = 9.9
BATTERY_FULL_V: Final = 12.6
"""Three lithium-polymer cells in series, 3.3 V to 4.2 V each."""

ESTOP_STATUS: Final[Mapping[EmergencyStop, Literal["", "RUNNING", "FINISHED", "FAILED"]]] = {
    EmergencyStop.NONE: "",
    EmergencyStop.REQUESTED: "RUNNING",
    EmergencyStop.CONFIRMED: "FINISHED",
    EmergencyStop.FAILED: "FAILED",
}

ERROR_BOARD: Final = "BOARD_NOT_READY"
ERROR_BOARD_FAULT: Final = "BOARD_FAULT"
ERROR_ESTOP: Final = "EMERGENCY_STOP_FAILED"
ERROR_BATTERY_UNKNOWN: Final = "BATTERY_UNKNOWN"
ERROR_CAMERA: Final = "CAMERA_LOST"
ERROR_PART: Final = "PART_FAILED"
ERROR_SHOWING: Final = "SHOWING_FAILED"

ERROR_WHEELS: Final = "WHEELS_MISWIRED"

_MIRRORED: Final = (
    "Correct board.mirrored in car.toml (`pixelopolis motors setup` finds it out), then start the "
    "car again."
)
_SWAPPED: Final = (
    "Exchange the motors' ids (`pixelopolis motors setup` sets them), then start the car again."
)
NEXT_STEPS: Final[Mapping[WheelFault, str]] = {
    WheelFault.LEFT_REVERSED: _MIRRORED,
    WheelFault.RIGHT_REVERSED: _MIRRORED,
    WheelFault.BOTH_REVERSED: _MIRRORED,
    WheelFault.SWAPPED: _SWAPPED,
    WheelFault.SWAPPED_AND_REVERSED: _SWAPPED,
    WheelFault.REVERSED_OR_SWAPPED: "Test each wheel (`pixelopolis motors setup`), then restart.",
}

UNKNOWN_CHARGE: Final = (
    "No board tells the battery's charge; stateOfCharge is 0 because the message needs a number."
)


def battery_pct(voltage_v: float) -> float:
    """Return the state of charge in percent, by voltage."""
    part = (voltage_v - BATTERY_EMPTY_V) / (BATTERY_FULL_V - BATTERY_EMPTY_V)
    return round(100 * min(max(part, 0.0), 1.0), 1)


def health_of(
    board: BoardStatus,
    camera_trouble: str,
    speeds: tuple[float, float],
    video_url: str | None,
    failed: str = "",
    failed_to_show: str = "",
    wheel_fault: WheelFault | None = None,
) -> Health:
    """Return the car's health. Faults that prevent driving are FATAL: the car is not dispatched.

    Args:
        board: status of board and motors.
        camera_trouble: empty while frames are current and change.
        speeds: (m/s, rad/s).
        video_url: address of the live view.
        failed: what is wrong with threads and tasks needed to drive; empty if nothing.
        failed_to_show: the same for those that only show it.
        wheel_fault: what is wrong with the wheels, judged by camera.
    """
    errors = []
    if board.estop is EmergencyStop.FAILED:
        errors.append(
            _error(ERROR_ESTOP, "Nobody confirmed the emergency stop; the wheels may still turn.")
        )
    if not board.connected:
        errors.append(_error(ERROR_BOARD, board.problem))
    elif board.fault:
        names = ", ".join(flag.name.lower() for flag in board.fault if flag.name)
        errors.append(_error(ERROR_BOARD_FAULT, f"The board reports: {names}.", ErrorLevel.URGENT))
    if camera_trouble:
        errors.append(_error(ERROR_CAMERA, camera_trouble))
    if wheel_fault is not None:
        errors.append(
            StateError(
                error_type=ERROR_WHEELS,
                error_level=ErrorLevel.FATAL,
                error_description=f"The car {reason_of(wheel_fault).words}.",
                error_hint=NEXT_STEPS[wheel_fault],
            )
        )
    if failed:
        errors.append(_error(ERROR_PART, f"{failed}. It is restarting."))
    if failed_to_show:
        errors.append(_error(ERROR_SHOWING, failed_to_show, ErrorLevel.WARNING))
    charge_pct = _charge_pct(board)
    if charge_pct is None:
        errors.append(_error(ERROR_BATTERY_UNKNOWN, UNKNOWN_CHARGE, ErrorLevel.WARNING))
    volts = board.battery_mv / 1000 if board.battery_mv is not None and board.connected else None
    return Health(
        video_url=video_url,
        battery_v=volts,
        battery_pct=charge_pct,
        speed_mps=speeds[0],
        turn_rad_s=speeds[1],
        errors=tuple(errors),
        emergency_stop=_emergency_stop(board),
        emergency_stop_status=ESTOP_STATUS[board.estop],
    )


def _emergency_stop(board: BoardStatus) -> Literal["NONE", "MANUAL", "REMOTE"]:
    if board.estop is not EmergencyStop.NONE:
        return "REMOTE"
    by_button = board.fault is not None and BoardFault.ESTOP in board.fault
    return "MANUAL" if by_button else "NONE"


def _charge_pct(board: BoardStatus) -> float | None:
    if not board.connected:  # its last report may be old
        return None
    if board.battery_mv is not None:
        return battery_pct(board.battery_mv / 1000)
    return board.battery_pct


def _error(kind: str, text: str, level: ErrorLevel = ErrorLevel.FATAL) -> StateError:
    return StateError(error_type=kind, error_level=level, error_description=text[:1000])
