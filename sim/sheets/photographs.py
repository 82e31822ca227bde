"""A sheet of photographs, each above our view of its ground, with paths drawn in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from car.driving.lane_keeper import TURNS, steering_alone
from car.driving.types import LaneModel
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.lane_path import STATIONS_M, points_of
from sim.photographs.calibration import path_ahead_m
from sim.photographs.equivariance import COMMAND
from sim.photographs.film import Film
from sim.photographs.lens import PhotoCamera
from sim.sheets.frames import RECORDED_RGB, arc_points
from sim.sheets.lane_data import (
    TILE_CAMERA,
    TILE_WIDTH_PX,
    ground_px,
    tile_view,
    write_text,
    write_tiles,
)

MODELS_RGB: Final = ((255, 30, 180), (255, 150, 0), (40, 110, 255), (200, 200, 200))
"""Of the models, in their order."""


def write_photograph_sheet(
    sheet: Path, chosen: Sequence[tuple[Film, int, int]], models: Mapping[str, LaneModel]
) -> None:
    """Write photographs as one image: the photograph, and our view of its ground below it.

    Green: the road's middle, or where none was seen the driver's way. Other colors: the models'
    paths, or the arcs of their steering, named in the picture.

    Args:
        sheet: the file.
        chosen: (film, number of the stretch, number of the photograph in it).
        models: by name.

    Raises:
        DatasetError: the sheet cannot be written.
    """
    write_tiles(sheet, [_tile(*each, models) for each in chosen])


def _tile(film: Film, stretch: int, number: int, models: Mapping[str, LaneModel]) -> Image:
    shot = film.stretches[stretch][number]
    lines = []
    road = film.roads[stretch]
    truth = path_ahead_m(road.poses[number], road.way[number:])
    if truth is not None:
        lines.append(("road", points_of(truth, STATIONS_M), RECORDED_RGB))
    for (name, model), rgb in zip(models.items(), MODELS_RGB, strict=False):
        model.reset()
        view = model.look(shot.crop_rgb)
        if view.paths_left_m is None:
            points = arc_points(steering_alone(view, COMMAND))
        else:
            points = points_of(view.paths_left_m[TURNS.index(COMMAND)], STATIONS_M)
        lines.append((name, points, rgb))
    photo, crop = _enlarged(shot.photo_rgb), _enlarged(shot.crop_rgb)
    ours = tile_view(crop, TILE_CAMERA)
    for line, (name, points, rgb) in enumerate(lines):
        _draw(photo, _photo_px(film.fit.camera, points), rgb)
        _draw(crop, ground_px(ours, points), rgb)
        write_text(photo, name, line + 1, rgb)
    write_text(photo, f"{film.recording.name} {shot.photograph.image.stem}"[:52], 0)
    return np.vstack([photo, crop])


def _enlarged(image: Image) -> Image:
    height = round(image.shape[0] * TILE_WIDTH_PX / image.shape[1])
    return np.asarray(cv2.resize(image, (TILE_WIDTH_PX, height)), dtype=np.uint8)


def _photo_px(camera: PhotoCamera, points_m: FloatArray) -> FloatArray:
    """Return where ground points (n, 2) are in an enlarged photograph, as far as it sees them."""
    pixels = np.column_stack(camera.pixels(*points_m.T)) * TILE_WIDTH_PX / camera.width_px
    return pixels[
        np.isfinite(pixels).all(axis=1) & (np.abs(pixels) < 4 * TILE_WIDTH_PX).all(axis=1)
    ]


def _draw(picture: Image, pixels: FloatArray, rgb: tuple[int, int, int]) -> None:
    cv2.polylines(picture, [np.round(pixels).astype(np.int32)], False, rgb, 2, cv2.LINE_AA)
