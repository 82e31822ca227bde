"""Parts of an experiment: data, models trained on them, drives that compare the models."""

from __future__ import annotations

from dataclasses import dataclass

INT8, FLOAT = "lane.tflite", "lane_float.tflite"
"""Files of an exported model."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Size of datasets, trainings and drives."""

    pictures: int
    """Pictures per dataset."""
    epochs: int
    metres: float
    """Meters per drive, over all looks."""
    looks: int


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset; `kind` is "poses" (independent, beside the center line) or "driven"."""

    name: str
    cities: str
    kind: str = "poses"
    options: tuple[str, ...] = ()
    part: float = 1.0
    """Share of the scale's number of images."""
    series: int = 0
    """Data of one series show the same looks, other series show others."""
    by: Recipe | None = None
    """The driving model; None for the expert."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model: a network and its data."""

    name: str
    network: str
    """As in `train lane --network`."""
    data: tuple[Data, ...]
    start: Recipe | None = None
    """Model whose weights it starts from."""
    part: float = 1.0
    """Share of the scale's number of epochs."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive, whose figures are columns of a table."""

    name: str
    label: str
    options: tuple[str, ...]
    junctions: bool = False
    """The junction test instead of a drive."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison."""

    label: str
    recipe: Recipe
    file: str = INT8
    options: tuple[str, ...] = ()
    """For all its drives."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is compared, where, and why."""

    name: str
    title: str
    arms: tuple[Arm, ...]
    drives: tuple[Drive, ...]
    timed: bool = False
    """Whether inference time is part of the comparison."""
