"""The belief over a whole city: always a probability, and finally the true place."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from car.driving.localization.belief import Belief
from car.driving.localization.lane_grid import CELL_M, LaneGrid
from car.driving.localization.sign_model import SignModel
from car.driving.types import Sighting, Sightings, WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M
from sim.camera.simulated_detector import SimulatedDetector
from sim.evaluation.localization import Senses, drop_off, is_right

STEP_M = 0.0068
"""Distance per frame at cruise."""


@cache
def sign_model(name: str) -> SignModel:
    return SignModel(LaneGrid(load_city(name)), Camera())


def seer(name: str, seed: int = 1) -> SimulatedDetector:
    return SimulatedDetector(load_city(name), Camera(), np.random.default_rng(seed))


class Ideal:
    """A car with exact wheels on a path; the belief gets its sightings at once."""

    def __init__(self, name: str, path: RoutePath, belief: Belief, seed: int = 1) -> None:
        self.path, self.belief = path, belief
        self.seer = seer(name, seed)
        self.at_m = 0.0
        self.left = self.right = 0.0
        self.now_s = 0.0
        belief.move(WheelReading(0.0, 0.0, 0.0))

    @property
    def pose(self) -> Pose:
        return self.path.pose_at(self.at_m)

    def drive(self, metres: float, sees: bool = True) -> None:
        for _ in range(round(metres / STEP_M)):
            turn = self.path.curvature_at(self.at_m) * STEP_M
            self.left += (STEP_M - turn * WHEEL_BASE_M / 2) / WHEEL_RADIUS_M
            self.right += (STEP_M + turn * WHEEL_BASE_M / 2) / WHEEL_RADIUS_M
            self.at_m += STEP_M
            self.step(sees)

    def step(self, sees: bool = True) -> None:
        self.now_s += 0.05
        command = self.path.turn_at(self.at_m)
        self.belief.move(WheelReading(self.left, self.right, self.now_s), command)
        if sees:
            self.belief.see(Sightings(self.now_s, self.seer(self.pose)))


def path(name: str, *edges: str, start_m: float = 0.05) -> RoutePath:
    city = load_city(name)
    return RoutePath(city, Route(edges, start_m, city.edges[edges[-1]].length_m))


# --- always a probability ------------------------------------------------------------------------

boxes = st.tuples(
    st.floats(0, 0.9), st.floats(0.25, 0.7), st.floats(0.01, 0.5), st.floats(0.01, 0.5)
).map(lambda b: (b[0], b[1], min(b[0] + b[2], 1.0), min(b[1] + b[3], 0.75)))
sightings = st.lists(
    st.builds(Sighting, st.sampled_from(SIGN_CLASSES), st.floats(0.3, 1.0), boxes), max_size=4
)
moves = st.tuples(
    st.floats(0, 0.3), st.floats(-0.3, 0.3), st.sampled_from([None, *Turn]), sightings
)


@given(st.sampled_from(["pixelopolis", "straight", "grid:2x2:7"]), st.lists(moves, max_size=12))
@settings(max_examples=20, deadline=None)
def test_whatever_comes_it_stays_a_probability(
    name: str, moved: list[tuple[float, float, Turn | None, list[Sighting]]]
) -> None:
    belief = Belief(sign_model(name))
    left = right = 0.0
    for i, (way_m, turn_rad, command, seen) in enumerate(moved):
        left += (way_m - turn_rad * WHEEL_BASE_M / 2) / WHEEL_RADIUS_M
        right += (way_m + turn_rad * WHEEL_BASE_M / 2) / WHEEL_RADIUS_M
        belief.move(WheelReading(left, right, i * 0.05), command)
        belief.see(Sightings(i * 0.05, tuple(seen)))
        assert belief.probabilities.min() >= 0
        assert belief.nowhere >= 0
        assert belief.probabilities.sum() + belief.nowhere == pytest.approx(1.0)
        assert len(belief.probabilities) == belief.grid.count
        assert 0 <= belief.best.probability <= 1 + 1e-9
        assert belief.best.place.edge in belief.grid.city.edges


@pytest.mark.parametrize("name", ["pixelopolis", "figure-eight", "grid:3x2:5"])
def test_a_step_is_two_centimetres_and_loses_nothing(name: str) -> None:
    grid = sign_model(name).grid
    steps = grid.steps
    ends = {lane.first + lane.count - 1 for lane in grid.lanes}
    inside = [c for c in range(grid.count) if not {c, c + 1} & ends]
    out = np.bincount(steps.source, np.where(steps.exit < 0, steps.weight, 0), grid.count)
    assert out[inside] == pytest.approx(1.0)
    lengths = np.array([lane.length_m / lane.count for lane in grid.lanes])[grid.lane_of]
    hops = steps.target - steps.source
    mean = np.bincount(steps.source, steps.weight * hops, grid.count) * lengths
    assert mean[inside] == pytest.approx(CELL_M)


def test_at_a_junction_it_follows_every_way_and_the_command_most() -> None:
    town = load_city("pixelopolis")
    told = {m.turn: m.to_edge for m in town.exits["7"]}
    after: dict[Turn | None, dict[str, float]] = {}
    for command in (None, Turn.LEFT):
        belief = Belief(sign_model("pixelopolis"), Place("7", town.edges["7"].length_m - 0.05))
        belief.move(WheelReading(0.0, 0.0, 0.0))
        belief.move(WheelReading(0.15 / WHEEL_RADIUS_M, 0.15 / WHEEL_RADIUS_M, 1.0), command)
        grid = belief.grid
        after[command] = {
            to: float(belief.probabilities[grid.lane_of == grid.index["7", to]].sum())
            for to in told.values()
        }
    assert min(after[None].values()) > 0.1
    left = told[Turn.LEFT]
    assert after[Turn.LEFT][left] > after[None][left]


# --- finally the true place -----------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_put_down_anywhere_in_any_town_it_finds_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    name = ("pixelopolis", "grid:2x2:3", "grid:3x2:8")[seed % 3]
    figures = drop_off(sign_model(name), Senses(seer(name, seed)), rng)
    assert figures.wedged == 0, figures.failures
    assert figures.wrong == 0, figures.failures


def test_told_where_it_is_it_believes_so_and_follows_its_wheels() -> None:
    way = path("pixelopolis", "1", "2", start_m=0.3)
    belief = Belief(sign_model("pixelopolis"), Place("1", 0.3))
    assert belief.is_located
    car = Ideal("pixelopolis", way, belief)
    car.drive(1.0, sees=False)
    assert belief.is_located
    assert belief.best.pose.distance_m(car.pose) < 0.05


def test_told_a_place_beyond_an_edge_it_is_in_the_junction_on_any_way() -> None:
    town = load_city("pixelopolis")
    belief = Belief(sign_model("pixelopolis"), Place("7", town.edges["7"].length_m + 0.3))
    grid = belief.grid
    ways = [grid.index["7", m.to_edge] for m in town.exits["7"]]
    shares = [float(belief.probabilities[grid.lane_of == way].sum()) for way in ways]
    assert sum(shares) > 0.98
    assert shares[0] == pytest.approx(shares[1], abs=0.01)


def test_carried_away_while_it_drives_it_gives_up_its_certainty() -> None:
    belief = Belief(sign_model("pixelopolis"), Place("9", 0.05))
    car = Ideal("pixelopolis", path("pixelopolis", "9", "10"), belief)
    car.drive(0.6)
    assert is_right(belief, car.pose)
    car.path, car.at_m = path("pixelopolis", "3", "4"), 0.0
    found_m, driven_m = math.inf, 0.0
    while driven_m < 3.0 and math.isinf(found_m):
        car.drive(0.05)
        driven_m += 0.05
        if belief.is_located and is_right(belief, car.pose):
            found_m = driven_m
    assert found_m < 2.0


def test_carried_before_a_sign_while_it_stands_it_notices() -> None:
    belief = Belief(sign_model("pixelopolis"), Place("1", 0.3))
    town = load_city("pixelopolis")
    car = Ideal("pixelopolis", path("pixelopolis", "7", start_m=0.05), belief)
    car.at_m = town.edges["7"].length_m - 0.45
    for _ in range(60):
        car.step()
    assert belief.probability_near(town.edges["1"].curve.pose_at(0.3), 0.3) < 0.1


def test_with_wheels_turned_by_hand_and_nothing_seen_it_is_not_sure_for_long() -> None:
    belief = Belief(sign_model("pixelopolis"), Place("1", 0.3))
    belief.move(WheelReading(0.0, 0.0, 0.0))
    for i in range(1, 60):  # turning on the spot where the city has a straight
        belief.move(WheelReading(0.5 * i, 0.9 * i, 0.05 * i))
    assert not belief.is_located


def test_signs_of_one_class_are_told_apart_by_what_else_is_seen() -> None:
    name = "grid:2x2:3"
    city = load_city(name)
    classes = [sign.sign_class for sign in city.signs]
    twins = [s for s in city.signs if classes.count(s.sign_class) > 1]
    assert twins
    right = 0
    twins = twins[::8]
    for i, sign in enumerate(twins):
        following = city.exits[sign.edge][0].to_edge
        end = city.exits[following][0].to_edge if city.exits[following] else following
        route = find_route(city, Place(sign.edge, 0.02), Place(end, 0.2))
        belief = Belief(sign_model(name))
        car = Ideal(name, RoutePath(city, route), belief, seed=i)
        car.drive(car.path.length_m)
        right += is_right(belief, car.pose)
    assert right >= 0.9 * len(twins)
