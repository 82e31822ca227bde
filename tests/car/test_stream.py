from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import cv2
import numpy as np
import pytest

import car.stream
from car.observation import CarAhead, Decision, DriveState, Sighting, Sightings
from car.overlay import (
    AHEAD_RGB,
    CAR_RGB,
    SIGN_RGB,
    draw_overlay,
    encode_jpeg,
    placeholder,
    project_px,
)
from car.stream import BOUNDARY, Broadcast, StreamServer
from pixelopolis.camera import Camera

WAIT_S = 10.0


@pytest.fixture
def broadcast() -> Broadcast:
    return Broadcast()


@pytest.fixture
async def server(broadcast: Broadcast) -> AsyncIterator[StreamServer]:
    server = StreamServer(broadcast, lambda: b"a picture", lambda: {"video_fps": 20.0})
    await server.start("127.0.0.1", 0)
    yield server
    await server.close()


async def next_part(response: aiohttp.ClientResponse) -> bytes:
    async with asyncio.timeout(WAIT_S):
        assert await response.content.readline() == f"--{BOUNDARY}\r\n".encode()
        assert await response.content.readline() == b"Content-Type: image/jpeg\r\n"
        length = int((await response.content.readline()).split(b":")[1])
        await response.content.readline()
        data = await response.content.readexactly(length)
        await response.content.readline()
        return data


async def viewers(broadcast: Broadcast, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while broadcast.viewers != count:  # noqa: ASYNC110 (nothing tells a test)
            await asyncio.sleep(0.005)


async def test_every_viewer_gets_the_same_frames(
    server: StreamServer, broadcast: Broadcast
) -> None:
    broadcast.publish(b"long ago")
    url = f"http://127.0.0.1:{server.port}/video.mjpg"
    async with aiohttp.ClientSession() as session, session.get(url) as one, session.get(url) as two:
        assert one.headers["Content-Type"] == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        await viewers(broadcast, 2)
        for frame in (b"first", b"second"):
            broadcast.publish(frame)
            assert await next_part(one) == frame
            assert await next_part(two) == frame
    await viewers(broadcast, 0)


async def test_a_slow_viewer_skips_to_the_newest_frame(
    server: StreamServer, broadcast: Broadcast
) -> None:
    url = f"http://127.0.0.1:{server.port}/video.mjpg"
    async with aiohttp.ClientSession(read_bufsize=2**10) as session, session.get(url) as slow:
        await viewers(broadcast, 1)
        for number in range(400):
            broadcast.publish(number.to_bytes(4, "big") * 20_000)
            await asyncio.sleep(0)
        seen = []
        while not seen or seen[-1] < 399:
            seen.append(int.from_bytes((await next_part(slow))[:4], "big"))
    assert seen == sorted(set(seen))
    assert len(seen) < 200


async def test_a_dead_viewer_is_dropped(
    server: StreamServer, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(car.stream, "WRITE_TIMEOUT_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /video.mjpg HTTP/1.1\r\nHost: car1\r\n\r\n")
    await viewers(broadcast, 1)
    async with asyncio.timeout(WAIT_S):
        while broadcast.viewers:
            broadcast.publish(b"x" * 5_000_000)
            await asyncio.sleep(0.02)
    del reader
    writer.close()


async def test_figures_and_snapshots(server: StreamServer) -> None:
    base = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/status") as answer:
            assert await answer.json() == {"video_fps": 20.0}
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        async with session.get(f"{base}/snapshot.jpg") as answer:
            assert await answer.read() == b"a picture"
            assert answer.content_type == "image/jpeg"


def picture() -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.full((320, 240, 3), 120, np.uint8)


def test_the_way_is_drawn_to_the_side_that_is_steered() -> None:
    image = picture()
    left = draw_overlay(image, Decision(1, 1, DriveState.DRIVING, steering=-0.5), Camera())
    right = draw_overlay(image, Decision(1, 1, DriveState.DRIVING, steering=0.5), Camera())
    assert (image == 120).all()

    def column(drawn: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> float:
        rows = drawn[180:].astype(int)
        return float(np.nonzero(np.abs(rows - 120).sum(axis=2))[1].mean())

    assert column(left) < 115
    assert column(right) > 125
    standing = draw_overlay(image, Decision(0, 0, DriveState.WAITING_FOR_GRANT), Camera())
    assert (standing[180:] == 120).all()


def test_what_is_seen_gets_a_box_and_the_car_ahead_one_of_its_own() -> None:
    sign, other, ahead = (0.1, 0.3, 0.2, 0.4), (0.25, 0.4, 0.45, 0.6), (0.5, 0.4, 0.9, 0.75)
    seen = tuple(
        Sighting(name, 0.9, box) for name, box in (("Go", sign), ("Car", other), ("Car", ahead))
    )
    decision = Decision(
        0, 0, DriveState.STOPPED_FOR_CAR, car_ahead=CarAhead(0.15, 0.0, ahead), blocked=False
    )
    drawn = draw_overlay(picture(), decision, Camera(), Sightings(1.0, seen))
    for box, colour in ((sign, SIGN_RGB), (other, CAR_RGB), (ahead, AHEAD_RGB)):
        rows, columns = np.nonzero((drawn == colour).all(axis=2))
        found = (columns.min() / 240, rows.min() / 320, columns.max() / 240, rows.max() / 320)
        assert found == pytest.approx(box, abs=0.01)
    unsure = Sightings(1.0, (Sighting("Car", 0.3, other), Sighting("Car", 0.3, ahead)))
    drawn_unsure = draw_overlay(picture(), decision, Camera(), unsure)
    assert not (drawn_unsure == CAR_RGB).all(axis=2).any()
    assert (drawn_unsure == AHEAD_RGB).all(axis=2).any()
    middle = drawn[160:190, 150:190]
    assert (middle == 120).all(), "only the outline is drawn"
    assert (draw_overlay(picture(), decision, Camera()) == 120).all()


def test_a_point_on_the_ground_is_seen_where_the_camera_sees_it() -> None:
    camera = Camera()
    # a level camera: 0.20 m down at 0.40 m ahead of it is half a focal length below the middle
    column, row = project_px(camera, 240, 320, 0.43, 0.0)
    assert column == pytest.approx(120)
    assert row == pytest.approx(160 + camera.focal_px / 2)
    assert project_px(camera, 480, 640, 0.43, 0.1)[0] == pytest.approx(240 - camera.focal_px / 2)


@pytest.mark.parametrize("size", [(240, 320), (60, 80), (600, 800)])
def test_pictures_are_jpegs_of_their_size(size: tuple[int, int]) -> None:
    data = encode_jpeg(placeholder(*size), 80)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (size[1], size[0], 3)
    assert image.std() > 2
