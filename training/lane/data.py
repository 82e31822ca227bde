"""Lane datasets in memory: the model's input images, labels, and the validation split.

`training.lane.label_files` describes their layout on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_WIDTH_PX
from pixelopolis.model_io.pictures import Report
from training.lane.label_files import read_rows
from training.lane.pictures import read_pictures

BLANK_RANGE: Final = 20.0
"""Of 255; lines give 60 and more, worn and shaded road without lines less than 12 (measured)."""

Labels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LaneData:
    """Images and labels in memory, row by row."""

    images_yuv: NDArray[np.uint8]
    """(n, 40, 120, 3), or (n, 80, 120, 3) of whole frames, values 0..255."""
    steering: Labels
    """(n, 3) in the order of `COMMANDS`, NaN where there is no label."""
    paths_left_m: Labels
    """(n, 15) in the order of `lane_path.COLUMNS`, NaN where there is no label."""
    groups: NDArray[np.str_]
    kinds: NDArray[np.str_]
    films: NDArray[np.str_]
    """Film of each row; rows of one film are adjacent and in order of time; "" for single
    images."""

    def __len__(self) -> int:
        return len(self.images_yuv)

    def take(self, indices: NDArray[np.intp]) -> LaneData:
        """Return a copy of the rows at `indices`."""
        return LaneData(
            self.images_yuv[indices],
            self.steering[indices],
            self.paths_left_m[indices],
            self.groups[indices],
            self.kinds[indices],
            self.films[indices],
        )


def load(
    folders: Sequence[Path],
    *,
    whole: bool = False,
    cache: bool = True,
    report: Report | None = None,
) -> LaneData:
    """Read one or more dataset folders.

    Args:
        folders: dataset folders, read in this order.
        whole: use scaled whole frames instead of their bottom quarters.
        cache: store the decoded images in each folder, if it is writable, and reuse them while
            files and preprocessing are unchanged.
        report: progress callback.

    Raises:
        DatasetError: a folder, label or image cannot be used; the message names it.
    """
    if not folders:
        raise DatasetError("No dataset folder was named.", "Give at least one with --data DIR.")
    tables = [read_rows(folder) for folder in folders]
    pictures = [
        read_pictures(folder, [row.image for row in rows], whole, cache, report)
        for folder, rows in zip(folders, tables, strict=True)
    ]
    rows = [row for table in tables for row in table]
    films = [
        f"{number} {row.film}" if row.film else ""
        for number, table in enumerate(tables)
        for row in table
    ]
    return LaneData(
        np.concatenate(pictures) if len(pictures) > 1 else pictures[0],
        np.array([row.steering for row in rows], dtype=np.float32),
        np.array([row.paths_left_m for row in rows], dtype=np.float32),
        np.array([row.group for row in rows]),
        np.array([row.kind for row in rows]),
        np.array(films),
    )


def windows(films: NDArray[np.str_], frames: int, stride: int) -> NDArray[np.intp]:
    """Return the row numbers (m, frames) of all windows of `frames` images in films.

    Windows begin `stride` images apart; the rest at a film's end is left out.

    Args:
        films: (n,) as `LaneData.films`; a film's rows must be in order, but need not be adjacent.
        frames: length of a window; with 1, every row is one, in a film or not.
        stride: 1..frames.
    """
    if frames == 1:
        return np.arange(len(films))[:, None]
    filmed = np.flatnonzero(films != "")
    _, numbers = np.unique(films[filmed], return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    ends = np.flatnonzero(np.diff(numbers[order])) + 1
    found = [
        rows[first : first + frames]
        for rows in np.split(filmed[order], ends)
        for first in range(0, len(rows) - frames + 1, stride)
    ]
    return np.array(found, dtype=np.intp).reshape(-1, frames)


def split(data: LaneData, fraction: float, seed: int) -> tuple[LaneData, LaneData]:
    """Return (training, validation) data that share no look and no session.

    Whole groups go to validation, in an order that depends only on `seed` and their names, until it
    has at least `fraction` of all rows. Adjacent frames look alike, so a split by frame would
    measure memorization.

    Raises:
        DatasetError: fewer than two groups.
    """
    names, counts = np.unique(data.groups, return_counts=True)
    if len(names) < 2:
        raise DatasetError(
            f"All {len(data)} pictures belong to one look or session ({names[0]}), so none can be "
            "kept for validation.",
            "Record at least two, or name several folders with --data.",
        )
    order = sorted(range(len(names)), key=lambda i: _rank(seed, str(names[i])))
    chosen: list[str] = []
    wanted = fraction * len(data)
    rows = 0
    for i in order[:-1]:
        if rows >= wanted and chosen:
            break
        chosen.append(str(names[i]))
        rows += int(counts[i])
    held_out = np.isin(data.groups, chosen)
    return data.take(np.flatnonzero(~held_out)), data.take(np.flatnonzero(held_out))


def has_colored_lines(images_yuv: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return for each image (n, h, w, 3) whether it shows a red or a blue border line.

    Such an image must not be mirrored: red is left of the lane and blue right of it. Yellow center
        lines and tinted light stay below the limits.
    """
    u, v = images_yuv[..., 1], images_yuv[..., 2]
    strong = (u > 128 + 28) | (v > 128 + 45)
    return np.asarray(strong.mean(axis=(1, 2)) > 0.004)


def is_blank(images_yuv: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return for each image (n, 40, 120, 3) whether it shows bare road, without lines.

    This happens inside wide junctions, where a model can only guess. The criterion is the range of
    the means of 8 x 8 pixel blocks, which averages noise. Whole frames are never blank.
    """
    count = len(images_yuv)
    if images_yuv.shape[1] != LANE_HEIGHT_PX:
        return np.zeros(count, dtype=np.bool_)
    blocks = images_yuv.reshape(count, LANE_HEIGHT_PX // 8, 8, LANE_WIDTH_PX // 8, 8, 3)
    means = blocks.mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(np.ptp(means, axis=(1, 2)).max(axis=1) < BLANK_RANGE)


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
