"""Encoding and decoding of Dynamixel Protocol 2.0 packets.

Written from ROBOTIS' public description (e-manual, DYNAMIXEL Protocol 2.0). A packet is `FF FF FD
00, id, length (2), instruction, parameters, CRC (2)`; the length counts the bytes after it. In the
body, `FF FF FD` is stuffed to `FF FF FD FD`, so that data never look like a header.
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
"""Largest accepted length field; dynamixel-sdk sends no longer packet."""
PREFIX_SIZE: Final = 7
"""Bytes before the instruction."""
ALERT: Final = 0x80
"""Bit of a status packet's error field: the device has a hardware error."""


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
    """One received packet with unstuffed parameters.

    If `crc_ok` is false, id and instruction may be wrong too.
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


def crc16(data: bytes) -> int:
    """Return the CRC-16 (polynomial 0x8005, not reflected)."""
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFF00) ^ _CRC_TABLE[(crc >> 8) ^ byte]
    return crc


def stuff(body: bytes) -> bytes:
    """Return instruction and parameters with byte stuffing."""
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
    """Return the answer to a fast read.

    All devices share one packet without stuffing; each adds its block with the CRC of all bytes so
    far.

    Args:
        blocks: (id, error, data) of the devices in turn, up to the first silent one.
        expected_length: length field for all requested devices, answering or not.
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
    """Finds packets in a stream of bytes with gaps and garbage.

    A header inside a packet ends that packet, which was cut off; so a valid packet is always found,
    whatever precedes it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Take the next bytes; return the packets that they complete."""
        self._buffer += data
        packets: list[Packet] = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def reset(self) -> None:
        """Discard a partly received packet."""
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
            # after a wrong CRC the length may be wrong too: search the rest for a header
            del buffer[: end if crc_ok else len(HEADER)]
            body = unstuff(body)
            return Packet(device_id, body[0], body[1:], crc_ok)

    def _header_inside(self, end: int) -> bool:
        """Return whether the buffer has an unstuffed header between prefix and `end`."""
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
