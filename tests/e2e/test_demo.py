"""The whole city: rides arrive, also after failures of its parts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from pixelopolis.city.sources import load_city
from sim.hardware.firmware_program import BoardKind
from tests.e2e.conftest import RunningDemo, farthest_destination, get
from tests.support.firmware_build import build_board

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

RIDE_S = 300.0
AGAIN_S = 0.2


def post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def until(what: str, condition: Callable[[], Any], timeout_s: float = RIDE_S) -> Any:
    """Wait until a condition returns a true value; a part that does not answer counts as false."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        try:
            found = condition()
        except (OSError, json.JSONDecodeError):
            found = None
        if found:
            return found
        time.sleep(AGAIN_S)
    return pytest.fail(f"{what}: not within {timeout_s} s")


def book(demo: RunningDemo, destination: str, station: str) -> dict[str, Any]:
    post(f"{demo.url}/api/stations", {"device_id": station})
    body = {"station_device_id": station, "destination_id": destination, "language": "ja"}

    def booked() -> dict[str, Any] | None:
        status, document = post(f"{demo.url}/api/bookings", body)
        assert status in (201, 409), document
        return document if status == 201 else None

    booking: dict[str, Any] = until("a booking", booked)
    return booking


def booking_state(demo: RunningDemo, booking_id: str) -> str:
    return str(get(f"{demo.url}/api/bookings/{booking_id}")["state"])


def truth(demo: RunningDemo, car: str) -> dict[str, Any]:
    cars = get(f"{demo.sim_url}/state")["cars"]
    return next(each for each in cars if each["id"] == car)


def all_gone(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=30)
    left = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert left == []


def test_headless_rides_arrive_without_a_collision(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pixelopolis", "demo", "--headless", "--json"]
    argv += ["--rides", "3", "--cars", "2", "--seed", "1", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["rides"], document["arrived"], document["collisions"]) == (3, 3, 0)
    assert document["video_fps"] > 0
    assert 0 < document["frame_to_command_ms"]["p50"] <= document["frame_to_command_ms"]["p99"]
    assert isinstance(document["loop_misses"], int)
    assert len({ride["station"] for ride in document["each"]}) == 3
    assert all(ride["ride_s"] > 0 for ride in document["each"])


def test_a_ride_arrives_over_the_firmware(tmp_path: Path) -> None:
    build_board(BoardKind.HOST)
    argv = [sys.executable, "-m", "pixelopolis", "demo", "--headless", "--json", "--board", "host"]
    argv += ["--rides", "1", "--cars", "1", "--seed", "1", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["board"], document["arrived"]) == ("host", 1)


def test_the_page_answers_and_ctrl_c_leaves_nothing_behind(
    new_demo: Callable[..., RunningDemo],
) -> None:
    demo = new_demo(cars=1)
    with urlopen(f"{demo.url}/", timeout=10) as page:
        assert page.headers.get_content_type() == "text/html"
    with urlopen(f"{demo.sim_url}/bird.jpg", timeout=10) as picture:
        assert picture.read(2) == b"\xff\xd8"
    family = demo.family()
    assert len(family) >= 5  # the demo, its keeper, server, simulator and a car
    assert demo.stop(signal.SIGINT) == 0
    all_gone(family)


def test_killing_the_demo_leaves_nothing_behind(new_demo: Callable[..., RunningDemo]) -> None:
    demo = new_demo(cars=1)
    family = demo.family()
    demo.stop(signal.SIGKILL)
    all_gone(family)


def test_a_ride_survives_the_death_of_the_server(new_demo: Callable[..., RunningDemo]) -> None:
    demo = new_demo()
    booking = book(demo, farthest_destination(demo)["id"], "station-a")
    car = booking["car_id"]
    until("the car moves", lambda: truth(demo, car)["v_mps"] > 0.05)
    demo.kill("server")
    until("the server answers again", lambda: get(f"{demo.url}/healthz"))
    again = get(f"{demo.url}/api/bookings/{booking['id']}")
    assert again["car_id"] == car
    assert again["state"] not in ("failed", "cancelled")
    until("arrival", lambda: booking_state(demo, booking["id"]) == "arrived")
    assert get(f"{demo.sim_url}/state")["collisions"] == 0


def test_a_dead_car_stands_still_and_the_other_one_keeps_clear(
    new_demo: Callable[..., RunningDemo],
) -> None:
    demo = new_demo()
    first = book(demo, farthest_destination(demo)["id"], "station-a")
    car = first["car_id"]
    until("the car moves", lambda: truth(demo, car)["v_mps"] > 0.05)
    demo.kill(car)
    # the virtual board's watchdog: nothing else can stop the wheels
    until("its wheels stop", lambda: abs(truth(demo, car)["v_mps"]) < 0.001, 5.0)
    stopped = truth(demo, car)
    assert stopped["torque"] == [False, False]
    second = book(demo, farthest_destination(demo)["id"], "station-b")
    assert second["car_id"] != car

    def arrived_or_says_why() -> bool:
        now = get(f"{demo.url}/api/bookings/{second['id']}")
        return now["state"] == "arrived" or car in now["reason"]

    until("the other car arrives, or waits and says why", arrived_or_says_why)
    after = truth(demo, car)
    assert after["x_m"] == pytest.approx(stopped["x_m"], abs=0.001)
    assert after["y_m"] == pytest.approx(stopped["y_m"], abs=0.001)
    assert get(f"{demo.sim_url}/state")["collisions"] == 0
    assert f"{car} was ended by SIGKILL" in demo.log()


def test_a_car_that_is_carried_away_finds_itself_and_still_arrives(
    new_demo: Callable[..., RunningDemo],
) -> None:
    demo = new_demo(cars=1)
    booking = book(demo, farthest_destination(demo)["id"], "station-a")
    car = booking["car_id"]
    until("the car moves", lambda: truth(demo, car)["v_mps"] > 0.05)
    booking = get(f"{demo.url}/api/bookings/{booking['id']}")  # now with its route
    # a lane that is not on its route, well before the sign at its end
    on_its_way = {step["node"] for step in booking["route"]}
    city = load_city("pixelopolis")
    away = next(
        edge
        for edge in city.edges.values()
        if edge.to_node not in on_its_way and any(sign.edge == edge.id for sign in city.signs)
    )
    post(f"{demo.sim_url}/place", {"car": car, "edge": away.id, "s_m": 0.1})
    way_from = booking["path_m"][0]

    def has_another_way() -> bool:
        now = get(f"{demo.url}/api/bookings/{booking['id']}")
        return bool(now["path_m"]) and now["path_m"][0] != way_from

    until("it finds itself, and gets another way", has_another_way)
    until("arrival", lambda: booking_state(demo, booking["id"]) == "arrived")
    end = truth(demo, car)
    stop = next(
        each
        for each in get(f"{demo.url}/api/city")["destinations"]
        if each["id"] == booking["destination_id"]
    )
    assert (end["x_m"], end["y_m"]) == pytest.approx((stop["x_m"], stop["y_m"]), abs=0.2)
