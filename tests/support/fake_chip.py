"""A board's port on registers in memory (firmware/tests/fake_chip.c)."""

from __future__ import annotations

import ctypes
import re
from ctypes import byref, c_bool, c_char_p, c_size_t, c_uint8, c_uint32
from functools import cache

from tests.support.firmware_build import BUILD, make
from tests.support.firmware_core import Inputs, Outputs
from tests.support.headers import PORTS, Header, read_header

RING = 512


@cache
def library(board: str) -> ctypes.CDLL:
    path = BUILD / "host" / f"lib{board}.so"
    make(str(path.relative_to(BUILD.parent)))
    lib = ctypes.CDLL(str(path))
    lib.fake_peek.restype = c_uint32
    for name in ("usart_space", "usart_read", "fake_sent"):
        getattr(lib, name).restype = c_size_t
    return lib


class FakeChip:
    """One board after its start.

    Args:
        board: folder of its port.
        st_link_runs: whether the ST-Link provides its clock.
    """

    def __init__(self, board: str, st_link_runs: bool = True) -> None:
        self._lib = lib = library(board)
        self.header: Header = read_header("stm32f4.h" if "f4" in board else "stm32l4.h")
        chip = (PORTS / board / "chip.h").read_text("utf-8")
        self.motor_usart = self.header.bases[self._setting(chip, "MOTOR_USART")]
        self.host_usart = self.header.bases[self._setting(chip, "HOST_USART")]
        self._motor_bus = ctypes.c_char.in_dll(lib, "motor_bus")
        lib.fake_reset(c_bool(st_link_runs))
        lib.port_start()

    @staticmethod
    def _setting(text: str, name: str) -> str:
        found = re.search(rf"#define {name} (\w+)", text)
        assert found is not None
        return found[1]

    def _at(self, register: str, instance: str | int | None = None) -> int:
        peripheral, _ = register.split("_", 1)
        base = instance if isinstance(instance, int) else self.header.bases[instance or peripheral]
        return base + self.header.offsets[register]

    def peek(self, register: str, instance: str | int | None = None) -> int:
        value: int = self._lib.fake_peek(c_uint32(self._at(register, instance)))
        return value

    def poke(self, register: str, value: int, instance: str | int | None = None) -> None:
        self._lib.fake_poke(c_uint32(self._at(register, instance)), c_uint32(value))

    def output(self, port: int) -> int:
        """Return the output levels of a GPIO port (ODR, which the program never reads)."""
        value: int = self._lib.fake_peek(c_uint32(port + 0x14))
        return value

    def field(self, field: str, instance: str | int | None = None) -> int:
        """Return the value of a register field, by its full name."""
        register = max((r for r in self.header.offsets if field.startswith(f"{r}_")), key=len)
        mask = self.header.fields[field]
        return (self.peek(register, instance) & mask) // (mask & -mask)

    def measure(self) -> Inputs:
        inputs = Inputs()
        self._lib.port_measure(byref(inputs))
        return inputs

    def apply(self, **outputs: bool) -> None:
        self._lib.port_apply(byref(Outputs(**outputs)))

    # --- the motor bus

    def write(self, data: bytes) -> None:
        self._lib.usart_write(byref(self._motor_bus), c_char_p(data), c_size_t(len(data)))

    def read(self) -> bytes:
        buffer = (c_uint8 * RING)()
        got = self._lib.usart_read(byref(self._motor_bus), buffer, c_size_t(RING))
        return bytes(buffer[:got])

    def space(self) -> int:
        room: int = self._lib.usart_space(byref(self._motor_bus))
        return room

    def interrupt(self) -> None:
        self._lib.usart_interrupt(byref(self._motor_bus))

    def receive(self, byte: int) -> None:
        """Receive a byte, with its interrupt."""
        self._lib.fake_receive(c_uint32(self.motor_usart), c_uint8(byte))
        self.interrupt()

    def flag(self, *, can_take: bool = False, all_left: bool = False) -> None:
        """Set transmitter flags: it can take a byte, or has sent the last bit."""
        self._lib.fake_flag(c_uint32(self.motor_usart), c_bool(can_take), c_bool(all_left))

    def sent(self) -> bytes:
        buffer = (c_uint8 * 4096)()
        return bytes(buffer[: self._lib.fake_sent(buffer)])
