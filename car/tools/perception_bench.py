"""Compares the run time of a car's two models with the original's: one thread, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from car.perception.detector import Detector, load_detector
from car.perception.lane_network import LaneNetwork, load_lane_model
from pixelopolis.model_io.crops import Image, detector_crop, lane_crop
from pixelopolis.model_io.inputs import detector_input

ORIGINAL_LANE, ORIGINAL_DETECTOR = "lane_detector.tflite", "object_detector.tflite"
BLOCK: Final = 10
"""Frames per turn of a pair: a car runs one pair, whose weights stay in the caches. Alternating
frame by frame, the original's detector would evict ours."""
WARM_UP: Final = 2
"""Discarded frames at the start of a turn, for the same reason."""


@dataclass(frozen=True)
class Pair:
    """A lane model and a detector, each applied to a whole frame."""

    lane: LaneNetwork
    detector: Detector

    def steer(self, frame: Image) -> None:
        self.lane.look(lane_crop(frame, self.lane.part))

    def detect(self, frame: Image) -> None:
        if self.detector.sees_whole_frame:
            self.detector.detect_in_frame(frame)
        else:
            self.detector.detect(detector_input(detector_crop(frame)))


def our_pair(detector: Path | None = None, delegate: str | None = None) -> Pair:
    return Pair(load_lane_model(), load_detector(detector, delegate))


def original_pair(folder: Path) -> Pair:
    """Return the original's models in a folder.

    Raises:
        ModelError: one of them is missing or not the original's.
    """
    return Pair(LaneNetwork(folder / ORIGINAL_LANE), Detector(folder / ORIGINAL_DETECTOR))


def measure(
    pairs: dict[str, Pair],
    frames: Sequence[Image],
    rounds: int,
    report: Callable[[int], None] = lambda _done: None,
) -> dict[str, dict[str, Any]]:
    """Return each pair's times in ms: of both models together, and of each.

    Args:
        pairs: by name; all process the same frames, `BLOCK` frames per turn.
        frames: whole frames (h, w, 3) RGB.
        rounds: number of measured frames.
        report: called with the number of completed rounds.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in pairs}
    for first in range(0, rounds, BLOCK):
        block = range(first - WARM_UP, min(first + BLOCK, rounds))
        for name, pair in pairs.items():
            for number in block:
                frame = frames[number % len(frames)]
                start_s = time.perf_counter()
                pair.steer(frame)
                between_s = time.perf_counter()
                pair.detect(frame)
                end_s = time.perf_counter()
                if number >= first:
                    times[name].append((between_s - start_s, end_s - between_s))
        report(block.stop)
    return {name: _figures(np.array(rows) * 1e3) for name, rows in times.items()}


def _figures(ms: Any) -> dict[str, Any]:
    both = ms.sum(axis=1)
    return {
        "p50_ms": round(float(np.percentile(both, 50)), 3),
        "p99_ms": round(float(np.percentile(both, 99)), 3),
        "lane_p50_ms": round(float(np.percentile(ms[:, 0], 50)), 3),
        "detector_p50_ms": round(float(np.percentile(ms[:, 1], 50)), 3),
    }
