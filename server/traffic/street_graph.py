"""The town as traffic sees it: edges that hold one car each, and the movements between them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.city.movement_conflicts import MovementKey, movement_conflicts
from pixelopolis.city.route import Place, Route, edge_time_s, movement_time_s
from pixelopolis.city.route_path import RoutePath
from pixelopolis.errors import CityError, Fault
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_REAR_M

EDGE_MARGIN_M: Final = 0.08
JUNCTION_MARGIN_M: Final = 0.03
"""How much farther than needed a car must be seen before we believe that it left something. The
second is small because a car that waits on the shortest edges stands 0.10 m along them."""

CLEAR_OF_EDGE_M: Final = CAR_FRONT_M + CAR_REAR_M + EDGE_MARGIN_M
"""An edge is free once the axle is so far past its end that the next car, waiting there with its
front over the stop line, would not touch the body."""

CLEAR_OF_JUNCTION_M: Final = CAR_REAR_M + JUNCTION_MARGIN_M
"""A movement is free once the axle is so far along the edge behind it."""

PARK_BEFORE_END_M: Final = 0.06
"""Where on its edge a car parks that makes way."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What nobody may enter: held by cars that do not move."""

    edges: frozenset[str] = frozenset()
    movements: frozenset[MovementKey] = frozenset()


OPEN: Final = Closed()


class StreetGraph:
    """The graph of a town.

    Raises:
        CityError: when a car that waits on some edge would stand in a junction.
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.conflicts: Mapping[MovementKey, frozenset[MovementKey]] = movement_conflicts(city)
        self.after: dict[str, tuple[str, ...]] = {
            edge: tuple(m.to_edge for m in exits) for edge, exits in city.exits.items()
        }
        self._time_s: dict[MovementKey, float] = {
            key: edge_time_s(city, key[1]) + movement_time_s(city, movement)
            for key, movement in city.movements.items()
        }
        self._before: dict[str, list[str]] = {edge: [] for edge in city.edges}
        for first, seconds in self.after.items():
            for second in seconds:
                self._before[second].append(first)
        self._check()
        self.leads: Callable[[str, str, Closed], bool] = lru_cache(maxsize=4096)(
            lambda start, goal, closed: self.way(start, goal, closed) is not None
        )
        """Whether any way leads from the end of one edge to another."""
        self.path_of: Callable[[Route], RoutePath] = lru_cache(maxsize=512)(
            lambda route: RoutePath(city, route)
        )

    def _check(self) -> None:
        least_m = CLEAR_OF_JUNCTION_M
        faults = tuple(
            Fault(f"edge {edge.id!r}", f"{edge.length_m:.3f} m is less than {least_m:.3f} m")
            for edge in self.city.edges.values()
            if edge.length_m < least_m and self._before[edge.id]
        )
        if faults:
            raise CityError(
                f"city {self.city.name!r}: a car that waits on a short edge stands in a junction.",
                "Make these edges longer.",
                faults,
            )

    def may_go(self, first: str, second: str, closed: Closed) -> bool:
        return second not in closed.edges and (first, second) not in closed.movements

    def way(
        self,
        start: str,
        goal: str,
        closed: Closed = OPEN,
        extra_s: Mapping[str, float] | None = None,
    ) -> tuple[str, ...] | None:
        """Return the quickest edges from `start` (included) to `goal`, at least one step.

        Args:
            start: edge where the car is.
            goal: edge where it shall be; `start` itself asks for a way around.
            closed: what must not be entered.
            extra_s: further cost of entering some edges.
        """
        extra = extra_s or {}
        queue: list[tuple[float, str]] = [(0.0, start)]
        cost = {start: 0.0}
        back: dict[str, str] = {}
        done: set[str] = set()
        while queue:
            spent, edge = heapq.heappop(queue)
            if edge == goal and edge in back:
                return _path_back(back, start, goal)
            if edge in done:
                continue
            done.add(edge)
            for following in self.after[edge]:
                if not self.may_go(edge, following, closed):
                    continue
                total = spent + self._time_s[edge, following] + extra.get(following, 0.0)
                if following == start and goal == start:
                    back[start] = edge
                    return _path_back(back, start, goal)
                if total < cost.get(following, float("inf")):
                    cost[following] = total
                    back[following] = edge
                    heapq.heappush(queue, (total, following))
        return None

    def reachable(
        self, start: str, closed: Closed, stop_at: Collection[str] = ()
    ) -> dict[str, tuple[str, ...]]:
        """Return the shortest way to every edge, nearest first; edges in `stop_at` end a way."""
        found: dict[str, tuple[str, ...]] = {start: (start,)}
        queue = [start]
        for edge in queue:
            if edge in stop_at and edge != start:
                continue
            for following in self.after[edge]:
                if following not in found and self.may_go(edge, following, closed):
                    found[following] = (*found[edge], following)
                    queue.append(following)
        return found

    def parking(self, edge: str) -> Place:
        """Return where a car parks on an edge: before its end, body off the junction behind."""
        length_m = self.city.edges[edge].length_m
        return Place(edge, round(max(length_m - PARK_BEFORE_END_M, length_m / 2), 3))


def _path_back(back: Mapping[str, str], start: str, goal: str) -> tuple[str, ...]:
    edges = [goal]
    edge = back[goal]
    while edge != start:
        edges.append(edge)
        edge = back[edge]
    return (start, *reversed(edges))
