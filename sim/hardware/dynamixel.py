"""Dynamixel Protocol 2.0 packets: bytes to packets and back, with nothing else known.

Written from ROBOTIS' public description (e-manual, DYNAMIXEL Protocol 2.0). A packet is
`FF FF FD 00, id, length (2), instruction, parameters, CRC (2)`; the length counts what follows it.
Inside, `FF FF FD` is stuffed to `FF FF FD FD`, so that a header is never mistaken for data.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

HEADER: Final = b"\xff\xff\xfd"
STUFFED: Final = b"\xff\xff\xfd\xfd"
BROADCAST_ID: Final = 0xFE
MAX_ID: Final = 0xFC
MAX_LENGTH: Final = 1024
"""Largest length field that is taken for real; dynamixel-sdk sends no longer packet."""
PREFIX_SIZE: Final = 7
"""Bytes before the instruction."""
ALERT: Final = 0x80
"""Bit of a status packet's error: the device has a hardware error to report."""


class Instruction(IntEnum):
    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    FACTORY_RESET = 0x06
    REBOOT = 0x08
    CLEAR = 0x10
    BACKUP = 0x20
    STATUS = 0x55
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83
    FAST_SYNC_READ = 0x8A
    BULK_READ = 0x92
    BULK_WRITE = 0x93
    FAST_BULK_READ = 0x9A


class StatusError(IntEnum):
    """Error number of a status packet (bits 0 to 6)."""

    NONE = 0
    RESULT_FAIL = 1
    INSTRUCTION = 2
    CRC = 3
    DATA_RANGE = 4
    DATA_LENGTH = 5
    DATA_LIMIT = 6
    ACCESS = 7


class Packet(NamedTuple):
    """One packet as received; `parameters` are unstuffed, `crc_ok` says whether the CRC was right.

    The id and instruction of a packet with a wrong CRC may be wrong too.
    """

    id: int
    instruction: int
    parameters: bytes
    crc_ok: bool = True


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x8005 if crc & 0x8000 else 0)
        table.append(crc & 0xFFFF)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()


def crc16(data: bytes, crc: int = 0) -> int:
    """Return the CRC-16 with polynomial 0x8005, not reflected; `crc` continues an earlier one."""
    for byte in data:
        crc = ((crc << 8) & 0xFF00) ^ _CRC_TABLE[(crc >> 8) ^ byte]
    return crc


def stuff(body: bytes) -> bytes:
    """Return instruction and parameters with every header inside them marked."""
    return body.replace(HEADER, STUFFED)


def unstuff(body: bytes) -> bytes:
    return body.replace(STUFFED, HEADER)


def encode(device_id: int, instruction: int, parameters: bytes = b"") -> bytes:
    """Return the bytes of an instruction packet."""
    body = stuff(bytes([instruction]) + parameters)
    head = HEADER + bytes([0, device_id]) + (len(body) + 2).to_bytes(2, "little")
    packet = head + body
    return packet + crc16(packet).to_bytes(2, "little")


def encode_status(device_id: int, error: int, parameters: bytes = b"") -> bytes:
    """Return the bytes of a status packet."""
    return encode(device_id, Instruction.STATUS, bytes([error]) + parameters)


def encode_fast_status(blocks: Iterable[tuple[int, int, bytes]], expected_length: int) -> bytes:
    """Return the answer to a fast read from (id, error, data) of each device in turn.

    All devices share one packet, not stuffed; each adds its block with the CRC of all bytes so far.

    Args:
        blocks: of the devices that answer, up to the first one that stays silent.
        expected_length: length field for all devices asked, answering or not.
    """
    packet = b""
    for device_id, error, data in blocks:
        if not packet:
            packet = HEADER + bytes([0, BROADCAST_ID]) + expected_length.to_bytes(2, "little")
            packet += bytes([Instruction.STATUS])
        packet += bytes([error, device_id]) + data
        packet += crc16(packet).to_bytes(2, "little")
    return packet


class Parser:
    """Turns a stream of bytes, however fragmented and polluted, into packets.

    A header that begins inside a packet ends that packet: what came before was cut off. So a valid
    packet is always found, whatever stands before it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Take the next bytes and return the packets that they complete."""
        self._buffer += data
        packets: list[Packet] = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def reset(self) -> None:
        """Forget a packet that is only half received."""
        self._buffer.clear()

    def _next(self) -> Packet | None:
        buffer = self._buffer
        while True:
            start = buffer.find(HEADER)
            if start < 0:
                # the last two bytes may be the start of a header
                del buffer[: max(0, len(buffer) - 2)]
                return None
            del buffer[:start]
            if len(buffer) < PREFIX_SIZE:
                if len(buffer) > len(HEADER) and buffer[3] != 0:
                    del buffer[:1]
                    continue
                return None
            length = int.from_bytes(buffer[5:7], "little")
            if buffer[3] != 0 or not (buffer[4] <= MAX_ID or buffer[4] == BROADCAST_ID):
                del buffer[:1]
                continue
            if not 3 <= length <= MAX_LENGTH:
                del buffer[:1]
                continue
            end = PREFIX_SIZE + length
            if self._header_inside(end - 2):
                del buffer[:1]
                continue
            if len(buffer) < end:
                return None
            body = bytes(buffer[PREFIX_SIZE : end - 2])
            received = int.from_bytes(buffer[end - 2 : end], "little")
            crc_ok = crc16(bytes(buffer[: end - 2])) == received
            device_id = buffer[4]
            # after a wrong CRC the length may be wrong too: look for a header in what followed
            del buffer[: end if crc_ok else len(HEADER)]
            body = unstuff(body)
            return Packet(device_id, body[0], body[1:], crc_ok)

    def _header_inside(self, end: int) -> bool:
        """Tell whether an unstuffed header stands between the prefix and `end`."""
        at = self._buffer.find(HEADER, PREFIX_SIZE, end)
        while at >= 0:
            after = at + len(HEADER)
            if after >= end:
                return True
            if after >= len(self._buffer):
                return False
            if self._buffer[after] != HEADER[2]:
                return True
            at = self._buffer.find(HEADER, after, end)
        return False
