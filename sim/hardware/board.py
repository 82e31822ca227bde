"""The controller board in software: the firmware's rules, its inputs and its registers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    MOTOR_BAUDS,
    XL430,
    BoardButton,
    BoardFault,
    BoardRegister,
    MotorRegister,
    Register,
)
from sim.hardware.devices import Device
from sim.hardware.dynamixel import StatusError
from sim.hardware.motor import Motor

FULL_BATTERY_MV: Final = 11800
"""Three charged lithium cells under load."""

NO_BUTTON: Final = BoardButton(0)

_ACTING: Final = (
    BoardRegister.MOTOR_POWER,
    BoardRegister.ESTOP,
    BoardRegister.FAULT,
    BoardRegister.MOTOR_BAUD,
    BoardRegister.BATTERY_GAIN,
)
"""Registers that act when written."""


@dataclass
class Pins:
    """Inputs of a board: the battery voltage before calibration, and the pressed buttons."""

    battery_mv: int = FULL_BATTERY_MV
    buttons: BoardButton = NO_BUTTON


class SimulatedBoard(Device):
    """The controller board: motor power, emergency stop, battery, and host watchdog.

    Args:
        motors: on its motor bus.
        pins: its inputs.
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
        """Note that the host sent a valid packet, to any device."""
        self._host_seen_s = now_s
        self[BoardRegister.HOST_PACKETS] = (self[BoardRegister.HOST_PACKETS] + 1) % 2**32

    def bad_frame(self) -> None:
        self[BoardRegister.BAD_PACKETS] = (self[BoardRegister.BAD_PACKETS] + 1) % 2**32

    @property
    def battery_mv(self) -> int:
        """The battery voltage after the host's calibration."""
        gain = self[BoardRegister.BATTERY_GAIN]
        return min((self._pins.battery_mv * gain + 500) // 1000, 2**16 - 1)

    @property
    def holds(self) -> bool:
        """Whether it blocks commands to the motors: it is stopping or has stopped the wheels."""
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
        """Check time, battery and buttons, and act."""
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
        """Handle buttons that were pressed."""
        pressed = self._pins.buttons & ~self._buttons
        self._buttons = self._pins.buttons
        if pressed & BoardButton.RESET:
            self.reboot(now_s)
        elif pressed & BoardButton.USER:
            on = not self[BoardRegister.MOTOR_POWER] and not self._stopped and not self._empty
            self[BoardRegister.MOTOR_POWER] = int(on)

    def _watch_host(self, now_s: float) -> None:
        """Stop the wheels when the host is silent; shortly afterwards release them."""
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
        """Write 0 to a register of every motor, as a packet on the motor bus does."""
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
        # the motors must be able to hear a stop
        retuned = register.name == BoardRegister.MOTOR_BAUD and value != self[register.name]
        if retuned and self._driven:
            return StatusError.RESULT_FAIL
        pressed = bool(self._pins.buttons & BoardButton.ESTOP)
        if register.name == BoardRegister.ESTOP and value == 0 and pressed:
            return StatusError.RESULT_FAIL
        return super()._refusal(register, value)

    def _written(self, name: str, _before: int) -> None:
        # these act at once; a fault whose cause remains comes back at once
        if name in _ACTING:
            self.step(self._host_seen_s)
