"""Kinds of network outputs: their columns, errors, mirroring and drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import Turn
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.lane_path import COLUMNS as PATH_COLUMNS
from pixelopolis.model_io.lane_path import STATIONS_M
from training.lane.data import Labels, LaneData
from training.lane.label_files import COMMANDS
from training.lane.report import (
    SCALES_MM,
    HeadError,
    draw_paths,
    draw_steering,
    path_errors,
    steering_errors,
)
from training.lane.settings import Network


@dataclass(frozen=True)
class Answers:
    """A kind of output. Keras networks concatenate the outputs, exported ones separate them."""

    outputs: Mapping[str, tuple[str, ...]]
    """Names of the columns of each output."""
    unit: str
    """Of the errors: "steering" or "mm"."""
    mirrored: tuple[int, ...]
    """For each label column, the column whose negative it gets in a mirrored image."""
    labels: Callable[[LaneData], Labels]
    """(n, columns of the first output), scaled like the network's outputs."""
    errors: Callable[[Labels, Labels, NDArray[np.bool_]], dict[str, HeadError]]
    draw: Callable[[Image, Labels, Labels], Image]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for names in self.outputs.values() for name in names)


def answers_of(network: Network) -> Answers:
    return PATHS if network is Network.PATH else STEERING


def _scaled_paths(data: LaneData) -> Labels:
    if not np.isfinite(data.paths_left_m).any():
        raise DatasetError(
            f"No picture has a path: the columns {PATH_COLUMNS[0]}, ... {PATH_COLUMNS[-1]} are "
            "missing or empty.",
            "Write data with `pixelopolis data lane`, or choose a --network that steers.",
        )
    return data.paths_left_m * np.float32(1000) / SCALES_MM


_OTHER: Final = {Turn.LEFT: Turn.RIGHT, Turn.RIGHT: Turn.LEFT}
_MIRRORED: Final = tuple(COMMANDS.index(_OTHER.get(turn, turn)) for turn in COMMANDS)

STEERING: Final = Answers(
    {"steering": tuple(map(str, COMMANDS))},
    "steering",
    _MIRRORED,
    lambda data: data.steering,
    steering_errors,
    draw_steering,
)

PATHS: Final = Answers(
    {"path": PATH_COLUMNS, "spread": tuple(f"{turn}_spread" for turn in COMMANDS)},
    "mm",
    tuple(len(STATIONS_M) * turn + i for turn in _MIRRORED for i in range(len(STATIONS_M))),
    _scaled_paths,
    path_errors,
    draw_paths,
)
