"""A wheel's motor in software. Pure.

Source: ROBOTIS' e-manual for the XL430-W250 (Torque Enable(64), Bus Watchdog(98), Shutdown(63)).
"""

from __future__ import annotations

import math

from pixelopolis.control_table import (
    MOTOR_BAUDS,
    PULSES_PER_TURN,
    XL430,
    Area,
    DriveMode,
    HardwareError,
    MotorRegister,
    OperatingMode,
    Register,
)
from pixelopolis.vehicle import MOTOR_UNIT_RAD_S
from sim.devices import Device
from sim.dynamixel import StatusError

MOTOR_BOOT_S = 0.2
"""A motor stays silent for so long after its power came on. Not in the manual; long enough that a
host which does not wait for its motors is found out."""

_GOALS = (MotorRegister.GOAL_PWM, MotorRegister.GOAL_VELOCITY, MotorRegister.GOAL_POSITION)


class Motor(Device):
    """An XL430-W250 and the wheel on its horn, without power until the board switches it on.

    Moves in velocity mode only; the other modes are stored and stand still. Gains, profiles and the
    return delay are stored without effect: the wheel's response is that of `sim.vehicle`.

    Args:
        motor_id: id on the bus.
        mirrored: the horn turns clockwise (negative) when the car drives forward.

    Attributes:
        deaf: its bus cable is broken: it hears nobody and answers nobody.
        line_baud: rate of its bus, None for whatever its own is; it hears only its own rate.
    """

    boot_s = MOTOR_BOOT_S

    def __init__(self, motor_id: int, mirrored: bool = False) -> None:
        super().__init__(XL430)
        self["id"] = motor_id
        self._mount = -1 if mirrored else 1
        self.powered = False
        self.deaf = False
        self.line_baud: int | None = None
        self.heard_s = 0.0
        self._shaft_rad = 0.0
        self._shaft_rad_s = 0.0
        self._zero_rad = 0.0
        self._supply_mv = 0

    @property
    def alert(self) -> bool:
        return self[MotorRegister.HARDWARE_ERROR_STATUS] != 0

    @property
    def torque(self) -> bool:
        return self.powered and self[MotorRegister.TORQUE_ENABLE] == 1

    @property
    def wheel_goal_rad_s(self) -> float:
        """Speed that the wheel is driven to, forward positive; 0 without power or torque."""
        if not self.torque or self[MotorRegister.OPERATING_MODE] != OperatingMode.VELOCITY:
            return 0.0
        return self[MotorRegister.GOAL_VELOCITY] * MOTOR_UNIT_RAD_S * self._sign * self._mount

    @property
    def _sign(self) -> int:
        return -1 if self[MotorRegister.DRIVE_MODE] & DriveMode.REVERSE else 1

    def answers(self, now_s: float) -> bool:
        return super().answers(now_s) and self._hears

    @property
    def _hears(self) -> bool:
        own = MOTOR_BAUDS[self[MotorRegister.BAUD_RATE]]
        return not self.deaf and self.line_baud in (own, None)

    def set_power(self, on: bool, now_s: float) -> None:
        if on and not self.powered:
            self.reboot(now_s)
        self.powered = on

    def reboot(self, now_s: float) -> None:
        super().reboot(now_s)
        # the encoder knows one turn; how many turns went before is forgotten
        turn = 2 * math.pi
        self._zero_rad = math.floor(self._shaft_rad / turn) * turn

    def observe(self, wheel_rad: float, wheel_rad_s: float, supply_mv: int) -> None:
        """Take what physics says about the wheel (forward positive) and the supply."""
        self._shaft_rad = wheel_rad * self._mount
        self._shaft_rad_s = wheel_rad_s * self._mount
        self._supply_mv = supply_mv

    def fail(self, error: HardwareError) -> None:
        """Raise a hardware error; errors named in Shutdown(63) switch torque off."""
        self[MotorRegister.HARDWARE_ERROR_STATUS] |= error
        if self[MotorRegister.SHUTDOWN] & error:
            self[MotorRegister.TORQUE_ENABLE] = 0

    def heard(self, now_s: float) -> None:
        """Note that an instruction packet, for whomever, was on the motor bus."""
        if self._hears:
            self.heard_s = now_s

    def step(self, now_s: float) -> None:
        """Let the Bus Watchdog look at the clock."""
        register = self.table[MotorRegister.BUS_WATCHDOG]
        limit_s = self[MotorRegister.BUS_WATCHDOG] * register.scale / 1000
        if self.torque and limit_s > 0 and now_s - self.heard_s > limit_s:
            self[MotorRegister.BUS_WATCHDOG] = -1
            self[MotorRegister.GOAL_VELOCITY] = 0

    def refresh(self, now_s: float) -> None:
        turns = (self._shaft_rad - self._zero_rad) / (2 * math.pi) * self._sign
        pulses = round(turns * PULSES_PER_TURN) + self[MotorRegister.HOMING_OFFSET]
        units = round(self._shaft_rad_s / MOTOR_UNIT_RAD_S) * self._sign
        # the counter wraps as a 32-bit number does
        self[MotorRegister.PRESENT_POSITION] = (pulses + 2**31) % 2**32 - 2**31
        self[MotorRegister.PRESENT_VELOCITY] = units
        self[MotorRegister.VELOCITY_TRAJECTORY] = self[MotorRegister.GOAL_VELOCITY]
        self[MotorRegister.MOVING] = int(abs(units) > self[MotorRegister.MOVING_THRESHOLD])
        self[MotorRegister.REALTIME_TICK] = int(now_s * 1000) % 32768
        self[MotorRegister.PRESENT_INPUT_VOLTAGE] = round(self._supply_mv / 100)
        self[MotorRegister.PRESENT_TEMPERATURE] = 35
        self[MotorRegister.REGISTERED_INSTRUCTION] = int(self._registered is not None)

    def _refusal(self, register: Register, value: int) -> StatusError:
        if register.area is Area.EEPROM and self.torque:
            return StatusError.ACCESS
        if register.name in _GOALS and self[MotorRegister.BUS_WATCHDOG] == -1:
            return StatusError.DATA_RANGE
        single_turn = self[MotorRegister.OPERATING_MODE] == OperatingMode.POSITION
        if register.low and register.high and single_turn:
            inside = self[register.low] <= value <= self[register.high]
            return StatusError.NONE if inside else StatusError.DATA_LIMIT
        if register.name == MotorRegister.TORQUE_ENABLE and value and self.alert:
            return StatusError.RESULT_FAIL
        return super()._refusal(register, value)

    def _written(self, name: str) -> None:
        if name == MotorRegister.OPERATING_MODE:
            self[MotorRegister.GOAL_VELOCITY] = 0
            self[MotorRegister.GOAL_PWM] = 0
        elif name in _GOALS and self[MotorRegister.DRIVE_MODE] & DriveMode.TORQUE_ON_BY_GOAL_UPDATE:
            self[MotorRegister.TORQUE_ENABLE] = 1
