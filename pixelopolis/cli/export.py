"""`pixelopolis export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pixelopolis.cli.common import Json, console, print_json

app = typer.Typer(no_args_is_help=True, help="Make models that a car can run.")


@app.callback()
def _group() -> None:
    """Make models that a car can run."""


@app.command()
def lane(
    run: Annotated[Path, typer.Option(help="Run folder of `pixelopolis train lane`.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("car/models"),
    name: Annotated[str, typer.Option(help="First part of the files' names.")] = "lane",
    json: Json = False,
) -> None:
    """Write int8 and float .tflite files, compared with Keras, and their model card."""
    from training.lane.card import export_lane

    with console.status("converting and comparing"):
        card = export_lane(run, out, name)
    if json:
        print_json(card)
        return
    table = Table(title=f"{out}, compared with Keras")
    columns = ("file", "bytes", "largest difference", "lowest correlation", "ms", "Edge TPU")
    for column in columns:
        table.add_column(column, justify="left" if column in ("file", "Edge TPU") else "right")
    for file, facts in card["files"].items():
        table.add_row(
            file,
            str(facts["bytes"]),
            f"{facts['largest_difference']:.5f}",
            f"{min(facts['correlation'].values()):.5f}",
            f"{card['latency_ms'][file]:.2f}",
            facts["edge_tpu"].partition(":")[0],
        )
    console.print(table)
    console.print(f"Model card: {out / f'{name}.md'}", highlight=False)
