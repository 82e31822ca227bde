"""Pure pursuit of the center line, and the path that each command means.

R. Coulter, Implementation of the Pure Pursuit Path Tracking Algorithm, CMU-RI-TR-92-01, 1992.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pixelopolis.city.model import City, Movement, Turn
from pixelopolis.city.movement_conflicts import MovementKey
from pixelopolis.city.route_path import COMMITTED_PART
from pixelopolis.geometry import Curve, Pose, Projection, join, wrap_rad
from pixelopolis.model_io.lane_path import STATIONS_M
from pixelopolis.vehicle.steering import curvature_to_steering

LOOKAHEAD_M: Final = 0.20
"""The expert then keeps within 5 mm on average and 16 mm at most (docs/decisions)."""

METERS_PER_RADIAN: Final = 0.15
"""Weight of a heading difference against a distance, when a car is matched to a path."""

COMMIT_M: Final = 0.20
"""A car this much nearer to one way through a junction than to another is committed to it.

A car that swings 0.1 m out of its turn, 0.6 rad off its heading, must still be steered into it.
With 0.10 m, cars that were 5 cm late in a left turn got the label "straight on", and models learned
to turn late."""

SEARCH_M: Final = 0.35
"""A path may cross itself, so a car is searched for near its last position only."""


def pursue(curve: Curve, pose: Pose, near_s_m: float | None = None) -> float:
    """Return the steering in [-1, 1] (left negative) that leads back to `curve`.

    Args:
        curve: to follow.
        pose: of the car's axle.
        near_s_m: approximate position on the curve; None searches all of it.
    """
    window = (-math.inf, math.inf) if near_s_m is None else (near_s_m - 0.3, near_s_m + 0.3)
    at = curve.project(pose.x_m, pose.y_m, *window)
    goal = curve.pose_at(at.s_m + LOOKAHEAD_M)
    forward, left = pose.to_local(goal.x_m, goal.y_m)
    return curvature_to_steering(2 * left / (forward**2 + left**2))


@dataclass(frozen=True)
class Successor:
    """One continuation of an edge or movement."""

    curve: Curve
    turn: Turn | None
    """None if no junction with a choice is ahead."""
    lead_m: float
    """Position on the curve where that edge or movement begins."""


def ways_from(
    city: City, edge: str, movement: MovementKey | None, s_m: float
) -> tuple[Successor, ...]:
    """Return every continuation from an edge, or from a movement that leaves it.

    In the last third of a movement, commands already mean the next junction, as in
    `RoutePath.turn_at`.
    """
    if movement is None:
        return ways_from_edge(city, edge)
    if s_m < COMMITTED_PART * city.movements[movement].length_m:
        return ways_in_movement(city, movement)
    return ways_after_movement(city, movement)


@lru_cache(maxsize=512)
def ways_from_edge(city: City, edge: str) -> tuple[Successor, ...]:
    """Return every continuation of an edge: the edge, a movement after it, and the next edge.

    The road before the edge is prepended, so that a pose at its very start has road behind it.
    """
    before = [m.curve for m in city.movements.values() if m.to_edge == edge][:1]
    return _onward(city, edge, before, sum(curve.length_m for curve in before))


@lru_cache(maxsize=512)
def ways_in_movement(city: City, key: MovementKey) -> tuple[Successor, ...]:
    """Return the ways through a junction from one edge, the current one first."""
    movement = city.movements[key]
    first = city.edges[movement.from_edge].curve
    others = [m for m in city.exits[movement.from_edge] if m.to_edge != movement.to_edge]
    ways = []
    for m in (movement, *others):
        straightest = sorted(city.exits[m.to_edge], key=_bend_rad)[:1]  # nobody has chosen there
        beyond = city.edges[m.to_edge].curve, *(n.curve for n in straightest)
        ways.append(Successor(join([first, m.curve, *beyond]), m.turn, first.length_m))
    return tuple(ways)


@lru_cache(maxsize=512)
def ways_after_movement(city: City, key: MovementKey) -> tuple[Successor, ...]:
    """Return the continuations from the end of a movement, with the movement before them."""
    movement = city.movements[key]
    before = [city.edges[movement.from_edge].curve, movement.curve]
    return _onward(city, movement.to_edge, before, before[0].length_m)


def _onward(city: City, edge: str, before: list[Curve], lead_m: float) -> tuple[Successor, ...]:
    first = [*before, city.edges[edge].curve]
    if not city.exits[edge]:
        return (Successor(join(first), None, lead_m),)
    return tuple(
        Successor(join([*first, m.curve, city.edges[m.to_edge].curve]), m.turn, lead_m)
        for m in city.exits[edge]
    )


def _bend_rad(movement: Movement) -> float:
    curve = movement.curve
    return abs(wrap_rad(curve.end.heading_rad - curve.start.heading_rad))


def choose(
    ways: tuple[Successor, ...], pose: Pose, s_m: float | None = None
) -> dict[Turn, Successor | None]:
    """Return the way that each command means at a pose.

    A command whose way is clearly farther from the car than another one means the nearest way,
    since that choice is already behind the car. If there is only one way, every command means it;
    otherwise a command without a way here means None.

    Args:
        ways: from `ways_from`.
        pose: of the car.
        s_m: position along the edge or movement; None searches all of the ways.
    """
    gaps = [_away_m(way, pose, s_m) for way in ways]
    nearest = min(range(len(ways)), key=gaps.__getitem__)
    chosen = {
        way.turn or Turn.STRAIGHT: nearest if gap - gaps[nearest] > COMMIT_M else i
        for i, (way, gap) in enumerate(zip(ways, gaps, strict=True))
    }
    if len(set(chosen.values())) == 1:
        return dict.fromkeys(Turn, ways[nearest])
    return {turn: ways[chosen[turn]] if turn in chosen else None for turn in Turn}


def steering_to(way: Successor, pose: Pose, s_m: float | None = None) -> float:
    """Return the steering in [-1, 1] toward a way; arguments as of `path_left_m`."""
    return pursue(way.curve, pose, _project(way, pose, s_m).s_m)


def path_left_m(way: Successor, pose: Pose, s_m: float | None = None) -> tuple[float, ...]:
    """Return a way's lateral offsets at the stations of `pixelopolis.model_io.lane_path`.

    Station 0 is where the way crosses the line of the car's axle; beyond its ends the way continues
    straight.

    Args:
        way: from `ways_from`.
        pose: of the car, within 75 degrees of the way's direction.
        s_m: position along the edge or movement; None searches all of the way.
    """
    at_m = _project(way, pose, s_m).s_m
    for _ in range(4):  # Newton's: from the nearest place to the one abreast of the axle
        at = way.curve.pose_at(at_m)
        forward, _left = pose.to_local(at.x_m, at.y_m)
        at_m -= forward / max(math.cos(at.heading_rad - pose.heading_rad), 0.25)
    points = (way.curve.pose_at(at_m + station) for station in STATIONS_M)
    return tuple(pose.to_local(point.x_m, point.y_m)[1] for point in points)


def _away_m(way: Successor, pose: Pose, s_m: float | None) -> float:
    at = _project(way, pose, s_m)
    turned = wrap_rad(pose.heading_rad - way.curve.pose_at(at.s_m).heading_rad)
    return abs(at.left_m) + METERS_PER_RADIAN * abs(turned)


def _project(way: Successor, pose: Pose, s_m: float | None) -> Projection:
    if s_m is None:
        return way.curve.project(pose.x_m, pose.y_m)
    near_m = way.lead_m + s_m
    return way.curve.project(pose.x_m, pose.y_m, near_m - SEARCH_M, near_m + SEARCH_M)
