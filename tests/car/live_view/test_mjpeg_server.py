from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import cv2
import numpy as np
import pytest

from car.driving.types import CarAhead, Decision, DriveState, Sighting, Sightings
from car.live_view.mjpeg_server import MAX_OF_ADDRESS, StreamServer
from car.live_view.overlay import AHEAD_RGB, CAR_RGB, SIGN_RGB, draw_overlay, placeholder
from pixelopolis.model_io.picture_output import encode_jpeg
from pixelopolis.vehicle.camera import Camera
from pixelopolis.web.mjpeg import Broadcast


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    server = StreamServer(
        Broadcast(),
        lambda: b"a picture",
        lambda: {"video_fps": 20.0},
        lambda token: token == "good",
    )
    await server.start("127.0.0.1", 0)
    yield server
    await server.close()


async def test_figures_and_snapshots(server: StreamServer) -> None:
    base = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/status?token=good") as answer:
            assert await answer.json() == {"video_fps": 20.0}
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        async with session.get(f"{base}/snapshot.jpg?token=good") as answer:
            assert await answer.read() == b"a picture"
            assert answer.content_type == "image/jpeg"


@pytest.mark.parametrize("path", ["/video.mjpg", "/snapshot.jpg", "/status"])
@pytest.mark.parametrize("said", ["", "?token=", "?token=bad", "?token=bad&token=good", "?t=good"])
async def test_nothing_is_shown_without_a_token(server: StreamServer, path: str, said: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}{said}") as answer,
    ):
        assert answer.status == 401
        assert (await answer.json())["error"]["code"] == "unauthenticated"


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
    for box, color in ((sign, SIGN_RGB), (other, CAR_RGB), (ahead, AHEAD_RGB)):
        rows, columns = np.nonzero((drawn == color).all(axis=2))
        found = (columns.min() / 240, rows.min() / 320, columns.max() / 240, rows.max() / 320)
        assert found == pytest.approx(box, abs=0.01)
    unsure = Sightings(1.0, (Sighting("Car", 0.3, other), Sighting("Car", 0.3, ahead)))
    drawn_unsure = draw_overlay(picture(), decision, Camera(), unsure)
    assert not (drawn_unsure == CAR_RGB).all(axis=2).any()
    assert (drawn_unsure == AHEAD_RGB).all(axis=2).any()
    middle = drawn[160:190, 150:190]
    assert (middle == 120).all(), "only the outline is drawn"
    assert (draw_overlay(picture(), decision, Camera()) == 120).all()


@pytest.mark.parametrize("size", [(240, 320), (60, 80), (600, 800)])
def test_pictures_are_jpegs_of_their_size(size: tuple[int, int]) -> None:
    data = encode_jpeg(placeholder(*size), 80)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (size[1], size[0], 3)
    assert image.std() > 2


async def test_strangers_hold_no_more_connections_than_a_car_can_spare(
    server: StreamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(120)]
    for _, writer in opened:
        writer.write(b"GET /status?token=no HTTP/1.1\r\n")  # and nothing more
    ended = await asyncio.gather(
        *(asyncio.wait_for(reader.read(), 0.5) for reader, _ in opened), return_exceptions=True
    )
    assert sum(isinstance(end, TimeoutError) for end in ended) == MAX_OF_ADDRESS
    for _, writer in opened:
        writer.close()
