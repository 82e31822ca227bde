"""Checks of a whole town: cars can drive it and do not collide.

This module checks that lanes bend gently, that each command means one movement at a junction, and
that every edge can be reached from every other. `clearances` checks the distance of lanes,
buildings and signs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from pixelopolis.city.model import City, Edge, Turn
from pixelopolis.city.route import next_edges, reached
from pixelopolis.city.start_places import CAR_ROOM_M
from pixelopolis.geometry import Curve

MIN_RADIUS_M: Final = 0.16
"""Minimum radius of a lane. The sharpest bend shipped has 0.30 m."""

BEND_WINDOW_M: Final = 0.05
"""Bends are measured over this length, so that a 2-degree kink between two pieces does not
count."""

MAX_NAMED: Final = 5
"""Maximum number of a group's edges named in one message."""

Neighbors = Mapping[str, Sequence[str]]

Table = Literal["node", "edge", "sign", "destination", "building"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one table of the city file.

    `key` is its id, or the number from 0 of a sign or building; `field` is the one to correct.
    """

    table: Table
    key: str | int
    field: str
    message: str


def street_problems(city: City) -> Iterator[Problem]:
    """Return the problems of each lane and each movement."""
    for edge in city.edges.values():
        radius_m = _sharpest_radius_m(edge.curve)
        if radius_m < MIN_RADIUS_M:
            yield Problem(
                "edge",
                edge.id,
                "pieces",
                f"the lane of edge {edge.id!r} bends with {radius_m:.3f} m, less than the "
                f"{MIN_RADIUS_M} m that a car can follow",
            )
    yield from _junction_problems(city)


def _sharpest_radius_m(curve: Curve) -> float:
    window_m = min(BEND_WINDOW_M, curve.length_m)
    at = np.append(np.arange(0.0, curve.length_m - window_m, window_m / 4), 0.0)
    turned = np.interp(at + window_m, curve.s_m, curve.headings_rad) - np.interp(
        at, curve.s_m, curve.headings_rad
    )
    sharpest = float(np.abs(turned).max()) / window_m
    return 1 / sharpest if sharpest > 1e-9 else math.inf


def _junction_problems(city: City) -> Iterator[Problem]:
    for edge in city.edges.values():
        ways: dict[Turn, str] = {}
        for movement in city.exits[edge.id]:
            if movement.turn in ways:
                yield Problem(
                    "edge",
                    edge.id,
                    "to",
                    f"at node {edge.to_node!r} both edge {ways[movement.turn]!r} and edge "
                    f"{movement.to_edge!r} are reached by going {movement.turn}; move a node, "
                    "or ban one with [[turn_ban]]",
                )
            ways[movement.turn] = movement.to_edge
            radius_m = _sharpest_radius_m(movement.curve)
            if radius_m < MIN_RADIUS_M:
                yield Problem(
                    "edge",
                    edge.id,
                    "to",
                    f"the way from edge {edge.id!r} to edge {movement.to_edge!r} bends with "
                    f"{radius_m:.3f} m, less than the {MIN_RADIUS_M} m that a car can follow; "
                    "enlarge road.mouth_m",
                )


# --- reachability ---------------------------------------------------------------------------------


def room_problems(city: City) -> Iterator[Problem]:
    """Return a problem if no edge is long enough for a waiting car."""
    longest = max(city.edges.values(), key=lambda edge: edge.length_m)
    if longest.length_m < CAR_ROOM_M:
        yield Problem(
            "edge",
            longest.id,
            "to",
            f"no edge has room for a car: the longest lane, of edge {longest.id!r}, has "
            f"{longest.length_m:.2f} m between its mouths, and {CAR_ROOM_M:.2f} m are needed",
        )


def reach_problems(city: City) -> Iterator[Problem]:
    """Return the nodes, edges and destinations that cars cannot reach, or cannot leave.

    The reference is the largest part of the town in which every edge leads to every other.
    """
    used = {end for edge in city.edges.values() for end in (edge.from_node, edge.to_node)}
    for node in city.nodes:
        if node not in used:
            yield Problem("node", node, "id", f"no edge begins or ends at node {node!r}")
    for edge in city.edges.values():
        if not city.exits[edge.id]:
            why = _why_no_exit(city, edge)
            yield Problem("edge", edge.id, "to", f"no car can leave edge {edge.id!r}: {why}")
    onward = next_edges(city)
    back = {edge: [other for other, ways in onward.items() if edge in ways] for edge in onward}
    main = max(
        _strong_parts(onward, back),
        key=lambda part: sum(city.edges[edge].length_m for edge in part),
    )
    hub = main[0]
    leads_to, returning = reached(hub, onward), reached(hub, back)
    verdicts = {
        edge: _verdict(hub, edge in leads_to, edge in returning)
        for edge in onward
        if edge not in main
    }
    yield from _stray_problems(verdicts, onward, back)
    for destination in city.destinations.values():
        if destination.edge in verdicts:
            yield Problem(
                "destination",
                destination.id,
                "edge",
                f"destination {destination.id!r} is on edge {destination.edge!r}, and "
                f"{verdicts[destination.edge]}",
            )


def _strong_parts(onward: Neighbors, back: Neighbors) -> list[list[str]]:
    """Return the strongly connected components, edges in the town's order."""
    parts, left = [], list(onward)
    while left:
        part = reached(left[0], onward) & reached(left[0], back)
        parts.append([edge for edge in left if edge in part])
        left = [edge for edge in left if edge not in part]
    return parts


def _why_no_exit(city: City, edge: Edge) -> str:
    node = edge.to_node
    onward = [other.id for other in city.edges.values() if other.from_node == node]
    if not onward:
        return f"no edge begins at node {node!r}; add one, or one back"
    if banned := [other for other in onward if (edge.id, other) in city.turn_bans]:
        return f"at node {node!r} [[turn_ban]] forbids {_names(banned)}, and nothing else is left"
    return f"at node {node!r} only a U-turn leads on, to {_names(onward)}; add another edge"


def _verdict(hub: str, is_reached: bool, leads_back: bool) -> str:
    if is_reached:
        return f"no way leads from there back to edge {hub!r}"
    if leads_back:
        return f"no way leads there from edge {hub!r}"
    return f"it is an island: no way leads there from edge {hub!r}, and none back"


def _stray_problems(
    verdicts: dict[str, str], onward: Neighbors, back: Neighbors
) -> Iterator[Problem]:
    """Name each group of neighbors with the same verdict once, at its first edge."""
    for verdict in dict.fromkeys(verdicts.values()):
        strays = [edge for edge, its in verdicts.items() if its == verdict]
        beside = {edge: {*onward[edge], *back[edge]}.intersection(strays) for edge in strays}
        while strays:
            group = reached(strays[0], beside)
            edges = [edge for edge in strays if edge in group]
            strays = [edge for edge in strays if edge not in group]
            yield Problem("edge", edges[0], "id", f"{_names(edges)}: {verdict}")


def _names(edges: list[str]) -> str:
    shown = ", ".join(map(repr, edges[:MAX_NAMED]))
    more = f" and {len(edges) - MAX_NAMED} more" if len(edges) > MAX_NAMED else ""
    return f"{'edge' if len(edges) == 1 else 'edges'} {shown}{more}"
