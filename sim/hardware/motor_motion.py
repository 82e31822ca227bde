"""The shaft of an XL430-W250: target motion, and the registers that report it. Pure.

The shaft angle is counterclockwise positive; registers count the other way in reverse mode. Source:
ROBOTIS' e-manual, XL430-W250-T.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from pixelopolis.vehicle.control_table import (
    PULSES_PER_TURN,
    DriveMode,
    MotorMode,
    MotorRegister,
    MovingStatus,
)
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from sim.hardware.motor_profile import PULSES_PER_S, plan_position, plan_velocity

NO_LOAD_UNITS_PER_V: Final = 5.22 / 0.229
"""No-load speed at full PWM: 47 rpm at 9.0 V, 57 at 11.1 V, 61 at 12.0 V (e-manual)."""
FULL_PWM: Final = 885
"""100 % (e-manual, Goal PWM(100))."""
FRICTION: Final = 0.03
"""Share of the full torque taken by gears and a rolling car. Assumed, not measured."""
POSITION_GAIN_PER_S: Final = 3.0
"""Speed for each pulse of position error; well damped with the wheel's lag and delay."""
REST_PULSES: Final = 0.5
"""Position error at which a shaft rests, below the encoder's resolution."""
IN_POSITION_PULSES: Final = 10
"""The manual says "a predefined value" without naming it."""
SINGLE_TURN_OFFSET: Final = 1024
"""Larger homing offsets are ignored in position mode (e-manual, Homing Offset(20))."""
SUPPLY_MV: Final = 11_100
"""The recommended supply voltage, until it is set."""

TURN_RAD: Final = 2 * math.pi


class Registers(Protocol):
    """The motor's control table."""

    def __getitem__(self, name: str) -> int: ...


class ShaftMotion:
    """A shaft with its encoder and its planned motion.

    Args:
        registers: of the motor.

    Attributes:
        now_s: the motor's clock.
        shaft_rad, shaft_rad_s: angle since the start, and speed.
        supply_mv: supply voltage.
    """

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self.now_s = 0.0
        self.shaft_rad = self.shaft_rad_s = 0.0
        self.supply_mv = SUPPLY_MV
        self._zero_rad = 0.0
        self._profile = plan_position(0.0, 0.0, 0.0, 0, 0, by_time=False)
        self._ramp = plan_velocity(0.0, 0.0, 0, 0, by_time=False)

    @property
    def mode(self) -> int:
        return self._registers[MotorRegister.OPERATING_MODE]

    @property
    def sign(self) -> int:
        """Sign of a register's count for a positive shaft angle."""
        return -1 if self._registers[MotorRegister.DRIVE_MODE] & DriveMode.REVERSE else 1

    @property
    def position(self) -> float:
        """Present position in pulses, before rounding and wrapping."""
        offset = self._registers[MotorRegister.HOMING_OFFSET]
        if self.mode == MotorMode.POSITION and abs(offset) > SINGLE_TURN_OFFSET:
            offset = 0
        return (self.shaft_rad - self._zero_rad) / TURN_RAD * self.sign * PULSES_PER_TURN + offset

    @property
    def velocity(self) -> int:
        """Present velocity in units."""
        return round(self.shaft_rad_s / MOTOR_UNIT_RAD_S) * self.sign

    @property
    def moving(self) -> bool:
        return abs(self.velocity) > self._registers[MotorRegister.MOVING_THRESHOLD]

    @property
    def driven(self) -> float:
        """Target velocity in units of a shaft with torque."""
        most = self._most_pwm / FULL_PWM * self._no_load
        if self.mode == MotorMode.VELOCITY:
            wanted = self._ramp.velocity(self.now_s)
        elif self.mode == MotorMode.PWM:
            wanted = self._registers[MotorRegister.GOAL_PWM] / FULL_PWM * self._no_load
        else:
            off = self._profile.position(self.now_s) - self.position
            if abs(off) <= REST_PULSES and not self._profile.ongoing(self.now_s):
                return 0.0
            speed = self._profile.velocity(self.now_s) + POSITION_GAIN_PER_S * off
            wanted = speed / PULSES_PER_S
        return min(max(wanted, -most), most)

    @property
    def _most_pwm(self) -> int:
        """Limit of the output in every mode."""
        goal = abs(self._registers[MotorRegister.GOAL_PWM])
        return min(goal, self._registers[MotorRegister.PWM_LIMIT])

    @property
    def _no_load(self) -> float:
        return max(self.supply_mv, 1) / 1000 * NO_LOAD_UNITS_PER_V

    @property
    def _by_position(self) -> bool:
        return self.mode in (MotorMode.POSITION, MotorMode.EXTENDED_POSITION)

    def forget_turns(self) -> None:
        """Reduce the position to one turn, as an encoder without memory does."""
        self._zero_rad = self.shaft_rad - self.sign * (self.sign * self.shaft_rad % TURN_RAD)

    def hold(self) -> int:
        """Set the goal to the present position, at rest; return it in pulses."""
        here = round(self.position)
        self._profile = plan_position(self.now_s, here, here, 0, 0, by_time=False)
        self._ramp = plan_velocity(self.now_s, 0.0, 0, 0, by_time=False)
        return here

    def plan(self, goal: str) -> None:
        """Plan the motion to the goal in the named register."""
        registers = self._registers
        by_time = bool(registers[MotorRegister.DRIVE_MODE] & DriveMode.TIME_BASED_PROFILE)
        acceleration = registers[MotorRegister.PROFILE_ACCELERATION]
        if goal == MotorRegister.GOAL_VELOCITY:
            start = self._ramp.velocity(self.now_s)
            self._ramp = plan_velocity(self.now_s, start, registers[goal], acceleration, by_time)
        elif goal == MotorRegister.GOAL_POSITION:
            velocity = registers[MotorRegister.PROFILE_VELOCITY]
            self._profile = plan_position(
                self.now_s, self.position, registers[goal], velocity, acceleration, by_time
            )

    def measured(self, torque: bool) -> dict[str, int]:
        """Return the present values of the motion registers."""
        ongoing = torque and self._by_position and self._profile.ongoing(self.now_s)
        pwm, load = self._output() if torque else (0, 0)
        trajectory, place = 0.0, 0.0
        if self._by_position:
            trajectory = self._profile.velocity(self.now_s) / PULSES_PER_S
            place = self._profile.position(self.now_s)
        elif self.mode == MotorMode.VELOCITY:
            trajectory = self._ramp.velocity(self.now_s)
        return {
            MotorRegister.MOVING: int(self.moving or ongoing),
            MotorRegister.MOVING_STATUS: self._moving_status(ongoing),
            MotorRegister.PRESENT_PWM: pwm,
            MotorRegister.PRESENT_LOAD: load,
            MotorRegister.PRESENT_VELOCITY: self.velocity,
            # the counter wraps as a 32-bit number does
            MotorRegister.PRESENT_POSITION: (round(self.position) + 2**31) % 2**32 - 2**31,
            MotorRegister.VELOCITY_TRAJECTORY: round(trajectory),
            MotorRegister.POSITION_TRAJECTORY: round(place),
            MotorRegister.PRESENT_INPUT_VOLTAGE: round(self.supply_mv / 100),
        }

    def _moving_status(self, ongoing: bool) -> MovingStatus:
        """Return Moving Status(123), which is about positions only."""
        if not self._by_position:
            return MovingStatus(0)
        status = self._profile.kind
        if ongoing:
            status |= MovingStatus.PROFILE_ONGOING
        if abs(self._profile.position(self.now_s) - self.position) > IN_POSITION_PULSES:
            status |= MovingStatus.FOLLOWING_ERROR
        goal = self._registers[MotorRegister.GOAL_POSITION]
        if abs(goal - self.position) <= IN_POSITION_PULSES:
            status |= MovingStatus.IN_POSITION
        return status

    def _output(self) -> tuple[int, int]:
        """Return Present PWM(124) and the Present Load(126) that follows from it (e-manual).

        At full PWM a motor approaches its no-load speed with the lag of `physics.vehicle`: PWM
        beyond what the present speed needs accelerates it.
        """
        driven, speed = self.driven / self._no_load, self.velocity / self._no_load
        push = driven - speed + (math.copysign(FRICTION, driven) if driven else 0.0)
        most = self._most_pwm / FULL_PWM
        pwm = min(max(speed + push, -most), most)
        return round(pwm * FULL_PWM), round(min(max(pwm - speed, -1.0), 1.0) * 1000)
