"""The firmware's core as a shared library, with a manual clock."""

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_bool, c_int, c_size_t, c_uint8, c_uint16, c_uint32
from functools import cache

from pixelopolis.vehicle.control_table import BOARD, BOARD_ID, XL430, ControlTable
from sim.hardware.dynamixel import ALERT, Instruction, Packet, Parser, encode
from tests.support.firmware_build import FIRMWARE, make

PACKET_SIZE = 7 + 1024
FULL_MV = 11800


class Inputs(Structure):
    _fields_ = (
        ("battery_mv", c_uint16),
        ("buttons", c_uint8),
        ("motor_transmit_idle", c_bool),
    )


class Outputs(Structure):
    _fields_ = (
        ("motor_power", c_bool),
        ("motor_baud", c_uint32),
        ("motor_transmit", c_bool),
        ("board_led", c_bool),
        ("motor_led", c_bool),
        ("fan", c_bool),
        ("feed_watchdog", c_bool),
    )


class CParser(Structure):
    _fields_ = (
        ("fill", c_uint16),
        ("scanned", c_uint16),
        ("used", c_uint16),
        ("bytes", c_uint8 * PACKET_SIZE),
        ("body", c_uint8 * 1024),
    )


class CPacket(Structure):
    _fields_ = (
        ("id", c_uint8),
        ("instruction", c_uint8),
        ("raw_size", c_uint16),
        ("size", c_uint16),
        ("raw", POINTER(c_uint8)),
        ("parameters", POINTER(c_uint8)),
    )


@cache
def library() -> ctypes.CDLL:
    """Load the core; the environment variable BOARD_LIBRARY names another build."""
    path = os.environ.get("BOARD_LIBRARY", "")
    if not path:
        make("library")
    lib = ctypes.CDLL(str(FIRMWARE / (path or "build/host/libboard.so")))
    board = ctypes.c_void_p
    lib.board_size.restype = c_size_t
    lib.board_init.argtypes = [board, c_uint32]
    for name in ("board_host_receive", "board_motor_receive"):
        getattr(lib, name).argtypes = [board, ctypes.c_char_p, c_size_t]
        getattr(lib, name).restype = None
    for name in ("board_host_take", "board_motor_take"):
        getattr(lib, name).argtypes = [board, ctypes.c_char_p, c_size_t]
        getattr(lib, name).restype = c_size_t
    for name in ("board_host_room", "board_motor_room"):
        getattr(lib, name).argtypes = [board]
        getattr(lib, name).restype = c_size_t
    lib.board_step.argtypes = [board, POINTER(Inputs), c_uint32]
    lib.board_outputs.argtypes = [board]
    lib.board_outputs.restype = Outputs
    lib.board_driven.argtypes = [board]
    lib.board_driven.restype = c_bool
    lib.dxl_crc.argtypes = [c_uint16, ctypes.c_char_p, c_size_t]
    lib.dxl_crc.restype = c_uint16
    lib.dxl_encode.argtypes = [ctypes.c_char_p, c_uint8, c_uint8, ctypes.c_char_p, c_size_t]
    lib.dxl_encode.restype = c_size_t
    lib.parse.argtypes = [
        POINTER(CParser),
        ctypes.c_char_p,
        c_size_t,
        POINTER(c_int),
        POINTER(CPacket),
    ]
    lib.parse.restype = c_size_t
    return lib


class CoreParser:
    """The core's parser with the interface of `sim.hardware.dynamixel.Parser`."""

    def __init__(self) -> None:
        self._lib = library()
        self._parser = CParser()
        self._lib.dxl_reset(byref(self._parser))

    def feed(self, data: bytes) -> list[Packet]:
        packets = []
        found, packet = c_int(), CPacket()
        while True:
            used = self._lib.parse(
                byref(self._parser),
                data,
                len(data),
                byref(found),
                byref(packet),
            )
            data = data[used:]
            if found.value == 0:
                return packets
            parameters = bytes(packet.parameters[: packet.size])
            packets.append(Packet(packet.id, packet.instruction, parameters, found.value == 1))


class Core:
    """One board; its motor bus sends at once unless `idle` is False."""

    def __init__(self, now_us: int = 0) -> None:
        self._lib = library()
        self._memory = ctypes.create_string_buffer(self._lib.board_size())
        self._buffer = ctypes.create_string_buffer(4096)
        self.inputs = Inputs(FULL_MV, 0, True)
        self.now_us = now_us
        self._lib.board_init(self._memory, now_us % 2**32)
        self.step()

    @property
    def out(self) -> Outputs:
        return self._lib.board_outputs(self._memory)

    @property
    def driven(self) -> bool:
        """Whether the board assumes that a motor has torque."""
        return self._lib.board_driven(self._memory)

    def step(self) -> None:
        self._lib.board_step(self._memory, byref(self.inputs), self.now_us % 2**32)

    def host_room(self) -> int:
        return self._lib.board_host_room(self._memory)

    def motor_room(self) -> int:
        return self._lib.board_motor_room(self._memory)

    def from_host(self, data: bytes) -> None:
        self._lib.board_host_receive(self._memory, data, len(data))

    def from_motors(self, data: bytes) -> None:
        self._lib.board_motor_receive(self._memory, data, len(data))

    def to_host(self, most: int = 4096) -> bytes:
        return self._buffer[: self._lib.board_host_take(self._memory, self._buffer, most)]

    def to_motors(self, most: int = 4096) -> bytes:
        return self._buffer[: self._lib.board_motor_take(self._memory, self._buffer, most)]

    def wait(self, milliseconds: float, step_us: int = 1000) -> tuple[bytes, bytes]:
        """Let time pass; return the bytes sent meanwhile (to the host, to the motors)."""
        host, motors = self.to_host(), self.to_motors()
        until_us = self.now_us + round(milliseconds * 1000)
        while self.now_us < until_us:
            self.now_us += step_us
            self.step()
            host += self.to_host()
            motors += self.to_motors()
        return host, motors

    def send(self, device: int, instruction: int, parameters: bytes = b"") -> None:
        self.from_host(encode(device, instruction, parameters))
        self.step()

    def ask(self, device: int, instruction: int, parameters: bytes = b"") -> list[Packet]:
        """Send a packet; return the host's immediate answers."""
        self.send(device, instruction, parameters)
        return Parser().feed(self.to_host())

    def error(self, instruction: int, parameters: bytes = b"") -> int:
        (status,) = self.ask(BOARD_ID, instruction, parameters)
        assert (status.id, status.instruction) == (BOARD_ID, Instruction.STATUS)
        return status.parameters[0]

    def write(self, name: str, value: int) -> int:
        return self.error(Instruction.WRITE, write_parameters(BOARD, name, value))

    def read(self, name: str) -> int:
        register = BOARD[name]
        (status,) = self.ask(BOARD_ID, Instruction.READ, words(register.address, register.size))
        assert status.parameters[0] & ~ALERT == 0
        return register.decode(status.parameters[1:])

    def write_motor(self, motor: int, name: str, value: int) -> None:
        """Write a motor's register as the host; there is no answer."""
        self.send(motor, Instruction.WRITE, write_parameters(XL430, name, value))
        self.wait(3)

    def drive(self) -> None:
        """Make the board assume that motor 1 has torque, without other output."""
        assert self.write("motor_power", 1) == 0
        self.write_motor(1, "torque_enable", 1)
        assert self.driven
        self.to_host()


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


def write_parameters(table: ControlTable, name: str, value: int) -> bytes:
    register = table[name]
    return words(register.address) + register.encode(value)
