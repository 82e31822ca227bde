from __future__ import annotations

import math
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.camera.frames import upright
from car.camera.opencv_source import OpenCvSource
from car.camera.source import SILENCE_S, Source
from car.camera.sources import open_source
from car.camera.thread import CameraThread
from pixelopolis.errors import CameraError
from pixelopolis.model_io.crops import Image, lane_crop
from pixelopolis.vehicle.virtual_camera import HEADER, MAGIC
from tests.support.virtual_car import wait_until

WAIT_S = 10.0
NOW_S = 13.0
"""The clock's time in these tests."""


class Simulator:
    """The server side of a virtual camera."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        self.server.listen()
        self.server.settimeout(WAIT_S)
        self.viewer: socket.socket | None = None

    def accept(self) -> None:
        self.viewer, _ = self.server.accept()

    def send(self, value: int, captured_s: float = NOW_S, size: tuple[int, int] = (30, 40)) -> None:
        assert self.viewer is not None
        width, height = size
        header = HEADER.pack(MAGIC, width, height, 3, captured_s)
        self.viewer.sendall(header + bytes([value]) * (width * height * 3))

    def close(self) -> None:
        if self.viewer is not None:
            self.viewer.close()
        self.server.close()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path / "car1.camera")
    yield simulator
    simulator.close()


@pytest.fixture
def camera(simulator: Simulator) -> Iterator[CameraThread]:
    camera = CameraThread(f"virtual:{simulator.path}", clock=lambda: NOW_S)
    camera.start()
    yield camera
    simulator.close()
    camera.close()


def test_frames_arrive_with_their_capture_time(simulator: Simulator, camera: CameraThread) -> None:
    assert camera.newest() is None
    simulator.accept()
    simulator.send(7, captured_s=12.5)
    frame = camera.wait_newer(0, WAIT_S)
    assert frame is not None
    assert (frame.number, frame.captured_s) == (1, 12.5)
    assert frame.image_rgb.shape == (40, 30, 3)
    assert (frame.image_rgb == 7).all()
    assert camera.trouble == ""
    assert camera.fps(NOW_S) > 0


def test_only_the_newest_frame_is_kept(simulator: Simulator, camera: CameraThread) -> None:
    simulator.accept()
    for value in range(1, 51):
        simulator.send(value)
    frame = None
    for number in range(50):
        frame = camera.wait_newer(number, WAIT_S)
    assert frame is not None
    assert frame.number == 50
    assert (frame.image_rgb == 50).all()
    assert camera.wait_newer(50, 0.0) is frame


def test_a_lost_camera_is_opened_again(simulator: Simulator, camera: CameraThread) -> None:
    simulator.accept()
    simulator.send(1)
    assert camera.wait_newer(0, WAIT_S)
    assert simulator.viewer is not None
    simulator.viewer.close()
    simulator.accept()
    assert "closed the connection" in camera.trouble
    simulator.send(2)
    frame = camera.wait_newer(1, WAIT_S)
    assert frame is not None
    assert (frame.number, frame.image_rgb[0, 0, 0], camera.trouble) == (2, 2, "")


@pytest.mark.parametrize("header", [(b"NOPE", 30, 40, 3), (MAGIC, 0, 40, 3), (MAGIC, 30, 40, 4)])
def test_what_is_no_frame_is_refused(
    simulator: Simulator, header: tuple[bytes, int, int, int]
) -> None:
    source = open_source(f"virtual:{simulator.path}")
    simulator.accept()
    assert simulator.viewer is not None
    simulator.viewer.sendall(HEADER.pack(*header, 0.0))
    with pytest.raises(CameraError, match="which is not a frame header"):
        source.read()
    source.close()


def test_a_missing_camera_says_which(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no virtual camera at"):
        open_source(f"virtual:{tmp_path / 'none'}")


def test_a_source_that_opens_late_is_found() -> None:
    answers: queue.Queue[str] = queue.Queue()
    tries = threading.Semaphore(0)

    class Still:
        def read(self) -> tuple[Image, float]:
            time.sleep(0.01)
            return np.zeros((40, 30, 3), np.uint8), time.monotonic()

        def close(self) -> None:
            answers.put("closed")

    def late(_: str) -> Still:
        tries.release()
        if answers.empty():
            raise CameraError("camera.source: not there.", "Wait.")
        return Still()

    camera = CameraThread("0", open_=late)
    camera.start()
    assert tries.acquire(timeout=WAIT_S)
    answers.put("ready")
    assert camera.wait_newer(0, WAIT_S) is not None
    camera.close()
    assert "closed" in list(answers.queue)


def test_a_video_is_a_camera(tmp_path: Path) -> None:
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for value in (40, 200):
        writer.write(np.full((48, 64, 3), (0, 0, value), np.uint8))
    writer.release()
    source = OpenCvSource(str(path))
    first, second = source.read(), source.read()
    assert first[1] < second[1]
    # OpenCV's BGR came out as RGB
    assert abs(int(first[0][..., 0].mean()) - 40) < 20
    assert first[0][..., 2].mean() < 20
    with pytest.raises(CameraError, match="no more pictures"):
        source.read()
    source.close()


def film(path: Path, pictures: int, damaged: range) -> None:
    """Write a motion JPEG film, with zeros in some of its JPEGs."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 500, (64, 48))
    for value in range(pictures):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    data = bytearray(path.read_bytes())
    at = 0
    for number in range(pictures):
        at = data.index(b"00dc", at) + 8
        if number in damaged:
            size = int.from_bytes(data[at - 4 : at], "little")
            data[at : at + size] = bytes(size)
    path.write_bytes(data)


@pytest.fixture
def opencv_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OpenCV's own motion JPEG reader be used, which reports damaged frames."""
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda spec: real(spec, cv2.CAP_OPENCV_MJPEG))


@pytest.mark.usefixtures("opencv_decodes")
def test_a_damaged_picture_is_left_out(tmp_path: Path) -> None:
    film(tmp_path / "drive.avi", 10, damaged=range(4, 5))
    source = OpenCvSource(str(tmp_path / "drive.avi"))
    means = [round(float(source.read()[0].mean())) for _ in range(9)]
    source.close()
    assert means == pytest.approx([0, 1, 2, 3, 5, 6, 7, 8, 9], abs=2)


@pytest.mark.usefixtures("opencv_decodes")
def test_a_camera_whose_pictures_are_all_damaged_says_so(tmp_path: Path) -> None:
    film(tmp_path / "drive.avi", 40, damaged=range(2, 40))
    camera = CameraThread(str(tmp_path / "drive.avi"))
    camera.start()
    try:
        wait_until(lambda: "damaged pictures in a row" in camera.trouble, "it is said")
        assert camera.wait_newer(2, WAIT_S) is not None, "it is opened again"
        assert camera.worker.restarts == 0
    finally:
        camera.close()


def test_a_source_that_fails_as_nobody_expects_is_named_and_opened_again() -> None:
    opened: list[int] = []

    class Odd:
        def read(self) -> tuple[Image, float]:
            if len(opened) == 1:
                raise TypeError("not a picture")
            time.sleep(0.01)
            return np.zeros((40, 30, 3), np.uint8), time.monotonic()

        def close(self) -> None: ...

    def open_(_: str) -> Odd:
        opened.append(1)
        return Odd()

    camera = CameraThread("0", open_=open_)
    camera.start()
    try:
        wait_until(lambda: camera.worker.restarts == 1, "it is noticed")
        assert camera.trouble == "TypeError: not a picture"
        assert camera.wait_newer(0, WAIT_S) is not None
    finally:
        camera.close()


def test_a_source_that_hangs_is_said_to_be_silent() -> None:
    now_s, hangs = 13.0, threading.Event()

    class Hangs:
        pictures = 1

        def read(self) -> tuple[Image, float]:
            if not self.pictures:
                hangs.wait(WAIT_S)
                raise CameraError("camera.source: gone.", "Wait.")
            self.pictures -= 1
            return np.zeros((40, 30, 3), np.uint8), now_s

        def close(self) -> None: ...

    camera = CameraThread("0", open_=lambda _: Hangs(), clock=lambda: now_s)
    camera.start()
    try:
        assert camera.wait_newer(0, WAIT_S) is not None
        now_s += SILENCE_S
        assert camera.trouble == ""
        now_s += 0.1
        assert "not current" in camera.trouble
        assert "2.1 s old" in camera.trouble
    finally:
        hangs.set()
        camera.close()


@pytest.mark.parametrize("captured_s", [math.nan, math.inf, -math.inf, NOW_S + 0.1, NOW_S - 2.1])
def test_pictures_of_another_time_are_trouble(
    simulator: Simulator, camera: CameraThread, captured_s: float
) -> None:
    simulator.accept()
    simulator.send(1, captured_s)
    assert camera.wait_newer(0, WAIT_S) is not None
    assert "not current" in camera.trouble
    simulator.send(2)
    assert camera.wait_newer(1, WAIT_S) is not None
    assert camera.trouble == ""


@pytest.mark.parametrize("spec", ["77", "nothing.avi", "broken.avi"])
def test_what_cannot_be_opened_is_named_once(
    spec: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.avi").write_text("no film")
    place = spec if spec.isdigit() else str(tmp_path / spec)
    tries: list[str] = []

    def open_(name: str) -> Source:
        tries.append(name)
        return open_source(name)

    camera = CameraThread(place, open_=open_)
    camera.start()
    try:
        wait_until(lambda: len(tries) == 3, "three tries")
    finally:
        camera.close()
    assert [r.getMessage().count("cannot open") for r in caplog.records] == [1]
    assert capfd.readouterr().err == "", "nothing of OpenCV's own"


@given(st.integers(4, 200), st.integers(4, 200), st.sampled_from([0, 90, 180, 270]))
def test_every_picture_becomes_portrait(width: int, height: int, rotate: int) -> None:
    image = np.arange(width * height * 3, dtype=np.uint32).astype(np.uint8)
    picture = upright(image.reshape(height, width, 3), rotate)
    h, w = picture.shape[:2]
    assert abs(3 * h - 4 * w) <= 4
    # it has the largest possible size
    wide, high = (width, height) if rotate in (0, 180) else (height, width)
    assert w == wide or h == high


def test_rotation_is_clockwise_and_the_road_is_kept() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, -20:] = 9
    turned = upright(image, 90)
    assert turned.shape == (80, 60, 3)
    assert (lane_crop(turned) == 9).all()
    tall = np.zeros((100, 30, 3), np.uint8)
    tall[-10:] = 5
    assert (lane_crop(upright(tall)) == 5).all()
