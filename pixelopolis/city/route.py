"""Places on lanes, routes between them, and travel times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pixelopolis.city.model import City, Movement
from pixelopolis.vehicle.speeds import CRUISE_MPS


@dataclass(frozen=True, slots=True)
class Place:
    """A place on an edge: `s_m` meters from its start."""

    edge: str
    s_m: float


@dataclass(frozen=True, slots=True)
class Route:
    """The edges to drive, from `start_s_m` on the first to `end_s_m` on the last."""

    edges: tuple[str, ...]
    start_s_m: float
    end_s_m: float

    @property
    def movements(self) -> tuple[tuple[str, str], ...]:
        """The (from_edge, to_edge) pairs of the junctions that the route passes."""
        return tuple(pairwise(self.edges))


def edge_mps(city: City, edge: str) -> float:
    """Return the travel speed of an edge: its limit, at most the cars' cruise speed."""
    return min(city.edges[edge].speed_limit_mps, CRUISE_MPS)


def edge_time_s(city: City, edge: str) -> float:
    return city.edges[edge].length_m / edge_mps(city, edge)


def movement_time_s(city: City, movement: Movement) -> float:
    """Return the travel time of a movement, at the lower of its edges' limits."""
    return movement.length_m / min(
        edge_mps(city, edge) for edge in (movement.from_edge, movement.to_edge)
    )


def route_time_s(city: City, route: Route) -> float:
    """Return the travel time of a route at the speed limits on free roads."""
    whole = sum(edge_time_s(city, e) for e in route.edges)
    whole += sum(movement_time_s(city, city.movements[key]) for key in route.movements)
    first, last = route.edges[0], route.edges[-1]
    before_s = route.start_s_m / edge_mps(city, first)
    after_s = (city.edges[last].length_m - route.end_s_m) / edge_mps(city, last)
    return whole - before_s - after_s


def next_edges(city: City) -> dict[str, tuple[str, ...]]:
    """Return the edges that a car may enter from the end of each edge."""
    return {edge: tuple(m.to_edge for m in exits) for edge, exits in city.exits.items()}


def reached(start: str, onward: Mapping[str, Iterable[str]], without: str = "") -> set[str]:
    """Return `start` and all edges reachable from it without entering `without`."""
    found, pending = {start}, [start]
    while pending:
        new = set(onward[pending.pop()]) - found - {without}
        found |= new
        pending += new
    return found
