"""`pixelopolis evaluate detector`: figures on labeled images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from pixelopolis.cli.common import Delegate, DetectorFile, Json, console, print_json, progress_bar
from pixelopolis.cli.tables import figure_table, number_table
from pixelopolis.extras import needs


@needs("car", "sim")
def detector(
    data: Annotated[Path, typer.Option(help="Pascal VOC folder (`pixelopolis data signs`).")],
    split: Annotated[
        str | None, typer.Option(help="Split of --data.", show_default="test, or else all of it")
    ] = None,
    model: DetectorFile = None,
    delegate: Delegate = None,
    fit_thresholds: Annotated[
        bool,
        typer.Option(
            "--fit-thresholds", help="First fit each class's score threshold to this data."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure a detector: average precision by class and size.

    Also precision, recall and range at its score thresholds, and the same for its float version.
    """
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
            # keep all detections; the thresholds are applied later
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
    tables = ("by_size", "by_class")
    console.print(figure_table({k: v for k, v in document.items() if k not in tables}))
    for key, first in (("by_size", "height"), ("by_class", "class")):
        rows: dict[str, dict[str, Any]] = document[key]
        columns = dict.fromkeys(name for row in rows.values() for name in row)
        precisions = [name for name in columns if name.startswith(("ap50", "map50"))]
        for shown in (precisions, [name for name in columns if name not in precisions]):
            table = number_table(first, *(name.replace("_", " ") for name in shown))
            for name, row in rows.items():
                table.add_row(name, *(_number(row.get(column)) for column in shown))
            console.print(table)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
