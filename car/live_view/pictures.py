"""The pictures of the live view, made from the newest frame and the decision on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from car.camera.frames import WholeFrame
from car.driving.types import Decision, Sightings
from car.live_view.overlay import draw_overlay, placeholder
from car.live_view.thoughts import SignReader, thought_of
from pixelopolis.city.model import City
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.picture_output import encode_jpeg
from pixelopolis.supervision import Worker
from pixelopolis.vehicle.camera import Camera
from pixelopolis.web.mjpeg import Picture

PICTURE_LOST_S: Final = 1.0
"""Viewers get the placeholder if the newest frame is older."""

THOUGHT: Final = "Thought"
"""The header of a picture's part that says what the car thinks of it (`thoughts.py`)."""

View = tuple[WholeFrame, Decision]


class LivePictures:
    """Makes pictures when there are viewers, each method in one thread at a time.

    Args:
        city: the town.
        camera: as it is mounted.
        view: returns the newest frame and the decision on it, None before the first.
        sightings: returns the newest detections.
        quality: of the JPEGs, 1 to 100.

    Attributes:
        worker: the trouble of drawing, which leaves the pictures bare.
    """

    def __init__(
        self,
        city: City,
        camera: Camera,
        view: Callable[[], View | None],
        sightings: Callable[[], Sightings | None],
        quality: int,
    ) -> None:
        self.worker = Worker("drawing")
        self._signs = SignReader(city)
        self._camera = camera
        self._view = view
        self._sightings = sightings
        self._quality = quality

    def newest(self) -> Picture:
        """Return the newest picture as it is, with what the car thinks of it."""
        view = self._fresh()
        if view is None:
            return Picture(self._encoded(self._placeholder()))
        return Picture(self._encoded(view[0].image_rgb), self._thought(view[1]))

    def snapshot(self) -> bytes:
        """Return the newest picture as a JPEG, with the intended path and the detections drawn."""
        view = self._fresh()
        return self._encoded(self._placeholder() if view is None else self._drawn(*view))

    def _fresh(self) -> View | None:
        view = self._view()
        return None if view is None or _age_s(view) > PICTURE_LOST_S else view

    def _thought(self, decision: Decision) -> dict[str, str]:
        try:
            sightings = self._sightings()
            self._signs.take(sightings, decision)
            now_s = time.monotonic()
            return {THOUGHT: thought_of(decision, self._camera, sightings, self._signs.read, now_s)}
        except Exception as error:
            self.worker.ended(error)
            return {}

    def _drawn(self, frame: WholeFrame, decision: Decision) -> Image:
        try:
            return draw_overlay(frame.image_rgb, decision, self._camera, self._sightings())
        except Exception as error:
            self.worker.ended(error)
            return frame.image_rgb

    def _placeholder(self) -> Image:
        view = self._view()
        if view is None:
            return placeholder(self._camera.width_px, self._camera.height_px)
        return placeholder(view[0].image_rgb.shape[1], view[0].image_rgb.shape[0])

    def _encoded(self, image: Image) -> bytes:
        return encode_jpeg(image, self._quality)


def _age_s(view: View) -> float:
    return time.monotonic() - view[0].captured_s
