"""What a lane dataset is to hold: its sessions, spread over towns and looks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from pixelopolis.city.sources import load_city
from pixelopolis.errors import DatasetError, SettingsError
from pixelopolis.geometry import FloatArray
from sim.lane_data.balance import balanced, road_places
from sim.lane_data.samples import Session

FRAMES_PER_LOOK: Final = 48
CARS_PART: Final = 0.25
"""Share of looks with other cars."""
FIRST_DRIVE_LOOK: Final = 100_000
"""Models drive under looks that other data of the same seed do not show."""


def plan_sessions(
    cities: Sequence[str],
    poses: int,
    driven: int,
    seed: int,
    *,
    whole: bool = False,
    floors: float = 0.0,
) -> list[Session]:
    """Spread frames over cities and looks, by city, so that a renderer serves many looks.

    Args:
        cities: names as `load_city` takes them.
        poses: frames at independent poses, >= 0.
        driven: frames along the expert's drives, >= 0.
        seed: of looks and poses, >= 0.
        whole: write whole frames.
        floors: share of looks in 0..1 whose road lies on a floor (see `sim.looks.floor_looks`).

    Raises:
        CityError: no such city.
        SettingsError: there is nothing to write.
    """
    _check_cities(cities)
    if not poses and not driven:
        raise SettingsError(
            "--poses 0 and --driven 0 ask for no frame.", "Give one of them at least 1."
        )
    weights = balanced(natural_shares(cities))
    sessions: list[Session] = []
    for number, city in enumerate(cities):
        for kind, wanted in (("poses", poses), ("driven", driven)):
            for frames in _looks(wanted, number, len(cities)):
                look = len(sessions)
                cars = np.random.default_rng([seed, look, 9]).random() < CARS_PART
                floor = np.random.default_rng([seed, look, 10]).random() < floors
                sessions.append(
                    Session(
                        f"{look:05d}_{city.replace(':', '-')}_{kind}",
                        city,
                        kind,
                        frames,
                        seed,
                        look,
                        tuple(weights[number].tolist()) if kind == "poses" else (),
                        cars=bool(cars) and kind == "poses",
                        whole=whole,
                        floor=bool(floor),
                    )
                )
    return sessions


def plan_drives(
    cities: Sequence[str], model: Path, frames: int, seed: int, *, whole: bool = False
) -> list[Session]:
    """Spread a model's drives over cities, under other looks than `plan_sessions` has.

    Raises:
        DatasetError: the model's file cannot be read.
        CityError: no such city.
        SettingsError: no city is given.
    """
    _check_cities(cities)
    try:
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(
            f"--drive {str(model)!r} cannot be read: {error.strerror}.",
            "Name a lane model's .tflite file.",
        ) from error
    sessions: list[Session] = []
    for number, city in enumerate(cities):
        load_city(city)  # refuse a faulty city before the work begins
        for count in _looks(frames, number, len(cities)):
            look = FIRST_DRIVE_LOOK + len(sessions)
            name = f"{look:05d}_{city.replace(':', '-')}_drive"
            sessions.append(
                Session(
                    name,
                    city,
                    "drive",
                    count,
                    seed,
                    look,
                    whole=whole,
                    model=str(model.resolve()),
                    model_sha256=digest,
                )
            )
    return sessions


def _check_cities(cities: Sequence[str]) -> None:
    if not cities:
        raise SettingsError("--cities names no town.", "Name one, or leave the option out.")


def _looks(wanted: int, number: int, towns: int) -> Iterator[int]:
    """Yield the number of frames of each look of a city."""
    share = wanted * (number + 1) // towns - wanted * number // towns
    while share > 0:
        yield min(share, FRAMES_PER_LOOK)
        share -= FRAMES_PER_LOOK


def natural_shares(cities: Sequence[str]) -> FloatArray:
    """Return the shares (cities, kinds) of their lanes."""
    return np.array([road_places(load_city(name)).shares for name in cities])
