"""What an experiment is made of: data, models that learn from them, drives that compare them."""

from __future__ import annotations

from dataclasses import dataclass

INT8, FLOAT = "lane.tflite", "lane_float.tflite"
"""The files of an exported model."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    pictures: int
    """In a dataset."""
    epochs: int
    metres: float
    """Of a drive, over all looks."""
    looks: int


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset; `kind` is "poses" (independent, beside the centre line) or "driven"."""

    name: str
    cities: str
    kind: str = "poses"
    options: tuple[str, ...] = ()
    part: float = 1.0
    """Of the pictures that a dataset has at this scale."""
    series: int = 0
    """Data of one series show the same looks; another one shows others."""
    by: Recipe | None = None
    """The model that drives; the expert without one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model: what learns from which data."""

    name: str
    network: str
    """Of `train lane --network`."""
    data: tuple[Data, ...]
    start: Recipe | None = None
    """Whose weights it begins with."""
    part: float = 1.0
    """Of the epochs that a training has at this scale."""


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
    """Of all its drives."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is compared, where, and why."""

    name: str
    title: str
    arms: tuple[Arm, ...]
    drives: tuple[Drive, ...]
    timed: bool = False
    """Whether the time that a model needs for a picture is part of the comparison."""
