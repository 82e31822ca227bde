"""Turns experiments into steps: every dataset, training, export and drive once per seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pixelopolis.experiments.parts import INT8, Arm, Data, Drive, Experiment, Recipe, Scale
from pixelopolis.experiments.steps import Step, made

SERIES_SEEDS: Final = 1000
"""Distance between the seeds of two series of data."""
DRIVE_SEED: Final = 77
"""Seed of every drive: all models see the same looks, starts and cars."""


def model_step(recipe: Recipe, seed: int) -> str:
    """Return the name of the step that exports a model."""
    return f"export-{recipe.name}-{seed}"


def train_step(recipe: Recipe, seed: int) -> str:
    """Return the name of the step that trains a model."""
    return f"train-{recipe.name}-{seed}"


def drive_step(arm: Arm, drive: Drive, seed: int) -> str:
    """Return the name of the step that drives an arm's model."""
    form = "" if arm.file == INT8 else "-float"
    form += "".join(option.removeprefix("-") for option in arm.options)
    return f"evaluate-{arm.recipe.name}{form}-{drive.name}-{seed}"


def plan(experiments: Sequence[Experiment], seeds: Sequence[int], scale: Scale) -> list[Step]:
    """Return all steps, each once and after its dependencies, seed by seed."""
    steps: dict[str, Step] = {}
    for seed in seeds:
        for experiment in experiments:
            for arm in experiment.arms:
                for step in _model(arm.recipe, seed, scale):
                    steps.setdefault(step.name, step)
                for drive in experiment.drives:
                    step = _drive(arm, drive, seed, scale)
                    steps.setdefault(step.name, step)
    return list(steps.values())


def _data(data: Data, seed: int, scale: Scale) -> Iterator[Step]:
    pictures = max(48, round(scale.pictures * data.part))
    words = ["data", "lane", "--out", made(_data_step(data, seed)), "--cities", data.cities]
    words += ["--jobs", "1", "--seed", str(seed + SERIES_SEEDS * data.series)]
    needs: tuple[str, ...] = ()
    if data.by is not None:
        yield from _model(data.by, seed, scale)
        driver = model_step(data.by, seed)
        words += ["--drive", made(driver, INT8), "--frames", str(pictures)]
        needs = (driver,)
    elif data.kind == "poses":
        words += ["--poses", str(pictures), "--driven", "0"]
    else:  # three pictures per frame
        words += ["--poses", "0", "--driven", str(round(pictures / 3))]
    yield Step(_data_step(data, seed), (*words, *data.options), needs)


def _data_step(data: Data, seed: int) -> str:
    return f"data-{data.name}-{seed}"


def _model(recipe: Recipe, seed: int, scale: Scale) -> Iterator[Step]:
    train, export = train_step(recipe, seed), model_step(recipe, seed)
    epochs = max(1, round(scale.epochs * recipe.part))
    words = ["train", "lane", "--network", recipe.network, "--out", made(train)]
    words += ["--epochs", str(epochs), "--seed", str(seed)]
    needs = []
    if recipe.start is not None:
        yield from _model(recipe.start, seed, scale)
        before = train_step(recipe.start, seed)
        words += ["--start", made(before)]
        needs.append(before)
    for data in recipe.data:
        yield from _data(data, seed, scale)
        words += ["--data", made(_data_step(data, seed))]
        needs.append(_data_step(data, seed))
    yield Step(train, tuple(words), tuple(needs), goes_on=True)
    yield Step(
        export, ("export", "lane", "--run", made(train), "--out", made(export)), needs=(train,)
    )


def _drive(arm: Arm, drive: Drive, seed: int, scale: Scale) -> Step:
    model = model_step(arm.recipe, seed)
    words = ["evaluate", "lane", "--no-rivals", "--model", made(model, arm.file), *arm.options]
    words += drive.options
    words += ["--looks", str(scale.looks), "--seed", str(DRIVE_SEED)]
    words += ["--junctions"] if drive.junctions else ["--metres", str(scale.metres)]
    return Step(drive_step(arm, drive, seed), tuple(words), (model,))
