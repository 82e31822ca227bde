import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pixelopolis.geometry import (
    SPACING_M,
    Curve,
    Pose,
    arc,
    bezier,
    connect,
    join,
    resample,
    straight,
    wrap_rad,
)

angles = st.floats(-math.pi, math.pi)
poses = st.builds(Pose, st.floats(-5, 5), st.floats(-5, 5), angles)
turns = st.floats(math.radians(5), math.radians(150)).flatmap(lambda t: st.sampled_from((t, -t)))


@st.composite
def smooth_curves(draw: st.DrawFn) -> Curve:
    """One to four smoothly joined pieces, like the edges of a city file."""
    at = draw(poses)
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            piece = straight(at, draw(st.floats(0.05, 2.0)))
        else:
            piece = arc(at, draw(st.floats(0.2, 1.5)), draw(turns))
        pieces.append(piece)
        at = piece.end
    return join(pieces)


def angle_between_deg(a_rad: float, b_rad: float) -> float:
    return abs(math.degrees(wrap_rad(a_rad - b_rad)))


@given(st.floats(-1e6, 1e6))
def test_wrapped_angle_is_the_same_direction(angle_rad: float) -> None:
    wrapped = wrap_rad(angle_rad)
    assert -math.pi < wrapped <= math.pi
    assert math.cos(wrapped) == pytest.approx(math.cos(angle_rad), abs=1e-9)
    assert math.sin(wrapped) == pytest.approx(math.sin(angle_rad), abs=1e-9)


@pytest.mark.parametrize("turns_rad", [math.pi, -math.pi, 3 * math.pi, math.nextafter(math.pi, 4)])
def test_half_a_turn_is_positive(turns_rad: float) -> None:
    assert wrap_rad(turns_rad) == pytest.approx(math.pi)


@given(poses, st.floats(-3, 3), st.floats(-3, 3))
def test_to_local_undoes_ahead(pose: Pose, forward_m: float, left_m: float) -> None:
    there = pose.ahead(forward_m, left_m)
    assert pose.to_local(there.x_m, there.y_m) == pytest.approx((forward_m, left_m), abs=1e-9)


def test_left_is_north_when_driving_east() -> None:
    assert Pose(1.0, 2.0, 0.0).ahead(0.5, 0.25, math.pi / 2) == Pose(1.5, 2.25, math.pi / 2)


@given(poses, st.floats(0.01, 20))
def test_straight_is_as_long_as_asked(start: Pose, length_m: float) -> None:
    line = straight(start, length_m)
    assert line.length_m == pytest.approx(length_m)
    end = start.ahead(length_m)
    assert line.end.distance_m(end) < 1e-9
    assert angle_between_deg(line.end.heading_rad, start.heading_rad) < 1e-6


@given(poses, st.floats(0.2, 10), turns)
def test_arc_has_its_length_heading_and_curvature(
    start: Pose, radius_m: float, turn_rad: float
) -> None:
    curve = arc(start, radius_m, turn_rad)
    assert curve.length_m == pytest.approx(radius_m * abs(turn_rad), rel=1e-4)
    assert angle_between_deg(curve.start.heading_rad, start.heading_rad) < 0.01
    assert angle_between_deg(curve.end.heading_rad, start.heading_rad + turn_rad) < 0.01
    bend = math.copysign(1 / radius_m, turn_rad)
    assert curve.curvatures_per_m == pytest.approx(bend, rel=1e-3)
    center = start.ahead(0.0, math.copysign(radius_m, turn_rad))
    from_center = np.hypot(*(curve.points_m - [center.x_m, center.y_m]).T)
    assert from_center == pytest.approx(radius_m)


@given(poses, st.floats(0.2, 1), st.floats(0.2, 1), poses)
def test_bezier_begins_and_ends_along_its_controls(
    start: Pose, first_m: float, second_m: float, end: Pose
) -> None:
    assume(start.distance_m(end) > 0.5)
    a, b = start.ahead(first_m), end.ahead(-second_m)
    controls = [(p.x_m, p.y_m) for p in (start, a, b, end)]
    curve = bezier(controls)
    assert curve.start.distance_m(start) < 1e-9
    assert curve.end.distance_m(end) < 1e-9
    around_m = sum(math.dist(p, q) for p, q in pairwise(controls))
    assert start.distance_m(end) - 1e-9 <= curve.length_m <= around_m + 1e-9


def test_bezier_of_a_quarter_circle_turns_as_the_circle_does() -> None:
    k = 4 / 3 * math.tan(math.pi / 8)
    curve = bezier([(0, 0), (k, 0), (1, 1 - k), (1, 1)])
    assert curve.length_m == pytest.approx(math.pi / 2, rel=1e-3)
    assert curve.curvatures_per_m == pytest.approx(1.0, abs=0.025)


@given(smooth_curves(), st.floats(0, 1), st.floats(-0.15, 0.15))
def test_project_undoes_pose_at(curve: Curve, part: float, left_m: float) -> None:
    s_m = part * curve.length_m
    beside = curve.pose_at(s_m).ahead(0.0, left_m)
    found = curve.project(beside.x_m, beside.y_m, s_m - 0.1, s_m + 0.1)
    assert found.s_m == pytest.approx(s_m, abs=0.005)
    assert found.left_m == pytest.approx(left_m, abs=0.0005)


@given(smooth_curves(), st.floats(-6, 6), st.floats(-6, 6))
def test_project_finds_the_nearest_of_all_samples(curve: Curve, x_m: float, y_m: float) -> None:
    found = curve.project(x_m, y_m)
    nearest_m = np.hypot(*(curve.points_m - [x_m, y_m]).T).min()
    assert abs(found.left_m) <= nearest_m + 1e-9
    at = curve.pose_at(found.s_m)
    assert math.hypot(at.x_m - x_m, at.y_m - y_m) == pytest.approx(abs(found.left_m), abs=1e-6)


@given(smooth_curves(), st.floats(0.001, 3))
def test_beyond_its_ends_a_curve_goes_on_straight(curve: Curve, beyond_m: float) -> None:
    assert curve.pose_at(-beyond_m) == curve.start.ahead(-beyond_m)
    assert curve.pose_at(curve.length_m + beyond_m).distance_m(
        curve.end.ahead(beyond_m)
    ) == pytest.approx(0.0, abs=1e-9)


@given(smooth_curves(), st.floats(0, 0.9), st.floats(0.05, 1))
def test_part_is_the_same_road(curve: Curve, from_part: float, part: float) -> None:
    low_m = from_part * curve.length_m
    high_m = low_m + part * (curve.length_m - low_m)
    assume(high_m - low_m > 0.01)
    piece = curve.part(low_m, high_m)
    assert piece.length_m == pytest.approx(high_m - low_m, abs=1e-6)
    for share in (0.0, 0.3, 1.0):
        there = curve.pose_at(low_m + share * (high_m - low_m))
        assert piece.pose_at(share * piece.length_m).distance_m(there) < 1e-6


@given(smooth_curves(), st.floats(-0.14, 0.14))
def test_offset_runs_beside(curve: Curve, left_m: float) -> None:
    beside = curve.offset(left_m)
    turned_rad = curve.headings_rad[-1] - curve.headings_rad[0]
    assert beside.length_m == pytest.approx(curve.length_m - left_m * turned_rad, abs=0.002)
    gaps = np.hypot(*(beside.points_m - curve.points_m).T)
    assert gaps == pytest.approx(abs(left_m), abs=1e-9)
    assert angle_between_deg(beside.start.heading_rad, curve.start.heading_rad) < 3


@given(smooth_curves(), st.floats(0.2, 2), turns)
def test_joined_curves_are_one(curve: Curve, radius_m: float, turn_rad: float) -> None:
    more = arc(curve.end, radius_m, turn_rad)
    both = join([curve, more])
    assert both.length_m == pytest.approx(curve.length_m + more.length_m)
    assert np.abs(np.diff(both.headings_rad)).max() < 0.05


@given(smooth_curves())
def test_resampled_curve_has_even_samples(curve: Curve) -> None:
    even = resample(curve.points_m[::3])
    steps = np.diff(even.s_m)
    assert steps.max() <= SPACING_M + 1e-9
    assert steps.max() - steps.min() < 1e-4


@given(poses, st.floats(0.3, 3), st.floats(-1.5, 1.5), st.floats(-2.4, 2.4))
def test_connect_leaves_and_arrives_as_asked(
    start: Pose, forward_m: float, left_m: float, turn_rad: float
) -> None:
    end = start.ahead(forward_m, left_m, turn_rad)
    curve = connect(start, end)
    assert curve.start.distance_m(start) < 1e-6
    assert curve.end.distance_m(end) < 1e-6
    # a Bézier's heading is that of its first 5 mm, so tolerate its bend there
    ends_deg = [math.degrees(abs(curve.curvatures_per_m[k])) * SPACING_M for k in (0, -1)]
    assert angle_between_deg(curve.start.heading_rad, start.heading_rad) < 0.1 + ends_deg[0]
    assert angle_between_deg(curve.end.heading_rad, end.heading_rad) < 0.1 + ends_deg[1]


@given(poses, st.floats(0.2, 1), st.floats(0.2, 1), turns)
def test_connect_lays_the_widest_corner_that_fits(
    start: Pose, before_m: float, after_m: float, turn_rad: float
) -> None:
    corner = start.ahead(before_m, turn_rad=turn_rad)
    curve = connect(start, corner.ahead(after_m))
    radius_m = min(before_m, after_m) / math.tan(abs(turn_rad) / 2)
    assume(radius_m > 0.05)
    assert 1 / np.abs(curve.curvatures_per_m).max() == pytest.approx(radius_m, rel=0.01)
    assert curve.headings_rad[-1] - curve.headings_rad[0] == pytest.approx(turn_rad, abs=1e-3)


def test_connect_is_straight_when_the_end_lies_ahead() -> None:
    start = Pose(1.0, 1.0, 0.7)
    curve = connect(start, start.ahead(0.6))
    assert curve.length_m == pytest.approx(0.6)
    assert np.abs(curve.curvatures_per_m).max() < 1e-6


@pytest.mark.parametrize(
    "points_m",
    [
        np.zeros((1, 2)),
        np.zeros((5, 2)),
        np.zeros((3, 3)),
        np.array([[0.0, 0.0], [np.nan, 1.0]]),
        np.array([[0.0, 0.0], [np.inf, 1.0]]),
    ],
)
def test_no_curve_without_two_finite_points(points_m: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a curve needs"):
        Curve(points_m)


def test_arc_and_bezier_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="radius_m > 0"):
        arc(Pose(0, 0, 0), -0.3, 1.0)
    with pytest.raises(ValueError, match="radius_m > 0"):
        arc(Pose(0, 0, 0), 0.3, 0.0)
    with pytest.raises(ValueError, match="four"):
        bezier([(0, 0), (1, 0), (1, 1)])


def test_pieces_that_meet_within_a_hair_make_no_bend() -> None:
    first = straight(Pose(0.0, 0.0, 0.0), 1.0)
    second = straight(Pose(1.0, 2e-6, 0.0), 1.0)  # across: 90 degrees within two micrometers
    joined = join([first, second])
    assert np.abs(joined.curvatures_per_m).max() < 0.1
    assert joined.length_m == pytest.approx(2.0, abs=1e-4)
