"""Procedures on board and motors: find, power, prepare, arm, stop, diagnose.

Each function uses an open bus and raises `BoardError` if a person must intervene, and
`PacketError` if retrying may help.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from car.board.motor_bus import DeviceRefusedError, LostPacketError, MotorBus, PacketError
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    LEFT_MOTOR_ID,
    RIGHT_MOTOR_ID,
    XL430,
    BoardFault,
    BoardRegister,
    DriveMode,
    HardwareError,
    MotorMode,
    MotorRegister,
)

MOTORS: Final = {LEFT_MOTOR_ID: "left", RIGHT_MOTOR_ID: "right"}
BUS_WATCHDOG_S: Final = 0.2
"""The motors stop by themselves if their bus is silent for longer."""
BUS_WATCHDOG_UNITS: Final = round(BUS_WATCHDOG_S * 1000 / XL430[MotorRegister.BUS_WATCHDOG].scale)
BOOT_TIMEOUT_S: Final = 1.5
"""Motors answer well within this time after power-on."""
PINGS: Final = 3
STOP_TRIES: Final = 2
FIRST, LAST = MotorRegister.TORQUE_ENABLE, MotorRegister.PRESENT_POSITION
"""The range of registers that a motor is checked by; the last is read in every cycle."""
CHECK_EVERY: Final = 3
"""Cycles between two motor checks, alternating left and right: a check takes longer on the bus than
the rest of a cycle."""
BRAKE_TIMEOUT_S: Final = 0.5
BRAKE_POLL_S: Final = 0.02


log = logging.getLogger(__name__)


def estop_on() -> BoardError:
    """Return the error for an active emergency stop."""
    return BoardError("The emergency stop is on.", "Release it when the way is clear.")


class BoardState(NamedTuple):
    motor_power: bool
    estop: bool
    fault: BoardFault
    battery_mv: int


def read_board(bus: MotorBus) -> BoardState:
    seen = bus.read_block(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER, BoardRegister.BATTERY_MV)
    return BoardState(
        bool(seen[BoardRegister.MOTOR_POWER]),
        bool(seen[BoardRegister.ESTOP]),
        BoardFault(seen[BoardRegister.FAULT]),
        seen[BoardRegister.BATTERY_MV],
    )


def find_board(bus: MotorBus) -> None:
    """Check that the board is present."""
    model = next((m for m in (bus.ping(BOARD_ID) for _ in range(PINGS)) if m is not None), None)
    if model is None:
        raise BoardError(
            f"No board answers on {bus.name} at {bus.baud} bit/s (id {BOARD_ID}).",
            "Check that board.port names the controller board and that the board has power.",
        )
    if model != BOARD.model_number:
        raise BoardError(
            f"Id {BOARD_ID} on {bus.name} is model {model}, not our board ({BOARD.model_number}).",
            "Check that board.port names the controller board.",
        )


def power_motors(
    bus: MotorBus, clock: Callable[[], float], give_up: Callable[[], bool]
) -> BoardState:
    """Switch the motors' power on and wait until both answer; return the board's previous state."""
    board = switch_on(bus)
    deadline_s = clock() + BOOT_TIMEOUT_S
    missing = dict(MOTORS)
    while missing:
        for motor, side in tuple(missing.items()):
            model = bus.ping(motor)
            if model is None:
                continue
            check_model(f"The {side} motor", motor, model)
            del missing[motor]
        if missing and (clock() > deadline_s or give_up()):
            raise missing_motors(missing)
    return board


def switch_on(bus: MotorBus) -> BoardState:
    """Switch the motors' power on, unless the board must not; return its previous state."""
    board = read_board(bus)
    if board.estop:
        raise estop_on()
    empty_mv = BOARD[BoardRegister.BATTERY_EMPTY_MV].default or 0
    if board.battery_mv < empty_mv:
        raise BoardError(
            f"The battery is empty: {board.battery_mv} mV, at least {empty_mv} mV are needed.",
            "Charge the battery.",
        )
    if not board.motor_power:
        bus.write(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER, 1)
    return board


def check_model(who: str, motor: int, model: int) -> None:
    """Check that a motor is of the supported model."""
    if model != XL430.model_number:
        raise BoardError(
            f"{who} (id {motor}) is model {model}, not {XL430.name} ({XL430.model_number}).",
            f"Connect an {XL430.name} or give the other device another id.",
        )


def calibrate(bus: MotorBus, battery_gain: float) -> None:
    """Set the factor that the board applies to its measured voltage."""
    gain = round(battery_gain / BOARD[BoardRegister.BATTERY_GAIN].scale)
    try:
        bus.write(BOARD_ID, BOARD, BoardRegister.BATTERY_GAIN, gain)
    except DeviceRefusedError as error:
        log.warning("The board does not take board.battery_gain = %s: %s", battery_gain, error)


def cut_power(bus: MotorBus) -> None:
    """Set the emergency stop and verify that the motors have no power.

    Raises:
        PacketError: it was not confirmed.
    """
    bus.write_all(XL430, MotorRegister.GOAL_VELOCITY, dict.fromkeys(MOTORS, 0))
    bus.write(BOARD_ID, BOARD, BoardRegister.ESTOP, 1)
    board = read_board(bus)
    if not board.estop or board.motor_power:
        raise PacketError("The board has not taken the emergency stop")


def release_estop(bus: MotorBus) -> None:
    """Release the board's emergency stop, whoever set it, and verify it.

    Raises:
        BoardError: its button is pressed.
    """
    try:
        bus.write(BOARD_ID, BOARD, BoardRegister.ESTOP, 0)
    except DeviceRefusedError as error:
        raise BoardError(
            f"The emergency stop cannot be released: {error}.", "Release the board's button first."
        ) from error
    if read_board(bus).estop:
        raise estop_on()


def prepare(bus: MotorBus, motor: int, mirrored: bool) -> None:
    """Configure a motor, writing only what differs, since its memory wears out."""
    error = HardwareError(bus.read(motor, XL430, MotorRegister.HARDWARE_ERROR_STATUS))
    if error:
        raise motor_failed(motor, error)
    bus.write(motor, XL430, MotorRegister.TORQUE_ENABLE, 0)
    wanted = {
        MotorRegister.OPERATING_MODE: int(MotorMode.VELOCITY),
        MotorRegister.DRIVE_MODE: int(DriveMode.REVERSE if mirrored else DriveMode(0)),
        MotorRegister.RETURN_DELAY_TIME: 0,
    }
    for register, value in wanted.items():
        if bus.read(motor, XL430, register) != value:
            bus.write(motor, XL430, register, value)


def arm(bus: MotorBus) -> None:
    """Enable torque and watchdogs at standstill."""
    bus.write(BOARD_ID, BOARD, BoardRegister.FAULT, 0)
    for motor in MOTORS:
        bus.write(motor, XL430, MotorRegister.BUS_WATCHDOG, 0)
        bus.write(motor, XL430, MotorRegister.GOAL_VELOCITY, 0)
        bus.write(motor, XL430, MotorRegister.TORQUE_ENABLE, 1)
        bus.write(motor, XL430, MotorRegister.BUS_WATCHDOG, BUS_WATCHDOG_UNITS)


def exchange(bus: MotorBus, goals: Mapping[int, int]) -> Mapping[int, int]:
    """Write all motors' goal speeds and read their positions: one control cycle.

    Args:
        bus: an open bus.
        goals: motor id to velocity register.

    Returns:
        Motor id to position register.
    """
    bus.write_all(XL430, MotorRegister.GOAL_VELOCITY, goals)
    seen = bus.read_all(XL430, LAST, LAST, tuple(goals))
    return {motor: registers[LAST] for motor, registers in seen.items()}


def read_singly(bus: MotorBus) -> Mapping[int, int]:
    """Read the motors one by one, once each; silent ones are left out."""
    seen = {}
    for motor in MOTORS:
        with suppress(LostPacketError):
            seen[motor] = bus.read_block(motor, XL430, LAST, LAST, tries=1)[LAST]
    return seen


def still_drives(bus: MotorBus, motor: int, goal: int) -> bool:
    """Return whether a motor has torque and was not stopped by a watchdog or restart.

    Raises:
        BoardError: it reports a hardware error.
        LostPacketError: no answer, or the last goal did not arrive.
    """
    seen = bus.read_block(motor, XL430, FIRST, LAST, tries=1)
    error = HardwareError(seen[MotorRegister.HARDWARE_ERROR_STATUS])
    if error:
        raise motor_failed(motor, error)
    if not seen[MotorRegister.TORQUE_ENABLE] or seen[MotorRegister.BUS_WATCHDOG] < 0:
        return False
    if seen[MotorRegister.GOAL_VELOCITY] != goal:
        raise LostPacketError("the goal speeds did not arrive")
    return True


def is_silent(bus: MotorBus, device_id: int) -> bool:
    """Return whether a device is silent, rather than a packet lost."""
    return all(bus.ping(device_id) is None for _ in range(PINGS))


def diagnose(bus: MotorBus) -> BoardError:
    """Return the error for what is missing, after too many failed exchanges."""
    if is_silent(bus, BOARD_ID):
        return BoardError(
            f"The board on {bus.name} does not answer any more.",
            "Check the board's power and its USB cable.",
        )
    missing = {motor: side for motor, side in MOTORS.items() if is_silent(bus, motor)}
    if missing:
        return missing_motors(missing)
    return BoardError(
        "Too many packets are lost between board and motors.", "Check the motor cables."
    )


def stop_wheels(bus: MotorBus, clock: Callable[[], float]) -> bool:
    """Bring the wheels to rest and disable torque; return whether both motors confirmed it."""
    try:
        bus.write_all(XL430, MotorRegister.GOAL_VELOCITY, dict.fromkeys(MOTORS, 0))
        if not read_board(bus).motor_power:
            return True
        # a silent motor must not keep the other from being stopped
        confirmed = [_stop_motor(bus, motor, clock) for motor in MOTORS]
        return all(confirmed)
    except (BoardError, PacketError):
        return False


def _stop_motor(bus: MotorBus, motor: int, clock: Callable[[], float]) -> bool:
    for _ in range(STOP_TRIES):
        try:
            if bus.read(motor, XL430, MotorRegister.GOAL_VELOCITY) != 0:
                bus.write(motor, XL430, MotorRegister.GOAL_VELOCITY, 0)
                continue
            await_rest(bus, motor, clock)
            bus.write(motor, XL430, MotorRegister.BUS_WATCHDOG, 0)
            bus.write(motor, XL430, MotorRegister.TORQUE_ENABLE, 0)
            if bus.read(motor, XL430, MotorRegister.TORQUE_ENABLE) == 0:
                return True
        except PacketError:
            continue
    return False


def await_rest(bus: MotorBus, motor: int, clock: Callable[[], float]) -> None:
    """Give a wheel time to brake, since it would roll on without torque."""
    deadline_s = clock() + BRAKE_TIMEOUT_S
    while clock() < deadline_s:
        if abs(bus.read(motor, XL430, MotorRegister.PRESENT_VELOCITY)) <= 1:
            return
        time.sleep(BRAKE_POLL_S)


def missing_motors(missing: Mapping[int, str]) -> BoardError:
    """Return the error for motors that do not answer."""
    named = " and ".join(f"the {side} motor (id {motor})" for motor, side in missing.items())
    verb = "does" if len(missing) == 1 else "do"
    return BoardError(
        f"{named[0].upper()}{named[1:]} {verb} not answer; an {XL430.name} is expected there.",
        "Check its cable and power; a new motor needs `pixelopolis motors setup` first.",
    )


def motor_failed(motor: int, error: HardwareError) -> BoardError:
    """Return the error for a motor with a hardware error."""
    return BoardError(
        f"The {MOTORS[motor]} motor (id {motor}) reports a hardware error: {error!r}.",
        "Check that the wheel turns freely, then switch the car off and on.",
    )
