"""A tiny lane dataset: lane lines projected on the ground, with their steering."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pixelopolis.model_io.lane_path import COLUMNS as PATH_COLUMNS
from pixelopolis.model_io.lane_path import STATIONS_M

HEIGHT_M, FOCAL_PX = 0.20, 140.0
WIDTH_PX, FRAME_PX = 240, 320
LANE_M = 0.28
COLUMNS = "image,straight,left,right,kind,look,edge,s_m,lateral_m,heading_error_rad"
ALL_COLUMNS = ",".join((COLUMNS, *PATH_COLUMNS, "stretch"))


def write_roads(
    folder: Path, *, looks: int, frames: int, seed: int, whole: bool = False, film: bool = False
) -> Path:
    """Write a dataset of `looks` sessions with `frames` images each, in the project's layout.

    Those of a `film` are consecutive: the car winds along its lane.
    """
    (folder / "labels").mkdir(parents=True)
    for look in range(looks):
        rng = np.random.default_rng([seed, look])
        name = f"look{look}"
        (folder / "images" / name).mkdir(parents=True)
        colors = rng.integers(90, 250, size=3), rng.integers(20, 60, size=3)
        rows = []
        for number in range(frames):
            lateral_m, heading_rad = rng.uniform(-0.06, 0.06), rng.uniform(-0.2, 0.2)
            if film:
                lateral_m, heading_rad = 0.05 * np.sin(number / 9), 0.15 * np.cos(number / 9)
            fork = rng.random() < 0.3
            image = f"{name}/{number:05d}_center.jpg"
            cv2.imwrite(
                str(folder / "images" / image),
                _picture(lateral_m, heading_rad, fork, colors, rng, whole),
                [cv2.IMWRITE_JPEG_QUALITY, 90],
            )
            steering = float(np.clip(4.0 * lateral_m + 2.0 * heading_rad, -0.6, 0.6))
            left, right = (steering - 0.4, "") if fork else (steering, steering)
            kind, stretch = ("driven", number // 40) if film else ("pose", "")
            place = [kind, look, "1-2", 0.0, lateral_m, heading_rad]
            paths = _paths(lateral_m, heading_rad, fork)
            rows.append([image, steering, left, right, *place, *paths, stretch])
        with (folder / "labels" / f"{name}.commands.csv").open("w", newline="") as stream:
            stream.write(ALL_COLUMNS + "\n")
            csv.writer(stream).writerows(rows)
        with (folder / "labels" / f"{name}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([row[0], "", "", row[1]] for row in rows)
    return folder


def _paths(lateral_m: float, heading_rad: float, fork: bool) -> list[float | str]:
    """Straight on, except for the left command at a fork, whose way leads to the left."""
    stations = np.array(STATIONS_M)
    straight = -lateral_m * np.cos(heading_rad) - np.sin(heading_rad) * stations
    left = straight + (0.15 * stations if fork else 0.0)
    right = [""] * len(stations) if fork else straight.tolist()
    return [*straight.tolist(), *left.tolist(), *right]


def _picture(
    lateral_m: float,
    heading_rad: float,
    fork: bool,
    colors: Any,
    rng: np.random.Generator,
    whole: bool,
) -> Any:
    """The bottom quarter of a frame; lateral and heading positive to the left of the lane."""
    line, road = colors
    picture = np.full((FRAME_PX // 4, WIDTH_PX, 3), road, dtype=np.uint8)
    ahead_m = np.linspace(0.15, 3.0, 60)
    for side_m in (-LANE_M / 2, LANE_M / 2):
        _line(picture, ahead_m, np.full(60, side_m), lateral_m, heading_rad, line)
    if fork:  # a bar across the road marks a fork
        across_m = np.linspace(-1.0, 1.0, 60)
        _line(picture, np.full(60, 0.27), across_m, lateral_m, heading_rad, line)
    if whole:  # a sky above the road
        sky = np.full((FRAME_PX - len(picture), WIDTH_PX, 3), 200, dtype=np.uint8)
        picture = np.concatenate([sky, picture])
    noise = rng.normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _line(
    picture: Any, x_m: Any, y_m: Any, lateral_m: float, heading_rad: float, color: Any
) -> None:
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    x, y = x_m, y_m - lateral_m
    forward, left = cos * x + sin * y, -sin * x + cos * y
    visible = forward > 0.1
    u = WIDTH_PX / 2 - FOCAL_PX * left[visible] / forward[visible]
    v = FRAME_PX / 2 + FOCAL_PX * HEIGHT_M / forward[visible] - FRAME_PX * 3 / 4
    points = np.stack([u, v], axis=1).round().astype(np.int32)
    cv2.polylines(picture, [points], False, [int(c) for c in color], 4, cv2.LINE_AA)
