"""`pixelopolis export`: models for the car from finished training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pixelopolis.cli.common import Json, console, print_json
from pixelopolis.cli.tables import number_table
from pixelopolis.extras import needs

app = typer.Typer(no_args_is_help=True, help="Export trained models for the car.")


@app.command()
@needs("training")
def lane(
    run: Annotated[Path, typer.Option(help="Run folder of `pixelopolis train lane`.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("car/models"),
    name: Annotated[str, typer.Option(help="Base name of the files.")] = "lane",
    json: Json = False,
) -> None:
    """Write a lane model's .tflite files and its model card.

    The int8 and the float file are compared with the Keras model.
    """
    from training.lane.card import export_lane

    with console.status("converting and comparing"):
        card = export_lane(run, out, name)
    if json:
        print_json(card)
        return
    columns = ("file", "bytes", "largest difference", "lowest correlation", "ms")
    table = number_table(*columns, title=f"{out}, compared with Keras")
    for file, facts in card["files"].items():
        table.add_row(
            file,
            str(facts["bytes"]),
            f"{facts['largest_difference']:.5f}",
            f"{min(facts['correlation'].values()):.5f}",
            f"{card['latency_ms'][file]:.2f}",
        )
    console.print(table)
    _print_edge_tpu(card)
    console.print(f"Model card: {out / f'{name}.md'}", highlight=False)


@app.command()
@needs("training")
def metadata(
    models: Annotated[Path, typer.Option(help="Folder with NAME.json and its .tflite files.")],
    name: Annotated[str, typer.Option(help="Base name of the files.")],
    json: Json = False,
) -> None:
    """Add name, version and labels to .tflite files without them."""
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
        typer.Option(help="Pascal VOC folder to fit thresholds and measure precision on."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("car/models"),
    name: Annotated[str, typer.Option(help="Base name of the files.")] = "detector",
    split: Annotated[str, typer.Option(help="Split of --data.")] = "val",
    json: Json = False,
) -> None:
    """Write a detector's .tflite files and its model card.

    The int8, float and raw-head files are compared with the Keras model.
    """
    from training.detector.card import export_detector

    with console.status("converting and comparing"):
        card = export_detector(run, data, out, name, split)
    if json:
        print_json(card)
        return
    columns = ("file", "bytes", "MMAC", "same boxes", "score difference", "ms")
    table = number_table(*columns, title=f"{out}, compared with Keras")
    for file, facts in card["files"].items():
        agreed = facts.get("against_keras")
        table.add_row(
            file,
            str(facts["bytes"]),
            f"{facts['mmac']:.0f}",
            f"{100 * agreed['again']:.2f} %" if agreed else "-",
            f"{agreed['mean_score_difference']:.4f}" if agreed else "-",
            f"{card['latency_ms'][file]:.2f}" if file in card["latency_ms"] else "-",
        )
    console.print(table)
    _print_edge_tpu(card)
    console.print(f"Edge TPU compiler: {card['edgetpu_compiler']}", highlight=False)
    console.print(f"Model card: {out / f'{name}.md'}", highlight=False)


def _print_edge_tpu(card: dict[str, Any]) -> None:
    for file, facts in card["files"].items():
        verdict = facts["edge_tpu"].partition(":")[0]
        console.print(f"{file} on an Edge TPU: {verdict}", highlight=False)
