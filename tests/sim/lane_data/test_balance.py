from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.sources import load_city
from sim.lane_data.balance import (
    KINDS,
    TARGETS,
    RoadKind,
    balanced,
    bends_of,
    road_kind,
    road_places,
    shares,
)
from sim.lane_data.labels import label_of

TOWN = load_city("pixelopolis")
WANTED = [TARGETS[kind] for kind in KINDS]


def test_half_of_the_wanted_frames_have_a_choice() -> None:
    assert sum(WANTED) == pytest.approx(1.0)
    assert sum(v for k, v in TARGETS.items() if "choice" in k) == pytest.approx(0.5)


def test_as_many_paths_bend_left_as_right() -> None:
    names = ["pixelopolis", "straight", "square", "curvy", "figure-eight", "grid:2x2:101"]
    cities = [load_city(name) for name in names]
    weights = balanced(np.array([road_places(city).shares for city in cities]))
    rng = np.random.default_rng(1)
    bends = {"straight": 0, "left": 0, "right": 0}
    for city, parts in zip(cities, weights, strict=True):
        for _ in range(300):
            label = label_of(city, road_places(city).draw(parts.tolist(), rng))
            for bend in bends_of(label.paths_left_m.values()):
                bends[bend] += 1
    assert 0.8 < bends["left"] / bends["right"] < 1.25


def test_the_kinds_of_the_towns_roads() -> None:
    street = TOWN.edges["7"]  # leads to a junction: straight on or left
    assert road_kind(TOWN, "7", None, street.length_m - 0.6) is RoadKind.STRAIGHT
    assert road_kind(TOWN, "7", None, street.length_m - 0.4) is RoadKind.BEFORE_CHOICE
    assert road_kind(TOWN, "7", ("7", "9"), 0.1) is RoadKind.CHOICE_LEFT
    corner = next(key for key, m in TOWN.movements.items() if len(TOWN.exits[key[0]]) == 1)
    assert road_kind(TOWN, corner[0], corner, 0.05) in (RoadKind.LEFT, RoadKind.STRAIGHT)


def test_a_straight_town_is_all_straight_and_the_curvy_one_has_no_choice() -> None:
    assert road_places(load_city("straight")).shares[0] == 1.0
    curvy = dict(zip(KINDS, road_places(load_city("curvy")).shares, strict=True))
    assert sum(part for kind, part in curvy.items() if "choice" in kind) == 0
    assert curvy[RoadKind.LEFT] > 0 < curvy[RoadKind.RIGHT]


def test_towns_together_come_to_the_targets() -> None:
    names = ["pixelopolis", "curvy", "straight", "grid:2x2:101", "grid:1x2:102", "grid:2x1:106"]
    natural = np.array([road_places(load_city(name)).shares for name in names])
    weights = balanced(natural)
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(names)))
    assert weights.mean(axis=0) == pytest.approx(WANTED, abs=0.005)
    assert not weights[natural == 0].any()


@given(st.lists(st.floats(0.01, 1.0), min_size=7, max_size=7))
def test_one_town_with_everything_gets_the_targets_alone(parts: list[float]) -> None:
    natural = np.array([parts]) / sum(parts)
    assert balanced(natural)[0] == pytest.approx(WANTED)


def test_a_town_that_lacks_kinds_keeps_the_others_in_proportion() -> None:
    weights = balanced(np.array([[0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]]))[0]
    assert weights[0] / weights[1] == pytest.approx(WANTED[0] / WANTED[1])
    assert weights[:2].sum() == pytest.approx(1.0)


def test_poses_are_drawn_by_weight() -> None:
    rng = np.random.default_rng(1)
    only_left = [float(kind is RoadKind.CHOICE_LEFT) for kind in KINDS]
    places = [road_places(TOWN).draw(only_left, rng) for _ in range(20)]
    lefts = [m for m in TOWN.movements.values() if len(TOWN.exits[m.from_edge]) > 1]
    for pose in places:
        away = [abs(m.curve.project(pose.x_m, pose.y_m).left_m) for m in lefts if m.turn == "left"]
        assert min(away) < 0.005


def test_shares_count_kinds() -> None:
    counted = shares(["left", "left", "right", "straight"])
    assert counted["left"] == 0.5
    assert counted["right"] == counted["straight"] == 0.25
    assert counted["choice_left"] == 0
