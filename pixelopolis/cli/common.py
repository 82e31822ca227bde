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
"""What a shell reports for a program that SIGPIPE ended."""

console = Console(file=cast("IO[str]", Stderr()))

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")]
Board = Annotated[
    BoardKind,
    typer.Option(
        help="Board of each car: simulated (device), or the firmware, built for this computer "
        "(host) or run in QEMU (qemu); both need `make firmware`."
    ),
]
Panoramas = Annotated[
    Path | None,
    typer.Option(
        help="Folder of equirectangular images (.hdr, .exr, .jpg, .png) to use as surroundings; "
        "training and evaluation never share one."
    ),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Use the demo's fixed look instead of random rooms.")
]
CityName = Annotated[
    str,
    typer.Option(help="City: a shipped name, grid:COLSxROWS:SEED, track:SEED, or a TOML file."),
]
Delegate = Annotated[
    str | None, typer.Option(help="LiteRT delegate: edgetpu for a Coral accelerator.")
]
DetectorFile = Annotated[
    Path | None, typer.Option(help="Detector (.tflite).", show_default="the shipped one")
]
LaneFile = Annotated[
    Path | None, typer.Option(help="Lane model (.tflite).", show_default="the shipped one")
]
Jobs = Annotated[int, typer.Option(max=1024, min=1, help="Parallel processes.")]
DATA: Final = Path("var/server")
DataFolder = Annotated[Path, typer.Option(help="Data folder of the server's own mongod.")]
MongodbUri = Annotated[
    str,
    typer.Option(envvar="MONGODB_URI", help="URI of a database; without one, a mongod in --data."),
]
Verbose = Annotated[
    bool, typer.Option("--verbose/--no-verbose", help="Log more.", show_default=False)
]


def ask_password(confirm: bool = False) -> str:
    """Return a password: asked for at a terminal, else a line of standard input.

    Raises:
        SettingsError: standard input is no terminal and has none.
    """
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm))
    if password := sys.stdin.readline().rstrip("\r\n"):
        return password
    raise SettingsError(
        "password: standard input has none.", "Type it at a terminal, or pass it as one line."
    )


def check_looks(plain: bool, panoramas: Path | None) -> None:
    """Check that the plain look is not combined with panoramas, which only rooms show.

    Raises:
        SettingsError: both are given.
    """
    if plain and panoramas is not None:
        raise SettingsError(
            f"--plain shows none of --panoramas {str(panoramas)!r}.", "Leave out one of them."
        )


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, as `print_line` does."""
    print_line(json.dumps(document, ensure_ascii=False, indent=2))


def print_line(text: str) -> None:
    """Print one line on stdout and flush it.

    If the reader has closed the pipe, the command ends with the exit code of SIGPIPE.

    Raises:
        OutputError: stdout is closed or cannot be written.
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


async def run_until_signal(work: Any, on_signal: Callable[[int], None] = lambda _: None) -> Any:
    """Await `work`; SIGINT, SIGTERM and SIGHUP cancel it, and the result is then None.

    `on_signal` gets the signal's number.
    """
    task = asyncio.ensure_future(work)

    def end(number: int) -> None:
        on_signal(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        return None
