"""Compares a lane model's steering with the steering recorded with frames.

Open loop: an output does not change the next frame. Steering 1 is 48 degrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pixelopolis.city.model import Turn
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.vehicle.steering import MAX_STEERING_DEG
from training.lane.label_files import CAMERAS, COMMANDS, read_rows
from training.lane.pictures import seen_part

MIN_RANGE_DEG: Final = 1.0


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """An image of a dataset and its recorded steering."""

    image: Path
    steering: float
    """In [-1, 1], left negative; corrected for side cameras by `label_files.CAMERAS`."""

    @property
    def folder(self) -> str:
        """Name of its session."""
        return self.image.parent.name

    @property
    def camera(self) -> str:
        """One of `label_files.CAMERAS`; by default the center one."""
        name = self.image.stem.rpartition("_")[2]
        return name if name in CAMERAS else next(iter(CAMERAS))

    def picture_rgb(self, part: float = LANE_PART) -> Image:
        """Return its bottom `part`, a quarter or all (1.0).

        Raises:
            DatasetError: not an image, or of another shape.
        """
        return seen_part(self.image, whole=part != LANE_PART)


def read_frames(folder: Path, turn: Turn = Turn.STRAIGHT) -> list[RecordedFrame]:
    """Return the frames of a dataset folder that have a steering for a command.

    Raises:
        DatasetError: no labels, a malformed line, a missing image, or no steering for the command.
    """
    command = COMMANDS.index(turn)
    rows = [row for row in read_rows(folder) if math.isfinite(row.steering[command])]
    if not rows:
        raise DatasetError(
            f"No frame of {str(folder)!r} has a steering for {str(turn)!r}.",
            "Ask for another --command.",
        )
    for row in rows:
        if not row.image.is_file():
            raise DatasetError(
                f"Picture {str(row.image)!r}, named in the labels, is not there.",
                "Copy the missing pictures, or remove their lines from the labels.",
            )
    return [RecordedFrame(row.image, row.steering[command]) for row in rows]


def steer_all(
    frames: Sequence[RecordedFrame],
    part: float,
    steer: Callable[[Image], float],
    done: Callable[[], None] = lambda: None,
) -> list[float]:
    """Return a model's steering for every frame; frames are read one at a time.

    Args:
        frames: the frames.
        part: share of a frame's rows, from the bottom, that the model takes.
        steer: from that image (h, w, 3) RGB to the steering in [-1, 1].
        done: called after each frame.
    """
    answers = []
    for frame in frames:
        answers.append(steer(frame.picture_rgb(part)))
        done()
    return answers


def figures(frames: Sequence[RecordedFrame], answers: Sequence[float]) -> dict[str, Any]:
    """Return errors in degrees over all frames, and by camera and folder.

    `bias_deg` is positive if the model steers more to the right than recorded. `slope` is that of a
    linear regression of the model's on the recorded steering; slope and correlation are None if
    either varies by less than `MIN_RANGE_DEG`. `zero_mae_deg` and `median_mae_deg` are the errors
    of the constants 0 and the recorded median.
    """
    recorded, answered = (
        MAX_STEERING_DEG * np.array(values, dtype=np.float64)
        for values in ([frame.steering for frame in frames], answers)
    )

    def by(name: str, keys: Sequence[str]) -> list[dict[str, Any]]:
        column = np.array(keys)
        return [
            {name: key, **_figures(recorded[column == key], answered[column == key])}
            for key in dict.fromkeys(keys)
        ]

    return {
        **_figures(recorded, answered),
        "by_camera": by("camera", [frame.camera for frame in frames]),
        "by_folder": by("folder", [frame.folder for frame in frames]),
    }


def _figures(recorded: Any, answered: Any) -> dict[str, Any]:
    error = answered - recorded
    varies = min(np.ptp(recorded), np.ptp(answered)) >= MIN_RANGE_DEG
    correlation = float(np.corrcoef(recorded, answered)[0, 1]) if varies else None
    return {
        "frames": len(error),
        "mae_deg": float(np.abs(error).mean()),
        "bias_deg": float(error.mean()),
        "rmse_deg": float(np.sqrt((error**2).mean())),
        "correlation": correlation,
        "slope": None if correlation is None else correlation * answered.std() / recorded.std(),
        "zero_mae_deg": float(np.abs(recorded).mean()),
        "median_mae_deg": float(np.abs(recorded - np.median(recorded)).mean()),
    }
