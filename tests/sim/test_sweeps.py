"""Sweeps change one thing and end where lane keeping does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from car.driver import Driver
from car.lane import load_lane_model
from car.observation import Decision, DriveState, Observation
from pixelopolis.geometry import Pose
from pixelopolis.vision import Image
from sim.evaluation_runs import LaneRun, evaluate_lane
from sim.lockstep import LockstepCar
from sim.looks import plain_look
from sim.sweeps import Swept, sweep_lane, swept_city, swept_look
from sim.vehicle import Motion, Vehicle

RUN = LaneRun(("pixelopolis",), metres=1.5, looks=1, seed=3)


def test_each_direction_ends_at_its_first_failure() -> None:
    tried: list[float] = []

    def measure(run: LaneRun) -> dict[str, Any]:
        tried.append(run.swept_value)
        return {"autonomy_pct": 100.0 if -3 < run.swept_value < 5 else 50.0}

    document = sweep_lane(RUN, Swept.PITCH, None, measure)
    assert tried == [0.0, 2.0, 4.0, 6.0, -2.0, -4.0]
    assert [p["value"] for p in document["points"]] == sorted(tried)


def test_a_look_keeps_everything_else() -> None:
    look = plain_look()
    assert swept_look(look, Swept.EXPOSURE, 2.0).gains == (2.0, 2.0, 2.0)
    assert swept_look(look, Swept.BLUR, 3.0).sensor.blur_px == pytest.approx(3.0, abs=0.2)
    assert swept_look(look, Swept.LATENCY, 0.1) == look


@pytest.mark.parametrize("name", ["pixelopolis", "track:9001", "grid:3x2:9001"])
def test_lanes_get_as_wide_as_asked(name: str) -> None:
    city = swept_city(name, Swept.LANE_WIDTH, 0.24)
    assert city.road.lane_width_m == 0.24


def test_a_late_camera_hands_on_old_frames_with_their_own_time_and_motion() -> None:
    ages_s: list[float | None] = []
    seen_moving: list[Motion] = []

    class Recorder(Driver):
        def step(self, now: Observation) -> Decision:
            ages_s.append(None if now.frame is None else now.now_s - now.frame.captured_s)
            return Decision(4.0, 6.0, DriveState.DRIVING)

    def eye(_: Pose, motion: Motion) -> Image:
        seen_moving.append(motion)
        return np.zeros((40, 120, 3), np.uint8)

    driver = Recorder(load_lane_model())
    car = LockstepCar(Vehicle(Pose(0, 0, 0)), driver, eye, frame_delay_s=0.1)
    for _ in range(4):
        car.tick(None)
    assert ages_s == [None, None, pytest.approx(0.1), pytest.approx(0.1)]
    assert seen_moving[0] == Motion()
    assert 0 < seen_moving[2].speed_mps < seen_moving[3].speed_mps < car.vehicle.motion.speed_mps
    assert seen_moving[3].yaw_rad_s > 0


def test_a_swept_run_drives() -> None:
    points = sweep_lane(RUN, Swept.LATENCY, [0.0, 0.15], lambda run: evaluate_lane(run, 1))
    on_time, late = points["points"]
    assert late["distance_m"] > 0
    assert late["mean_abs_deviation_m"] != on_time["mean_abs_deviation_m"]
