"""A sheet of many room looks, as whole frames and as the lane model's crop."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pixelopolis.city.model import City
from pixelopolis.errors import PixelopolisError
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_WIDTH_PX, Image
from pixelopolis.model_io.picture_output import tiled, write_picture
from pixelopolis.vehicle.camera import Camera
from sim.camera.camera import SimulatedCamera
from sim.looks.look import Look
from sim.looks.room_looks import room_look
from sim.render.renderer import Renderer

TILE_PX: Final = 240
"""Width of a frame, and of the crop below it: twice the model's 120 pixels."""
LABEL_PX: Final = 16
MAX_COLUMNS: Final = 8
JPEG_QUALITY: Final = 80
NAMED_EXTREMES: Final = 2
"""Number of extremes in a label."""


def extremes(look: Look) -> list[str]:
    """Return what is most extreme about a look, worst first."""
    sensor, mount, floor = look.sensor, look.mount, look.floor
    lamps = sum(lamp.share for lamp in look.lamps)
    stops = math.log2(max(look.gains[1], 1e-6))
    pitch, roll = math.degrees(mount.pitch_rad), math.degrees(mount.roll_rad)
    quality = 100 if sensor.jpeg_quality is None else sensor.jpeg_quality
    # position of each value in its range in room_looks
    rows = [
        (abs(stops), f"exposure {2**stops:.2f}"),
        (abs(pitch) / 3, f"pitch {pitch:+.1f}"),
        (abs(roll) / 2, f"roll {roll:+.1f}"),
        (abs(mount.height_factor - 1) / 0.08, f"height {100 * mount.height_factor - 100:+.0f}%"),
        (-sensor.k1 / 0.12, f"barrel {sensor.k1:.2f}"),
        (sensor.defocus_rad / 0.0135, f"defocus {1000 * sensor.defocus_rad:.0f} mrad"),
        (sensor.shot_sigma / 9, f"noise {sensor.shot_sigma:.0f}"),
        ((96 - quality) / 56, f"jpeg {quality}"),
        (sensor.haze / 0.16, f"haze {sensor.haze:.2f}"),
        (sensor.flicker / 0.35, f"flicker {sensor.flicker:.2f}"),
        (sensor.vignette / 0.55, f"vignette {sensor.vignette:.2f}"),
        (floor.dirt / 0.45, f"dirt {floor.dirt:.2f}"),
        (20 * floor.mirrors * floor.lamps / 13, f"gloss {floor.mirrors:.2f} x{floor.lamps:.0f}"),
        (look.road.wear / 0.6, f"wear {look.road.wear:.2f}"),
        (
            lamps,
            f"{('no', 'one', 'two', 'three')[len(look.lamps)]} lamp{'s'[: len(look.lamps) > 1]}",
        ),
    ]
    return [text for _, text in sorted(rows, reverse=True)]


def write_look_sheet(
    path: Path,
    city: City,
    looks: int,
    seed: int,
    panoramas: Sequence[str] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a sheet of looks 0 to `looks` of a seed, each from another place in the city.

    Args:
        path: of the image, .png or .jpg.
        city: the city.
        looks: number of looks, >= 1.
        seed: of looks and places.
        panoramas: the user's, see `room_look`.
        progress: gets the number of looks done.

    Raises:
        PixelopolisError: the image cannot be written.
        RenderError: OpenGL cannot be used.
    """
    tiles = []
    with Renderer(city, room_look(seed, 0, panoramas=panoramas)) as renderer:
        for number in range(looks):
            look = room_look(seed, number, panoramas=panoramas)
            renderer.set_look(look)
            tiles.append(_tile(renderer, look, _place(city, seed, number), seed, number))
            progress(number + 1)
    _write(path, tiled(tiles, min(MAX_COLUMNS, len(tiles))))


def _place(city: City, seed: int, number: int) -> Pose:
    rng = np.random.default_rng([seed, number, 20])
    edges = list(city.edges.values())
    curve = edges[int(rng.integers(len(edges)))].curve
    at = curve.pose_at(float(rng.uniform(0.0, curve.length_m)))
    return at.ahead(0.0, float(rng.normal(0.0, 0.015)), float(rng.normal(0.0, 0.08)))


def _tile(renderer: Renderer, look: Look, place: Pose, seed: int, number: int) -> Image:
    """Return a frame, the model's crop of it at twice its size, and a label."""
    rng = np.random.default_rng([seed, number, 21])
    frame = SimulatedCamera(renderer, look, rng, Camera(), part=1.0)(place)
    crop = SimulatedCamera(renderer, look, rng)(place)
    size = (TILE_PX, TILE_PX * LANE_HEIGHT_PX // LANE_WIDTH_PX)
    larger = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    label = np.full((LABEL_PX, TILE_PX, 3), 255, np.uint8)
    text = f"{number}: " + ", ".join(extremes(look)[:NAMED_EXTREMES])
    place_px = (3, LABEL_PX - 5)
    cv2.putText(label, text, place_px, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    tile = np.vstack([frame, larger, label])
    return np.asarray(np.pad(tile, ((3, 3), (3, 3), (0, 0)), constant_values=255), np.uint8)


def _write(path: Path, sheet: Image) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not write_picture(path, sheet, JPEG_QUALITY):
        raise PixelopolisError(
            f"--sheet {str(path)!r} cannot be written.",
            "Name a .png or .jpg file in a folder that may be written to.",
        )
