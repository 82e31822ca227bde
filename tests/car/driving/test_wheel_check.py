"""Wheels that turn differently from their report, over rendered ground."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.ground import MIN_SHARED, OUTSIDE, Relief, compare
from car.driving.types import Frame, WheelReading
from car.driving.wheel_check import (
    CLEAR,
    FITS,
    MORE_STEPS,
    MOVES,
    NO_FIT,
    NOISE,
    STEP_M,
    STEPS,
    SURE,
    TRULY,
    MotionFit,
    WheelCheck,
    WheelFault,
    reason_of,
    verdict,
)
from car.orders.health import ERROR_WHEELS, NEXT_STEPS, health_of
from car.perception.ground_motion import GroundView
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.vda5050.state import ErrorLevel
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M
from tests.car.orders.test_health import WELL

FRAME_S = 0.05
PX_PER_M = 500
SIZE_PX = 2000
MIDDLE_M = SIZE_PX / PX_PER_M / 2


def cloth(seed: int = 0, spots_px: float = 8.0) -> Relief:
    """Return a floor of 4 m x 4 m with soft spots."""
    noise = np.random.default_rng(seed).normal(0, 1, (SIZE_PX, SIZE_PX)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), spots_px)
    return np.asarray(128 + 60 * soft / soft.std(), np.float32)


FLOOR = cloth()
BARE = np.full((SIZE_PX, SIZE_PX), 128, np.float32)


def photograph(floor: Relief, pose: Pose, camera: Camera) -> Image:
    """Return the bottom quarter (40, 120, 3) of a camera's image of a floor."""
    focal_px = 60 / math.tan(camera.across_rad / 2)
    rows, columns = np.mgrid[120:160, 0:120] + 0.5
    down, right = (rows - 80) / focal_px, (columns - 60) / focal_px
    cos, sin = math.cos(camera.pitch_rad), math.sin(camera.pitch_rad)
    # intersect each pixel's ray (forward, left, up) with the ground
    forward, up = cos - sin * down, -sin - cos * down
    far = camera.height_m / -up
    ahead, left = camera.forward_m + far * forward, -far * right
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    x = pose.x_m + ahead * cos - left * sin
    y = pose.y_m + ahead * sin + left * cos
    to_px = [((each + MIDDLE_M) * PX_PER_M).astype(np.float32) for each in (x, y)]
    gray = cv2.remap(floor, *to_px, cv2.INTER_LINEAR)
    return np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def moved(pose: Pose, way_m: float, turn_rad: float) -> Pose:
    middle = pose.heading_rad + turn_rad / 2
    return Pose(
        pose.x_m + way_m * math.cos(middle),
        pose.y_m + way_m * math.sin(middle),
        pose.heading_rad + turn_rad,
    )


def drive(
    wheel_fault: WheelFault | None,
    left_mps: float,
    right_mps: float,
    metres: float = 0.5,
    floor: Relief = FLOOR,
    camera: Camera | None = None,
    drawn: Camera | None = None,
    noise: float = 2.0,
    late: int = 0,
) -> tuple[WheelFault | None, float]:
    """Drive; return the verdict and the distance that the faster wheel had reported by then.

    Args:
        wheel_fault: of the wheels.
        left_mps: reported speed of the left wheel.
        right_mps: of the right one.
        metres: longest distance.
        floor: below the car.
        camera: the true one.
        drawn: the nominal one.
        noise: of images, of 255.
        late: frames between an image and the wheel angles read with it.
    """
    camera = camera or Camera()
    check = WheelCheck(GroundView(drawn or camera, 0.25))
    rng = np.random.default_rng(1)
    pose, frames, tick = Pose(0.0, 0.0, 0.3), list[Frame](), 0
    while (said_m := tick * FRAME_S * max(abs(left_mps), abs(right_mps))) < metres:
        now_s = tick * FRAME_S
        shown = photograph(floor, pose, camera) + rng.normal(0, noise, (40, 120, 1))
        frames.append(Frame(np.clip(shown, 0, 255).astype(np.uint8), now_s))
        angles = (now_s * speed / WHEEL_RADIUS_M for speed in (left_mps, right_mps))
        if tick >= late:
            check.step(frames[tick - late], WheelReading(*angles, now_s))
        if check.wheel_fault is not None:
            return check.wheel_fault, said_m
        left, right = left_mps, right_mps
        if wheel_fault is not None:
            left, right = TRULY[wheel_fault](left, right)
        pose = moved(pose, FRAME_S * (left + right) / 2, FRAME_S * (right - left) / WHEEL_BASE_M)
        tick += 1
    return None, said_m


@pytest.mark.parametrize("wheel_fault", TRULY)
@pytest.mark.parametrize("late", [0, 2])
def test_each_fault_is_named_within_a_third_of_a_meter(wheel_fault: WheelFault, late: int) -> None:
    found, said_m = drive(wheel_fault, 0.136, 0.100, late=late)
    assert found is wheel_fault
    assert said_m < 0.3


@pytest.mark.parametrize("wheel_fault", [WheelFault.LEFT_REVERSED, WheelFault.RIGHT_REVERSED])
def test_on_a_straight_lane_one_reversed_wheel_is_named_too(wheel_fault: WheelFault) -> None:
    found, said_m = drive(wheel_fault, 0.136, 0.136)
    assert found is wheel_fault
    assert said_m < 0.3


@pytest.mark.parametrize("wheel_fault", [WheelFault.BOTH_REVERSED, WheelFault.SWAPPED_AND_REVERSED])
def test_straight_back_is_both_reversed_or_swapped(wheel_fault: WheelFault) -> None:
    found, said_m = drive(wheel_fault, 0.136, 0.136)
    assert found is WheelFault.REVERSED_OR_SWAPPED
    assert said_m < 0.3


@pytest.mark.parametrize(("left_mps", "right_mps"), [(0.136, 0.136), (0.1, 0.136), (0.03, 0.02)])
@pytest.mark.parametrize(
    "camera",
    [
        Camera(),
        Camera(height_m=0.17, pitch_rad=0.06),
        Camera(height_m=0.23, pitch_rad=-0.05, across_rad=math.radians(70)),
    ],
)
def test_right_wheels_are_right_under_a_camera_that_is_not_as_drawn(
    left_mps: float, right_mps: float, camera: Camera
) -> None:
    assert drive(None, left_mps, right_mps, 0.8, camera=camera, drawn=Camera())[0] is None


def test_slipping_wheels_of_different_sizes_are_right() -> None:
    """The wheels report 5 % too much on one side and 5 % too little on the other."""
    check, pose = WheelCheck(GroundView(Camera(), 0.25)), Pose(0.0, 0.0, 0.0)
    for tick in range(100):
        said = tick * FRAME_S * 0.12 / WHEEL_RADIUS_M
        frame = Frame(photograph(FLOOR, pose, Camera()), tick * FRAME_S)
        assert check.step(frame, WheelReading(1.05 * said, 0.95 * said, tick * FRAME_S)) is None
        pose = moved(pose, 0.12 * FRAME_S, 0.0)


def lane(radius_m: float | None, texture: float = 0.0) -> Relief:
    """A lane through the middle, bent to the left, dashed on its left; bare or with spots."""
    x, y = (np.mgrid[0:SIZE_PX, 0:SIZE_PX][::-1] / PX_PER_M - MIDDLE_M).astype(np.float32)
    left, along = y, x
    if radius_m is not None:
        left = radius_m - np.hypot(x, y - radius_m)
        along = np.arctan2(x, radius_m - y) * radius_m
    gray = 90 + texture * (FLOOR - 128) / 60
    gray[np.abs(left + 0.14) < 0.012] = 220
    gray[(np.abs(left - 0.14) < 0.012) & (along % 0.1 < 0.05)] = 220
    return np.asarray(gray, np.float32)


LANES = {radius_m: lane(radius_m, 12.0 * (radius_m is None)) for radius_m in (None, 0.3, 0.4)}


def weave(
    radius_m: float | None, phase: float, left_part: float, right_part: float, drawn: Camera
) -> WheelFault | None:
    """Weave along a lane with right wheels, one of which may slip; return the verdict."""
    check, rng = WheelCheck(GroundView(drawn, 0.25)), np.random.default_rng(1)
    pose, left_m, right_m = Pose(0.0, 0.0, 0.0), 0.0, 0.0
    for tick in range(45):
        now_s = tick * FRAME_S
        noisy = photograph(LANES[radius_m], pose, Camera()) + rng.normal(0, 2, (40, 120, 1))
        frame = Frame(np.clip(noisy, 0, 255).astype(np.uint8), now_s)
        wheels = WheelReading(left_m / WHEEL_RADIUS_M, right_m / WHEEL_RADIUS_M, now_s)
        if check.step(frame, wheels) is not None:
            return check.wheel_fault
        bend = (1 / radius_m if radius_m else 0.0) + 0.4 * math.sin(1.5 * now_s + phase)
        left = 0.136 * FRAME_S * (1 - WHEEL_BASE_M / 2 * bend)
        right = 0.136 * FRAME_S * (1 + WHEEL_BASE_M / 2 * bend)
        left_m, right_m = left_m + left, right_m + right
        left, right = left * left_part, right * right_part
        pose = moved(pose, (left + right) / 2, (right - left) / WHEEL_BASE_M)
    return None


def with_focal(part: float) -> Camera:
    return Camera(across_rad=2 * math.atan(math.tan(Camera().across_rad / 2) / part))


@pytest.mark.parametrize("phase", [0.0, 1.0])
@pytest.mark.parametrize("radius_m", [0.3, 0.4])
@pytest.mark.parametrize(
    "drawn",
    [
        *(with_focal(part) for part in (0.9, 1.1)),
        *(Camera(pitch_rad=math.radians(degrees)) for degrees in (-4, 4)),
        *(Camera(height_m=part * Camera().height_m) for part in (0.8, 1.2)),
    ],
)
def test_in_a_bend_right_wheels_are_right_under_a_camera_that_is_not_as_drawn(
    drawn: Camera, radius_m: float, phase: float
) -> None:
    assert weave(radius_m, phase, 1.0, 1.0, drawn) is None


@pytest.mark.parametrize("radius_m", LANES)
@pytest.mark.parametrize("parts", [(0.7, 1.0), (0.8, 1.0), (1.0, 0.7), (1.0, 0.8)])
def test_one_wheel_that_slips_is_no_mistake(
    parts: tuple[float, float], radius_m: float | None
) -> None:
    assert weave(radius_m, 0.0, *parts, Camera()) is None


def test_a_car_weaves_first_and_ends_where_and_as_it_began() -> None:
    check = WheelCheck(GroundView(Camera(), LANE_PART))
    pose, aside_m, step_m = Pose(0.0, 0.0, 0.0), [], 0.002
    for number in range(round(0.4 / step_m)):
        rad = number * step_m / WHEEL_RADIUS_M
        check.step(None, WheelReading(rad, rad, number * 0.01))
        turn_rad = check.weave_per_m * step_m
        pose = pose.ahead(step_m, 0.0, turn_rad)
        aside_m.append(pose.y_m)
    assert 0.003 < max(aside_m) < 0.008
    assert pose.y_m == pytest.approx(0.0, abs=1e-3)
    assert pose.heading_rad == pytest.approx(0.0, abs=0.01)
    assert check.weave_per_m == 0.0
    check.forget()
    assert check.weave_per_m == 0.0, "once is enough"


@pytest.mark.parametrize("wheel_fault", [None, *TRULY])
def test_bare_ground_proves_nothing(wheel_fault: WheelFault | None) -> None:
    assert drive(wheel_fault, 0.136, 0.1, 0.4, floor=BARE)[0] is None


def test_a_car_that_is_held_while_its_wheels_turn_is_not_accused() -> None:
    check, rng = WheelCheck(GroundView(Camera(), 0.25)), np.random.default_rng(2)
    still = photograph(FLOOR, Pose(0.0, 0.0, 0.0), Camera())
    for tick in range(100):
        noisy = np.clip(still + rng.normal(0, 3, still.shape), 0, 255).astype(np.uint8)
        angle = tick * FRAME_S * 0.136 / WHEEL_RADIUS_M
        frame = Frame(noisy, tick * FRAME_S)
        assert check.step(frame, WheelReading(angle, 0.9 * angle, tick * FRAME_S)) is None


def test_pictures_that_have_nothing_to_do_with_each_other_prove_nothing() -> None:
    check = WheelCheck(GroundView(Camera(), 0.25))
    for tick in range(100):
        angle = tick * FRAME_S * 0.136 / WHEEL_RADIUS_M
        shown = photograph(FLOOR, Pose(tick % 13 / 5 - 1.2, tick % 7 / 3 - 1.0, tick), Camera())
        wheels = WheelReading(angle, 0.8 * angle, tick * FRAME_S)
        assert check.step(Frame(shown, tick * FRAME_S), wheels) is None


def test_a_verdict_stays_and_a_carried_car_forgets_what_led_to_one() -> None:
    def tick(check: WheelCheck, number: int) -> WheelFault | None:
        angle = number * FRAME_S * 0.136 / WHEEL_RADIUS_M
        back = moved(Pose(0.0, 0.0, 0.0), -number * FRAME_S * 0.136, 0.0)
        frame = Frame(photograph(FLOOR, back, Camera()), number * FRAME_S)
        return check.step(frame, WheelReading(angle, angle, number * FRAME_S))

    straight, carried = (
        WheelCheck(GroundView(Camera(), 0.25)),
        WheelCheck(GroundView(Camera(), 0.25)),
    )
    needed = next(number for number in range(100) if tick(straight, number))
    for number in range(needed):
        tick(carried, number)
    carried.forget()
    assert tick(carried, needed) is None
    straight.forget()
    assert straight.step(None, None) is WheelFault.REVERSED_OR_SWAPPED


@given(
    st.floats(-0.04, 0.04),
    st.floats(-0.2, 0.2),
    st.floats(-0.1, 0.3),
    st.floats(0.15, 0.3),
)
def test_the_true_motion_explains_a_picture(
    way_m: float, turn_rad: float, pitch_rad: float, height_m: float
) -> None:
    camera = Camera(pitch_rad=pitch_rad, height_m=height_m)
    view, start = GroundView(camera, 0.25), Pose(0.2, -0.1, 0.7)
    before = view.relief(photograph(FLOOR, start, camera))
    after = view.relief(photograph(FLOOR, moved(start, way_m, turn_rad), camera))
    true = view.difference(before, after, way_m, turn_rad)
    other = view.difference(before, after, way_m + 0.03, turn_rad)
    assert true is not None
    assert other is not None
    fits, fits_not = compare(true, other)
    assert fits < 0.6 * fits_not


def test_a_camera_that_looks_at_the_horizon_is_not_used() -> None:
    assert GroundView(Camera(), 0.25).is_usable
    level = Camera(pitch_rad=math.radians(-30))
    assert not GroundView(level, 0.25).is_usable
    assert drive(WheelFault.LEFT_REVERSED, 0.1, 0.1, drawn=level)[0] is None


def test_a_taller_crop_is_cut_to_the_same_ground() -> None:
    crop = np.random.default_rng(3).integers(0, 255, (80, 240, 3), dtype=np.uint8)
    taller = np.vstack([np.zeros((80, 240, 3), np.uint8), crop])
    assert np.array_equal(
        GroundView(Camera(), 0.25).relief(crop), GroundView(Camera(), 0.5).relief(taller)
    )
    assert GroundView(Camera(), 0.25).relief(crop).shape == (40, 120)


def test_motions_are_compared_where_both_reach() -> None:
    near, far = np.full((10, 10), 1.0, np.float32), np.full((10, 10), 3.0, np.float32)
    near[:5], far[:3] = OUTSIDE, OUTSIDE
    far[5:, :5] = 1.0
    assert compare(near, far) == (1.0, 2.0)
    near[:] = OUTSIDE
    near[0, : int(100 * MIN_SHARED) - 1] = 1.0
    assert compare(near, np.ones((10, 10), np.float32)) == (0.0, 0.0)


def steps(
    gain: float, itself: float = 0.2, over_standing: float = 0.1
) -> dict[WheelFault, MotionFit]:
    none = dict.fromkeys(TRULY, NO_FIT)
    return none | {WheelFault.SWAPPED: MotionFit(itself, gain, over_standing)}


def test_a_verdict_needs_a_gain_in_the_mean_and_a_fit() -> None:
    assert verdict([steps(1.1 * SURE)] * STEPS) is WheelFault.SWAPPED
    assert verdict([steps(0.9 * SURE)] * STEPS) is None
    assert verdict([steps(0.0)] * (STEPS - 1) + [steps(7 * SURE)]) is None
    assert verdict([steps(0.0)] * (STEPS - 1) + [steps(9 * SURE)]) is WheelFault.SWAPPED
    assert verdict([steps(0.3, itself=1.1 * FITS)] * STEPS) is None
    assert verdict([steps(0.3, over_standing=1.1 * MOVES)] * STEPS) is WheelFault.SWAPPED
    assert verdict([steps(0.3, over_standing=0.9 * MOVES)] * STEPS) is None


class BackwardFits:
    """A ground on which driving backward fits better than what is reported, by some gain."""

    is_usable = True

    def __init__(self, gain: float) -> None:
        self._backward = (0.2 - gain * (0.2 + 2 * NOISE)) / (1 + gain)

    def relief(self, crop_rgb: Image) -> Relief:
        return np.zeros((4, 12), np.float32)

    def difference(
        self, before: Relief, after: Relief, way_m: float, turn_rad: float, tried: object = None
    ) -> Relief:
        return np.full((4, 12), self._backward if way_m < 0 else 0.2 if way_m else 0.4, np.float32)


@pytest.mark.parametrize(
    ("gain", "way_m"),
    [(1.1 * CLEAR, STEPS * STEP_M), (0.9 * CLEAR, MORE_STEPS * STEP_M), (0.9 * SURE, None)],
)
def test_faint_evidence_must_last_longer(gain: float, way_m: float | None) -> None:
    check = WheelCheck(BackwardFits(gain))
    for tick in range(20):
        said_m = tick * 1.001 * STEP_M
        angle_rad = said_m / WHEEL_RADIUS_M
        frame = Frame(np.zeros((40, 120, 3), np.uint8), tick * FRAME_S)
        if check.step(frame, WheelReading(angle_rad, angle_rad, tick * FRAME_S)) is not None:
            assert way_m is not None
            assert said_m == pytest.approx(way_m, rel=0.01)
            return
    assert way_m is None


@pytest.mark.parametrize("wheel_fault", WheelFault)
def test_the_desk_is_told_what_is_wrong_and_what_to_do(wheel_fault: WheelFault) -> None:
    (error,) = health_of(WELL, "", (0.0, 0.0), None, wheel_fault=wheel_fault).errors
    assert (error.error_type, error.error_level) == (ERROR_WHEELS, ErrorLevel.FATAL)
    assert reason_of(wheel_fault).words in (error.error_description or "")
    assert error.error_hint == NEXT_STEPS[wheel_fault]
    named = {WheelFault.LEFT_REVERSED: "left", WheelFault.RIGHT_REVERSED: "right"}
    assert named.get(wheel_fault, "") in reason_of(wheel_fault).words
