"""Finds the quickest route through a town, by Dijkstra's algorithm (networkx).

The graph's vertices are edges, not nodes, because the legal movements at a node depend on the
edge that a car comes from. The cost is time: length over speed limit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import cast

import networkx as nx

from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route, edge_time_s, movement_time_s
from pixelopolis.errors import NoRouteError


@lru_cache(maxsize=64)
def edge_graph(city: City) -> nx.DiGraph[str]:
    """Return the graph of edges; arc weight `time_s` covers an edge and the movement after it."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(city.edges)
    for (first, second), movement in city.movements.items():
        time_s = edge_time_s(city, first) + movement_time_s(city, movement)
        graph.add_edge(first, second, time_s=time_s)
    return graph


@lru_cache(maxsize=64)
def _ways_to(
    city: City, goal: str, blocked: frozenset[str]
) -> tuple[Mapping[str, float], Mapping[str, Sequence[str]]]:
    """Return from each edge the seconds to the start of `goal`, and the way there, backwards.

    Kept, because one search serves every car that might go there.
    """
    graph = edge_graph(city)
    if goal in blocked:
        return {}, {}
    free = graph.subgraph([e for e in graph if e not in blocked])
    return cast(
        "tuple[dict[str, float], dict[str, list[str]]]",
        nx.single_source_dijkstra(free.reverse(copy=False), goal, weight="time_s"),
    )


def find_route(
    city: City, start: Place, end: Place, blocked: Collection[str] = frozenset()
) -> Route:
    """Return the quickest route between two places.

    Args:
        city: the town.
        start: where the car is.
        end: where it must stop. If it is behind `start` on the same edge, the route leaves the edge
            and returns to it.
        blocked: edges that must not be entered.

    Raises:
        NoRouteError: an edge is unknown or `end` cannot be reached.
    """
    for name, place in (("start", start), ("end", end)):
        edge = city.edges.get(place.edge)
        if edge is None:
            raise NoRouteError(
                f"{name}: city {city.name!r} has no edge {place.edge!r}.",
                f"Use one of {', '.join(city.edges)}.",
            )
        if not -1e-6 <= place.s_m <= edge.length_m + 1e-6:
            raise NoRouteError(
                f"{name}: {place.s_m:.3f} m lies outside edge {place.edge!r} "
                f"({edge.length_m:.3f} m).",
                "Give a distance on the edge.",
            )
    if start.edge == end.edge and end.s_m >= start.s_m:
        return Route((start.edge,), start.s_m, end.s_m)
    to_end, back = _ways_to(city, end.edge, frozenset(blocked))
    options = [
        (movement_time_s(city, m) + to_end[m.to_edge], m.to_edge)
        for m in city.exits[start.edge]
        if m.to_edge in to_end
    ]
    if options:
        _, following = min(options)
        return Route((start.edge, *reversed(back[following])), start.s_m, end.s_m)
    around = f" without entering {', '.join(sorted(blocked))}" if blocked else ""
    raise NoRouteError(
        f"no way leads from edge {start.edge!r} to edge {end.edge!r}{around}.",
        "Choose another destination, or add edges to the city.",
    )
