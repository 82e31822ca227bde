"""Sweeps vary one condition and end where lane keeping fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from car.driving.driver import Driver
from car.driving.types import Decision, DriveState, Observation
from car.perception.lane_network import load_lane_model
from pixelopolis.cli.main import app
from pixelopolis.errors import SettingsError
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import Image
from sim.evaluation.lane_evaluation import evaluate_lane
from sim.evaluation.lane_runs import LaneEvaluation
from sim.evaluation.sweeps import sweep_chart, sweep_lane
from sim.evaluation.swept import Swept, swept_city, swept_look
from sim.looks.look import plain_look
from sim.physics.lockstep import LockstepCar
from sim.physics.vehicle import BodyMotion, Vehicle

RUN = LaneEvaluation(("straight",), metres=0.5, looks=1, seed=3)


def test_each_direction_ends_at_its_first_failure() -> None:
    tried: list[float] = []

    def measure(run: LaneEvaluation) -> dict[str, Any]:
        tried.append(run.swept_value)
        autonomy_pct = 100.0 if -3 < run.swept_value < 5 else 50.0
        return {"autonomy_pct": autonomy_pct, "distance_m": run.metres}

    document = sweep_lane(RUN, Swept.PITCH, None, measure)
    assert tried == [0.0, 2.0, 4.0, 6.0, -2.0, -4.0]
    assert [p["value"] for p in document["points"]] == sorted(tried)


def test_a_car_that_stands_has_failed_although_it_is_seldom_put_back() -> None:
    def measure(run: LaneEvaluation) -> dict[str, Any]:
        way_m = run.metres if run.swept_value < 0.2 else 0.0
        return {"autonomy_pct": 97.0, "distance_m": way_m}

    points = sweep_lane(RUN, Swept.LATENCY, None, measure)["points"]
    assert [p["value"] for p in points if p["failed"]] == [0.2]
    assert points[-1]["value"] == 0.2


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
    seen_moving: list[BodyMotion] = []

    class Recorder(Driver):
        def step(self, now: Observation) -> Decision:
            ages_s.append(None if now.frame is None else now.now_s - now.frame.captured_s)
            return Decision(4.0, 6.0, DriveState.DRIVING)

    def eye(_: Pose, motion: BodyMotion) -> Image:
        seen_moving.append(motion)
        return np.zeros((40, 120, 3), np.uint8)

    driver = Recorder(load_lane_model())
    car = LockstepCar(Vehicle(Pose(0, 0, 0)), driver, eye, frame_delay_s=0.1)
    for _ in range(4):
        car.tick(None)
    assert ages_s == [None, None, pytest.approx(0.1), pytest.approx(0.1)]
    assert seen_moving[0] == BodyMotion()
    assert 0 < seen_moving[2].speed_mps < seen_moving[3].speed_mps < car.vehicle.motion.speed_mps
    assert seen_moving[3].yaw_rad_s > 0


def test_a_swept_run_drives() -> None:
    points = sweep_lane(RUN, Swept.LATENCY, [0.0, 0.15], lambda run: evaluate_lane(run, 1))
    on_time, late = points["points"]
    assert late["distance_m"] > 0
    assert late["mean_abs_deviation_m"] != on_time["mean_abs_deviation_m"]


def point(value: float, autonomy_pct: float) -> dict[str, Any]:
    return {
        "value": value,
        "failed": autonomy_pct < 90,
        "autonomy_pct": autonomy_pct,
        "out_of_lane_pct": 0.5,
        "distance_m": 60.1,
        "cities": ["square"],
        "looks": 2,
        "cruise_mps": 0.136,
        "seed": 4,
        "mean_abs_deviation_m": 0.008,
        "max_abs_deviation_m": 0.03,
        "by_look": [{"mean_abs_deviation_m": 0.006}, {"mean_abs_deviation_m": 0.012}],
    }


HELD = [point(0.25, 100.0), point(0.5, 95.0)]


@pytest.mark.parametrize("swept", list(Swept))
def test_a_chart_crosses_out_what_failed(swept: Swept, tmp_path: Path) -> None:
    points = [*HELD, point(1.0, 60.0)]
    sweep_chart({"sweep": swept.value, "points": points}, tmp_path / "failed.svg")
    assert "#c1121f" in (tmp_path / "failed.svg").read_text()


def test_a_chart_crosses_out_nothing_that_held(tmp_path: Path) -> None:
    sweep_chart({"sweep": Swept.BLUR.value, "points": HELD}, tmp_path / "held.svg")
    assert "#c1121f" not in (tmp_path / "held.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--plot", "chart.svg"], "--plot draws a sweep"),
        (["--sweep", "blur", "--plot", "chart.jpg"], r"--plot 'chart.jpg'.*\.svg or \.png"),
        (["--sweep", "blur", "--plot", "no/such/chart.svg"], "no folder 'no/such'"),
    ],
)
def test_a_chart_that_cannot_be_is_named_before_anything_drives(
    arguments: list[str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        CliRunner().invoke(app, ["evaluate", "lane", *arguments], catch_exceptions=False)


def test_the_command_draws_its_sweep(tmp_path: Path) -> None:
    chart = tmp_path / "blur.svg"
    lane = [
        "evaluate",
        "lane",
        "--city",
        "straight",
        "--metres",
        "1",
        "--looks",
        "1",
        "--jobs",
        "1",
    ]
    swept = ["--sweep", "blur", "--value", "0", "--value", "2", "--plot", str(chart), "--json"]
    result = CliRunner().invoke(app, [*lane, *swept], catch_exceptions=False)
    assert result.exit_code == 0
    assert [p["value"] for p in json.loads(result.stdout)["points"]] == [0.0, 2.0]
    assert 'id="axes_2"' in chart.read_text()
