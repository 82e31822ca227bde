"""The closed-loop figures, with a model that knows the true pose."""

from __future__ import annotations

import numpy as np
import pytest

from car.driving.types import LaneView
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.model_io.crops import Image
from sim.evaluation.lane_drive import LaneFigures, is_out_of_lane, junction_cases
from sim.physics.lockstep import random_route, ring_route
from sim.physics.vehicle import random_imperfections
from tests.support.oracle import oracle_drive


@pytest.mark.parametrize("name", ["pixelopolis", "curvy", "figure-eight", "grid:3x2:5"])
def test_the_expert_keeps_its_lane_with_real_faults(name: str) -> None:
    city = load_city(name)
    rng = np.random.default_rng(3)
    path = RoutePath(city, random_route(city, rng, 7.0))
    drive, _ = oracle_drive(city, path, random_imperfections(rng))
    figures = drive.run(path.length_m - 0.02)
    assert figures.interventions == 0, figures.failures
    assert figures.turns_wrong == 0
    assert figures.out_of_lane_s == 0
    assert figures.max_abs_deviation_m < 0.03
    assert figures.distance_m == pytest.approx(path.length_m, abs=0.1)


def test_turns_are_counted_where_there_is_a_choice() -> None:
    city = load_city("pixelopolis")
    path = RoutePath(city, find_route(city, Place("3", 0.1), Place("8", 0.5)))
    drive, _ = oracle_drive(city, path)
    figures = drive.run(path.length_m - 0.02)
    choices = [m for m in path.route.movements if len(city.exits[m[0]]) > 1]
    assert figures.turns_right == len(choices) > 0


def test_a_model_that_drifts_is_put_back_and_charged() -> None:
    city = load_city("pixelopolis")
    path = RoutePath(city, find_route(city, Place("1", 0.2), Place("7", 0.1)))
    drive, oracle = oracle_drive(city, path)
    oracle.bias = 0.5
    figures = drive.run(path.length_m - 0.02)
    assert figures.interventions > 0
    assert len(figures.failures) == figures.interventions
    assert figures.out_of_lane_s > 0
    shown = figures.document()
    expected = 100 * (1 - 6.0 * figures.interventions / figures.time_s)
    assert shown["autonomy_pct"] == pytest.approx(max(0.0, expected))


def test_a_car_that_takes_the_other_way_is_a_wrong_turn() -> None:
    city = load_city("pixelopolis")
    path = RoutePath(city, find_route(city, Place("7", 0.0), Place("9", 1.0)))
    assert city.movements["7", "9"].turn is Turn.LEFT
    drive, oracle = oracle_drive(city, path)

    look = oracle.look

    def straight_on(picture: Image) -> LaneView:
        steering = look(picture).steering
        assert steering is not None
        return LaneView(steering=(steering[0],) * 3)

    oracle.look = straight_on  # type: ignore[method-assign]
    figures = drive.run(path.length_m - 0.02)
    assert figures.turns_wrong == 1
    assert figures.turns_right == 0


def test_out_of_lane_begins_where_a_wheel_meets_the_line() -> None:
    city = load_city("pixelopolis")  # lane 280 mm, line 15 mm, wheels reach 74.6 mm
    assert not is_out_of_lane(city, 0.0579, 0.0)
    assert is_out_of_lane(city, 0.0580, 0.0)
    assert is_out_of_lane(city, -0.0580, 0.0)
    assert is_out_of_lane(city, 0.0570, np.radians(5))


def test_figures_add_up() -> None:
    total = LaneFigures()
    for deviation in (0.01, 0.03):
        total.add(
            LaneFigures(
                time_s=10,
                frames=200,
                deviation_sum_m=200 * deviation,
                max_abs_deviation_m=2 * deviation,
            )
        )
    shown = total.document()
    assert shown["mean_abs_deviation_m"] == pytest.approx(0.02)
    assert shown["max_abs_deviation_m"] == pytest.approx(0.06)
    assert shown["autonomy_pct"] == 100
    assert shown["metres_per_intervention"] is None


def test_junction_cases_cover_every_choice_once() -> None:
    city = load_city("pixelopolis")
    cases = {(c.movement.from_edge, c.movement.to_edge) for c in junction_cases(city)}
    assert cases == {
        ("3", "4"), ("3", "15"), ("7", "8"), ("7", "9"),
        ("9", "10"), ("9", "11"), ("11", "12"), ("11", "13"),
    }  # fmt: skip


def test_a_ring_route_stays_on_the_ring() -> None:
    city = load_city("pixelopolis")
    for seed in range(5):
        route = ring_route(city, np.random.default_rng(seed), 30.0)
        assert set(route.edges) == set("12345678")
