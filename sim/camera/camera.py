"""The images of a car's camera, from renderer, look and camera."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image
from pixelopolis.vehicle.camera import FRAME_S, Camera
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.camera.sensor import (
    add_noise,
    apply_sensor,
    distorted_focal_px,
    jpeg,
    lean,
    saturate,
    smear,
    tone_curve,
    tremble,
    undistort,
)
from sim.looks.look import Look
from sim.looks.sensor import Sensor
from sim.physics.vehicle import BodyMotion
from sim.render.renderer import Renderer
from sim.render.view import CarBody, View, car_view

Cars = Callable[[], Sequence[CarBody]]
"""Returns the current bodies of all other cars."""

GAIN_CORRELATION_S: Final = 0.7
"""Correlation time of the auto exposure's gain."""
BLURRED_ROWS: Final = 0.25
"""Share of a frame's rows that get the same motion blur; nearer ground moves faster."""
MARGIN_STEP_PX: Final = 8
YAW_SIGMA_RAD_S: Final = 0.35
"""Yaw rate of a car at an independent pose; a bend of 0.30 m at cruise gives 0.45 rad/s."""


def no_cars() -> Sequence[CarBody]:
    return ()


def lane_camera(width_px: int = LANE_WIDTH_PX) -> Camera:
    """Return a camera whose bottom quarter is `width_px` wide; the lane model takes 120."""
    return Camera(width_px=width_px, height_px=round(width_px * LANE_HEIGHT_PX / LANE_PART / 120))


class SimulatedCamera:
    """A car's camera under one look, called with a pose and a motion.

    Args:
        renderer: of the city; it shows the look at every call.
        look: gives mounting, lens and sensor.
        rng: for noise, flicker, auto exposure, and motion at independent poses.
        camera: its nominal values, which the look changes.
        part: share of the frame's rows, from the bottom.
        rows: (from, to) as shares of the frame's height, instead of `part`.
        cars: the other cars.
    """

    def __init__(
        self,
        renderer: Renderer,
        look: Look,
        rng: np.random.Generator,
        camera: Camera | None = None,
        part: float = LANE_PART,
        rows: tuple[float, float] | None = None,
        cars: Cars = no_cars,
    ) -> None:
        self.look, self.camera = look, look.camera_of(camera or lane_camera())
        self._renderer, self._rng, self._cars = renderer, rng, cars
        self._part, self._rows = part, rows
        sensor = look.sensor
        self._gain_log = float(rng.normal(0.0, sensor.drift)) if sensor.drift else 0.0
        self._lens = _Lens(self.camera, self._view(Pose(0, 0, 0)), sensor)
        self._changes_light = bool(
            sensor.vignette
            or sensor.drift
            or sensor.flicker
            or sensor.shot_sigma
            or sensor.read_sigma
        )
        self._has_noise = bool(sensor.noise_sigma or sensor.shot_sigma or sensor.read_sigma)

    def __call__(
        self, pose: Pose, motion: BodyMotion | None = None, cars: Sequence[CarBody] | None = None
    ) -> Image:
        """Return the image (rows, width, 3) uint8 RGB from a pose of the car's axle.

        Without `motion`, for a pose outside a drive, a typical motion is drawn at random. `cars`
        replaces the camera's own.
        """
        view = self._lens.wider(self._view(pose))
        others = self._cars() if cars is None else cars
        return self.develop(self._renderer.render(view, others).rgb, motion)

    def develop(self, rendered_rgb: Image, motion: BodyMotion | None = None) -> Image:
        """Apply lens, shutter and sensor to a rendered image of the camera's (widened) view."""
        sensor, rng = self.look.sensor, self._rng
        image = self._lens.bend(rendered_rgb)
        image = self._defocus(image)
        image = self._shutter(image, motion)
        if self._changes_light:
            light = np.multiply(image, self._light(), dtype=np.float32)
            image = np.asarray(np.clip(add_noise(light, sensor, rng) + 0.5, 0, 255), np.uint8)
        image = apply_sensor(image, self.look, rng)
        if sensor.saturation != 1.0:
            image = saturate(image, sensor.saturation)
        if sensor.gamma != 1.0 or sensor.contrast or sensor.haze:
            curve = tone_curve(sensor.gamma, sensor.contrast, sensor.haze)
            image = np.asarray(cv2.LUT(image, curve), dtype=np.uint8)
        if not self._has_noise:
            image = tremble(image, rng)
        if sensor.resolution < 1.0:
            image = _coarse(image, sensor)
        elif sensor.jpeg_quality is not None:
            image = jpeg(image, sensor.jpeg_quality)
        return _cut(image, sensor.cut) if any(sensor.cut) else image

    def _view(self, pose: Pose) -> View:
        return car_view(self.camera, pose, part=self._part, rows=self._rows)

    def _defocus(self, image: Image) -> Image:
        sigma_px = self.look.sensor.defocus_rad * self.camera.focal_px
        if sigma_px < 0.2:
            return image
        return np.asarray(
            cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), np.uint8
        )

    def _shutter(self, image: Image, motion: BodyMotion | None) -> Image:
        sensor = self.look.sensor
        if not (sensor.exposure_s or sensor.readout_s):
            return image
        if motion is None:
            motion = BodyMotion(
                float(self._rng.uniform(0.0, 2 * CRUISE_MPS)),
                float(self._rng.normal(0.0, YAW_SIGMA_RAD_S)),
            )
        view, focal_px = self._lens.view, self.camera.focal_px
        turned_px = motion.yaw_rad_s * focal_px  # per second; the image moves right
        if sensor.exposure_s:
            pieces = []
            bands = max(1, round(view.rows / view.height_px / BLURRED_ROWS))
            for band in np.array_split(np.arange(view.rows), bands):
                # flow of level ground at a row: dy/dt = v (y - horizon)² / (f h)
                below_px = view.top_px + float(band.mean()) - view.height_px / 2
                below_px += math.tan(self.camera.pitch_rad) * focal_px
                fall_px = motion.speed_mps * max(below_px, 0) ** 2 / focal_px / self.camera.height_m
                pieces.append(
                    smear(
                        image[band[0] : band[-1] + 1],
                        turned_px * sensor.exposure_s,
                        fall_px * sensor.exposure_s,
                    )
                )
            image = pieces[0] if len(pieces) == 1 else np.vstack(pieces)
        from_middle = view.top_px / view.height_px - 0.5
        return lean(image, view.height_px, from_middle, turned_px * sensor.readout_s)

    def _light(self) -> NDArray[np.float32]:
        """Return the gain (rows, width or 1, 1) of every pixel: vignette, exposure, flicker."""
        sensor, rng, view = self.look.sensor, self._rng, self._lens.view
        gain = self._lens.vignette
        if sensor.drift:
            keep = math.exp(-FRAME_S / GAIN_CORRELATION_S)
            self._gain_log = keep * self._gain_log + float(
                rng.normal(0.0, sensor.drift * math.sqrt(1 - keep**2))
            )
            gain = gain * np.float32(math.exp(self._gain_log))
        if sensor.flicker:
            row = np.arange(view.top_px, view.bottom_px, dtype=np.float32) / view.height_px
            turns = row * (sensor.flicker_hz * sensor.readout_s) + rng.random()
            wave = 1 + sensor.flicker * np.cos(2 * math.pi * turns)
            gain = gain * wave.astype(np.float32)[:, None, None]
        return gain


def _coarse(image: Image, sensor: Sensor) -> Image:
    """Return an image as a camera of fewer pixels compresses it and a larger view shows it."""
    height, width = image.shape[:2]
    size = (round(width * sensor.resolution), round(height * sensor.resolution))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if sensor.jpeg_quality is not None:
        small = jpeg(small, sensor.jpeg_quality)
    return np.asarray(cv2.resize(small, (width, height)), dtype=np.uint8)


def _cut(image: Image, share: tuple[float, float]) -> Image:
    """Repeat, in each row, the nearest pixel that is not cut off."""
    height, width = image.shape[:2]
    down = np.linspace(0, 1, height)[:, None]
    first = np.round(share[0] * down * (width - 1))
    last = np.round((1 - share[1] * down) * (width - 1))
    columns = np.clip(np.arange(width), first, last).astype(np.intp)
    return np.asarray(np.take_along_axis(image, columns[..., None], axis=1))


class _Lens:
    """The distortion of one view, and the wider pinhole view that must be rendered for it."""

    def __init__(self, camera: Camera, view: View, sensor: Sensor) -> None:
        self.view = view
        x = np.arange(view.width_px, dtype=np.float32) + 0.5 - view.width_px / 2
        y = np.arange(view.top_px, view.bottom_px, dtype=np.float32) + 0.5 - view.height_px / 2
        places = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
        corner = math.hypot(view.width_px / 2, view.height_px / 2)
        self.vignette = (1 - sensor.vignette * (places / corner) ** 2 @ np.ones((2, 1))).astype(
            np.float32
        )
        self._map: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._size_px = (view.width_px, view.height_px)
        self._rows = (view.top_px, view.bottom_px)
        if not sensor.k1:
            return
        seen = places / distorted_focal_px(view.width_px, camera.across_rad, sensor.k1)
        rays = undistort(seen, sensor.k1) * camera.focal_px
        # the pinhole image must hold every ray, and the neighbors for bilinear sampling
        outside = np.abs(rays).reshape(-1, 2).max(axis=0) - np.array(self._size_px) / 2
        margin_x, margin_y = (max(0, math.ceil(o + 1)) for o in outside)
        width, height = (
            size + 2 * (-(-margin // MARGIN_STEP_PX) * MARGIN_STEP_PX)
            for size, margin in zip(self._size_px, (margin_x, margin_y), strict=True)
        )
        down = rays[..., 1] + height / 2
        top = max(0, math.floor(float(down.min()) - 1))
        bottom = min(height, math.ceil(float(down.max()) + 1))
        self._size_px, self._rows = (width, height), (top, bottom)
        self._map = cv2.convertMaps(rays[..., 0] + width / 2 - 0.5, down - top - 0.5, cv2.CV_16SC2)

    def wider(self, view: View) -> View:
        """Return the view to render."""
        if self._map is None:
            return view
        (width, height), (top, bottom) = self._size_px, self._rows
        return replace(view, width_px=width, height_px=height, top_px=top, bottom_px=bottom)

    def bend(self, image: Image) -> Image:
        """Return the distorted image of the wider view."""
        if self._map is None:
            return image
        return np.asarray(
            cv2.remap(image, *self._map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            dtype=np.uint8,
        )
