"""A recording made ready: its pictures, its camera, and where each was taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from pixelopolis.errors import DatasetError
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.model_io.pictures import read_picture
from pixelopolis.vehicle.camera import Camera
from sim.photographs.closed_loop import FilmedRoad, film_road
from sim.photographs.fitting.camera_fit import CameraFit, Known, fit_camera
from sim.photographs.fitting.ground_tracks import GroundTracks, ground_tracks
from sim.photographs.fitting.stripes import WORKING_WIDTH_PX, chains
from sim.photographs.ground_view import FrameProjector, GroundProjector
from sim.photographs.lens import LensKind, PhotoCamera
from sim.photographs.own_motion import GroundRegistration, Gyro, calibrated_gyro, motions
from sim.photographs.recording import Photograph, Recording, at_most, cut_into_stretches
from sim.photographs.road_middle import middle_points

FITTED_PICTURES: Final = 240
TRACKED_PAIRS: Final = 120
GAPS: Final = (1, 2, 4)
"""Pictures from one to the next of a pair: the fewest in which the ground moved enough."""
SKY_PART: Final = 0.4
"""Of a picture's rows, from the top: no lines of a road are looked for there."""
MIN_PHOTOGRAPHS: Final = 10
STANDING_PICTURES: Final = 200
GYRO_PICTURES: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A photograph, its pixels, and our camera's view of its ground."""

    photograph: Photograph
    photo_rgb: Image
    crop_rgb: Image


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A recording that is ready to be measured.

    Attributes:
        recording: where it comes from, and what could not be used.
        fit: its camera.
        shown: share of our view that its photographs show.
        stretches: its photographs, in runs.
        roads: a road for each of them.
        gyro: correlation of its inertial sensor's turns with those seen; None if it was not used.
    """

    recording: Recording
    fit: CameraFit
    projector: GroundProjector
    frames: FrameProjector
    shown: float
    stretches: list[list[Shot]]
    roads: list[FilmedRoad]
    gyro: float | None

    @property
    def shots(self) -> list[Shot]:
        return [shot for stretch in self.stretches for shot in stretch]

    def document(self) -> dict[str, Any]:
        return {
            "pictures": len(self.shots),
            "unusable": self.recording.unusable,
            "faults": self.recording.faults,
            "stretches": len(self.stretches),
            "driven_m": sum(road.length_m for road in self.roads),
            "middle_seen_pct": 100
            * float(
                np.average([r.middle for r in self.roads], weights=[*map(len, self.stretches)])
            ),
            "shown_pct": 100 * self.shown,
            "gyro_correlation": self.gyro,
            "camera": self.fit.document(),
        }


def develop(
    recording: Recording, most: int, known: Known, done: Callable[[], None] = lambda: None
) -> Film:
    """Read a recording's pictures, fit its camera and find its car's motion.

    Args:
        recording: as read.
        most: maximum number of pictures.
        known: what of its camera is known.
        done: called after each picture.

    Raises:
        DatasetError: too few pictures can be used.
    """
    pictures = list(_pictures(recording, at_most(recording.photographs, most)))
    if len(pictures) < MIN_PHOTOGRAPHS:
        first = f" First: {recording.faults[0]}." if recording.faults else ""
        raise DatasetError(
            f"recording {recording.name!r}: {len(pictures)} pictures can be used, at least "
            f"{MIN_PHOTOGRAPHS} are needed.{first}",
            "Copy or record it again.",
        )
    images = {photograph.image: image for photograph, image in pictures}
    fit = _camera(recording, pictures[0][1].shape, known)
    projector, working = GroundProjector(fit.camera), fit.camera.resized(WORKING_WIDTH_PX)
    registration = GroundRegistration(fit.camera)
    step = max(1, len(pictures) // STANDING_PICTURES)
    registration.learn_standing([image for _, image in pictures[::step]])
    runs = cut_into_stretches([photograph for photograph, _ in pictures])
    gyro = _gyro(registration, runs, images)
    stretches, roads = [], []
    for run in runs:
        photos = [images[photograph.image] for photograph in run]
        turns = None if gyro is None else gyro.turns_rad(*_sensed(run))
        middles = [middle_points(_stripes(photo), working) for photo in photos]
        roads.append(film_road(photos, motions(registration, photos, turns), middles, projector))
        stretches.append(
            [
                Shot(photograph, photo, projector.crop(photo)[0])
                for photograph, photo in zip(run, photos, strict=True)
            ]
        )
        for _ in run:
            done()
    return Film(
        recording,
        fit,
        projector,
        FrameProjector(fit.camera),
        projector.crop(pictures[0][1])[1],
        stretches,
        roads,
        None if gyro is None else gyro.correlation,
    )


def _pictures(
    recording: Recording, photographs: Sequence[Photograph]
) -> Iterator[tuple[Photograph, Image]]:
    """Yield what can be read and has the shape of the first."""
    shape: tuple[int, ...] | None = None
    for photograph in photographs:
        try:
            image = read_picture(photograph.image)
        except DatasetError as error:
            recording.leave_out(error.message)
            continue
        shape = shape or image.shape
        if image.shape != shape:
            recording.leave_out(
                f"{photograph.image.name} is {image.shape[1]}x{image.shape[0]}, "
                f"others are {shape[1]}x{shape[0]}"
            )
            continue
        yield photograph, image


def _camera(recording: Recording, shape: tuple[int, ...], known: Known) -> CameraFit:
    """Return the camera, by pictures of a shape from all over the recording."""
    height, width = shape[:2]
    if recording.is_ours:
        return CameraFit(_our_camera(width, height), 0, 100.0, (0.0, 0.0, 0.0))
    scale = WORKING_WIDTH_PX / width
    size = (WORKING_WIDTH_PX, round(height * scale))
    if known.focal_px is not None:
        known = replace(known, focal_px=known.focal_px * scale)
    step = max(1, len(recording.photographs) // FITTED_PICTURES)
    by_picture = [_stripes(image) for image in _shaped(recording.photographs[::step], shape)]
    fit = fit_camera(by_picture, _tracks(recording, shape), size, known)
    return replace(fit, camera=replace(fit.camera.resized(width), height_px=height))


def _shaped(photographs: Sequence[Photograph], shape: tuple[int, ...]) -> list[Image]:
    """Return what has a shape and can be read; the rest is counted where it is to be measured."""
    found = _pictures(Recording("sample"), photographs)
    return [image for _, image in found if image.shape == shape]


def _tracks(recording: Recording, shape: tuple[int, ...]) -> GroundTracks:
    """Return the ground's tracks between pictures from all over a recording."""
    runs = cut_into_stretches(recording.photographs)
    starts = [run[first : first + GAPS[-1] + 1] for run in runs for first in range(len(run) - 1)]
    found = []
    for photographs in starts[:: max(1, len(starts) // TRACKED_PAIRS)]:
        small = [_resized(image) for image in _shaped(photographs, shape)]
        pairs = (ground_tracks(small[0], small[gap]) for gap in GAPS if gap < len(small))
        found += [tracks for tracks in pairs if tracks is not None][:1]
    return GroundTracks.gathered(found)


def _stripes(photo_rgb: Image) -> list[FloatArray]:
    """Return a photograph's stripes, in a picture `WORKING_WIDTH_PX` wide."""
    small = _resized(photo_rgb)
    return chains(small, round(SKY_PART * small.shape[0]))


def _resized(photo_rgb: Image) -> Image:
    """Return a photograph, `WORKING_WIDTH_PX` wide."""
    height = round(photo_rgb.shape[0] * WORKING_WIDTH_PX / photo_rgb.shape[1])
    small = cv2.resize(photo_rgb, (WORKING_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _our_camera(width_px: int, height_px: int) -> PhotoCamera:
    """Return our own camera for its whole frames, or for their bottom quarters."""
    ours = Camera()
    focal = width_px / 2 / math.tan(ours.across_rad / 2)
    is_quarter = height_px < width_px / 2
    middle = height_px * (1 - 0.5 / LANE_PART) if is_quarter else height_px / 2
    return PhotoCamera(
        width_px,
        height_px,
        (width_px / 2, middle),
        LensKind.PINHOLE,
        focal,
        0.0,
        0.0,
        ours.height_m,
    )


def _gyro(
    registration: GroundRegistration,
    runs: Sequence[Sequence[Photograph]],
    images: Mapping[Path, Image],
) -> Gyro | None:
    """Return the recording's inertial sensor, if there is one that agrees with its pictures."""
    longest = max(runs, key=len)[:GYRO_PICTURES]
    if any(p.gyro is None for run in runs for p in run) or len(longest) < MIN_PHOTOGRAPHS:
        return None
    seen = motions(registration, [images[p.image] for p in longest])
    return calibrated_gyro(*_sensed(longest), np.array([motion.turn_rad for motion in seen]))


def _sensed(run: Sequence[Photograph]) -> tuple[FloatArray, FloatArray]:
    """Return rates (n, 3) and times (n,) of photographs."""
    return np.array([p.gyro for p in run], dtype=float), np.array([p.time_s for p in run])
