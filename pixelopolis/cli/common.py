"""What every command shares: JSON on stdout, progress and errors on stderr."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated, Any, Final, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pixelopolis.cli.stderr import Stderr
from pixelopolis.errors import OutputError, SettingsError
from sim.hardware.firmware_program import BoardKind

BROKEN_PIPE_CODE: Final = 128 + signal.SIGPIPE
"""As a shell says of a program that SIGPIPE ended."""

console = Console(file=cast("IO[str]", Stderr()))

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of every random stream.")]
Board = Annotated[
    BoardKind,
    typer.Option(
        help="What plays the cars' boards: a device in the simulator, the firmware's host build, "
        "or its image in QEMU (both: make firmware)."
    ),
]
Panoramas = Annotated[
    Path | None,
    typer.Option(
        help="Folder of your own equirectangular pictures (.hdr, .exr, .jpg, .png) for the looks' "
        "skies; training and evaluation never share one."
    ),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="The demo's look, nothing left to chance, not rooms.")
]
CityName = Annotated[
    str, typer.Option(help="Shipped town, grid:COLSxROWS:SEED, track:SEED, or a TOML file.")
]


def check_looks(plain: bool, panoramas: Path | None) -> None:
    """Refuse what shows nothing of its panoramas.

    Raises:
        SettingsError: the plain look, and a folder for rooms.
    """
    if plain and panoramas is not None:
        raise SettingsError(
            f"--plain shows none of --panoramas {str(panoramas)!r}.", "Leave out one of them."
        )


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, as `print_line` does."""
    print_line(json.dumps(document, ensure_ascii=False, indent=2))


def print_line(text: str) -> None:
    """Print on stdout, now.

    Whoever read it and is gone has read enough: the command ends, as by SIGPIPE.

    Raises:
        OutputError: it is closed, or cannot take it.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed.", "Leave it open, or send it to a file.")
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(BROKEN_PIPE_CODE) from None
    except OSError as error:
        raise OutputError(
            f"standard output cannot be written: {error.strerror}.",
            "Make room there, or send it elsewhere.",
        ) from error


def progress_bar() -> Progress:
    """Return a progress bar on stderr, so that stdout stays machine-readable."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


async def until_told(work: Any, told: Callable[[int], None] = lambda _: None) -> Any:
    """Run until done, or until SIGINT, SIGTERM or SIGHUP, which end it cleanly; then None.

    `told` gets the signal's number.
    """
    task = asyncio.ensure_future(work)

    def end(number: int) -> None:
        told(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        return None
