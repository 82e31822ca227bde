"""The labels of a pose: steering and path of every command, and its place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from pixelopolis.city.model import City, Turn
from pixelopolis.city.movement_conflicts import MovementKey
from pixelopolis.city.route_path import COMMAND_LEAD_M, COMMITTED_PART
from pixelopolis.errors import DatasetError
from pixelopolis.geometry import Curve, Pose, wrap_rad
from pixelopolis.model_io.lane_path import COLUMNS as PATH_COLUMNS
from sim.lane_data.balance import RoadKind, road_kind
from sim.physics.expert import (
    METERS_PER_RADIAN,
    Successor,
    choose,
    path_left_m,
    steering_to,
    ways_from,
)

COLUMNS: Final = (
    "image",
    *(str(t) for t in Turn),
    "kind",
    "look",
    "edge",
    "s_m",
    "lateral_m",
    "heading_error_rad",
    *PATH_COLUMNS,
    "road",
    "stretch",
)
"""`road` is a `balance.RoadKind`; frames of one `stretch` are consecutive, one camera period apart;
it is empty for independent poses."""

LANE_REACH_M: Final = 0.2
"""A pose farther from every lane has no lane."""

WAY_REACH_M: Final = 0.2
"""A way farther to the side is not one that the car could take."""

LABELED_LEAD_M: Final = COMMAND_LEAD_M + 0.10
"""Turns are labeled from this distance to a junction on: a car is up to 10 cm off."""


@dataclass(frozen=True, slots=True)
class LanePlace:
    """Place of a pose: on an edge, or on a movement that leaves it."""

    edge: str
    movement: MovementKey | None
    s_m: float
    left_m: float
    heading_error_rad: float

    @property
    def name(self) -> str:
        return " > ".join(self.movement) if self.movement else self.edge


class _Lanes:
    """All lanes of a city, with their samples concatenated."""

    def __init__(self, city: City) -> None:
        self.lanes: list[tuple[str, MovementKey | None, Curve]] = [
            *((e.id, None, e.curve) for e in city.edges.values()),
            *((m.from_edge, key, m.curve) for key, m in city.movements.items()),
        ]
        curves = [curve for *_, curve in self.lanes]
        self.points_m = np.concatenate([curve.points_m for curve in curves])
        self.headings_rad = np.concatenate([curve.headings_rad for curve in curves])
        self.s_m = np.concatenate([curve.s_m for curve in curves])
        self.lane = np.repeat(np.arange(len(curves)), [len(curve.s_m) for curve in curves])


@lru_cache(maxsize=32)
def _lanes_of(city: City) -> _Lanes:
    return _Lanes(city)


def place_of(city: City, pose: Pose) -> LanePlace:
    """Return the lane of a pose: the nearest one in its direction.

    Raises:
        DatasetError: none is near.
    """
    lanes = _lanes_of(city)
    away = np.abs(lanes.points_m - (pose.x_m, pose.y_m))
    near = np.flatnonzero((away[:, 0] < LANE_REACH_M) & (away[:, 1] < LANE_REACH_M))
    if not len(near):
        raise DatasetError(f"pose {pose} lies beside every lane.", "This is a fault of ours.")
    turned = (pose.heading_rad - lanes.headings_rad[near] + np.pi) % (2 * np.pi) - np.pi
    score = np.hypot(away[near, 0], away[near, 1]) + METERS_PER_RADIAN * np.abs(turned)
    best = int(near[np.argmin(score)])
    edge, movement, curve = lanes.lanes[int(lanes.lane[best])]
    s_m = float(lanes.s_m[best])
    at = curve.project(pose.x_m, pose.y_m, s_m - 0.02, s_m + 0.02)
    error = wrap_rad(pose.heading_rad - curve.pose_at(at.s_m).heading_rad)
    return LanePlace(edge, movement, at.s_m, at.left_m, error)


@dataclass(frozen=True, slots=True)
class LaneLabel:
    """Labels of every command at a pose; None where it has no way."""

    place: LanePlace
    steering: dict[Turn, float | None]
    paths_left_m: dict[Turn, tuple[float, ...] | None]
    road: RoadKind


def label_of(city: City, pose: Pose) -> LaneLabel:
    """Return the labels of a car's pose."""
    place = place_of(city, pose)
    ways = ways_from(city, place.edge, place.movement, place.s_m)
    chosen = _commanded(city, place, ways, choose(ways, pose, place.s_m))
    found = {id(way): way for way in chosen.values() if way is not None}
    paths = {key: path_left_m(way, pose, place.s_m) for key, way in found.items()}
    steering = {key: steering_to(way, pose, place.s_m) for key, way in found.items()}
    # deep in a junction and far off its lane, another way may cross in front
    chosen = {
        turn: way if way is not None and abs(paths[id(way)][0]) <= WAY_REACH_M else None
        for turn, way in chosen.items()
    }
    return LaneLabel(
        place,
        {turn: None if way is None else steering[id(way)] for turn, way in chosen.items()},
        {turn: None if way is None else paths[id(way)] for turn, way in chosen.items()},
        road_kind(city, place.edge, place.movement, place.s_m),
    )


def _commanded(
    city: City, place: LanePlace, ways: tuple[Successor, ...], chosen: dict[Turn, Successor | None]
) -> dict[Turn, Successor | None]:
    """Drop commands that are never given: turns far from a junction, and missing ways.

    Where no way leads straight on from an edge, straight on means the lane up to its end.
    """
    on = chosen[Turn.STRAIGHT]
    if place.movement is None:
        lane_m = city.edges[place.edge].length_m
        turns = place.s_m >= lane_m - LABELED_LEAD_M
    else:
        movement = city.movements[place.movement]
        lane_m = movement.length_m + city.edges[movement.to_edge].length_m
        turns = place.s_m < COMMITTED_PART * movement.length_m
    if on is None and not (turns and place.movement):
        on = Successor(ways[0].curve.part(0.0, ways[0].lead_m + lane_m), None, ways[0].lead_m)
    there = {way.turn for way in ways if turns}
    rest = {turn: chosen[turn] if turn in there else None for turn in (Turn.LEFT, Turn.RIGHT)}
    return {Turn.STRAIGHT: on, **rest}


def row_of(
    image: str, label: LaneLabel, kind: str, look: int, stretch: int | None = None
) -> list[str]:
    """Return a row of a dataset, a text for each of `COLUMNS`."""
    place = label.place
    paths = [
        "" if values is None else f"{values[i]:.4f}"
        for values in (label.paths_left_m[turn] for turn in Turn)
        for i in range(len(PATH_COLUMNS) // len(Turn))
    ]
    return [
        image,
        *("" if (value := label.steering[turn]) is None else f"{value:.6f}" for turn in Turn),
        kind,
        str(look),
        place.name,
        f"{place.s_m:.4f}",
        f"{place.left_m:.4f}",
        f"{place.heading_error_rad:.4f}",
        *paths,
        str(label.road),
        "" if stretch is None else str(stretch),
    ]
