"""The town's lanes as a grid of short cells, and how a car moves between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import City, Movement
from pixelopolis.city.route import Place
from pixelopolis.geometry import Curve, FloatArray, Pose, wrap_rad

CELL_M: Final = 0.02
"""Length of a cell, within a few percent, and the step of the belief."""

STEP_VARIANCE: Final = 0.05
"""Variance of the cells moved per step: with 2 % wheel error, a car is 6 cm off after 3 m."""

IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Lane:
    """An edge, or a movement through a junction: `count` cells starting at `first`."""

    edge: str | None
    movement: Movement | None
    first: int
    count: int
    length_m: float

    @property
    def key(self) -> str | tuple[str, str]:
        """The edge's id, or the movement's (from_edge, to_edge)."""
        if self.movement is not None:
            return self.movement.from_edge, self.movement.to_edge
        return str(self.edge)


class LaneGrid:
    """All lanes of a town, cut into cells.

    Attributes:
        lanes: edges first, then movements.
        index: of every lane, by edge id or by a movement's (from_edge, to_edge).
        lane_of: (N,) index of each cell's lane.
        s_m: (N,) distance of each cell's center along its lane.
        poses: (N, 3) x, y, heading of each cell's center.
        steps: the transitions of one step of `CELL_M`.
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.lanes = tuple(_lanes(city))
        self.index = {lane.key: i for i, lane in enumerate(self.lanes)}
        self.count = self.lanes[-1].first + self.lanes[-1].count
        self.lane_of: IntArray = np.repeat(
            np.arange(len(self.lanes)), [lane.count for lane in self.lanes]
        )
        s_m, poses = zip(*(_poses(lane, self._curve(lane)) for lane in self.lanes), strict=True)
        self.s_m: FloatArray = np.concatenate(s_m)
        self.poses: FloatArray = np.concatenate(poses)
        self.steps = _steps(self)

    def _curve(self, lane: Lane) -> Curve:
        if lane.movement is not None:
            return lane.movement.curve
        return self.city.edges[str(lane.edge)].curve

    def place_of(self, cell: int, ahead_m: float = 0.0) -> Place:
        """Return a cell as (edge, s); in a junction, the edge just left, beyond its end."""
        lane = self.lanes[int(self.lane_of[cell])]
        s_m = min(max(float(self.s_m[cell]) + ahead_m, 0.0), lane.length_m)
        if lane.movement is not None:
            before = lane.movement.from_edge
            return Place(before, self.city.edges[before].length_m + s_m)
        return Place(str(lane.edge), s_m)

    def pose_of(self, cell: int, ahead_m: float = 0.0) -> Pose:
        x_m, y_m, heading_rad = self.poses[cell].tolist()
        return Pose(x_m, y_m, heading_rad).ahead(ahead_m)

    def near(self, x_m: float, y_m: float, heading_rad: float, within_m: float) -> IntArray:
        """Return the cells near a position whose lane direction is within 45 degrees."""
        x, y, heading = self.poses.T
        close = (x - x_m) ** 2 + (y - y_m) ** 2 <= within_m**2
        along = np.cos(heading - heading_rad) > math.cos(math.pi / 4)
        return np.flatnonzero(close & along)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Transitions of one step: from cell `source` to `target` with probability `weight`.

    `turn_rad` is the lane's change of heading between them. `exit` is the index of the lane that is
    entered from an edge's end (its weight is then shared among the exits), -1 elsewhere.
    """

    source: IntArray
    target: IntArray
    weight: FloatArray
    turn_rad: FloatArray
    exit: IntArray


def _lanes(city: City) -> Iterator[Lane]:
    first = 0
    for edge in city.edges.values():
        count = max(1, round(edge.length_m / CELL_M))
        yield Lane(edge.id, None, first, count, edge.length_m)
        first += count
    for movement in city.movements.values():
        count = max(1, round(movement.length_m / CELL_M))
        yield Lane(None, movement, first, count, movement.length_m)
        first += count


def _poses(lane: Lane, curve: Curve) -> tuple[FloatArray, FloatArray]:
    s: FloatArray = (np.arange(lane.count, dtype=float) + 0.5) * (lane.length_m / lane.count)
    columns = [curve.points_m[:, 0], curve.points_m[:, 1], curve.headings_rad]
    return s, np.column_stack([np.interp(s, curve.s_m, column) for column in columns])


def _steps(grid: LaneGrid) -> Steps:
    """Return every transition by zero, one or two cells; means account for the cells' lengths."""
    index = grid.index
    behind: dict[int, list[int]] = {}
    for i, lane in enumerate(grid.lanes):
        if lane.movement is not None:
            behind.setdefault(index[lane.movement.from_edge], []).append(i)
            behind[i] = [index[lane.movement.to_edge]]
    rows: list[tuple[int, int, float, int]] = []
    for i, lane in enumerate(grid.lanes):
        weights = _kernel(CELL_M * lane.count / lane.length_m)
        for cell in range(lane.count):
            for hop, weight in enumerate(weights):
                rows += _move(grid, behind, i, cell + hop, lane.first + cell, weight)
    source, target, exit_ = (np.array([row[k] for row in rows]) for k in (0, 1, 3))
    shares = np.array([row[2] for row in rows])
    heading = grid.poses[:, 2]
    turn = np.array([wrap_rad(a) for a in heading[target] - heading[source]])
    return Steps(source, target, shares, turn, exit_)


def _move(
    grid: LaneGrid, behind: dict[int, list[int]], lane: int, to: int, source: int, weight: float
) -> list[tuple[int, int, float, int]]:
    """Return the rows (source, target, weight, exit) of one hop, branching at a lane's end."""
    here = grid.lanes[lane]
    if to < here.count:
        return [(source, here.first + to, weight, -1)]
    onward = behind.get(lane, [])
    if not onward:  # a dead end: stay
        return [(source, here.first + here.count - 1, weight, -1)]
    rows = []
    for following in onward:
        chosen = following if here.edge is not None else -1
        for row in _move(grid, behind, following, to - here.count, source, weight):
            rows.append((*row[:3], chosen if row[3] < 0 else row[3]))
    return rows


def _kernel(mean: float) -> tuple[float, float, float]:
    """Return the probabilities of moving 0, 1 and 2 cells for a mean near 1."""
    off = mean - 1
    square = max(STEP_VARIANCE + off**2, abs(off))
    return (square - off) / 2, 1 - square, (square + off) / 2
