"""Decoding and execution of Protocol 2.0 instructions, for one device or several. Pure.

Source: ROBOTIS' e-manual, DYNAMIXEL Protocol 2.0, Instruction Details.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pixelopolis.vehicle.control_table import MotorRegister
from sim.hardware.devices import Device
from sim.hardware.dynamixel import Instruction, Packet, StatusError
from sim.hardware.motor import Motor, shadow_may_write

SYNC_READS: Final = (Instruction.SYNC_READ, Instruction.FAST_SYNC_READ)
READS_OF_SEVERAL: Final = (*SYNC_READS, Instruction.BULK_READ, Instruction.FAST_BULK_READ)
FAST_READS: Final = (Instruction.FAST_SYNC_READ, Instruction.FAST_BULK_READ)
WRITES_OF_SEVERAL: Final = (Instruction.SYNC_WRITE, Instruction.BULK_WRITE)
ASKING: Final = (Instruction.PING, Instruction.READ, *READS_OF_SEVERAL)
"""Instructions that cannot move a motor."""


class Read(NamedTuple):
    """A read from one of several devices."""

    id: int
    address: int
    length: int


class Write(NamedTuple):
    """A write to one of several devices."""

    id: int
    address: int
    data: bytes


def reads(packet: Packet) -> list[Read]:
    """Return the reads of a packet in order; none of a malformed packet."""
    parameters = packet.parameters
    if packet.instruction in SYNC_READS:
        return [Read(device_id, *two_words(parameters)) for device_id in parameters[4:]]
    if len(parameters) % 5:
        return []
    rows = (parameters[at : at + 5] for at in range(0, len(parameters), 5))
    return [Read(row[0], *two_words(row[1:])) for row in rows]


def writes(packet: Packet) -> list[Write]:
    """Return the writes of a packet in order; none of a malformed packet."""
    sync = packet.instruction == Instruction.SYNC_WRITE
    return _sync_writes(packet.parameters) if sync else _bulk_writes(packet.parameters)


def _sync_writes(parameters: bytes) -> list[Write]:
    address, length = two_words(parameters)
    step = 1 + length
    blocks = parameters[4:]
    if length == 0 or len(blocks) % step:
        return []
    rows = (blocks[at : at + step] for at in range(0, len(blocks), step))
    return [Write(row[0], address, row[1:]) for row in rows]


def _bulk_writes(parameters: bytes) -> list[Write]:
    found = []
    while parameters:
        address, length = two_words(parameters[1:])
        row, parameters = parameters[: 5 + length], parameters[5 + length :]
        if len(row) < 5 + length:
            return []
        found.append(Write(row[0], address, row[5:]))
    return found


def execute(device: Device, packet: Packet, now_s: float) -> tuple[StatusError, bytes]:
    """Execute an instruction on one device; return (error, data) of its status packet."""
    parameters = packet.parameters
    match packet.instruction:
        case Instruction.PING:
            table = device.table
            version = table.firmware_version.to_bytes(1, "little")
            return StatusError.NONE, table.model_number.to_bytes(2, "little") + version
        case Instruction.READ if len(parameters) == 4:
            return device.read(*two_words(parameters), now_s)
        case Instruction.WRITE if len(parameters) > 2:
            return device.write(two_words(parameters)[0], parameters[2:]), b""
        case Instruction.REG_WRITE if len(parameters) > 2:
            return device.register_write(two_words(parameters)[0], parameters[2:]), b""
        case Instruction.ACTION:
            return device.action(), b""
        case Instruction.REBOOT:
            device.reboot(now_s)
            return StatusError.NONE, b""
        case Instruction.FACTORY_RESET if len(parameters) == 1:
            return device.factory_reset(parameters[0], now_s), b""
        case Instruction.CLEAR:
            return device.clear(parameters), b""
        case Instruction.BACKUP:
            return device.backup(parameters, now_s), b""
        case Instruction.READ | Instruction.WRITE | Instruction.REG_WRITE:
            return StatusError.DATA_LENGTH, b""
    return StatusError.INSTRUCTION, b""


def execute_as_shadow(motor: Motor, packet: Packet, now_s: float) -> None:
    """Execute a packet to a motor's secondary id: without an answer, and not in EEPROM."""
    writing = packet.instruction in (Instruction.WRITE, Instruction.REG_WRITE)
    if writing and not shadow_may_write(two_words(packet.parameters)[0]):
        return
    if packet.instruction not in (Instruction.FACTORY_RESET, Instruction.BACKUP):
        execute(motor, packet, now_s)


def may_answer(device: Device, instruction: int) -> bool:
    """Return whether Status Return Level(68) allows an answer."""
    if not isinstance(device, Motor) or instruction == Instruction.PING:
        return True
    level = device[MotorRegister.STATUS_RETURN_LEVEL]
    return level == 2 or (level == 1 and instruction in ASKING)


def two_words(parameters: bytes) -> tuple[int, int]:
    """Return the first two 16-bit numbers; missing ones are 0."""
    return int.from_bytes(parameters[:2], "little"), int.from_bytes(parameters[2:4], "little")
