"""`pixelopolis export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pixelopolis.cli.common import Json, console, print_json
from pixelopolis.extras import needs

app = typer.Typer(no_args_is_help=True, help="Make models that a car can run.")


@app.callback()
def _group() -> None:
    """Make models that a car can run."""


@app.command()
@needs("training")
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


@app.command()
@needs("training")
def metadata(
    models: Annotated[Path, typer.Option(help="Folder with NAME.json and its .tflite files.")],
    name: Annotated[str, typer.Option(help="First part of the files' names.")],
    json: Json = False,
) -> None:
    """Write name, version and labels into .tflite files that were exported without them."""
    from training.describe import describe

    card = describe(models, name)
    if json:
        print_json(card)
        return
    for file in card["files"]:
        console.print(f"{models / file}: version {card['metadata']['version']}", highlight=False)


@app.command()
@needs("training")
def detector(
    run: Annotated[Path, typer.Option(help="Run folder of `pixelopolis train detector`.")],
    data: Annotated[
        Path,
        typer.Option(help="Pascal VOC folder that thresholds are fitted and figures taken on."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("car/models"),
    name: Annotated[str, typer.Option(help="First part of the files' names.")] = "detector",
    split: Annotated[str, typer.Option(help="Split of --data.")] = "val",
    json: Json = False,
) -> None:
    """Write int8, float and raw-head .tflite files, compared with Keras, and their model card."""
    from training.detector.card import export_detector

    with console.status("converting and comparing"):
        card = export_detector(run, data, out, name, split)
    if json:
        print_json(card)
        return
    table = Table(title=f"{out}, compared with Keras")
    columns = ("file", "bytes", "MMAC", "found again", "score difference", "ms", "Edge TPU")
    for column in columns:
        table.add_column(column, justify="left" if column in ("file", "Edge TPU") else "right")
    for file, facts in card["files"].items():
        agreed = facts.get("against_keras")
        table.add_row(
            file,
            str(facts["bytes"]),
            f"{facts['mmac']:.0f}",
            f"{100 * agreed['again']:.2f} %" if agreed else "-",
            f"{agreed['mean_score_difference']:.4f}" if agreed else "-",
            f"{card['latency_ms'][file]:.2f}" if file in card["latency_ms"] else "-",
            facts["edge_tpu"].partition(":")[0],
        )
    console.print(table)
    console.print(f"Edge TPU: {card['edgetpu_compiler']}", highlight=False)
    console.print(f"Model card: {out / f'{name}.md'}", highlight=False)
