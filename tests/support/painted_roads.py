"""A winding road on speckled ground, painted as any camera would photograph it from any pose."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.picture_output import write_picture
from sim.photographs.fitting.camera_fit import Known
from sim.photographs.fitting.ground_tracks import GroundTracks, ground_tracks
from sim.photographs.lens import LensKind, PhotoCamera

HALF_M, LINE_M = 0.14, 0.02
FISHEYE = PhotoCamera(
    160, 120, (80.0, 60.0), LensKind.EQUIDISTANT, 95.0, math.radians(20), 0.0, 0.13
)
KNOWN = Known(FISHEYE.kind, FISHEYE.focal_px, FISHEYE.pitch_rad, FISHEYE.height_m)
_SPECKLES = np.random.default_rng(1).integers(-30, 31, (64, 64))


def middle_left_m(forward_m: FloatArray) -> FloatArray:
    """Return where the road's middle is: it winds by 0.2 m to each side, along 3 m."""
    return np.asarray(0.2 * np.sin(2 * math.pi * forward_m / 3.0))


def on_road(forward_m: float, left_m: float = 0.0, turn_rad: float = 0.0) -> Pose:
    """Return a pose beside the road's middle."""
    slope = 0.2 * 2 * math.pi / 3.0 * math.cos(2 * math.pi * forward_m / 3.0)
    middle = float(middle_left_m(np.array(forward_m)))
    return Pose(forward_m, middle, math.atan(slope)).ahead(0.0, left_m, turn_rad)


def photograph(camera: PhotoCamera, pose: Pose) -> Image:
    """Return the picture (h, w, 3) that a camera takes from a pose of its axle."""
    columns, rows = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    forward, left = camera.ground_points(columns, rows)
    is_ground = np.isfinite(forward) & (np.hypot(forward, left) < 6)
    forward, left = np.where(is_ground, forward, 0.0), np.where(is_ground, left, 0.0)
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    x = pose.x_m + cos * forward - sin * left
    y = pose.y_m + sin * forward + cos * left
    slope = 0.2 * 2 * math.pi / 3.0 * np.cos(2 * math.pi * x / 3.0)
    away = (y - middle_left_m(x)) / np.sqrt(1 + slope**2)
    cell = _SPECKLES[np.floor(x / 0.03).astype(int) % 64, np.floor(y / 0.03).astype(int) % 64]
    gray = 90 + cell * np.clip(0.4 / np.maximum(np.hypot(forward, left), 0.1), 0, 1)
    # a line's share of a pixel, so that far ones do not break up
    edge = 0.002 + 0.004 * np.hypot(forward, left)
    line = np.clip((LINE_M / 2 - np.abs(np.abs(away) - HALF_M)) / edge + 0.5, 0, 1)
    value = np.where(is_ground, gray + line * (235 - gray), 60)
    return np.repeat(np.clip(value, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def tracks_on_road(camera: PhotoCamera, count: int = 16) -> GroundTracks:
    """Return tracks of pairs of pictures all along the road, 3 cm apart."""
    rng = np.random.default_rng(4)
    found = []
    for number in range(count):
        pose = on_road(0.4 * number, *rng.uniform(-0.1, 0.1, 2).tolist())
        after = pose.ahead(0.03, 0.0, float(rng.uniform(-0.05, 0.05)))
        tracks = ground_tracks(photograph(camera, pose), photograph(camera, after))
        assert tracks is not None
        found.append(tracks)
    return GroundTracks.gathered(found)


def write_tub(folder: Path, poses: list[Pose], camera: PhotoCamera = FISHEYE) -> None:
    """Write a donkeycar tub, version 2; its driver steers as the road does."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, pose in enumerate(poses):
        name = f"{number}_cam_image_array_.jpg"
        write_picture(folder / "images" / name, photograph(camera, pose))
        ahead = poses[min(number + 1, len(poses) - 1)]
        turn = ahead.heading_rad - pose.heading_rad
        rows.append(
            {
                "_index": number,
                "_session_id": "a",
                "_timestamp_ms": 1000 + 50 * number,
                "cam/image_array": name,
                "user/angle": float(np.clip(-20 * turn, -1, 1)),
                "user/throttle": 0.3,
            }
        )
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / "catalog_0.catalog").write_text(lines, "utf-8")
