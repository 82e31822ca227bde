"""Access to the registers of board and motors by name. The only module that uses dynamixel-sdk.

The library's port handler busy-waits and uses the wall clock, which may jump. This module's
handler sleeps in `select` and uses the monotonic clock; packets are built by the library.
"""

from __future__ import annotations

import select
import termios
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn, TypeVar

import serial
from dynamixel_sdk import GroupSyncRead, GroupSyncWrite, PortHandler, Protocol2PacketHandler
from dynamixel_sdk.robotis_def import COMM_RX_CORRUPT, COMM_SUCCESS
from serial.tools import list_ports

from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import MOTOR_BAUDS, ControlTable

ANSWER_MS: Final = 30.0
"""Time allowed for an answer beyond its transmission time. A USB serial converter adds 1 to 3 ms;
the rest is for a busy computer. Three in a row still fit into the 90 ms after which the board takes
its host for lost."""

ERROR_NUMBER: Final = 0x7F
"""Error bits of a status packet, without the alert bit."""

TRIES: Final = 5
"""Attempts to read or write one device before it counts as failed."""

T = TypeVar("T")


class PacketError(Exception):
    """A failed exchange; retrying may help."""


class LostPacketError(PacketError):
    """No answer, or a damaged one."""


class DeviceRefusedError(PacketError):
    """A device refused an instruction; the text says why."""


class Answer(NamedTuple):
    """A device's answer to a ping."""

    id: int
    model: int
    firmware: int


class Port(PortHandler):  # type: ignore[misc]  # the library has no types
    """A serial port that waits for bytes without busy-waiting.

    `wire_baud` is the rate of the slowest wire on the way, which determines the answer time: the
    board's host link is often faster than its motor bus.
    """

    wire_baud = 1_000_000

    def getBaudRate(self) -> int:  # noqa: N802  # the library asks when it computes a timeout
        return self.wire_baud

    def getCFlagBaud(self, baudrate: int) -> int:  # noqa: N802
        if baudrate in MOTOR_BAUDS:
            return baudrate
        return int(super().getCFlagBaud(baudrate))

    def getCurrentTime(self) -> float:  # noqa: N802  # the library's name
        return time.monotonic() * 1000

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: N802
        self.setPacketTimeoutMillis(10_000 / self.wire_baud * packet_length + ANSWER_MS)

    def readPort(self, length: int) -> bytes:  # noqa: N802
        if length > 0 and not self.ser.in_waiting:
            left_ms = self.packet_timeout - self.getTimeSinceStart()
            select.select([self.ser.fd], [], [], max(left_ms, 0.0) / 1000)
        return bytes(self.ser.read(max(length, 0)))


class MotorBus:
    """An open serial port with devices on it.

    Every method raises `BoardError` if the port fails, `PacketError` if an exchange fails.
    Exchanges with one device are retried when a packet is lost; broadcasts are not.

    Attributes:
        lost_packets: exchanges so far without a valid answer.

    Args:
        port: name of the serial port, such as /dev/ttyACM0.
        baud: rate in bit/s, one supported by Dynamixel.

    Raises:
        BoardError: the port cannot be opened.
    """

    def __init__(self, port: str, baud: int) -> None:
        self.name = port
        self.baud = baud
        self.lost_packets = 0
        self._port = Port(port)
        self._packets = Protocol2PacketHandler()
        if self._port.getCFlagBaud(baud) != baud:
            raise BoardError(
                f"board.baud is {baud}, which is not a Dynamixel rate.",
                "Set it to the board's rate, 1000000 unless you changed it.",
            )
        self._port.baudrate = self._port.wire_baud = baud
        try:
            self._port.openPort()
            # two programs driving the same motors would conflict
            self._port.ser.exclusive = True
            _set_low_latency(self._port.ser)
        except (OSError, termios.error) as error:
            self.close()
            raise cannot_open(port, error) from error

    def close(self) -> None:
        """Close the port; never raises."""
        if self._port.ser is not None:
            try:
                self._port.closePort()
            except (OSError, termios.error):
                return

    def set_baud(self, baud: int) -> None:
        try:
            self._port.ser.baudrate = baud
        except (OSError, ValueError, termios.error) as error:
            raise BoardError(
                f"Serial port {self.name} cannot do {baud} bit/s: {error}.",
                "Use another USB adapter, or leave this rate out.",
            ) from error
        self.baud = self._port.baudrate = self._port.wire_baud = baud

    def set_wire_baud(self, baud: int) -> None:
        """Set the rate of the wire behind the port, which determines how long answers take."""
        self._port.wire_baud = min(baud, self.baud)

    def ping_all(self) -> tuple[Answer, ...]:
        """Return every device that answers a broadcast ping; takes at least 0.8 s at low rates."""
        try:
            answers, _ = self._packets.broadcastPing(self._port)
        except (OSError, termios.error) as error:
            self._port_failed(error)
        return tuple(Answer(id_, *about) for id_, about in sorted(answers.items()))

    def ping(self, device_id: int) -> int | None:
        """Return a device's model number, None if it does not answer."""
        try:
            model, result, _ = self._packets.ping(self._port, device_id)
        except (OSError, termios.error) as error:
            self._port_failed(error)
        return int(model) if result == COMM_SUCCESS else None

    def read(self, device_id: int, table: ControlTable, name: str) -> int:
        return self.read_block(device_id, table, name, name)[name]

    def read_block(
        self, device_id: int, table: ControlTable, first: str, last: str, tries: int = TRIES
    ) -> Mapping[str, int]:
        """Return all registers from `first` to `last` of one device."""
        address, length = table.block(first, last)

        def once() -> Mapping[str, int]:
            data, result, error = self._packets.readTxRx(self._port, device_id, address, length)
            self._check(result, error, f"reading {first} of id {device_id}")
            return self._values(table, address, bytes(data), length)

        return self._repeat(once, tries)

    def write(self, device_id: int, table: ControlTable, name: str, value: int) -> None:
        register = table[name]
        data = list(register.encode(value))

        def once() -> None:
            result, error = self._packets.writeTxRx(
                self._port, device_id, register.address, register.size, data
            )
            self._check(result, error, f"writing {value} to {name} of id {device_id}")

        self._repeat(once)

    def write_once(self, device_id: int, table: ControlTable, name: str, value: int) -> None:
        """Write without confirmation, since the device may then answer under another id."""
        register = table[name]
        try:
            self._packets.writeTxRx(
                self._port,
                device_id,
                register.address,
                register.size,
                list(register.encode(value)),
            )
        except (OSError, termios.error) as error:
            self._port_failed(error)

    def write_all(self, table: ControlTable, name: str, values: Mapping[int, int]) -> None:
        """Write one register of several devices in one packet without confirmation."""
        register = table[name]
        group = GroupSyncWrite(self._port, self._packets, register.address, register.size)
        for device_id, value in values.items():
            group.addParam(device_id, list(register.encode(value)))
        try:
            result = group.txPacket()
        except (OSError, termios.error) as gone:
            self._port_failed(gone)
        self._check(result, 0, f"writing {name}")

    def read_all(
        self, table: ControlTable, first: str, last: str, device_ids: tuple[int, ...]
    ) -> Mapping[int, Mapping[str, int]]:
        """Return registers `first` to `last` of several devices by one fast sync read.

        All devices share one answer packet, so a missing device fails all.
        """
        address, length = table.block(first, last)
        group = GroupSyncRead(self._port, self._packets, address, length)
        for device_id in device_ids:
            group.addParam(device_id)
        try:
            result = group.fastSyncRead()
        except (OSError, termios.error) as gone:
            self._port_failed(gone)
        except IndexError:  # the library mistakes a late answer to an earlier request for this one
            result = COMM_RX_CORRUPT
        self._check(result, 0, f"reading {first} to {last}")
        return {
            device_id: self._values(table, address, bytes(group.data_dict[device_id]), length)
            for device_id in device_ids
        }

    def _repeat(self, exchange: Callable[[], T], tries: int = TRIES) -> T:
        for left in reversed(range(tries)):
            try:
                return exchange()
            except LostPacketError:
                if not left:
                    raise
            except (OSError, termios.error) as error:
                self._port_failed(error)
        raise AssertionError("unreachable: the last try returns or raises")

    def _check(self, result: int, error: int, what: str) -> None:
        if result != COMM_SUCCESS:
            self.lost_packets += 1
            raise LostPacketError(f"{what}: {self._packets.getTxRxResult(result)}")
        if error & ERROR_NUMBER:
            reason = self._packets.getRxPacketError(error & ERROR_NUMBER)
            raise DeviceRefusedError(f"{what}: {reason}")

    def _values(
        self, table: ControlTable, address: int, data: bytes, length: int
    ) -> Mapping[str, int]:
        if len(data) != length:
            # a late answer to an earlier request
            self.lost_packets += 1
            raise LostPacketError(f"{len(data)} bytes instead of {length}")
        return {
            register.name: register.decode(
                data[register.address - address : register.end - address]
            )
            for register in table
            if address <= register.address and register.end <= address + length
        }

    def _port_failed(self, error: Exception) -> NoReturn:
        # an exception may leave the library's "in use" flag set
        self._port.is_using = False
        raise port_gone(self.name, error) from error


def _set_low_latency(port: serial.Serial) -> None:
    """Ask a USB converter to forward bytes at once: FTDI's delay them by 16 ms by default."""
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError, NotImplementedError):
        return  # most others do not need this


def cannot_open(port: str, error: Exception) -> BoardError:
    """Return the error for a port that cannot be opened."""
    found = ", ".join(each.device for each in list_ports.comports()) or "none"
    return BoardError(
        f"Serial port {port} cannot be opened: {error}.",
        "Check the board's USB cable, that no other program uses it, and that you may use "
        f"serial ports (group dialout). Ports found: {found}.",
    )


def port_gone(port: str, error: Exception) -> BoardError:
    """Return the error for a port that has disappeared."""
    return BoardError(
        f"Serial port {port} is gone: {error}.", "Plug the board's USB cable in again."
    )
