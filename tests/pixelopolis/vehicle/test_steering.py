import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.vehicle.dimensions import WHEEL_BASE_M
from pixelopolis.vehicle.steering import (
    curvature_to_steering,
    steering_to_curvature,
    steering_to_wheels,
)

steerings = st.floats(-1, 1)


@given(steerings)
def test_curvature_to_steering_undoes_steering_to_curvature(steering: float) -> None:
    assert curvature_to_steering(steering_to_curvature(steering)) == pytest.approx(
        steering, abs=1e-12
    )


@given(steerings, st.floats(0.1, 10))
def test_the_wheels_drive_the_curvature_that_the_steering_means(
    steering: float, cruise_rad_s: float
) -> None:
    left, right = steering_to_wheels(steering, cruise_rad_s)
    curvature_per_m = 2 * (right - left) / (WHEEL_BASE_M * (right + left))
    assert curvature_per_m == pytest.approx(steering_to_curvature(steering), abs=1e-9)
    assert max(left, right) == cruise_rad_s


@given(st.floats(-100, 100))
def test_steering_stays_in_range_and_right_is_positive(curvature_per_m: float) -> None:
    steering = curvature_to_steering(curvature_per_m)
    assert -1 <= steering <= 1
    assert steering * curvature_per_m <= 0


def test_full_steering_slows_the_inner_wheel_as_the_original_does() -> None:
    # 48 degrees at 3.6153 units a degree: 173.5 of the cruise's 180 units
    left, right = steering_to_wheels(1.0, 180.0)
    assert (left, right) == (180.0, pytest.approx(180 - 48 * 3.6153))
    assert steering_to_wheels(-1.0, 180.0) == (right, left)
    assert steering_to_wheels(5.0, 180.0) == (left, right)
