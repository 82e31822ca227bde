"""The `pixelopolis` command: one file a command group, each part imported when it is asked for."""

from __future__ import annotations

import signal
from types import FrameType

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
    motors,
    server,
    sim,
    train,
)
from pixelopolis.cli.common import console
from pixelopolis.errors import PixelopolisError

app = typer.Typer(
    name="pixelopolis",
    help="A miniature city whose cars drive themselves.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for name, group in (
    ("city", city.app),
    ("data", data.app),
    ("train", train.app),
    ("export", export.app),
    ("evaluate", evaluate.app),
    ("bench", bench.app),
    ("motors", motors.app),
):
    app.add_typer(group, name=name)
for name, command in (
    ("demo", demo.run),
    ("experiments", experiments.run),
    ("server", server.run),
    ("car", car.run),
    ("sim", sim.run),
):
    app.command(name=name)(command)


def main() -> None:
    """Run the command line; an error that we know is printed with its next step.

    SIGTERM ends a command as Ctrl-C does, by an exception, so that it takes away what it has begun
    and made; services take the signal themselves. Exit codes: 130 after Ctrl-C, 143 after SIGTERM.
    """
    told: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # who asks again cannot wait
        told.append(128 + number)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        app()
    except PixelopolisError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error
    except SystemExit:
        if told:  # a library that was interrupted may have put a code of its own into its place
            raise SystemExit(told[0]) from None
        raise
