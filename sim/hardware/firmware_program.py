"""The programs that can replace a car's controller board, and their command lines.

The firmware's host build and its QEMU image run as processes beside the simulator. Unix sockets
connect them: one carries the raw bytes of the motor bus, the other two kinds of frames for input
and output pins (`encode_pins`, `OutputReader`).
"""

from __future__ import annotations

import shutil
from enum import IntFlag, StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from pixelopolis.errors import MissingPartError
from pixelopolis.vehicle.control_table import BUS_BAUD, MOTOR_BAUDS, BoardButton

FIRMWARE: Final = Path(__file__).parents[2] / "firmware" / "build"
HOST_BUILD: Final = FIRMWARE / "host" / "pixelopolis-board"
QEMU_IMAGE: Final = FIRMWARE / "qemu" / "pixelopolis-board.elf"
QEMU: Final = "qemu-system-arm"
MACHINE: Final = "netduinoplus2"
"""QEMU's STM32F405: a Cortex-M4 with the UARTs of our boards."""
NO_ESCAPE: Final = ("-echr", "0x100")
"""QEMU delivers a serial line's bytes one by one, with two thread switches each. `mux=on` adds a
buffer, which is four times faster; its escape character (1) must not occur in packets."""

PINS_MARK: Final = 0xA5
OUTPUTS_MARK: Final = 0x5A


class BoardKind(StrEnum):
    """Kinds of controller board."""

    DEVICE = "device"
    HOST = "host"
    QEMU = "qemu"


class BoardOutput(IntFlag):
    """Output pins of the board."""

    MOTOR_POWER = 1
    BOARD_LED = 2
    MOTOR_LED = 4
    FAN = 8


ALL_OUTPUTS: Final = sum(BoardOutput)


class BoardSockets(NamedTuple):
    """Sockets of a board's program.

    `bus` is the pty that the car opens; the host build makes it. `host` carries the same bytes to
    QEMU, which cannot give its pty a name of our choice.
    """

    bus: Path
    motors: Path
    io: Path
    host: Path


def board_sockets(directory: Path, car_id: str) -> BoardSockets:
    return BoardSockets(*(directory / f"{car_id}.{end}" for end in BoardSockets._fields))


def check_program(kind: BoardKind) -> None:
    """Check that the program of a kind of board exists.

    Raises:
        MissingPartError: it does not; the text names the make target or the Debian package.
    """
    if kind is BoardKind.HOST and not HOST_BUILD.is_file():
        raise MissingPartError(
            f"--board host: {HOST_BUILD} is not there.",
            "Build it: `make -C firmware host` (needs gcc and make).",
        )
    if kind is BoardKind.QEMU and not QEMU_IMAGE.is_file():
        raise MissingPartError(
            f"--board qemu: {QEMU_IMAGE} is not there.",
            "Build it: `make -C firmware qemu` (Debian: gcc-arm-none-eabi).",
        )
    if kind is BoardKind.QEMU and shutil.which(QEMU) is None:
        raise MissingPartError(
            f"--board qemu: {QEMU} is not installed.", "Debian: apt-get install qemu-system-arm."
        )


def command_line(kind: BoardKind, at: BoardSockets) -> tuple[str, ...]:
    """Return a board program's command line; the sockets must be listening before it starts.

    Raises:
        MissingPartError: the program does not exist.
    """
    check_program(kind)
    if kind is BoardKind.HOST:
        ends = {"--host": at.bus, "--motors": at.motors, "--io": at.io}
        return str(HOST_BUILD), *(word for end, path in ends.items() for word in (end, str(path)))
    if kind is BoardKind.QEMU:
        # the machine's serial ports in order: USART1, USART2, USART3
        serial = [
            word
            for name, path in (("host", at.host), ("motors", at.motors), ("io", at.io))
            for word in (
                "-chardev",
                # a comma in a value is doubled
                f"socket,id={name},server=off,mux=on,path={str(path).replace(',', ',,')}",
                "-serial",
                f"chardev:{name}",
            )
        ]
        shown = ("-display", "none", "-monitor", "none")
        return QEMU, "-M", MACHINE, *shown, *NO_ESCAPE, *serial, "-kernel", str(QEMU_IMAGE)
    raise ValueError(f"{kind} is no program")


def encode_pins(battery_mv: int, buttons: BoardButton) -> bytes:
    """Return the frame with the battery voltage (0 to 65535 mV) and the pressed buttons."""
    return bytes([PINS_MARK]) + battery_mv.to_bytes(2, "little") + bytes([buttons])


class OutputReader:
    """Decodes the frames of a board's outputs.

    Attributes:
        motor_baud: last reported rate of the motor bus in bit/s.
    """

    def __init__(self) -> None:
        self._marked = False
        self.motor_baud = BUS_BAUD

    def feed(self, data: bytes) -> list[BoardOutput]:
        """Return the received outputs in order; other bytes are skipped."""
        found = []
        for byte in data:
            code, pins = divmod(byte, ALL_OUTPUTS + 1)
            if self._marked and code <= len(MOTOR_BAUDS):
                found.append(BoardOutput(pins))
                self.motor_baud = MOTOR_BAUDS[code - 1] if code else BUS_BAUD
                self._marked = False
            else:
                self._marked = byte == OUTPUTS_MARK
        return found
