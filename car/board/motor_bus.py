"""Registers of board and motors by name, over dynamixel-sdk: the only file that knows the library.

The library's own port handler spins while it waits and measures by the wall clock, which a clock
change disturbs. Ours sleeps in `select` and measures by the monotonic clock; the packets are the
library's.
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
"""How long an answer may take on top of its time on the wire: what a silent device costs us.
A USB serial converter adds 1 to 3 ms; the rest is for a busy computer. Three in a row still fit
into the 90 ms after which the board gives us up."""

ERROR_NUMBER: Final = 0x7F
"""Bits of a status packet's error without the alert bit."""

TRIES: Final = 5
"""How often a read or write of one device is sent before it counts as failed."""

T = TypeVar("T")


class PacketError(Exception):
    """One exchange that failed; the next one may succeed."""


class LostPacketError(PacketError):
    """No answer, or a damaged one."""


class DeviceRefusedError(PacketError):
    """A device answered that it will not do this; the text says why."""


class Answer(NamedTuple):
    """What a device says of itself when it is pinged."""

    id: int
    model: int
    firmware: int


class Port(PortHandler):  # type: ignore[misc]  # the library has no types
    """A serial port that waits for bytes without spinning.

    `wire_baud` is the rate of the slowest wire on the way, which answers are waited for by: the
    board's link to the host is often faster than its motor bus.
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

    Every method raises `BoardError` when the port fails, `PacketError` when an exchange does.
    Exchanges with one device are repeated when a packet is lost, those with all are not.

    Attributes:
        lost_packets: exchanges so far that got no answer or a damaged one.

    Args:
        port: name of the serial port, such as /dev/ttyACM0.
        baud: rate in bit/s, one that Dynamixel knows.

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
                f"board.baud is {baud}, which is no Dynamixel rate.",
                "Set it to the board's rate, 1000000 unless you changed it.",
            )
        self._port.baudrate = self._port.wire_baud = baud
        try:
            self._port.openPort()
            # two programs that drive the same motors would fight
            self._port.ser.exclusive = True
            _hurry(self._port.ser)
        except (OSError, termios.error) as error:
            self.close()
            raise cannot_open(port, error) from error

    def close(self) -> None:
        """Close the port; never throws."""
        if self._port.ser is not None:
            try:
                self._port.closePort()
            except (OSError, termios.error):
                return

    def set_baud(self, baud: int) -> None:
        """Talk at another rate from now on."""
        try:
            self._port.ser.baudrate = baud
        except (OSError, ValueError, termios.error) as error:
            raise BoardError(
                f"Serial port {self.name} cannot do {baud} bit/s: {error}.",
                "Use another USB adapter, or leave this rate out.",
            ) from error
        self.baud = self._port.baudrate = self._port.wire_baud = baud

    def set_wire_baud(self, baud: int) -> None:
        """Wait for answers as long as they take on a wire of this rate, behind the port."""
        self._port.wire_baud = min(baud, self.baud)

    def ping_all(self) -> tuple[Answer, ...]:
        """Return every device that answers a ping to all; takes 0.8 s and more at low rates."""
        try:
            answers, _ = self._packets.broadcastPing(self._port)
        except (OSError, termios.error) as error:
            self._gone(error)
        return tuple(Answer(id_, *about) for id_, about in sorted(answers.items()))

    def ping(self, device_id: int) -> int | None:
        """Return a device's model number, None when it does not answer."""
        try:
            model, result, _ = self._packets.ping(self._port, device_id)
        except (OSError, termios.error) as error:
            self._gone(error)
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
        """Write without asking for a confirmation: the device may answer as somebody else then."""
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
            self._gone(error)

    def write_all(self, table: ControlTable, name: str, values: Mapping[int, int]) -> None:
        """Write one register of several devices by one packet, which nobody confirms."""
        register = table[name]
        group = GroupSyncWrite(self._port, self._packets, register.address, register.size)
        for device_id, value in values.items():
            group.addParam(device_id, list(register.encode(value)))
        try:
            result = group.txPacket()
        except (OSError, termios.error) as gone:
            self._gone(gone)
        self._check(result, 0, f"writing {name}")

    def read_all(
        self, table: ControlTable, first: str, last: str, device_ids: tuple[int, ...]
    ) -> Mapping[int, Mapping[str, int]]:
        """Return registers `first` to `last` of several devices by one fast sync read.

        All share one answer, so one that is missing fails them all.
        """
        address, length = table.block(first, last)
        group = GroupSyncRead(self._port, self._packets, address, length)
        for device_id in device_ids:
            group.addParam(device_id)
        try:
            result = group.fastSyncRead()
        except (OSError, termios.error) as gone:
            self._gone(gone)
        except IndexError:  # the library takes a late answer to something else for this one
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
                self._gone(error)
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
            # the late answer to an earlier question
            self.lost_packets += 1
            raise LostPacketError(f"{len(data)} bytes instead of {length}")
        return {
            register.name: register.decode(
                data[register.address - address : register.end - address]
            )
            for register in table
            if address <= register.address and register.end <= address + length
        }

    def _gone(self, error: Exception) -> NoReturn:
        # an exception may leave the library's "in use" mark behind
        self._port.is_using = False
        raise port_gone(self.name, error) from error


def _hurry(port: serial.Serial) -> None:
    """Ask a USB converter to hand bytes on at once: FTDI's hold them for 16 ms by default."""
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError, NotImplementedError):
        return  # most others need not be asked


def cannot_open(port: str, error: Exception) -> BoardError:
    """Return the error for a port that cannot be opened."""
    found = ", ".join(each.device for each in list_ports.comports()) or "none"
    return BoardError(
        f"Serial port {port} cannot be opened: {error}.",
        "Check the board's USB cable, that no other program uses it, and that you may use "
        f"serial ports (group dialout). Ports found: {found}.",
    )


def port_gone(port: str, error: Exception) -> BoardError:
    """Return the error for a port that was there and is not any more."""
    return BoardError(
        f"Serial port {port} is gone: {error}.", "Plug the board's USB cable in again."
    )
