from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon

from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.bodies import body_corners
from pixelopolis.vehicle.dimensions import CAR_REAR_M
from sim.lane_data.traffic import AHEAD_M, SIGHT_M, cars_around

GRID = load_city("grid:2x2:101")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*GRID.edges.values(), *GRID.movements.values()]),
    st.floats(0.0, 1.0),
    st.floats(-0.1, 0.1),
    st.integers(0, 2**31),
)
def test_no_car_overlaps_another_or_our_own(
    lane: object, part: float, left_m: float, seed: int
) -> None:
    curve = lane.curve  # type: ignore[attr-defined]
    pose = curve.pose_at(part * curve.length_m).ahead(0.0, left_m)
    others = cars_around(GRID, pose, np.random.default_rng(seed))
    bodies = [Polygon(body_corners(p)) for p in (pose, *(car.pose for car in others))]
    assert not any(a.intersects(b) for a, b in combinations(bodies, 2))
    assert all(car.pose.distance_m(pose) < SIGHT_M for car in others)
    assert len({car.id for car in others}) == len(others)


def test_some_drive_ahead_some_come_towards_us_and_some_wait() -> None:
    edge = max(GRID.edges.values(), key=lambda e: e.length_m)
    pose = edge.curve.pose_at(edge.length_m - 0.6)
    ahead = oncoming = across = 0
    for seed in range(60):
        for car in cars_around(GRID, pose, np.random.default_rng(seed)):
            forward, left = pose.to_local(car.pose.x_m, car.pose.y_m)
            turned = abs(np.cos(car.pose.heading_rad - pose.heading_rad))
            same = np.cos(car.pose.heading_rad - pose.heading_rad) > 0.9
            if same and abs(left) < 0.1:
                ahead += 1
                gap_m = forward - CAR_REAR_M
                assert AHEAD_M[0] - 0.02 < gap_m < AHEAD_M[1] + 0.02
            elif turned > 0.9:
                oncoming += 1
                assert left > 0.15  # right-hand traffic
            else:
                across += 1
    assert ahead > 20
    assert oncoming > 5
    assert across > 5
