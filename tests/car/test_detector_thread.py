import threading
import time

import numpy as np
import pytest

from car.camera.frames import WholeFrame
from car.detector_thread import DetectorThread
from car.driving.types import Sighting
from pixelopolis.model_io.crops import Image
from tests.support.virtual_car import wait_until

SIGN = Sighting("Go", 0.9, (0.1, 0.4, 0.2, 0.5))


class Camera:
    """A manual camera: `take` makes a new frame whose pixels are its number."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: WholeFrame | None = None

    def take(self) -> int:
        with self._changed:
            number = self._newest.number + 1 if self._newest else 1
            picture = np.full((320, 240, 3), number, np.uint8)
            self._newest = WholeFrame(picture, time.monotonic(), number)
            self._changed.notify_all()
        return number

    def wait_newer(self, number: int, timeout_s: float) -> WholeFrame | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None and self._newest.number > number, timeout_s
            )
            return self._newest


class Detector:
    """Takes a scripted time, and stores its images."""

    def __init__(self) -> None:
        self.shown: list[tuple[tuple[int, ...], int]] = []
        self.may_end = threading.Event()
        self.may_end.set()

    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        self.shown.append((detector_input_rgb.shape, int(detector_input_rgb[0, 0, 0])))
        self.may_end.wait(10)
        return (SIGN,)


def test_the_newest_frame_is_looked_at_and_frames_between_are_left_out() -> None:
    camera, detector = Camera(), Detector()
    detector_thread = DetectorThread(camera, detector, most_hz=1000)
    assert detector_thread.newest() is None
    assert detector_thread.figures().p50_ms is None
    detector.may_end.clear()
    detector_thread.start()
    try:
        camera.take()
        wait_until(lambda: len(detector.shown) == 1, "a first look")
        camera.take()
        camera.take()
        last = camera.take()
        detector.may_end.set()
        wait_until(lambda: len(detector.shown) == 2, "a second look")
        wait_until(lambda: detector_thread.figures().looks == 2, "its figures")
    finally:
        detector_thread.close()
    assert detector.shown == [((160, 240, 3), 1), ((160, 240, 3), last)]
    newest = detector_thread.newest()
    assert newest is not None
    assert newest.seen == (SIGN,)
    frame = camera.wait_newer(0, 0)
    assert frame is not None
    assert newest.captured_s == frame.captured_s


def test_sightings_stay_the_same_object_until_there_are_newer_ones() -> None:
    camera, detector = Camera(), Detector()
    detector_thread = DetectorThread(camera, detector, most_hz=1000)
    detector_thread.start()
    try:
        camera.take()
        wait_until(lambda: detector_thread.newest() is not None, "a look")
        first = detector_thread.newest()
        assert detector_thread.newest() is first
        camera.take()
        wait_until(lambda: detector_thread.newest() is not first, "another look")
    finally:
        detector_thread.close()


def test_a_detector_that_fails_is_reported_and_asked_again() -> None:
    class FailsOnce(Detector):
        def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
            seen = super().detect(detector_input_rgb)
            if len(self.shown) == 1:
                raise ValueError("no tensor")
            return seen

    camera = Camera()
    detector_thread = DetectorThread(camera, FailsOnce())
    detector_thread.start()
    try:
        camera.take()
        wait_until(lambda: bool(detector_thread.worker.trouble), "a report")
        assert detector_thread.worker.trouble == "ValueError: no tensor"
        assert detector_thread.newest() is None
        camera.take()
        wait_until(lambda: detector_thread.newest() is not None, "a look")
    finally:
        detector_thread.close()


@pytest.mark.parametrize("started", [True, False])
def test_closing_ends_it_whether_or_not_it_was_started(started: bool) -> None:
    detector_thread = DetectorThread(Camera(), Detector())
    if started:
        detector_thread.start()
    detector_thread.close()
    assert "detector" not in {thread.name for thread in threading.enumerate()}
