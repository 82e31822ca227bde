"""The `pixelopolis` command: one file for each command group, imported when it is used."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Annotated, Any, Final

import typer

from pixelopolis.cli import (
    bench,
    car,
    city,
    data,
    demo,
    evaluate,
    experiments,
    export,
    fleet,
    motors,
    server,
    sim,
    train,
)
from pixelopolis.cli.common import BROKEN_PIPE_CODE, console, print_line
from pixelopolis.errors import MissingPartError, OutputError, PixelopolisError

app = typer.Typer(
    name="pixelopolis",
    help="A miniature city whose cars drive themselves.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, group in (
    ("city", city.app),
    ("data", data.app),
    ("train", train.app),
    ("export", export.app),
    ("evaluate", evaluate.app),
    ("bench", bench.app),
    ("motors", motors.app),
    ("fleet", fleet.app),
    ("server", server.app),
    ("car", car.app),
):
    app.add_typer(group, name=name)
for name, command in (
    ("demo", demo.run),
    ("experiments", experiments.run),
    ("sim", sim.run),
):
    app.command(name=name)(command)


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"pixelopolis {version('pixelopolis')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@cache
def command_line() -> Any:
    """Return `app` as the command that parses and runs a command line.

    Calling `app` itself would build all commands anew, which takes longer than most of them.
    """
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line; print known errors without a traceback, with their next step.

    SIGTERM raises an exception as Ctrl-C does, so that commands stop their processes and remove
    temporary files; services handle the signal themselves. Exit codes: 0; 1 for an error; 2 for a
    usage error; 130 after Ctrl-C, 143 after SIGTERM, 141 when the reader of stdout is gone.
    """
    signal_codes: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
        signal_codes.append(128 + number)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        command_line()()
    except SystemExit as ended:
        # an interrupted library may have raised SystemExit with another code
        code = signal_codes[0] if signal_codes else ended.code
    except Exception as error:
        known = as_known(error)
        if known is None:
            raise
        console.print(str(known), style="red", markup=False, soft_wrap=True)
        code = 1
    sys.exit(_flushed(code))


def as_known(error: Exception) -> PixelopolisError | None:
    """Return the error as one that the user can act on; None for a bug of ours."""
    if isinstance(error, PixelopolisError):
        return error
    if isinstance(error, OSError):
        name = "" if error.filename is None else f"{str(error.filename)!r}: "
        return OutputError(
            f"{name}{error.strerror or error}.", "Name another file or folder, or make room there."
        )
    if isinstance(error, ImportError) and error.name and not error.name.startswith(OWN):
        library = error.name.partition(".")[0]
        return MissingPartError(
            f"the library {library!r} cannot be loaded: {error}.", "Install it again."
        )
    return None


OWN: Final = ("pixelopolis", "car", "server", "station", "sim", "training")


def _flushed(code: str | int | None) -> str | int | None:
    """Flush stdout; return the exit code, which is an error's if stdout cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # otherwise the interpreter flushes again at exit and prints a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return code or BROKEN_PIPE_CODE
        console.print(f"standard output cannot be written: {error.strerror}.", style="red")
        return code or 1
    return code
