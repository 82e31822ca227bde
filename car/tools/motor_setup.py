"""Sets up new motors: determines wheel and direction, then sets id, rate and modes.

New XL430-W250 all have id 1 and 57,600 bit/s, so they are connected one at a time. The wheel that
the person saw turning decides, not the one that was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from car.board.motor_bus import PacketError
from car.board.procedures import BUS_WATCHDOG_UNITS, MOTORS, await_rest, check_model
from car.tools.workbench import Found, Workbench
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import (
    BUS_BAUD,
    MOTOR_BAUDS,
    PULSES_PER_TURN,
    XL430,
    DriveMode,
    HardwareError,
    MotorMode,
    MotorRegister,
)

TURN_UNITS: Final = 44
"""10 rpm: slow enough to watch, fast enough to notice."""
TURN_S: Final = 2.0
TURN_POLL_S: Final = 0.04
"""Polling interval while turning; a board stops the wheels if its host is silent for 90 ms."""
MIN_TURN: Final = 0.05
"""Turns of the shaft below which it counts as not turned."""
TRIES: Final = 3
IDS: Final = {side: motor for motor, side in MOTORS.items()}

Side = Literal["left", "right"]
Wheel = Literal["left", "right", "both", "none"]


class WheelSeen(NamedTuple):
    """What a person saw: which wheel turned, and whether forward."""

    wheel: Wheel
    forward: bool


class Installer(Protocol):
    """The person who connects motors and watches wheels."""

    def connect(self, side: Side) -> None:
        """Return once only this side's motor is connected."""
        ...

    def look(self) -> None:
        """Called just before a wheel turns."""
        ...

    def saw(self, found: Found) -> WheelSeen:
        """Called after it has stopped."""
        ...


@dataclass(frozen=True, slots=True)
class MotorSetup:
    side: Side
    id: int
    mirrored: bool
    """It turns backward when the car drives forward; compensated by its Drive Mode."""
    was: Found


def set_up(
    bench: Workbench,
    side: Side,
    person: Installer,
    done: Collection[Side] = (),
    on_rate: Callable[[int], None] = lambda _: None,
) -> MotorSetup:
    """Find the one connected motor and configure it for the wheel that the person saw turning.

    Args:
        bench: where it is connected.
        side: the motor that the person is asked to connect.
        person: connects motors and watches wheels.
        done: sides already set up, which may not be taken twice.
        on_rate: called with each rate that is tried.

    Raises:
        BoardError: what a person must change; only modes were written then.
    """
    bench.power_off()
    person.connect(side)
    bench.power_on()
    found = bench.find_one(on_rate)
    _write(bench, found.id, MotorRegister.TORQUE_ENABLE, 0)
    _write(bench, found.id, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY)
    _write(bench, found.id, MotorRegister.DRIVE_MODE, 0)
    # a person takes time, and a board cuts the power if its host is silent for long
    person.look()
    bench.power_on()
    turns = turn(bench, found.id, TURN_S)
    seen = person.saw(found)
    bench.power_on()
    if abs(turns) < MIN_TURN:
        raise BoardError(
            f"The motor (id {found.id}) did not turn.", "See that its wheel is free, and its power."
        )
    if seen.wheel == "both":
        raise BoardError(
            f"Both wheels turned: two motors have id {found.id}.", "Connect only one of them."
        )
    if seen.wheel == "none":
        raise BoardError(
            f"The motor (id {found.id}) turned {turns:.2f} turns, but no wheel did.",
            "See that its wheel is mounted, and that it belongs to this car.",
        )
    if seen.wheel in done:
        raise BoardError(
            f"The {seen.wheel} motor is set up already.", "Connect the other one instead."
        )
    setup = MotorSetup(seen.wheel, IDS[seen.wheel], not seen.forward, found)
    configure(bench, setup)
    return setup


def configure(bench: Workbench, setup: MotorSetup) -> None:
    """Write a motor's modes, then its id, then its rate, and verify them.

    Raises:
        BoardError: it did not accept them.
    """
    old, new = setup.was, setup.id
    _write(bench, old.id, MotorRegister.TORQUE_ENABLE, 0)
    direction = DriveMode.REVERSE if setup.mirrored else DriveMode(0)
    _write(bench, old.id, MotorRegister.DRIVE_MODE, direction)
    _write(bench, old.id, MotorRegister.RETURN_DELAY_TIME, 0)
    for _ in range(TRIES):
        if old.id != new:
            bench.bus.write_once(old.id, XL430, MotorRegister.ID, new)
        if bench.bus.ping(new) is not None:
            break
    else:
        raise BoardError(f"The motor (id {old.id}) did not take id {new}.", "Set it up once more.")
    for _ in range(TRIES):
        bench.tune(old.baud)
        code = MOTOR_BAUDS.index(BUS_BAUD)
        bench.bus.write_once(new, XL430, MotorRegister.BAUD_RATE, code)
        bench.tune(BUS_BAUD)
        if bench.bus.ping(new) is not None:
            return
    raise BoardError(f"The motor (id {new}) did not take {BUS_BAUD} bit/s.", "Set it up once more.")


def turn(bench: Workbench, motor: int, seconds: float) -> float:
    """Turn a motor's shaft slowly for a while; return the number of turns.

    Raises:
        BoardError: it has a hardware error, or its stop could not be confirmed.
    """
    bus = bench.bus
    error = HardwareError(bus.read(motor, XL430, MotorRegister.HARDWARE_ERROR_STATUS))
    if error:
        raise BoardError(
            f"The motor (id {motor}) reports a hardware error: {error!r}.",
            "Switch its power off and on.",
        )
    before = bus.read(motor, XL430, MotorRegister.PRESENT_POSITION)
    try:
        for register, value in (
            (MotorRegister.BUS_WATCHDOG, 0),
            (MotorRegister.TORQUE_ENABLE, 1),
            (MotorRegister.BUS_WATCHDOG, BUS_WATCHDOG_UNITS),
            (MotorRegister.GOAL_VELOCITY, TURN_UNITS),
        ):
            bus.write(motor, XL430, register, value)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            bus.ping(motor)
            time.sleep(TURN_POLL_S)
    finally:
        release(bench, motor)
    return (bus.read(motor, XL430, MotorRegister.PRESENT_POSITION) - before) / PULSES_PER_TURN


def release(bench: Workbench, motor: int) -> None:
    """Stop a motor and disable its torque, and verify it.

    Raises:
        BoardError: it could not be confirmed.
    """
    bus = bench.bus
    for _ in range(TRIES):
        try:
            bus.write(motor, XL430, MotorRegister.BUS_WATCHDOG, 0)
            bus.write(motor, XL430, MotorRegister.GOAL_VELOCITY, 0)
            await_rest(bus, motor, time.monotonic)
            bus.write(motor, XL430, MotorRegister.TORQUE_ENABLE, 0)
            if bus.read(motor, XL430, MotorRegister.TORQUE_ENABLE) == 0:
                return
        except PacketError:
            continue
    raise BoardError(
        f"The motor (id {motor}) did not confirm that it stands.", "Take its power away."
    )


def check_pair(bench: Workbench) -> None:
    """Check that both motors of a car answer as they should.

    Raises:
        BoardError: one does not.
    """
    bench.tune(BUS_BAUD)
    for motor, side in MOTORS.items():
        model = bench.bus.ping(motor)
        if model is None:
            raise BoardError(
                f"The {side} motor (id {motor}) does not answer at {BUS_BAUD} bit/s.",
                "Connect both motors; set up the one that is missing.",
            )
        check_model(f"The {side} motor", motor, model)


def _write(bench: Workbench, motor: int, register: MotorRegister, value: int) -> None:
    """Write only what differs, since a motor's memory wears out."""
    if bench.bus.read(motor, XL430, register) != value:
        bench.bus.write(motor, XL430, register, value)
