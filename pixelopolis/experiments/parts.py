"""The elements of an experiment: data, models trained on it, and drives that compare them."""

from __future__ import annotations

from dataclasses import dataclass

INT8, FLOAT = "lane.tflite", "lane_float.tflite"
"""The files of an exported model."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of an experiment."""

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
    """Fraction of the pictures of this scale."""
    series: int = 0
    """Datasets of one series show the same looks, other series show others."""
    by: Recipe | None = None
    """The model that drives; the expert if None."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model: network and training data."""

    name: str
    network: str
    """The value of `train lane --network`."""
    data: tuple[Data, ...]
    start: Recipe | None = None
    """The model whose weights it starts with."""
    part: float = 1.0
    """Fraction of the epochs of this scale."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive whose figures are columns of a table."""

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
    """Options of all its drives."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is compared, where, and why."""

    name: str
    title: str
    arms: tuple[Arm, ...]
    drives: tuple[Drive, ...]
    timed: bool = False
    """Whether the inference time per picture is part of the comparison."""
