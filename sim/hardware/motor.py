"""A wheel motor in software. Pure.

Source: ROBOTIS' e-manual, XL430-W250-T (register names and addresses) and DYNAMIXEL Protocol 2.0.
"""

from __future__ import annotations

from typing import Final

from pixelopolis.vehicle.control_table import (
    MOTOR_BAUDS,
    RAM_BEGIN,
    XL430,
    Area,
    DriveMode,
    HardwareError,
    MotorMode,
    MotorRegister,
    Register,
    StartupConfiguration,
)
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from sim.hardware.devices import Device
from sim.hardware.dynamixel import StatusError
from sim.hardware.motor_motion import ShaftMotion

MOTOR_BOOT_S: Final = 0.2
"""Time without answers after power-on. Not in the manual; long enough to reveal a host that does
not wait for its motors."""
INSIDE_DEGC: Final = 35
CLEAR_TURNS: Final = b"\x01\x44\x58\x4c\x22"
STORE_BACKUP, RESTORE_BACKUP = b"\x01CTRL", b"\x02CTRL"

_GOALS: Final = (MotorRegister.GOAL_PWM, MotorRegister.GOAL_VELOCITY, MotorRegister.GOAL_POSITION)
_PROFILE: Final = (MotorRegister.PROFILE_ACCELERATION, MotorRegister.PROFILE_VELOCITY)
_OF_THE_MODE: Final = (
    MotorRegister.VELOCITY_I_GAIN,
    MotorRegister.VELOCITY_P_GAIN,
    MotorRegister.POSITION_D_GAIN,
    MotorRegister.POSITION_I_GAIN,
    MotorRegister.POSITION_P_GAIN,
    MotorRegister.FEEDFORWARD_2ND_GAIN,
    MotorRegister.FEEDFORWARD_1ST_GAIN,
    *_PROFILE,
)
"""Registers that a change of the operating mode resets (e-manual, Operating Mode(11))."""
_BACKED_UP: Final = (
    *(register.name for register in XL430 if register.area is Area.EEPROM),
    *_OF_THE_MODE,
    *(register.name for register in XL430 if register.name.startswith("indirect_address")),
)
"""Registers in a backup (e-manual, Control Table Backup(0x20))."""


class Motor(Device):
    """An XL430-W250 with its wheel, unpowered until the board switches it on.

    Gains, LED and return delay are stored without effect: the wheel responds as in
        `physics.vehicle`. It never stalls and does not warm up.

    Args:
        motor_id: id on the bus.
        mirrored: the horn turns clockwise (negative) when the car drives forward.

    Attributes:
        deaf: its bus cable is broken; it neither receives nor answers.
        line_baud: rate of its bus, None for its own; it hears only its own rate.
        temperature_degc: internal temperature.
        motion: of its shaft.
    """

    boot_s = MOTOR_BOOT_S

    def __init__(self, motor_id: int, mirrored: bool = False) -> None:
        self.deaf = False
        self.line_baud: int | None = None
        self.temperature_degc = INSIDE_DEGC
        self.heard_s = 0.0
        self._mount = -1 if mirrored else 1
        self._backup: dict[str, int] = {}
        self._shut_down = False
        super().__init__(XL430)
        self.motion = ShaftMotion(self)
        self["id"] = motor_id
        self._boot()
        self.powered = False

    @property
    def alert(self) -> bool:
        return self[MotorRegister.HARDWARE_ERROR_STATUS] != 0

    @property
    def torque(self) -> bool:
        return self.powered and self[MotorRegister.TORQUE_ENABLE] == 1

    @property
    def wheel_goal_rad_s(self) -> float:
        """Target speed of the wheel, forward positive; 0 without power or torque."""
        if not self.torque:
            return 0.0
        return self.motion.driven * MOTOR_UNIT_RAD_S * self.motion.sign * self._mount

    def answers(self, now_s: float) -> bool:
        return super().answers(now_s) and self._hears

    @property
    def _hears(self) -> bool:
        own = MOTOR_BAUDS[self[MotorRegister.BAUD_RATE]]
        speaks = self[MotorRegister.PROTOCOL_TYPE] == 2
        return not self.deaf and speaks and self.line_baud in (own, None)

    @property
    def secondary_id(self) -> int | None:
        """The id whose packets it obeys without an answer, or None."""
        second = self[MotorRegister.SECONDARY_ID]
        return second if second < 253 and second != self.id else None

    # --- power and sensors ------------------------------------------------------------------------

    def set_power(self, on: bool, now_s: float) -> None:
        if on and not self.powered:
            self.reboot(now_s)
        self.powered = on

    def reboot(self, now_s: float) -> None:
        super().reboot(now_s)
        self.motion.now_s = now_s
        self._boot()

    def _boot(self) -> None:
        """Initialize RAM as after power-on."""
        self._shut_down = False
        startup = self[MotorRegister.STARTUP_CONFIGURATION]
        if startup & StartupConfiguration.RAM_RESTORE:
            self._restore(Area.RAM)
        self[MotorRegister.BACKUP_READY] = int(bool(self._backup))
        self[MotorRegister.TORQUE_ENABLE] = int(bool(startup & StartupConfiguration.TORQUE_ON))
        self.motion.forget_turns()
        self._first_goals()

    def _first_goals(self) -> None:
        """Set the goals to the present position, at rest."""
        self[MotorRegister.GOAL_VELOCITY] = 0
        self[MotorRegister.GOAL_POSITION] = self.motion.hold()
        # the manual initializes goals to the limits; in PWM mode that would be full speed at once
        by_pwm = self.motion.mode == MotorMode.PWM
        self[MotorRegister.GOAL_PWM] = 0 if by_pwm else self[MotorRegister.PWM_LIMIT]

    def observe(self, wheel_rad: float, wheel_rad_s: float) -> None:
        """Take the wheel's angle and speed from physics, forward positive."""
        self.motion.shaft_rad = wheel_rad * self._mount
        self.motion.shaft_rad_s = wheel_rad_s * self._mount

    def fail(self, error: HardwareError) -> None:
        """Set a hardware error; those selected by Shutdown(63) switch torque off until a reboot."""
        self[MotorRegister.HARDWARE_ERROR_STATUS] |= error
        if self[MotorRegister.SHUTDOWN] & error:
            self._shut_down = True
            self[MotorRegister.TORQUE_ENABLE] = 0

    def heard(self, now_s: float) -> None:
        """Note an instruction packet on the motor bus, to any device."""
        self.motion.now_s = now_s
        if self._hears:
            self.heard_s = now_s

    def step(self, now_s: float, supply_mv: int) -> None:
        """Run the Bus Watchdog, and check supply and temperature."""
        self.motion.now_s = now_s
        self.motion.supply_mv = supply_mv
        if not self.powered:
            return
        register = self.table[MotorRegister.BUS_WATCHDOG]
        limit_s = self[MotorRegister.BUS_WATCHDOG] * register.scale / 1000
        if self.torque and limit_s > 0 and now_s - self.heard_s > limit_s:
            self._stop_for_silence()
        low, high = self[MotorRegister.MIN_VOLTAGE_LIMIT], self[MotorRegister.MAX_VOLTAGE_LIMIT]
        self._judge(HardwareError.INPUT_VOLTAGE, not low <= round(supply_mv / 100) <= high)
        hot = self.temperature_degc > self[MotorRegister.TEMPERATURE_LIMIT]
        self._judge(HardwareError.OVERHEATING, hot)

    def _stop_for_silence(self) -> None:
        self._first_goals()
        for name in _PROFILE:
            self[name] = 0
        self[MotorRegister.BUS_WATCHDOG] = -1

    def _judge(self, error: HardwareError, wrong: bool) -> None:
        """Set an error, or clear it once its cause is gone and nothing was shut down."""
        raised = bool(self[MotorRegister.HARDWARE_ERROR_STATUS] & error)
        if wrong and not raised:
            self.fail(error)
        elif raised and not wrong and not self._shut_down:
            self[MotorRegister.HARDWARE_ERROR_STATUS] &= ~error

    def refresh(self, now_s: float) -> None:
        self.motion.now_s = now_s
        for name, value in self.motion.measured(self.torque).items():
            self[name] = value
        self[MotorRegister.REALTIME_TICK] = int(now_s * 1000) % 32768
        self[MotorRegister.PRESENT_TEMPERATURE] = self.temperature_degc
        self[MotorRegister.REGISTERED_INSTRUCTION] = int(self._registered is not None)

    # --- instructions -----------------------------------------------------------------------------

    def clear(self, parameters: bytes) -> StatusError:
        """Clear the turns of Present Position(132), if the motor stands."""
        if parameters != CLEAR_TURNS:
            return StatusError.DATA_RANGE
        if self.motion.moving:
            return StatusError.RESULT_FAIL
        self.motion.forget_turns()
        self[MotorRegister.GOAL_POSITION] = self.motion.hold()
        self.motion.plan(MotorRegister.GOAL_VELOCITY)
        return StatusError.NONE

    def backup(self, parameters: bytes, now_s: float) -> StatusError:
        """Store the settings, or restore EEPROM and reboot; only without torque."""
        if parameters not in (STORE_BACKUP, RESTORE_BACKUP):
            return StatusError.DATA_RANGE
        if self.torque:
            return StatusError.RESULT_FAIL
        if parameters == STORE_BACKUP:
            self._backup = {name: self[name] for name in _BACKED_UP}
            self[MotorRegister.BACKUP_READY] = 1
            return StatusError.NONE
        if not self._backup:
            return StatusError.RESULT_FAIL
        self._restore(Area.EEPROM)
        self.reboot(now_s)
        return StatusError.NONE

    def _restore(self, area: Area) -> None:
        for name, value in self._backup.items():
            if self.table[name].area is area:
                self[name] = value

    def _refusal(self, register: Register, value: int) -> StatusError:
        if register.area is Area.EEPROM and self.torque:
            return StatusError.ACCESS
        if register.name in _GOALS and self[MotorRegister.BUS_WATCHDOG] == -1:
            return StatusError.DATA_RANGE
        if register.low and register.high and self.motion.mode == MotorMode.POSITION:
            inside = self[register.low] <= value <= self[register.high]
            return StatusError.NONE if inside else StatusError.DATA_LIMIT
        if register.name == MotorRegister.TORQUE_ENABLE and value and self._shut_down:
            return StatusError.RESULT_FAIL
        return super()._refusal(register, value)

    def _written(self, name: str, before: int) -> None:
        if name == MotorRegister.OPERATING_MODE:
            self._begin_mode()
        elif name == MotorRegister.TORQUE_ENABLE and self[name] and not before:
            self._engage()
        elif name in _GOALS:
            goal_engages = self[MotorRegister.DRIVE_MODE] & DriveMode.TORQUE_ON_BY_GOAL_UPDATE
            if goal_engages and not self.torque and not self._shut_down:
                goal = self[name]
                self[MotorRegister.TORQUE_ENABLE] = 1
                self._engage()
                self[name] = goal
            self.motion.plan(name)

    def _begin_mode(self) -> None:
        if self.motion.mode == MotorMode.POSITION:
            self.motion.forget_turns()
        for name in _OF_THE_MODE:
            self[name] = self.table[name].default or 0
        self._first_goals()

    def _engage(self) -> None:
        """Torque was switched on: hold the present position.

        Real motors do so after being moved by hand; the manual does not say it of Goal
        Position(116).
        """
        if self.motion.mode == MotorMode.POSITION:
            self.motion.forget_turns()
        self[MotorRegister.GOAL_POSITION] = self.motion.hold()
        self.motion.plan(MotorRegister.GOAL_VELOCITY)


def shadow_may_write(address: int) -> bool:
    """Return whether a packet to a secondary id may write here: not in EEPROM."""
    return address >= RAM_BEGIN
