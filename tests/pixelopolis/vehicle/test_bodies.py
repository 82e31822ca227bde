import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.bodies import bodies_touch, body_corners
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_REAR_M, CAR_WIDTH_M

PLACES = st.builds(Pose, st.floats(-2, 2), st.floats(-2, 2), st.floats(-math.pi, math.pi))


def test_body_is_a_rectangle_around_the_axle() -> None:
    half_m = CAR_WIDTH_M / 2
    # driving north from (1, 2): left is west
    front_left, back_left, back_right, front_right = body_corners(Pose(1.0, 2.0, math.pi / 2))
    assert front_left == pytest.approx((1 - half_m, 2 + CAR_FRONT_M))
    assert back_left == pytest.approx((1 - half_m, 2 - CAR_REAR_M))
    assert back_right == pytest.approx((1 + half_m, 2 - CAR_REAR_M))
    assert front_right == pytest.approx((1 + half_m, 2 + CAR_FRONT_M))


@given(PLACES, st.floats(-0.35, 0.35), st.floats(-0.35, 0.35), st.floats(-math.pi, math.pi))
def test_bodies_touch_where_their_rectangles_do(
    one: Pose, forward_m: float, left_m: float, turn_rad: float
) -> None:
    other = one.ahead(forward_m, left_m, turn_rad)
    apart_m = Polygon(body_corners(one)).distance(Polygon(body_corners(other)))
    shared_m2 = Polygon(body_corners(one)).intersection(Polygon(body_corners(other))).area
    assert bodies_touch(one, other) == bodies_touch(other, one)
    if apart_m > 1e-9:
        assert not bodies_touch(one, other)
    if shared_m2 > 1e-9:
        assert bodies_touch(one, other)
