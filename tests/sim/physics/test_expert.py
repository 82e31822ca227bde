from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.model import Turn
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.steering import curvature_to_steering
from sim.physics.expert import (
    Successor,
    choose,
    pursue,
    steering_to,
    ways_from_edge,
    ways_in_movement,
)


def label(ways: tuple[Successor, ...], pose: Pose) -> dict[Turn, float | None]:
    chosen = choose(ways, pose)
    return {turn: way and steering_to(way, pose) for turn, way in chosen.items()}


TOWN = load_city("pixelopolis")
GRID = load_city("grid:3x2:5")


def test_on_the_line_of_a_straight_the_expert_does_not_steer() -> None:
    curve = TOWN.edges["9"].curve
    assert pursue(curve, curve.pose_at(0.4)) == pytest.approx(0.0, abs=1e-6)


def test_in_a_bend_the_expert_steers_its_curvature() -> None:
    curve = TOWN.movements["7", "9"].curve
    middle = curve.length_m / 2
    expected = curvature_to_steering(1 / 0.30)
    assert pursue(curve, curve.pose_at(middle)) == pytest.approx(expected, rel=0.06)


@settings(max_examples=50)
@given(st.floats(0.02, 0.06), st.sampled_from([-1, 1]))
def test_beside_the_line_it_steers_back(offset_m: float, side: int) -> None:
    curve = TOWN.edges["9"].curve
    steering = pursue(curve, curve.pose_at(0.4).ahead(0.0, side * offset_m))
    assert steering * side > 0  # left of the line: to the right, which is positive


def test_before_a_choice_every_command_has_its_own_answer() -> None:
    edge = TOWN.edges["7"]
    pose = edge.curve.pose_at(edge.length_m).ahead(0.0)
    steering = label(ways_from_edge(TOWN, "7"), pose)
    assert steering[Turn.STRAIGHT] == pytest.approx(0.0, abs=0.02)
    left = steering[Turn.LEFT]
    assert left is not None
    assert left < -0.1
    assert steering[Turn.RIGHT] is None, "no way leads there"


def test_far_before_a_choice_all_commands_agree() -> None:
    steering = label(ways_from_edge(TOWN, "9"), TOWN.edges["9"].curve.pose_at(0.3))
    assert len({round(v, 6) for v in steering.values() if v is not None}) == 1


@pytest.mark.parametrize("key", list(TOWN.movements))
def test_behind_a_choice_all_commands_follow_the_way_taken(key: tuple[str, str]) -> None:
    movement = TOWN.movements[key]
    pose = movement.curve.pose_at(movement.length_m * 0.8)
    steering = label(ways_in_movement(TOWN, key), pose)
    assert len(set(steering.values())) == 1


def test_at_a_fork_left_and_right_straight_on_has_no_answer_until_committed() -> None:
    forks = [
        edge
        for edge, exits in GRID.exits.items()
        if {m.turn for m in exits} == {Turn.LEFT, Turn.RIGHT}
    ]
    assert forks
    edge = GRID.edges[forks[0]]
    before = label(ways_from_edge(GRID, edge.id), edge.curve.end)
    assert before[Turn.STRAIGHT] is None
    movement = GRID.exits[edge.id][0]
    key = (movement.from_edge, movement.to_edge)
    after = label(ways_in_movement(GRID, key), movement.curve.pose_at(movement.length_m * 0.8))
    assert after[Turn.STRAIGHT] == after[movement.turn]
