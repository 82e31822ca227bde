"""The town as a graph for traffic: edges that hold one car each, and movements between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import networkx as nx

from pixelopolis.city.model import City
from pixelopolis.city.movement_conflicts import MovementKey, movement_conflicts
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import edge_graph
from pixelopolis.errors import CityError, Fault
from pixelopolis.vehicle.clearances import CLEAR_OF_JUNCTION_M

PARK_BEFORE_END_M: Final = 0.06
"""A relocated car parks this far before the end of its edge."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What nobody may enter: held by cars that do not move."""

    edges: frozenset[str] = frozenset()
    movements: frozenset[MovementKey] = frozenset()


OPEN: Final = Closed()


class StreetGraph:
    """The street graph of a town.

    Raises:
        CityError: a car waiting on some edge would stand in a junction.
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.conflicts: Mapping[MovementKey, frozenset[MovementKey]] = movement_conflicts(city)
        self._graph = edge_graph(city)
        self._check()
        self.leads: Callable[[str, str, Closed], bool] = lru_cache(maxsize=4096)(
            lambda start, goal, closed: self.way(start, goal, closed) is not None
        )
        """Whether any route leads from the end of one edge to another."""
        self.path_of: Callable[[Route], RoutePath] = lru_cache(maxsize=512)(
            lambda route: RoutePath(city, route)
        )

    def _check(self) -> None:
        least_m = CLEAR_OF_JUNCTION_M
        faults = tuple(
            Fault(f"edge {edge.id!r}", f"{edge.length_m:.3f} m is less than {least_m:.3f} m")
            for edge in self.city.edges.values()
            if edge.length_m < least_m and self._graph.in_degree(edge.id)
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
            goal: edge to reach; `start` itself asks for a way around.
            closed: what must not be entered.
            extra_s: additional cost of entering some edges.
        """
        extra = extra_s or {}

        def time_s(first: str, second: str, arc: Mapping[str, float]) -> float | None:
            if not self.may_go(first, second, closed):
                return None
            return arc["time_s"] + extra.get(second, 0.0)

        if start != goal:
            try:
                return tuple(nx.dijkstra_path(self._graph, start, goal, weight=time_s))
            except nx.NetworkXNoPath:
                return None
        times_s, ways = cast(
            "tuple[dict[str, float], dict[str, list[str]]]",
            nx.single_source_dijkstra(self._graph, start, weight=time_s),
        )
        last = {e: time_s(e, start, arc) for e, _, arc in self._graph.in_edges(start, data=True)}
        around = [(times_s[e] + s, e) for e, s in last.items() if e in times_s and s is not None]
        return (*ways[min(around)[1]], start) if around else None

    def ways_from(self, start: str, closed: Closed) -> Iterator[tuple[str, ...]]:
        """Yield the shortest route from `start` to each other edge, by number of edges."""
        found: dict[str, tuple[str, ...]] = {start: (start,)}

        def following(edge: str) -> Iterator[str]:
            return (to for to in self._graph[edge] if self.may_go(edge, to, closed))

        for edge, to in nx.generic_bfs_edges(self._graph, start, following):
            found[to] = (*found[edge], to)
            yield found[to]

    def parking(self, edge: str) -> Place:
        """Return where a car parks on an edge: before its end, clear of the junction behind."""
        length_m = self.city.edges[edge].length_m
        return Place(edge, round(max(length_m - PARK_BEFORE_END_M, length_m / 2), 3))
