"""`pixelopolis evaluate detector`: figures on labelled pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from pixelopolis.cli.common import Json, console, print_json, progress_bar
from pixelopolis.extras import needs


@needs("car", "sim")
def detector(
    data: Annotated[Path, typer.Option(help="Pascal VOC folder (`pixelopolis data signs`).")],
    split: Annotated[
        str | None, typer.Option(help="Of --data; test, or else all of it, by default.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A detector (.tflite); the shipped one by default.")
    ] = None,
    delegate: Annotated[str | None, typer.Option(help="edgetpu: on a Coral accelerator.")] = None,
    fit_thresholds: Annotated[
        bool,
        typer.Option("--fit-thresholds", help="Fit each class's threshold on these pictures."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Detector: average precision by class and size; precision, recall, reach at its thresholds."""
    from car.perception.detector import SHIPPED_DETECTOR, Detector
    from training.detector.evaluation.evaluate import compare, detect_all, figures, read
    from training.detector.evaluation.score_thresholds import fit_thresholds as fit

    path = model or SHIPPED_DETECTOR
    believed = Detector(path, delegate).thresholds
    floating = path.with_name(f"{path.stem}_float.tflite")
    paths = [path, *([floating] if floating.is_file() else [])]
    with progress_bar() as progress:
        reading = progress.add_task("reading pictures")
        frames = read(
            data, split, lambda done, total: progress.update(reading, completed=done, total=total)
        )
        found = []
        for file in paths:
            # everything that it answers: thresholds come later
            every = Detector(file, delegate if file == path else None, thresholds=0.0)
            task = progress.add_task(file.name, total=len(frames))
            found.append(detect_all(frames.images, every.detect, partial(_show, progress, task)))
    if fit_thresholds:
        believed = fit(frames.objects, found[0])
    document = {"model": path.name, **figures(frames.objects, found[0], believed)}
    if len(found) > 1:
        document["float"] = compare(document, figures(frames.objects, found[1], believed))
    if as_json:
        print_json(document)
    else:
        _print_detector(document)


def _show(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


def _print_detector(document: dict[str, Any]) -> None:
    for name, value in document.items():
        if isinstance(value, float):
            console.print(f"{name} {value:.4f}", highlight=False)
    for key, first in (("by_size", "height px"), ("by_class", "class")):
        rows: dict[str, dict[str, Any]] = document[key]
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        table = Table(first, *columns)
        for name, row in rows.items():
            table.add_row(name, *(_number(row.get(column)) for column in columns))
        console.print(table)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
