from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.types import LaneView
from pixelopolis.city.model import Turn
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.lane_path import SCALES_M
from sim.lane_data.drives import BEFORE_LEAVING, DrivenFrame, _renumbered, error_of, keep
from sim.lane_data.labels import label_of
from sim.lane_data.samples import CENTER, Sample

TOWN = load_city("pixelopolis")


def seen(errors: list[float], route: int = 0) -> list[DrivenFrame]:
    return [DrivenFrame(Sample(Pose(0.0, 0.0, 0.0), CENTER, 0.0, route), error) for error in errors]


def test_the_error_is_that_of_the_commanded_way() -> None:
    label = label_of(TOWN, TOWN.edges["7"].curve.end)
    left = label.paths_left_m[Turn.LEFT]
    assert left is not None
    paths = np.zeros((3, 5))
    paths[1] = np.add(left, (0.0, 0.03, 0.06, 0.09, 0.12))
    view = LaneView(paths_left_m=paths, spread_m=np.ones(3))
    assert error_of(view, label, Turn.STRAIGHT) == pytest.approx(0.0, abs=1e-3)
    assert error_of(view, label, Turn.LEFT) == pytest.approx(0.06 / SCALES_M[2])
    steering = LaneView(steering=(0.25, 0.0, 0.0))
    assert error_of(steering, label, Turn.STRAIGHT) == pytest.approx(0.25, abs=0.02)


def test_what_led_out_of_the_lane_is_kept_whole() -> None:
    kept = keep(seen([0.0] * 200), [100], 60, np.random.default_rng(1))
    assert set(range(100 - BEFORE_LEAVING, 100)) <= set(kept)
    assert len(kept) == 60


def test_the_most_wrong_blocks_are_kept_and_some_others() -> None:
    errors = [0.0] * 160
    errors[80:96] = [1.0] * 16
    kept = keep(seen(errors), [], 24, np.random.default_rng(1))
    assert set(range(80, 96)) <= set(kept)
    assert len(set(kept) - set(range(80, 96))) == 8


@given(
    st.lists(st.floats(0, 2), min_size=20, max_size=120),
    st.integers(1, 20),
    st.integers(0, 1000),
)
def test_as_many_as_wanted_are_kept_in_order(errors: list[float], frames: int, seed: int) -> None:
    kept = keep(seen(errors), [len(errors)], frames, np.random.default_rng(seed))
    assert len(kept) == frames
    assert kept == sorted(set(kept))
    assert kept == keep(seen(errors), [len(errors)], frames, np.random.default_rng(seed))


def test_a_stretch_ends_where_frames_are_missing_or_a_new_drive_begins() -> None:
    frames = [*seen([0.0] * 4, route=0), *seen([0.0] * 4, route=1)]
    kept = _renumbered(frames, [0, 1, 3, 4, 5, 7])
    assert [sample.stretch for sample in kept] == [0, 0, 1, 2, 2, 3]
    assert not math.isnan(kept[0].steering)
