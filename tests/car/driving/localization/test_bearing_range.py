"""Conversion between boxes and bearings with ranges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from car.driving.localization.bearing_range import TALL_PX, measurement_of, signs_now
from car.driving.types import Sighting, Sightings
from pixelopolis.city.signs import SIGN_CLASSES, class_height_m, sign_solid
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera
from sim.render.view import car_view

HERE = Pose(0.4, -0.3, 0.7)

cameras = st.builds(
    Camera,
    pitch_rad=st.floats(-0.1, 0.1),
    roll_rad=st.floats(-0.03, 0.03),
    across_rad=st.floats(1.2, 1.6),
    height_m=st.floats(0.15, 0.25),
)


def seen(
    name: str, camera: Camera, bearing_rad: float, range_m: float, middle_m: float = 0.16
) -> Sighting:
    """Return the box of an upright stick with the height of a class's sign."""
    eye = HERE.ahead(camera.forward_m)
    at = Pose(eye.x_m, eye.y_m, eye.heading_rad + bearing_rad).ahead(range_m)
    half = class_height_m(name) / 2
    ends = np.array([(at.x_m, at.y_m, middle_m + up) for up in (half, -half)])
    (top, bottom), depth = car_view(camera, HERE).project(ends)
    assert (depth > 0).all()
    x = (top[0] + bottom[0]) / 2
    width, height = camera.width_px, camera.height_px
    return Sighting(
        name, 0.9, ((x - 4) / width, top[1] / height, (x + 4) / width, bottom[1] / height)
    )


@given(
    st.sampled_from([name for name in SIGN_CLASSES if name != "Car"]),
    cameras,
    st.floats(-0.5, 0.5),
    st.floats(0.3, 2.0),
)
def test_where_a_sign_is_is_found_again(
    name: str, camera: Camera, bearing_rad: float, range_m: float
) -> None:
    sighting = seen(name, camera, bearing_rad, range_m)
    low, high = DETECTOR_ROWS
    assume(low + 0.01 < sighting.box[1] and sighting.box[3] < high - 0.01)
    sight = measurement_of(sighting, camera, tall_px=0.0)
    assert sight is not None
    assert sight.range_m is not None
    # a pitched camera shows an upright stick slightly oblique
    assert sight.bearing_rad == pytest.approx(bearing_rad, abs=0.004)
    assert sight.range_m == pytest.approx(range_m, rel=0.02)
    assert abs(sight.range_m - range_m) < sight.range_sigma_m


def test_left_of_the_axis_is_positive() -> None:
    sight = measurement_of(Sighting("Go", 0.9, (0.1, 0.48, 0.15, 0.52)), Camera())
    assert sight is not None
    assert sight.bearing_rad > 0.3


@pytest.mark.parametrize(
    "box",
    [
        (0.0, 0.45, 0.1, 0.55),
        (0.92, 0.45, 1.0, 0.55),
        (0.4, DETECTOR_ROWS[0], 0.5, 0.4),
        (0.4, 0.6, 0.5, DETECTOR_ROWS[1]),
    ],
)
def test_what_is_cut_off_has_a_direction_only(box: tuple[float, float, float, float]) -> None:
    sight = measurement_of(Sighting("Go", 0.9, box), Camera())
    assert sight is not None
    assert sight.range_m is None
    whole = measurement_of(Sighting("Go", 0.9, (0.4, 0.45, 0.5, 0.55)), Camera())
    assert whole is not None
    assert sight.bearing_sigma_rad > whole.bearing_sigma_rad


def test_far_things_are_known_less_exactly() -> None:
    near, far = (measurement_of(seen("Go", Camera(), 0.1, r), Camera()) for r in (0.4, 1.6))
    assert near is not None
    assert far is not None
    assert near.range_sigma_m < far.range_sigma_m / 4
    assert near.height_px > 3.5 * far.height_px


def test_boxes_that_are_too_high_are_made_up_for() -> None:
    box = seen("Go", Camera(), 0.0, 0.8).box
    extra = TALL_PX / 2 / Camera().height_px
    tall = measurement_of(
        Sighting("Go", 0.9, (box[0], box[1] - extra, box[2], box[3] + extra)), Camera()
    )
    assert tall is not None
    assert tall.range_m == pytest.approx(0.8, rel=0.01)


def test_a_box_without_height_is_nothing() -> None:
    assert measurement_of(Sighting("Go", 0.9, (0.4, 0.5, 0.5, 0.5)), Camera()) is None


def test_signs_come_nearer_as_the_car_drives_on_and_cars_are_left_out() -> None:
    frame = Sightings(1.0, (seen("Go", Camera(), 0.0, 1.0), seen("Car", Camera(), 0.0, 1.0, 0.11)))
    (sign,) = signs_now(frame, Camera(), 0.1)
    assert sign.class_name == "Go"
    assert sign.range_m == pytest.approx(0.9, rel=0.08)
    (aside,) = signs_now(Sightings(1.0, (seen("Go", Camera(), 0.4, 0.5),)), Camera(), 0.1)
    assert aside.bearing_rad > 0.45
    assert math.hypot(0.0, aside.range_m or 0) < 0.5


def test_every_class_has_a_height() -> None:
    for name in SIGN_CLASSES:
        assert class_height_m(name) > 0
        if name != "Car":
            assert class_height_m(name) == sign_solid(name).height_m
