"""Plane curves: the center lines of edges and of movements through junctions.

Every curve is a dense polyline with arc length, heading and curvature, whatever it was made from
(straight, arc or Bézier pieces), so projection, offset, joining and drawing need one
implementation. Frame: x forward or east, y left or north, angles counterclockwise from x, meters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SPACING_M: Final = 0.005
"""Distance between samples of a curve. At the smallest radius allowed (0.16 m) the chord is 0.02 mm
from the arc, far below the 2.5 mm of a ground texel."""


def wrap_rad(angle_rad: float) -> float:
    """Return the same angle in (-pi, pi]."""
    wrapped = math.pi - (math.pi - angle_rad) % (2 * math.pi)
    return wrapped if wrapped > -math.pi else math.pi


@dataclass(frozen=True, slots=True)
class Pose:
    """A position and a heading in the plane."""

    x_m: float
    y_m: float
    heading_rad: float

    def ahead(self, forward_m: float, left_m: float = 0.0, turn_rad: float = 0.0) -> Pose:
        """Return the pose `forward_m` ahead and `left_m` to the left of this one."""
        cos, sin = math.cos(self.heading_rad), math.sin(self.heading_rad)
        return Pose(
            self.x_m + forward_m * cos - left_m * sin,
            self.y_m + forward_m * sin + left_m * cos,
            wrap_rad(self.heading_rad + turn_rad),
        )

    def to_local(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Return (forward_m, left_m) of a point relative to this pose."""
        dx, dy = x_m - self.x_m, y_m - self.y_m
        cos, sin = math.cos(self.heading_rad), math.sin(self.heading_rad)
        return dx * cos + dy * sin, -dx * sin + dy * cos

    def distance_m(self, other: Pose) -> float:
        return math.hypot(self.x_m - other.x_m, self.y_m - other.y_m)


@dataclass(frozen=True, slots=True)
class Projection:
    """The projection of a point onto a curve: `s_m` along it, `left_m` to the left of it."""

    s_m: float
    left_m: float


SAME_M: Final = 1e-5
"""Points this close count as one: towns are written in millimeters."""


class Curve:
    """A directed plane curve, sampled every few millimeters.

    Args:
        points_m: samples, shape (N, 2), N >= 2. A sample within `SAME_M` of the previous one is
            dropped: where pieces are joined, it could bend the curve by any angle.

    Raises:
        ValueError: fewer than two different points, a wrong shape, or non-finite numbers.
    """

    def __init__(self, points_m: FloatArray) -> None:
        points = np.asarray(points_m, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
            raise ValueError(f"a curve needs at least two (x, y) points, got shape {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("a curve needs points with finite coordinates")
        steps = np.hypot(*np.diff(points, axis=0).T)
        keep = np.concatenate([[True], steps > SAME_M])
        self.points_m: FloatArray = points[keep]
        if len(self.points_m) < 2:
            raise ValueError("a curve needs at least two different points")
        steps = np.hypot(*np.diff(self.points_m, axis=0).T)
        self.s_m: FloatArray = np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_m(self) -> float:
        return float(self.s_m[-1])

    @cached_property
    def headings_rad(self) -> FloatArray:
        """Heading at every sample, unwrapped, shape (N,)."""
        delta = np.diff(self.points_m, axis=0)
        between = np.unwrap(np.arctan2(delta[:, 1], delta[:, 0]))
        middle_s = (self.s_m[1:] + self.s_m[:-1]) / 2
        if len(between) == 1:
            return np.repeat(between, 2)
        inner = np.interp(self.s_m, middle_s, between)
        # np.interp holds the end values; extrapolate instead, so that an arc's ends are right
        inner[0] = (
            between[0] - (between[1] - between[0]) / (middle_s[1] - middle_s[0]) * (middle_s[0])
        )
        inner[-1] = between[-1] + (between[-1] - between[-2]) / (middle_s[-1] - middle_s[-2]) * (
            self.s_m[-1] - middle_s[-1]
        )
        return inner

    @cached_property
    def curvatures_per_m(self) -> FloatArray:
        """Signed curvature at every sample (left positive), shape (N,)."""
        return np.gradient(self.headings_rad, self.s_m)

    @cached_property
    def _pieces(self) -> FloatArray:
        """The pieces between samples, shape (6, N - 1): x, y, step x and y, length, its square."""
        length = np.diff(self.s_m)
        steps = np.diff(self.points_m, axis=0)
        return np.vstack([self.points_m[:-1].T, steps.T, length, length**2])

    def pose_at(self, s_m: float) -> Pose:
        """Return the pose at `s_m`; beyond an end the curve continues straight."""
        s = min(max(s_m, 0.0), self.length_m)
        pose = Pose(
            float(np.interp(s, self.s_m, self.points_m[:, 0])),
            float(np.interp(s, self.s_m, self.points_m[:, 1])),
            wrap_rad(float(np.interp(s, self.s_m, self.headings_rad))),
        )
        return pose if s == s_m else pose.ahead(s_m - s)

    def points_at(self, s_m: FloatArray) -> FloatArray:
        """Return the points (n, 2) at `s_m` (n,); beyond an end the curve continues straight."""
        inside = np.clip(s_m, 0.0, self.length_m)
        points = np.column_stack(
            [np.interp(inside, self.s_m, self.points_m[:, i]) for i in range(2)]
        )
        beyond = s_m - inside
        if beyond.any():
            heading = np.interp(inside, self.s_m, self.headings_rad)
            points += beyond[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])
        return points

    def curvature_at(self, s_m: float) -> float:
        return float(np.interp(s_m, self.s_m, self.curvatures_per_m))

    @property
    def start(self) -> Pose:
        return self.pose_at(0.0)

    @property
    def end(self) -> Pose:
        return self.pose_at(self.length_m)

    def project(
        self, x_m: float, y_m: float, from_s_m: float = -math.inf, to_s_m: float = math.inf
    ) -> Projection:
        """Return the projection onto the part of the curve between two arc lengths."""
        low = int(self.s_m.searchsorted(from_s_m, side="right")) - 1
        high = int(self.s_m.searchsorted(to_s_m, side="left"))
        low = min(max(low, 0), len(self.s_m) - 2)
        high = min(max(high, low + 1), len(self.s_m) - 1)
        # column by column: operations over pairs cost several times as much
        x, y, step_x, step_y, length, squared = self._pieces[:, low:high]
        rel_x, rel_y = x_m - x, y_m - y
        along = np.minimum(np.maximum((rel_x * step_x + rel_y * step_y) / squared, 0.0), 1.0)
        gap_x, gap_y = rel_x - step_x * along, rel_y - step_y * along
        best = int((gap_x**2 + gap_y**2).argmin())
        cross = step_x[best] * rel_y[best] - step_y[best] * rel_x[best]
        distance = float(np.hypot(gap_x[best], gap_y[best]))
        return Projection(
            float(self.s_m[low + best] + along[best] * length[best]),
            math.copysign(distance, float(cross)),
        )

    def part(self, from_s_m: float, to_s_m: float) -> Curve:
        """Return the piece between two arc lengths, `0 <= from_s_m < to_s_m <= length_m`."""
        inside = (self.s_m > from_s_m + 1e-9) & (self.s_m < to_s_m - 1e-9)
        start, end = self.pose_at(from_s_m), self.pose_at(to_s_m)
        return Curve(
            np.vstack(
                [[start.x_m, start.y_m], self.points_m[inside], [end.x_m, end.y_m]],
            )
        )

    def offset(self, left_m: float) -> Curve:
        """Return the parallel curve `left_m` to the left (negative: to the right)."""
        normal = np.column_stack([-np.sin(self.headings_rad), np.cos(self.headings_rad)])
        return Curve(self.points_m + left_m * normal)


def join(curves: Sequence[Curve]) -> Curve:
    """Return one curve through all of `curves` in order."""
    return Curve(np.vstack([curve.points_m for curve in curves]))


def _samples(length_m: float) -> int:
    return max(2, math.ceil(length_m / SPACING_M) + 1)


def straight(start: Pose, length_m: float) -> Curve:
    end = start.ahead(length_m)
    return Curve(
        np.linspace((start.x_m, start.y_m), (end.x_m, end.y_m), _samples(length_m), dtype=float)
    )


def arc(start: Pose, radius_m: float, turn_rad: float) -> Curve:
    """Return a circular arc from `start` that turns by `turn_rad` (left positive)."""
    if radius_m <= 0 or turn_rad == 0:
        raise ValueError(f"an arc needs radius_m > 0 and a turn, got {radius_m} and {turn_rad}")
    side = math.copysign(radius_m, turn_rad)
    center = start.ahead(0.0, side)
    angles = (start.heading_rad - math.copysign(math.pi / 2, turn_rad)) + np.linspace(
        0.0, turn_rad, _samples(radius_m * abs(turn_rad))
    )
    return Curve(
        np.column_stack(
            [center.x_m + radius_m * np.cos(angles), center.y_m + radius_m * np.sin(angles)]
        )
    )


def bezier(controls_m: Sequence[tuple[float, float]]) -> Curve:
    """Return the cubic Bézier curve of four control points, sampled evenly by arc length."""
    p = np.asarray(controls_m, dtype=np.float64)
    if p.shape != (4, 2):
        raise ValueError(f"a cubic Bézier has four (x, y) control points, got shape {p.shape}")
    t = np.linspace(0.0, 1.0, 2001)[:, None]
    fine = (
        (1 - t) ** 3 * p[0] + 3 * (1 - t) ** 2 * t * p[1] + 3 * (1 - t) * t**2 * p[2] + t**3 * p[3]
    )
    return resample(fine)


def resample(points_m: Iterable[Sequence[float]] | FloatArray) -> Curve:
    """Return the polyline through `points_m` (N, 2) with evenly spaced samples."""
    rough = Curve(np.asarray(points_m, dtype=np.float64))
    s = np.linspace(0.0, rough.length_m, _samples(rough.length_m))
    return Curve(
        np.column_stack(
            [np.interp(s, rough.s_m, rough.points_m[:, k]) for k in (0, 1)],
        )
    )


def connect(start: Pose, end: Pose) -> Curve:
    """Return a smooth curve between two poses: straight, or straight-arc-straight, or a Bézier.

    The arc is the largest fillet of the two tangents that fits, as for street corners; S-shapes
    get a Bézier.
    """
    turn = wrap_rad(end.heading_rad - start.heading_rad)
    forward, left = start.to_local(end.x_m, end.y_m)
    if abs(turn) < 1e-6 and abs(left) < 1e-6 and forward > 0:
        return straight(start, forward)
    if 1e-3 < abs(turn) < math.pi - 1e-3:
        # the tangents meet `before` ahead of start and `after` behind end
        after = left / math.sin(turn)
        before = forward - after * math.cos(turn)
        tangent = min(before, after)
        if tangent > 1e-3:
            pieces: list[Curve] = []
            at = start
            if before - tangent > SAME_M:
                pieces.append(straight(at, before - tangent))
                at = pieces[-1].end
            pieces.append(arc(at, tangent / math.tan(abs(turn) / 2), turn))
            if after - tangent > SAME_M:
                bend_end = end.ahead(tangent - after)
                pieces.append(straight(bend_end, after - tangent))
            return join(pieces)
    reach = start.distance_m(end) / 2.5
    first, second = start.ahead(reach), end.ahead(-reach)
    return bezier(
        [
            (start.x_m, start.y_m),
            (first.x_m, first.y_m),
            (second.x_m, second.y_m),
            (end.x_m, end.y_m),
        ]
    )
