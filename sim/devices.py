"""The controller board and the motors in software: registers that behave as the real ones do.

Pure: a device is told the time and its surroundings, and answers reads and writes of its control
table. `sim.bus` puts packets around them. Sources: ROBOTIS' e-manual for the XL430-W250 (errors of
Protocol 2.0, Torque Enable(64), Bus Watchdog(98), Shutdown(63)); our own table for the board.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pixelopolis.control_table import (
    BOARD,
    BOARD_ID,
    MOTOR_BAUDS,
    PULSES_PER_TURN,
    XL430,
    Access,
    Area,
    BoardButton,
    BoardFault,
    BoardRegister,
    ControlTable,
    DriveMode,
    HardwareError,
    MotorRegister,
    OperatingMode,
    Register,
)
from pixelopolis.vehicle import MOTOR_UNIT_RAD_S
from sim.dynamixel import StatusError

MOTOR_BOOT_S = 0.2
"""A motor stays silent for so long after its power came on. Not in the manual; long enough that a
host which does not wait for its motors is found out."""

FULL_BATTERY_MV = 11800
"""Three lithium cells, charged and under load."""

NO_BUTTON = BoardButton(0)

FACTORY_RESET_ALL = 0xFF

_ACTING = (
    BoardRegister.MOTOR_POWER,
    BoardRegister.ESTOP,
    BoardRegister.FAULT,
    BoardRegister.MOTOR_BAUD,
    BoardRegister.BATTERY_GAIN,
)
"""Registers of the board whose writing changes more than the register."""

_GOALS = (MotorRegister.GOAL_PWM, MotorRegister.GOAL_VELOCITY, MotorRegister.GOAL_POSITION)


class Device:
    """A control table in memory, with the access rules that the table states."""

    boot_s = 0.0
    """How long the device stays silent after a reboot."""

    def __init__(self, table: ControlTable) -> None:
        self.table = table
        self.powered = True
        self._ready_s = 0.0
        # the same twice: bytes for the host, numbers for ourselves, who look 200 times a second
        self._memory = bytearray(table.size)
        self._values: dict[str, int] = {}
        self._known = bytearray(table.size)
        for register in table:
            self._known[register.address : register.end] = b"\1" * register.size
        self._registered: tuple[int, bytes] | None = None
        self._defaults(Area.EEPROM)
        self._defaults(Area.RAM)

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __setitem__(self, name: str, value: int) -> None:
        """Set a register from inside the device, without the rules for hosts."""
        if self._values.get(name) != value:
            register = self.table[name]
            self._memory[register.address : register.end] = register.encode(value)
            self._values[name] = value

    def _defaults(self, area: Area) -> None:
        for register in self.table:
            if register.area is area:
                self[register.name] = register.default or 0

    @property
    def id(self) -> int:
        return self["id"]

    @property
    def alert(self) -> bool:
        """Whether status packets carry the alert bit."""
        return False

    def answers(self, now_s: float) -> bool:
        """Whether the device takes packets at all."""
        return self.powered and now_s >= self._ready_s

    def refresh(self, now_s: float) -> None:
        """Bring measured registers up to date."""

    def reboot(self, now_s: float) -> None:
        self._ready_s = now_s + self.boot_s
        self._registered = None
        self._defaults(Area.RAM)

    def factory_reset(self, option: int, now_s: float) -> None:
        device_id = self.id
        self._defaults(Area.EEPROM)
        if option != FACTORY_RESET_ALL:
            self["id"] = device_id
        self.reboot(now_s)

    def read(self, address: int, length: int, now_s: float) -> tuple[StatusError, bytes]:
        """Return (error, bytes); gaps between registers read as zero, as in a block read."""
        end = address + length
        if end > self.table.size or not any(self._known[address:end]):
            return StatusError.ACCESS, b""
        self.refresh(now_s)
        return StatusError.NONE, bytes(self._memory[address:end])

    def write(self, address: int, data: bytes) -> StatusError:
        """Write whole registers, all or none of them."""
        values: dict[str, int] = {}
        error, at = StatusError.NONE, 0
        while at < len(data) and not error:
            register = self.table.at(address + at)
            if register is None or register.access is Access.READ:
                return StatusError.ACCESS
            part = data[at : at + register.size]
            if len(part) < register.size:
                return StatusError.DATA_LENGTH
            values[register.name] = register.decode(part)
            error = self._refusal(register, values[register.name])
            at += register.size
        if not data:
            return StatusError.DATA_LENGTH
        if error:
            return error
        for name, value in values.items():
            self[name] = value
            self._written(name)
        return StatusError.NONE

    def register_write(self, address: int, data: bytes) -> StatusError:
        """Keep a write for `action`."""
        self._registered = (address, data)
        return StatusError.NONE

    def action(self) -> StatusError:
        if self._registered is None:
            return StatusError.INSTRUCTION
        (address, data), self._registered = self._registered, None
        return self.write(address, data)

    def _refusal(self, register: Register, value: int) -> StatusError:
        """Return why a host may not write this value, `NONE` when it may."""
        if register.values and value not in register.values:
            return StatusError.DATA_RANGE
        if register.min is not None and value < register.min:
            return StatusError.DATA_RANGE
        if register.max is not None and value > register.max:
            return StatusError.DATA_RANGE
        if register.limit is not None and abs(value) > self[register.limit]:
            return StatusError.DATA_LIMIT
        return StatusError.NONE

    def _written(self, name: str) -> None:
        """React to a register that a host wrote."""


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


@dataclass
class Pins:
    """What a board feels: its battery, as its divider has it, and the buttons that are pressed."""

    battery_mv: int = FULL_BATTERY_MV
    buttons: BoardButton = NO_BUTTON


class Board(Device):
    """The controller board: motor power, emergency stop, battery, and the host's watchdog.

    Args:
        motors: those on its motor bus.
        pins: what it feels.
    """

    def __init__(self, motors: tuple[Motor, ...], pins: Pins) -> None:
        super().__init__(BOARD)
        self["id"] = BOARD_ID
        self._motors = motors
        self._pins = pins
        self._start_s: float | None = None
        self._host_seen_s = 0.0
        self._release_s: float | None = None
        self._buttons = NO_BUTTON

    def host_frame(self, now_s: float) -> None:
        """Note that a valid packet came from the host, for whomever."""
        self._host_seen_s = now_s
        self[BoardRegister.HOST_PACKETS] = (self[BoardRegister.HOST_PACKETS] + 1) % 2**32

    def bad_frame(self) -> None:
        self[BoardRegister.BAD_PACKETS] = (self[BoardRegister.BAD_PACKETS] + 1) % 2**32

    @property
    def battery_mv(self) -> int:
        """The battery's voltage by the host's calibration."""
        gain = self[BoardRegister.BATTERY_GAIN]
        return min((self._pins.battery_mv * gain + 500) // 1000, 2**16 - 1)

    @property
    def holds(self) -> bool:
        """Whether it keeps commands from the motors: it stops the wheels, or has stopped them."""
        return self._release_s is not None or self._stopped or self._empty

    @property
    def _stopped(self) -> bool:
        return self[BoardRegister.ESTOP] == 1

    @property
    def _empty(self) -> bool:
        return self.battery_mv < self[BoardRegister.BATTERY_EMPTY_MV]

    @property
    def _driven(self) -> bool:
        return any(motor.torque for motor in self._motors)

    def step(self, now_s: float) -> None:
        """Look at the clock, the battery and the buttons, and act."""
        if self._start_s is None:
            self._start_s = self._host_seen_s = now_s
        self._press(now_s)
        self._watch_host(now_s)
        if self.battery_mv < self[BoardRegister.BATTERY_LOW_MV]:
            self._raise(BoardFault.BATTERY_LOW)
        if self._empty:
            self._raise(BoardFault.BATTERY_EMPTY)
            self[BoardRegister.MOTOR_POWER] = 0
        if self._pins.buttons & BoardButton.ESTOP:
            self[BoardRegister.ESTOP] = 1
        if self._stopped:
            self._raise(BoardFault.ESTOP)
            self[BoardRegister.MOTOR_POWER] = 0
        for motor in self._motors:
            motor.line_baud = MOTOR_BAUDS[self[BoardRegister.MOTOR_BAUD]]
            motor.set_power(self[BoardRegister.MOTOR_POWER] == 1, now_s)

    def _press(self, now_s: float) -> None:
        """React to buttons that went down."""
        pressed = self._pins.buttons & ~self._buttons
        self._buttons = self._pins.buttons
        if pressed & BoardButton.RESET:
            self.reboot(now_s)
        elif pressed & BoardButton.USER:
            on = not self[BoardRegister.MOTOR_POWER] and not self._stopped and not self._empty
            self[BoardRegister.MOTOR_POWER] = int(on)

    def _watch_host(self, now_s: float) -> None:
        """Stop the wheels of a silent host, and a moment later release them."""
        timeout_s = self[BoardRegister.HOST_TIMEOUT_MS] / 1000
        silent_s = now_s - self._host_seen_s
        if silent_s > self[BoardRegister.HOST_GONE_MS] / 1000:
            self[BoardRegister.MOTOR_POWER] = 0
        if self._release_s is None and self._driven and silent_s > timeout_s:
            self._raise(BoardFault.HOST_SILENT)
            self._release_s = now_s + self[BoardRegister.RELEASE_DELAY_MS] / 1000
            self._command_motors(MotorRegister.GOAL_VELOCITY, now_s)
        if self._release_s is not None and now_s >= self._release_s:
            self._release_s = None
            self._command_motors(MotorRegister.TORQUE_ENABLE, now_s)

    def _command_motors(self, register: MotorRegister, now_s: float) -> None:
        """Write 0 to a register of every motor, as a packet on the motor bus would."""
        for motor in self._motors:
            motor.heard(now_s)
            if motor.answers(now_s):
                motor.write(XL430[register].address, XL430[register].encode(0))

    def _raise(self, fault: BoardFault) -> None:
        self[BoardRegister.FAULT] |= fault

    def reboot(self, now_s: float) -> None:
        super().reboot(now_s)
        self._start_s = None
        self.step(now_s)

    def refresh(self, now_s: float) -> None:
        start_s = now_s if self._start_s is None else self._start_s
        self[BoardRegister.UPTIME_MS] = int((now_s - start_s) * 1000) % 2**32
        self[BoardRegister.BATTERY_MV] = self.battery_mv
        self[BoardRegister.BUTTONS] = self._pins.buttons

    def _refusal(self, register: Register, value: int) -> StatusError:
        halted = self._stopped or self._empty
        if register.name == BoardRegister.MOTOR_POWER and value == 1 and halted:
            return StatusError.RESULT_FAIL
        # a stop must be heard by the motors that it is for
        retuned = register.name == BoardRegister.MOTOR_BAUD and value != self[register.name]
        if retuned and self._driven:
            return StatusError.RESULT_FAIL
        pressed = bool(self._pins.buttons & BoardButton.ESTOP)
        if register.name == BoardRegister.ESTOP and value == 0 and pressed:
            return StatusError.RESULT_FAIL
        return super()._refusal(register, value)

    def _written(self, name: str) -> None:
        # these act at once, and a fault whose cause remains comes back at once
        if name in _ACTING:
            self.step(self._host_seen_s)
