"""`pixelopolis train`: train models on datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TaskID

from pixelopolis.cli.common import Json, Seed, console, print_json, progress_bar
from pixelopolis.cli.tables import number_table
from pixelopolis.extras import needs

if TYPE_CHECKING:
    from training.detector.train import DetectorEpoch
    from training.lane.train import LaneEpoch

app = typer.Typer(no_args_is_help=True, help="Train models on datasets.")


@app.command()
@needs("training")
def lane(
    data: Annotated[list[Path], typer.Option(help="Dataset folder; repeatable.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run is resumed.")],
    network: Annotated[
        str, typer.Option(help="path, pilotnet, pilotnet-full (whole frames) or pilotnet-lstm.")
    ] = "path",
    epochs: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of epochs.")] = 15,
    batch: Annotated[int, typer.Option(min=1, max=65_536, help="Images per training step.")] = 64,
    seed: Seed = 1,
    width: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=100,
            help="Factor on the number of channels.",
            show_default="1 for path, else 0.5",
        ),
    ] = None,
    dropout: Annotated[float, typer.Option(min=0, max=0.99, help="Dropout rate.")] = 0.1,
    learning_rate: Annotated[float, typer.Option(min=0, max=10, help="Peak learning rate.")] = 1e-3,
    flip: Annotated[
        str,
        typer.Option(help="Mirror images: never, always, or uncoloured (no red or blue line)."),
    ] = "never",
    augment: Annotated[bool, typer.Option(help="Vary the light and hide parts of images.")] = True,
    patience: Annotated[
        int, typer.Option(min=1, max=100_000, help="Epochs without improvement before it stops.")
    ] = 8,
    start: Annotated[
        Path | None, typer.Option(help="Start from the weights of this finished run.")
    ] = None,
    json: Json = False,
) -> None:
    """Train a lane network.

    OUT/tensorboard gets figures and images.
    """
    from training.common.runs import shown
    from training.lane.settings import Flip, LaneTraining, Network

    if flip not in list(Flip):
        raise typer.BadParameter(f"{flip!r} is none of {', '.join(Flip)}.", param_hint="--flip")
    if network not in list(Network):
        raise typer.BadParameter(
            f"{network!r} is none of {', '.join(Network)}.", param_hint="--network"
        )
    settings = LaneTraining(
        data=tuple(shown(folder) for folder in data),
        network=Network(network),
        epochs=epochs,
        batch=batch,
        seed=seed,
        width=width,
        dropout=dropout,
        learning_rate=learning_rate,
        flip=Flip(flip),
        augment=augment,
        patience=patience,
        start=shown(start) if start else None,
    )
    from training.lane.train import LaneListener, train

    with progress_bar() as bar:
        show = _Show(bar)
        listener = LaneListener(show.reading, show.step, show.epoch)
        result = train(settings, data, out, listener, start)
    if json:
        print_json(result)
    else:
        _print(result, out)


class _Show:
    """Show one progress bar for reading and one for training, and a line for each epoch."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def _update(self, name: str, text: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(text)
        self._bar.update(self._tasks[name], description=text, completed=done, total=total)

    def reading(self, done: int, total: int) -> None:
        self._update("reading", "reading images", done, total)

    def step(self, epoch: int, done: int, total: int) -> None:
        self._update("training", f"epoch {epoch}", done, total)

    def loss_step(self, epoch: int, done: int, total: int, loss: float) -> None:
        self._update("training", f"epoch {epoch}, loss {loss:.3f}", done, total)

    def detector_epoch(self, report: DetectorEpoch) -> None:
        parts = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
        precision = report.precision
        best = "  best so far" if report.is_best else ""
        console.print(
            f"epoch {report.epoch}/{report.epochs}  loss: {parts}  validation mAP50: "
            f"{precision.mean():.3f}, of 12 px {precision.mean('12px'):.3f}, "
            f"of 20 px {precision.mean('20px'):.3f}; "
            f"mAP50:95 {precision.mean(strict=True):.3f}{best}",
            highlight=False,
        )

    def epoch(self, report: LaneEpoch) -> None:
        heads = "  ".join(
            f"{name} {error.mean_abs:.4g}" for name, error in report.errors.items() if error.labels
        )
        best = "  best so far" if report.is_best else ""
        console.print(
            f"epoch {report.epoch}/{report.epochs}  loss {report.loss:.5f}  "
            f"validation error ({report.unit}): {heads}{best}",
            highlight=False,
        )


def _print(result: dict[str, Any], out: Path) -> None:
    columns = (
        "command",
        f"validation error ({result['validation_unit']})",
        "median guess",
        "labels",
    )
    title = f"{out}: epoch {result['best_epoch']} of {result['epochs']} is best"
    table = number_table(*columns, title=title)
    for name, row in result["validation"].items():
        table.add_row(
            name,
            f"{row['mean_abs_error']:.4g}",
            f"{row['median_guess_error']:.4g}",
            str(row["labels"]),
        )
    console.print(table)
    console.print(f"{result['images_per_s']:.0f} images/s, {result['training_s']:.0f} s training")
    console.print(f"Next: pixelopolis export lane --run {out}", highlight=False)


@app.command()
@needs("training")
def detector(
    data: Annotated[list[Path], typer.Option(help="Pascal VOC folder; repeatable.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run is resumed.")],
    ratio: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            max=1000,
            help="Share of each --data in an epoch, in their order.",
            show_default="every image once",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100_000, help="Number of epochs.")] = 14,
    batch: Annotated[int, typer.Option(min=1, max=65_536, help="Images per training step.")] = 16,
    seed: Seed = 1,
    width: Annotated[
        float, typer.Option(min=0.01, max=100, help="Factor on the number of channels.")
    ] = 1.0,
    learning_rate: Annotated[float, typer.Option(min=0, max=10, help="Peak learning rate.")] = 2e-3,
    weight_decay: Annotated[float, typer.Option(min=0, max=10, help="Weight decay.")] = 0.02,
    augment: Annotated[
        bool, typer.Option(help="Vary position, light, sharpness and noise.")
    ] = True,
    start: Annotated[
        Path | None, typer.Option(help="Start from the weights of this finished run.")
    ] = None,
    json: Json = False,
) -> None:
    """Train the detector of signs and cars.

    OUT/tensorboard gets figures and images.
    """
    from training.common.runs import shown
    from training.detector.settings import DetectorTraining

    settings = DetectorTraining(
        data=tuple(shown(folder) for folder in data),
        ratios=tuple(ratio or ()),
        epochs=epochs,
        batch=batch,
        seed=seed,
        width=width,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        augment=augment,
        start=shown(start) if start else None,
    )
    from training.detector.train import DetectorListener, train

    with progress_bar() as bar:
        show = _Show(bar)
        listener = DetectorListener(show.reading, show.loss_step, show.detector_epoch)
        result = train(settings, data, out, listener, start)
    if json:
        print_json(result)
        return
    title = f"{out}: epoch {result['best_epoch']} of {result['epochs']} is best"
    table = number_table("validation", "mAP50", "mAP50:95", title=title)
    for size, value in result["map50"].items():
        strict = result["map50_95"][size]
        table.add_row(size, *("-" if v is None else f"{v:.3f}" for v in (value, strict)))
    console.print(table)
    console.print(f"{result['images_per_s']:.0f} images/s, {result['training_s']:.0f} s training")
    console.print(f"Next: pixelopolis export detector --run {out}", highlight=False)
