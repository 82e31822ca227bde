from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.photographs.lens import LensKind, PhotoCamera

CAMERAS = st.builds(
    PhotoCamera,
    st.just(160),
    st.just(120),
    st.just((80.0, 60.0)),
    st.sampled_from(LensKind),
    st.floats(50, 300),
    st.floats(-0.2, 0.9),
    st.floats(-0.1, 0.1),
    st.floats(0.05, 0.4),
)


@settings(max_examples=60, deadline=None)
@given(CAMERAS, st.floats(0.2, 3.0), st.floats(-1.0, 1.0))
def test_ground_is_found_again_where_it_was_seen(
    camera: PhotoCamera, forward: float, left: float
) -> None:
    pixels = camera.pixels(np.array([forward]), np.array([left]))
    if not np.isfinite(pixels).all():
        return
    found = np.concatenate(camera.ground_points(*pixels))
    np.testing.assert_allclose(found, [forward, left], atol=1e-6 + 1e-4 * forward**2)


def test_the_two_lenses_agree_near_the_axis_and_part_away_from_it() -> None:
    def column(kind: LensKind, left: float) -> float:
        camera = PhotoCamera(160, 120, (80.0, 60.0), kind, 100.0, 0.0, 0.0, 0.2)
        return float(camera.pixels_of_rays(np.array([-left]), np.zeros(1), np.ones(1))[0][0])

    assert abs(column(LensKind.PINHOLE, 0.05) - column(LensKind.EQUIDISTANT, 0.05)) < 0.01
    assert column(LensKind.PINHOLE, 1.0) == 80 - 100
    assert math.isclose(column(LensKind.EQUIDISTANT, 1.0), 80 - 100 * math.pi / 4)


def test_what_is_above_the_horizon_is_no_ground() -> None:
    camera = PhotoCamera(160, 120, (80.0, 60.0), LensKind.PINHOLE, 100.0, 0.2, 0.0, 0.2)
    horizon = 60 - 100 * math.tan(0.2)
    forward, _ = camera.ground_points(np.array([80.0, 80.0]), np.array([horizon - 1, horizon + 1]))
    assert np.isnan(forward[0])
    assert forward[1] > 5
