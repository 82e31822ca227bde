"""The devices of one car's bus: the motors alone, or behind the controller board.

A board in its own process (`sim.hardware.boards`) needs the motors alone. Otherwise the board (id
200) and the motors get the same packets; the board takes them as signs of life and passes those for
other ids to the motor bus. Pure: the clock is an argument, faults are seeded.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pixelopolis.vehicle.control_table import (
    BUS_BAUD,
    LEFT_MOTOR_ID,
    MOTOR_BAUDS,
    RIGHT_MOTOR_ID,
    MotorRegister,
)
from sim.hardware.board import Pins, SimulatedBoard
from sim.hardware.devices import FACTORY_RESET_ALL, Device
from sim.hardware.dynamixel import (
    ALERT,
    BROADCAST_ID,
    MAX_LENGTH,
    Instruction,
    Packet,
    Parser,
    StatusError,
    encode_fast_status,
    encode_status,
)
from sim.hardware.instructions import (
    ASKING,
    FAST_READS,
    READS_OF_SEVERAL,
    WRITES_OF_SEVERAL,
    Read,
    Write,
    execute,
    execute_as_shadow,
    may_answer,
    reads,
    writes,
)
from sim.hardware.motor import Motor, shadow_may_write

_RESET_ALL: Final = (Instruction.FACTORY_RESET, bytes([FACTORY_RESET_ALL]))
"""All devices at once do not obey it (e-manual, Factory Reset(0x06))."""


class FaultKind(StrEnum):
    """Faults that can be injected."""

    NONE = "none"
    LOST_PACKETS = "lost_packets"
    SILENT_LEFT = "silent_left"
    SILENT_RIGHT = "silent_right"


@dataclass(frozen=True, slots=True)
class BusFault:
    """An injected fault; `rate` is the share of packets lost in each direction."""

    kind: FaultKind = FaultKind.NONE
    rate: float = 0.0


class MotorLine:
    """One car's motor bus with its left and right motor, already set up.

    Args:
        seed: for the choice of lost packets.
    """

    def __init__(self, seed: int = 0) -> None:
        self.left = Motor(LEFT_MOTOR_ID)
        self.right = Motor(RIGHT_MOTOR_ID, mirrored=True)
        self.motors = (self.left, self.right)
        for motor in self.motors:
            motor[MotorRegister.BAUD_RATE] = MOTOR_BAUDS.index(BUS_BAUD)
        self.pins = Pins()
        self._fault = BusFault()
        self._random = random.Random(seed)
        self._parser = Parser()

    @property
    def fault(self) -> BusFault:
        return self._fault

    @fault.setter
    def fault(self, fault: BusFault) -> None:
        """Inject this fault from now on, instead of any other."""
        self._fault = fault
        self.left.deaf = fault.kind is FaultKind.SILENT_LEFT
        self.right.deaf = fault.kind is FaultKind.SILENT_RIGHT

    @property
    def wheel_goal_rad_s(self) -> tuple[float, float]:
        """Target speeds of the (left, right) wheels, forward positive."""
        return self.left.wheel_goal_rad_s, self.right.wheel_goal_rad_s

    @property
    def motor_power(self) -> bool:
        return self.left.powered

    def set_power(self, on: bool, now_s: float) -> None:
        """Switch the motors' power, as the board's MOSFET does."""
        for motor in self.motors:
            motor.set_power(on, now_s)

    def observe(self, wheel_rad: Sequence[float], wheel_rad_s: Sequence[float]) -> None:
        """Take the wheels' (left, right) angles and speeds from physics, forward positive."""
        for motor, angle_rad, speed_rad_s in zip(self.motors, wheel_rad, wheel_rad_s, strict=True):
            motor.observe(angle_rad, speed_rad_s)

    def step(self, now_s: float) -> None:
        """Run the watchdogs; call it at least every 10 ms."""
        for motor in self.motors:
            motor.step(now_s, self.pins.battery_mv)

    def receive(self, data: bytes, now_s: float, baud: int | None = BUS_BAUD) -> bytes:
        """Take bytes from the host; return the devices' answer, which may be empty.

        Args:
            data: received bytes.
            now_s: the devices' clock.
            baud: the host's rate in bit/s; None if unknown.
        """
        for motor in self.motors:
            motor.line_baud = baud or 0
        return self._take(data, now_s)

    def _take(self, data: bytes, now_s: float) -> bytes:
        return b"".join(
            self._answer(packet, now_s)
            for packet in self._parser.feed(data)
            if packet.instruction != Instruction.STATUS and not self._lost()
        )

    def _lost(self) -> bool:
        lossy = self._fault.kind is FaultKind.LOST_PACKETS
        return lossy and self._random.random() < self._fault.rate

    def _answer(self, packet: Packet, now_s: float) -> bytes:
        if not packet.crc_ok:
            targets = self._present(packet.id, now_s)
            return _at_once([self._status(target, StatusError.CRC) for target in targets])
        self._heard(packet, now_s)
        if packet.id == BROADCAST_ID:
            return self._broadcast(packet, now_s)
        for shadow in self._shadows(packet.id, now_s):
            execute_as_shadow(shadow, packet, now_s)
        return self._execute(self._present(packet.id, now_s), packet, now_s)

    def _execute(self, targets: list[Device], packet: Packet, now_s: float) -> bytes:
        answers = []
        for target in targets:
            # a packet that changes the id is still answered with the old one, as hosts expect
            asked_id = target.id
            answers_it = may_answer(target, packet.instruction)
            error, data = execute(target, packet, now_s)
            if answers_it:
                answers.append(self._status(target, error, data, asked_id))
        return _at_once(answers)

    def _heard(self, _packet: Packet, now_s: float) -> None:
        for motor in self.motors:
            motor.heard(now_s)

    def _devices(self) -> list[Device]:
        return sorted(self.motors, key=lambda motor: motor.id)

    def _present(self, device_id: int, now_s: float) -> list[Device]:
        """Return the devices that take packets for an id; several new motors share one."""
        return [d for d in self._devices() if d.id == device_id and d.answers(now_s)]

    def _shadows(self, device_id: int, now_s: float) -> list[Motor]:
        """Return the motors with this secondary id that take packets."""
        return [
            device
            for device in self._devices()
            if isinstance(device, Motor)
            and device.secondary_id == device_id
            and device.answers(now_s)
        ]

    def _status(
        self, device: Device, error: int, data: bytes = b"", sender: int | None = None
    ) -> bytes:
        if self._lost():
            return b""
        alert = ALERT if device.alert else 0
        return encode_status(device.id if sender is None else sender, error | alert, data)

    def _broadcast(self, packet: Packet, now_s: float) -> bytes:
        if packet.instruction in FAST_READS:
            return self._fast_read(reads(packet), packet.instruction, now_s)
        if packet.instruction in READS_OF_SEVERAL:
            return self._read_in_turn(reads(packet), packet.instruction, now_s)
        if packet.instruction in WRITES_OF_SEVERAL:
            self._write_several(writes(packet), now_s)
            return b""
        if (packet.instruction, packet.parameters) == _RESET_ALL:
            return b""
        answer = b""
        for device_id in sorted({device.id for device in self._devices()}):
            said = self._execute(self._present(device_id, now_s), packet, now_s)
            if packet.instruction == Instruction.PING:
                answer += said
        return answer

    def _write_several(self, requested: Sequence[Write], now_s: float) -> None:
        """Carry out the writes of one packet.

        A board that is among the devices passes the packet on at the motor bus's old rate.
        """
        found: list[tuple[Device, Write]] = []
        for write in requested:
            found += [(device, write) for device in self._present(write.id, now_s)]
            if shadow_may_write(write.address):
                found += [(shadow, write) for shadow in self._shadows(write.id, now_s)]
        found.sort(key=lambda each: isinstance(each[0], Motor))
        for device, write in found:
            if device.powered:
                device.write(write.address, write.data)

    def _read_in_turn(self, asked: Sequence[Read], instruction: int, now_s: float) -> bytes:
        """Return the status packets of the devices that answer, one after another."""
        answer = b""
        for device_id, address, length in asked:
            answer += _at_once(
                [
                    self._status(device, *device.read(address, length, now_s))
                    for device in self._present(device_id, now_s)
                    if may_answer(device, instruction)
                ]
            )
        return answer

    def _fast_read(self, asked: Sequence[Read], instruction: int, now_s: float) -> bytes:
        """Return the one status packet with a block of each device."""
        expected = 1 + sum(length + 4 for _, _, length in asked)
        if expected > MAX_LENGTH:
            return b""
        blocks: list[tuple[int, int, bytes]] = []
        for device_id, address, length in asked:
            devices = [d for d in self._present(device_id, now_s) if may_answer(d, instruction)]
            # each device waits for the previous one, so a silent one ends the chain
            if len(devices) != 1 or self._lost():
                break
            error, data = devices[0].read(address, length, now_s)
            alert = ALERT if devices[0].alert else 0
            blocks.append((device_id, error | alert, data.ljust(length, b"\0")))
        return encode_fast_status(blocks, expected)


class VirtualBus(MotorLine):
    """The board and the two motors of one car, as seen from the host's serial port.

    Args:
        seed: for the choice of lost packets.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.board = SimulatedBoard(self.motors, self.pins)
        self._passes = True

    def step(self, now_s: float) -> None:
        self.board.step(now_s)
        super().step(now_s)

    def receive(self, data: bytes, now_s: float, baud: int | None = BUS_BAUD) -> bytes:
        # the host's link has a fixed rate; the motor bus has the one in the board's register
        return self._take(data, now_s) if baud == BUS_BAUD else b""

    def _answer(self, packet: Packet, now_s: float) -> bytes:
        if packet.crc_ok:
            self.board.host_frame(now_s)
        else:
            self.board.bad_frame()
        # the board passes on no damaged packets, and no commands while it stops the wheels
        asks = packet.instruction in ASKING
        self._passes = packet.crc_ok and (asks or not self.board.holds)
        return super()._answer(packet, now_s)

    def _heard(self, packet: Packet, now_s: float) -> None:
        if packet.id != self.board.id and self._passes:
            super()._heard(packet, now_s)

    def _devices(self) -> list[Device]:
        motors = self.motors if self._passes else ()
        return sorted((*motors, self.board), key=lambda device: device.id)


def _at_once(answers: list[bytes]) -> bytes:
    """Return the line's bytes when several devices answer at once: any 0 pulls the line low."""
    size = max(map(len, answers), default=0)
    heard = (1 << 8 * size) - 1
    for answer in answers:
        if answer:
            heard &= int.from_bytes(answer.ljust(size, b"\xff"))
    return heard.to_bytes(size)
