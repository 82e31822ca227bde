"""What an XL430-W250 wants of its shaft, and what its registers say about it. Pure.

The shaft turns anticlockwise positive; registers count the other way round in reverse mode. Source:
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
"""Speed without load and with full PWM: 47 rpm at 9.0 V, 57 at 11.1 V, 61 at 12.0 V (e-manual)."""
FULL_PWM: Final = 885
"""100 % (e-manual, Goal PWM(100))."""
FRICTION: Final = 0.03
"""Part of the full torque that gears and a rolling car take. Assumed, not measured."""
POSITION_GAIN_PER_S: Final = 3.0
"""Speed for each pulse off the planned position; well damped with the wheel's lag and delay."""
REST_PULSES: Final = 0.5
"""So near to its goal a shaft rests: the encoder cannot tell the two apart."""
IN_POSITION_PULSES: Final = 10
"""The manual says "a predefined value" and not which."""
SINGLE_TURN_OFFSET: Final = 1024
"""Larger homing offsets are ignored in position mode (e-manual, Homing Offset(20))."""
SUPPLY_MV: Final = 11_100
"""The recommended one, until somebody says what it is."""

TURN_RAD: Final = 2 * math.pi


class Registers(Protocol):
    """The motor's control table, which says how it shall move."""

    def __getitem__(self, name: str) -> int: ...


class ShaftMotion:
    """A shaft, its encoder, and the way that it is to go.

    Args:
        registers: of the motor.

    Attributes:
        now_s: the motor's clock.
        shaft_rad, shaft_rad_s: where the shaft is since the start, and how fast it turns.
        supply_mv: voltage of the supply.
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
        """What registers count forwards, as the shaft does."""
        return -1 if self._registers[MotorRegister.DRIVE_MODE] & DriveMode.REVERSE else 1

    @property
    def position(self) -> float:
        """Present position in pulses, before it is rounded and wraps."""
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
        """Velocity in units that a shaft with torque is driven to."""
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
        """Bound of the output in every mode."""
        goal = abs(self._registers[MotorRegister.GOAL_PWM])
        return min(goal, self._registers[MotorRegister.PWM_LIMIT])

    @property
    def _no_load(self) -> float:
        return max(self.supply_mv, 1) / 1000 * NO_LOAD_UNITS_PER_V

    @property
    def _by_position(self) -> bool:
        return self.mode in (MotorMode.POSITION, MotorMode.EXTENDED_POSITION)

    def forget_turns(self) -> None:
        """Count from within one turn again: the encoder knows no more."""
        self._zero_rad = self.shaft_rad - self.sign * (self.sign * self.shaft_rad % TURN_RAD)

    def hold(self) -> int:
        """Want to be here, at rest; return the position in pulses."""
        here = round(self.position)
        self._profile = plan_position(self.now_s, here, here, 0, 0, by_time=False)
        self._ramp = plan_velocity(self.now_s, 0.0, 0, 0, by_time=False)
        return here

    def plan(self, goal: str) -> None:
        """Begin the way to the goal that was written to the register of this name."""
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
        """Return the registers that tell about the motion, as they are now."""
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
        """Return Present PWM(124) and Present Load(126), which follows from it (e-manual).

        At full PWM a motor comes to its speed without load with the lag of `physics.vehicle`: the
        PWM beyond what the present speed takes is what pushes.
        """
        driven, speed = self.driven / self._no_load, self.velocity / self._no_load
        push = driven - speed + (math.copysign(FRICTION, driven) if driven else 0.0)
        most = self._most_pwm / FULL_PWM
        pwm = min(max(speed + push, -most), most)
        return round(pwm * FULL_PWM), round(min(max(pwm - speed, -1.0), 1.0) * 1000)
