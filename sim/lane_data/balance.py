"""Shares of straights, bends and junctions in a dataset: measured, and balanced.

Cities have mostly straights, and the original city turns left more than right. So every place of a
lane has a kind of road, and poses are drawn by kind: each city has its own weights, chosen so that
all cities together meet `TARGETS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np

from pixelopolis.city.model import City, Turn
from pixelopolis.city.movement_conflicts import MovementKey
from pixelopolis.geometry import FloatArray, Pose, wrap_rad
from sim.physics.expert import ways_from

BEFORE_CHOICE_M: Final = 0.5
"""Distance before the end of a street at which its junction comes into view."""
BEND_AHEAD_M: Final = 0.2
BEND_RAD: Final = 0.1
"""A road that turns by more within `BEND_AHEAD_M` is a bend: at a radius of 2 m or less."""
SPACING_M: Final = 0.02
MIN_BEND_M: Final = 0.01
"""A path is a bend if its middle station is farther than this from the line between its ends."""


class RoadKind(StrEnum):
    """Kind of road at a place. Choices are junctions with several exits."""

    STRAIGHT = "straight"
    LEFT = "left"
    RIGHT = "right"
    BEFORE_CHOICE = "before_choice"
    CHOICE_STRAIGHT = "choice_straight"
    CHOICE_LEFT = "choice_left"
    CHOICE_RIGHT = "choice_right"


KINDS: Final = tuple(RoadKind)

TARGETS: Final[Mapping[RoadKind, float]] = {
    RoadKind.STRAIGHT: 0.20,
    RoadKind.LEFT: 0.11,
    RoadKind.RIGHT: 0.19,
    RoadKind.BEFORE_CHOICE: 0.20,
    RoadKind.CHOICE_STRAIGHT: 0.09,
    RoadKind.CHOICE_LEFT: 0.09,
    RoadKind.CHOICE_RIGHT: 0.12,
}
"""Half of all frames have a choice before or around them. Right bends get more places than left
ones, because they are shorter in right-hand traffic, and because the left way at a choice is
visible as a bend for longer: as many *paths* then bend left as right, within 5 % (measured in the
training cities)."""

_CHOICES: Final = {
    Turn.STRAIGHT: RoadKind.CHOICE_STRAIGHT,
    Turn.LEFT: RoadKind.CHOICE_LEFT,
    Turn.RIGHT: RoadKind.CHOICE_RIGHT,
}


def road_kind(city: City, edge: str, movement: MovementKey | None, s_m: float) -> RoadKind:
    """Return the kind of road at a place of an edge, or of a movement that leaves it."""
    if len(city.exits[edge]) > 1:
        if movement is not None:
            return _CHOICES[city.movements[movement].turn]
        if s_m > city.edges[edge].length_m - BEFORE_CHOICE_M:
            return RoadKind.BEFORE_CHOICE
    way = ways_from(city, edge, movement, s_m)[0]
    now, then = (way.curve.pose_at(way.lead_m + s) for s in (s_m, s_m + BEND_AHEAD_M))
    turn = wrap_rad(then.heading_rad - now.heading_rad)
    if abs(turn) < BEND_RAD:
        return RoadKind.STRAIGHT
    return RoadKind.LEFT if turn > 0 else RoadKind.RIGHT


class RoadPlaces:
    """Places on the center lines of a city, `SPACING_M` apart, by kind of road."""

    def __init__(self, city: City) -> None:
        self.poses: dict[RoadKind, list[Pose]] = {kind: [] for kind in KINDS}
        lanes = [(e.id, None, e.curve) for e in city.edges.values()]
        movements = [(m.from_edge, key, m.curve) for key, m in city.movements.items()]
        for edge, movement, curve in [*lanes, *movements]:
            count = max(1, round(curve.length_m / SPACING_M))
            for s_m in (np.arange(count) + 0.5) * (curve.length_m / count):
                kind = road_kind(city, edge, movement, float(s_m))
                self.poses[kind].append(curve.pose_at(float(s_m)))

    @property
    def shares(self) -> FloatArray:
        """Share of each kind (kinds,) in the city's lanes, in the order of `KINDS`."""
        counts = np.array([len(self.poses[kind]) for kind in KINDS], dtype=np.float64)
        return np.asarray(counts / counts.sum(), dtype=np.float64)

    def draw(self, weights: Sequence[float], rng: np.random.Generator) -> Pose:
        """Return a pose on a center line; `weights` (kinds,) sum to 1."""
        kind = KINDS[int(rng.choice(len(KINDS), p=np.asarray(weights) / np.sum(weights)))]
        poses = self.poses[kind]
        pose = poses[int(rng.integers(len(poses)))]
        return pose.ahead(float(rng.uniform(-SPACING_M / 2, SPACING_M / 2)))


@lru_cache(maxsize=32)
def road_places(city: City) -> RoadPlaces:
    return RoadPlaces(city)


FITTING_ROUNDS: Final = 200


def balanced(natural: FloatArray) -> FloatArray:
    """Return weights (cities, kinds) whose rows sum to 1 and whose mean meets `TARGETS`.

    Iterative proportional fitting (Deming and Stephan, Annals of Mathematical Statistics 11, 1940):
    a kind that a city lacks stays 0. If all cities (nearly) lack a kind, the targets are met as
    well as possible.

    Args:
        natural: (cities, kinds) shares; rows sum to 1.
    """
    weights = natural.copy()
    targets = np.array([TARGETS[kind] for kind in KINDS])
    for _ in range(FITTING_ROUNDS):
        sums = weights.mean(axis=0)
        weights *= np.where(sums > 0, targets / np.maximum(sums, 1e-12), 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
    return weights


def shares(kinds: Iterable[str]) -> dict[str, float]:
    """Return the share of each kind in a list of them."""
    found = list(kinds)
    return {str(kind): found.count(str(kind)) / max(len(found), 1) for kind in KINDS}


def bends_of(paths: Iterable[Sequence[float] | None]) -> Iterator[str]:
    """Yield "straight", "left" or "right" for each distinct path of an image."""
    for path in sorted({tuple(path) for path in paths if path is not None}):
        near, middle, far = path[0], path[len(path) // 2], path[-1]
        beside_m = (near + far) / 2 - middle
        yield "straight" if abs(beside_m) < MIN_BEND_M else "left" if beside_m > 0 else "right"
