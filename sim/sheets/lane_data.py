"""A sheet of a lane dataset's images with the path of every command drawn in."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pixelopolis.city.model import Turn
from pixelopolis.errors import DatasetError
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.model_io.lane_path import STATIONS_M, points_of
from pixelopolis.model_io.picture_output import tiled, write_picture
from pixelopolis.model_io.pictures import read_picture
from pixelopolis.vehicle.camera import Camera
from sim.camera.sensor import distort, distorted_focal_px
from sim.looks.room_looks import room_look
from sim.render.view import View, car_view

COLORS: Final = {
    Turn.STRAIGHT: (40, 220, 40),
    Turn.LEFT: (235, 30, 30),
    Turn.RIGHT: (40, 110, 255),
}
"""Red, green, blue. Where commands share their way, the later one hides the earlier."""
TILE_WIDTH_PX: Final = 360
TILE_CAMERA: Final = Camera(width_px=TILE_WIDTH_PX, height_px=TILE_WIDTH_PX * 4 // 3)
TEXT_RGB, TEXT_EDGE_RGB = (255, 0, 255), (20, 20, 20)
COLUMNS: Final = 4


def write_sheet(dataset: Path, sheet: Path, pictures: int, seed: int) -> None:
    """Write random `pictures` of a dataset as one image.

    Raises:
        DatasetError: no lane dataset with sessions.json, or a file cannot be read or written.
    """
    rng = np.random.default_rng(seed)
    rows = _rows(dataset)
    chosen = rng.permutation(len(rows))[:pictures]
    write_tiles(sheet, [_tile(dataset, *rows[int(i)]) for i in chosen])


def write_tiles(sheet: Path, tiles: Sequence[Image]) -> None:
    """Write images (h, 360, 3) RGB as one, in rows of four.

    Raises:
        DatasetError: the file cannot be written.
    """
    if not write_picture(sheet, tiled(tiles, COLUMNS, background=0)):
        raise DatasetError(
            f"sheet {str(sheet)!r} cannot be written.",
            "Is there such a folder, and does it end with .png or .jpg?",
        )


def _rows(dataset: Path) -> list[tuple[dict[str, str], int]]:
    """Return every image's row, and the seed of its look."""
    try:
        sessions = json.loads((dataset / "sessions.json").read_text())
        rows: list[tuple[dict[str, str], int]] = []
        for session in sessions:
            with (dataset / "labels" / f"{session['name']}.commands.csv").open(newline="") as file:
                rows += [(row, int(session["seed"])) for row in csv.DictReader(file)]
    except OSError as error:
        raise DatasetError(
            f"{str(dataset)!r} is no finished lane dataset: {error}.",
            "Name a folder that `pixelopolis data lane` has written.",
        ) from error
    return rows


def _tile(dataset: Path, row: dict[str, str], seed: int) -> Image:
    tile = read_tile(dataset / "images" / row["image"])
    look = room_look(seed, int(row["look"]))
    mounted = look.camera_of(TILE_CAMERA)
    view = tile_view(tile, mounted)
    for turn in Turn:
        texts = [row[f"{turn}_{round(100 * s)}cm"] for s in STATIONS_M]
        if texts[0]:
            line = pixels_of(view, np.array([float(text) for text in texts]))
            line = seen_px(line, view, mounted.across_rad, look.sensor.k1)
            cv2.polylines(tile, [np.round(line).astype(np.int32)], False, COLORS[turn], 2)
    text = f"{row['road']} {row['edge']} {100 * float(row['lateral_m']):+.0f} cm"
    write_text(tile, text, 0)
    return tile


def read_tile(image: Path) -> Image:
    """Return an image at a tile's width, RGB.

    Raises:
        DatasetError: it cannot be read.
    """
    rgb = read_picture(image)
    height = round(rgb.shape[0] * TILE_WIDTH_PX / rgb.shape[1])
    return np.asarray(cv2.resize(rgb, (TILE_WIDTH_PX, height)), dtype=np.uint8)


def tile_view(tile: Image, camera: Camera) -> View:
    """Return a tile's view from a car at the origin: a whole frame, or its quarter."""
    part = LANE_PART if tile.shape[0] < TILE_WIDTH_PX else 1.0
    return car_view(camera, Pose(0.0, 0.0, 0.0), part=part)


def write_text(tile: Image, text: str, line: int, rgb: tuple[int, int, int] = TEXT_RGB) -> None:
    at = (4, 12 + 14 * line)
    for color, width in ((TEXT_EDGE_RGB, 3), (rgb, 1)):
        cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, width, cv2.LINE_AA)


def pixels_of(view: View, left_m: FloatArray) -> FloatArray:
    """Return the pixels of a path's points (n, 2) in the view of a car at the origin."""
    return ground_px(view, points_of(left_m, STATIONS_M))


def ground_px(view: View, points_m: FloatArray) -> FloatArray:
    """Return the pixels of ground points (n, 2), without those too near or behind."""
    pixels, depth = view.project(np.column_stack([points_m, np.zeros(len(points_m))]))
    return pixels[depth > 0.05]


def seen_px(pixels: FloatArray, view: View, across_rad: float, k1: float) -> FloatArray:
    """Return pixels (n, 2) of a pinhole view's rows after lens distortion."""
    middle = np.array([view.width_px / 2, view.height_px / 2 - view.top_px])
    rays = (pixels - middle) / view.focal_px
    focal_px = distorted_focal_px(view.width_px, across_rad, k1)
    return np.asarray(distort(rays, k1) * focal_px + middle, dtype=np.float64)
