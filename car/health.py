"""What the car says about its own parts, in the words of its state message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from car.board_thread import BoardStatus, EmergencyStop
from car.reporting import Health
from pixelopolis.control_table import BoardFault
from pixelopolis.state_messages import ErrorLevel, StateError

BATTERY_EMPTY_V = 9.9
BATTERY_FULL_V = 12.6
"""Three lithium-polymer cells in a row, 3.3 V to 4.2 V each."""

ESTOP_STATUS: Mapping[EmergencyStop, Literal["", "RUNNING", "FINISHED", "FAILED"]] = {
    EmergencyStop.NONE: "",
    EmergencyStop.REQUESTED: "RUNNING",
    EmergencyStop.CONFIRMED: "FINISHED",
    EmergencyStop.FAILED: "FAILED",
}

ERROR_BOARD = "BOARD_NOT_READY"
ERROR_BOARD_FAULT = "BOARD_FAULT"
ERROR_ESTOP = "EMERGENCY_STOP_FAILED"
ERROR_CAMERA = "CAMERA_LOST"


def battery_pct(voltage_v: float) -> float:
    """Return the state of charge in percent, by voltage."""
    part = (voltage_v - BATTERY_EMPTY_V) / (BATTERY_FULL_V - BATTERY_EMPTY_V)
    return round(100 * min(max(part, 0.0), 1.0), 1)


def health_of(
    board: BoardStatus,
    camera_trouble: str,
    speeds: tuple[float, float],
    video_url: str | None,
) -> Health:
    """Return the car's health.

    Args:
        board: of board and motors.
        camera_trouble: empty while frames come.
        speeds: (m/s, rad/s).
        video_url: address of the live view.
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
        errors.append(_error(ERROR_BOARD_FAULT, f"The board reports: {names}."))
    if camera_trouble:
        errors.append(_error(ERROR_CAMERA, camera_trouble))
    volts = None if board.battery_mv is None else board.battery_mv / 1000
    return Health(
        video_url=video_url,
        battery_v=volts,
        battery_pct=_charge_pct(board),
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


def _charge_pct(board: BoardStatus) -> float:
    if board.battery_mv is not None:
        return battery_pct(board.battery_mv / 1000)
    return 100.0 if board.battery_pct is None else board.battery_pct


def _error(kind: str, text: str) -> StateError:
    return StateError(error_type=kind, error_level=ErrorLevel.URGENT, error_description=text[:1000])
