"""The `pixelopolis` command: one file a command group, each part imported when it is asked for."""

from __future__ import annotations

import typer

from pixelopolis.cli import bench, car, city, data, demo, evaluate, export, server, sim, train
from pixelopolis.cli.common import console
from pixelopolis.errors import PixelopolisError

app = typer.Typer(
    name="pixelopolis",
    help="A miniature city whose cars drive themselves.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for _name, _group in (
    ("city", city.app),
    ("data", data.app),
    ("train", train.app),
    ("export", export.app),
    ("evaluate", evaluate.app),
    ("bench", bench.app),
):
    app.add_typer(_group, name=_name)
# one command each, not a group
for _name, _module in (("sim", sim), ("server", server), ("car", car), ("demo", demo)):
    if hasattr(_module, "run"):
        app.command(name=_name)(_module.run)


def main() -> None:
    """Run the command line; an error that we know is printed with its next step."""
    try:
        app()
    except PixelopolisError as error:
        console.print(str(error), style="red", markup=False)
        raise SystemExit(1) from error
