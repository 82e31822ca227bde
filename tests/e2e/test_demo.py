"""The whole city: rides arrive, also after failures of its parts.

The tests share one city with two cars, one after the other; the last one ends it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from sim.hardware.firmware_program import BoardKind
from tests.e2e.conftest import RunningDemo, all_gone, arrives, book, get, ride, truth, until
from tests.support.firmware_build import build_board

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_headless_rides_arrive_over_the_firmware_without_a_collision(tmp_path: Path) -> None:
    build_board(BoardKind.HOST)
    argv = [sys.executable, "-m", "pixelopolis", "demo", "--headless", "--json", "--board", "host"]
    # visitors of this seed go to places near the cars
    argv += ["--rides", "3", "--cars", "2", "--seed", "4", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["board"] == "host"
    assert (document["rides"], document["arrived"], document["collisions"]) == (3, 3, 0)
    assert document["video_fps"] > 0
    assert 0 < document["frame_to_command_ms"]["p50"] <= document["frame_to_command_ms"]["p99"]
    assert isinstance(document["loop_misses"], int)
    assert len({ride["station"] for ride in document["each"]}) == 3
    assert all(ride["ride_s"] > 0 for ride in document["each"])


def test_the_pages_answer(demo: RunningDemo) -> None:
    with urlopen(f"{demo.url}/", timeout=10) as page:
        assert page.headers.get_content_type() == "text/html"
    with urlopen(f"{demo.sim_url}/bird.jpg", timeout=10) as picture:
        assert picture.read(2) == b"\xff\xd8"


def test_a_ride_survives_the_death_of_the_server(demo: RunningDemo) -> None:
    booking = book(demo, "landmark", "station-a")
    car = booking["car_id"]
    until("the car moves", lambda: truth(demo, car)["v_mps"] > 0.05)
    demo.kill("server")
    # until the dead server's lease of the town ends, the new one stands by (503)
    until("the server serves the town again", lambda: ride(demo, booking))
    again = ride(demo, booking)
    assert again["car_id"] == car
    assert again["state"] not in ("arrived", "failed", "cancelled")
    arrives(demo, booking)
    assert get(f"{demo.sim_url}/state")["collisions"] == 0


def test_a_dead_car_stands_still_and_the_other_one_keeps_clear(demo: RunningDemo) -> None:
    first = book(demo, "wedding-hall", "station-a")
    car = first["car_id"]
    until("the car moves", lambda: truth(demo, car)["v_mps"] > 0.05)
    demo.kill(car)
    # the virtual board's watchdog: nothing else can stop the wheels
    until("its wheels stop", lambda: abs(truth(demo, car)["v_mps"]) < 0.001, 5.0)
    stopped = truth(demo, car)
    assert stopped["torque"] == [False, False]
    second = book(demo, "wedding-hall", "station-b")
    assert second["car_id"] != car

    def arrived_or_says_why() -> bool:
        now = ride(demo, second)
        return now["state"] == "arrived" or car in now["reason"]

    until("the other car arrives, or waits and says why", arrived_or_says_why)
    after = truth(demo, car)
    assert after["x_m"] == pytest.approx(stopped["x_m"], abs=0.001)
    assert after["y_m"] == pytest.approx(stopped["y_m"], abs=0.001)
    assert get(f"{demo.sim_url}/state")["collisions"] == 0
    assert f"{car} was ended by SIGKILL" in demo.log()


def test_ctrl_c_leaves_nothing_behind(demo: RunningDemo) -> None:
    family = demo.family()
    assert len(family) >= 5  # the demo, its keeper, server, simulator and a car
    assert demo.stop(signal.SIGINT) == 0
    all_gone(family)
