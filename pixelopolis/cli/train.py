"""`pixelopolis train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from pixelopolis.cli.common import Json, Seed, console, print_json, progress_bar

if TYPE_CHECKING:
    from training.lane.train import EpochReport

app = typer.Typer(no_args_is_help=True, help="Train models on data that lie on disk.")


@app.callback()
def _group() -> None:
    """Train models on data that lie on disk."""


@app.command()
def lane(
    data: Annotated[list[Path], typer.Option(help="Dataset folder; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run in it goes on.")],
    epochs: Annotated[int, typer.Option(help="Passes over the training pictures at most.")] = 15,
    batch: Annotated[int, typer.Option(help="Pictures a training step.")] = 64,
    seed: Seed = 1,
    width: Annotated[float, typer.Option(help="Factor on the article's channels.")] = 0.5,
    dropout: Annotated[float, typer.Option(help="Share of features left out.")] = 0.1,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    flip: Annotated[
        str, typer.Option(help="Mirror pictures: never, uncoloured (no red or blue line), always.")
    ] = "never",
    augment: Annotated[bool, typer.Option(help="Vary light, sharpness and noise.")] = True,
    patience: Annotated[int, typer.Option(help="Epochs without progress before it stops.")] = 8,
    json: Json = False,
) -> None:
    """Train the lane network; figures and pictures go to OUT/tensorboard as well."""
    from training.lane.settings import Flip, LaneSettings, shown

    if flip not in list(Flip):
        raise typer.BadParameter(f"{flip!r} is none of {', '.join(Flip)}.", param_hint="--flip")
    settings = LaneSettings(
        data=tuple(shown(folder) for folder in data),
        epochs=epochs,
        batch=batch,
        seed=seed,
        width=width,
        dropout=dropout,
        learning_rate=learning_rate,
        flip=Flip(flip),
        augment=augment,
        patience=patience,
    )
    from training.lane.train import Watch, train

    with progress_bar() as bar:
        show = _Show(bar)
        result = train(settings, data, out, Watch(show.reading, show.step, show.epoch))
    if json:
        print_json(result)
    else:
        _print(result, out)


class _Show:
    """One progress bar for reading and one for training, and a line an epoch."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def _update(self, name: str, text: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(text)
        self._bar.update(self._tasks[name], description=text, completed=done, total=total)

    def reading(self, done: int, total: int) -> None:
        self._update("reading", "reading pictures", done, total)

    def step(self, epoch: int, done: int, total: int) -> None:
        self._update("training", f"epoch {epoch}", done, total)

    def epoch(self, report: EpochReport) -> None:
        heads = "  ".join(
            f"{name} {error.mean_abs:.4f}" for name, error in report.errors.items() if error.labels
        )
        best = "  best so far" if report.is_best else ""
        console.print(
            f"epoch {report.epoch}/{report.epochs}  loss {report.loss:.5f}  "
            f"validation error: {heads}{best}",
            highlight=False,
        )


def _print(result: dict[str, Any], out: Path) -> None:
    table = Table(title=f"{out}: epoch {result['best_epoch']} of {result['epochs']} is best")
    for column in ("command", "validation error", "median guess", "labels"):
        table.add_column(column, justify="left" if column == "command" else "right")
    for name, row in result["validation"].items():
        table.add_row(
            name,
            f"{row['mean_abs_error']:.4f}",
            f"{row['median_guess_error']:.4f}",
            str(row["labels"]),
        )
    console.print(table)
    console.print(f"{result['images_per_s']:.0f} pictures/s, {result['training_s']:.0f} s training")
    console.print(f"Next: pixelopolis export lane --run {out}", highlight=False)
