"""All figures of models on one recording, and of all recordings together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from car.driving.lane_keeper import TURNS, steering_alone
from car.driving.types import LaneModel, LaneView
from car.perception.detector import Detector
from sim.photographs.calibration import calibration, path_ahead_m
from sim.photographs.closed_loop import RECOVERY_PLACES, PhotoDrives, drive_along, recover
from sim.photographs.equivariance import COMMAND, Equivariance
from sim.photographs.film import Film
from sim.photographs.open_loop import open_loop, trivial_guesses

MOVED_PICTURES: Final = 200
"""Photographs of a recording from which the camera is moved."""
MIN_SHOWN: Final = 0.6
"""Where a recording shows less of our view than this, nothing is driven on it."""

OURS: Final = "ours"
WEIGHTS: Final = {
    "equivariance_slope": "moved_views",
    "equivariance_sign_pct": "moved_views",
    "heading_slope": "moved_views",
    "heading_sign_pct": "moved_views",
    "direction_pct": "turning_pictures",
    "autonomy_pct": "distance_m",
    "recovered_pct": "recoveries",
}
"""What a figure of all recordings is weighed by."""


def measure_lane(
    film: Film, model: LaneModel, done: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Return a lane model's figures on a recording; `done` is called after each photograph."""
    answers, stated, real = [], [], []
    for stretch, road in zip(film.stretches, film.roads, strict=True):
        for number, shot in enumerate(stretch):
            model.reset()
            view = model.look(shot.crop_rgb)
            answers.append(_leads_right(view))
            truth = path_ahead_m(road.poses[number], road.way[number:])
            if truth is not None and view.paths_left_m is not None and view.spread_m is not None:
                command = TURNS.index(COMMAND)
                stated.append(float(view.spread_m[command]))
                real.append(float(np.abs(view.paths_left_m[command] - truth).mean()))
            done()
    recorded = np.array([shot.photograph.steering for shot in film.shots])
    equivariance = Equivariance(model)
    for shot in film.shots[:: max(1, len(film.shots) // MOVED_PICTURES)]:
        equivariance.see(partial(film.projector.crop, shot.photo_rgb))
    return {
        **open_loop(recorded, np.array(answers)),
        **equivariance.figures(),
        **_closed_loop(film, model),
        "calibration": calibration(np.array(stated), np.array(real)),
    }


def _leads_right(view: LaneView) -> float:
    """Return how far to the right a view leads: over its path, in meters, or as steering.

    How far the path is to one side here is left out: drivers of fast cars steer by what is ahead,
    and nobody knows how straight a recording's camera was mounted.
    """
    if view.paths_left_m is None:
        return steering_alone(view, COMMAND)
    path = view.paths_left_m[TURNS.index(COMMAND)]
    return float(path[0] - path[-1])


def _closed_loop(film: Film, model: LaneModel) -> dict[str, Any]:
    drives = PhotoDrives()
    if film.shown >= MIN_SHOWN:
        whole_m = sum(road.length_m for road in film.roads)
        for road in film.roads:
            drive_along(road, model, drives)
            places = min(RECOVERY_PLACES * road.length_m / max(whole_m, 1e-9), road.length_m)
            recover(road, model, round(places), drives)
    return drives.figures()


def measure_detector(
    film: Film, detector: Detector, done: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Return what a detector sees in a recording's photographs, at its thresholds."""
    by_class: Counter[str] = Counter()
    pictures = 0
    shown = 0.0
    for shot in film.shots:
        frame, shown = film.frames.frame(shot.photo_rgb)
        seen = {sighting.class_name for sighting in detector.detect(frame)}
        by_class.update(seen)
        pictures += bool(seen)
        done()
    count = len(film.shots)
    return {
        "pictures": count,
        "pictures_with_sightings": pictures,
        "per_10000": 10_000 * pictures / count,
        "by_class_per_10000": {
            name: 10_000 * number / count for name, number in by_class.most_common()
        },
        "shown_pct": 100 * shown,
    }


def recording_document(
    film: Film,
    lane: Mapping[str, dict[str, Any]],
    sightings: dict[str, Any],
    shows_ours: bool,
) -> dict[str, Any]:
    """Return everything about one recording; our model's figures are on top.

    Args:
        film: the recording.
        lane: figures of `measure_lane`, by model; `OURS` among them.
        sightings: of `measure_detector`.
        shows_ours: it shows signs or cars of ours, so that no sighting is false for sure.
    """
    recorded = np.array([shot.photograph.steering for shot in film.shots])
    return {
        "name": film.recording.name,
        **film.document(),
        **lane[OURS],
        "false_per_10000": None if shows_ours else sightings["per_10000"],
        "sightings": sightings,
        "rivals": {name: figures for name, figures in lane.items() if name != OURS},
        "trivial_guesses": trivial_guesses(recorded),
    }


def summary(recordings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the headline figures of all recordings together, weighed by what each is made of."""
    found = {name: _weighed(recordings, name, weight) for name, weight in WEIGHTS.items()}
    judged = [row for row in recordings if row["false_per_10000"] is not None]
    pictures = sum(row["pictures"] for row in judged)
    false = sum(row["sightings"]["pictures_with_sightings"] for row in judged)
    return {
        **found,
        "false_per_10000": 10_000 * false / pictures if pictures else None,
        "pictures": sum(row["pictures"] for row in recordings),
    }


def _weighed(recordings: Sequence[Mapping[str, Any]], name: str, weight: str) -> float | None:
    rows = [(row[name], row[weight]) for row in recordings if row[name] is not None]
    total = sum(weight for _, weight in rows)
    return sum(value * weight for value, weight in rows) / total if total else None
