"""The path of a car along a route."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pixelopolis.city.model import City, Turn
from pixelopolis.city.route import Place, Route
from pixelopolis.errors import NoRouteError
from pixelopolis.geometry import Curve, Pose, join

COMMITTED_PART: Final = 2 / 3
"""Fraction of a movement after which the car is committed, and commands mean the next junction."""

COMMAND_LEAD_M: Final = 0.15
"""Distance before a junction's mouth at which a lane model is first given the turn: there, 0.4 m
ahead of the axle (the limit of its view), the alternatives are 10 cm apart."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One edge or movement of a path, from `start_m` to `end_m` of the path's distance.

    The first leg begins where its edge does, so its `start_m` is at most zero.
    """

    start_m: float
    end_m: float
    edge: str | None
    movement: tuple[str, str] | None


class RoutePath:
    """A route as one curve, with the legs along it.

    Distances count from the route's start. The curve covers whole edges, so the road continues
    behind the start and beyond the end (`pose_at` of a negative distance is valid).
    """

    def __init__(self, city: City, route: Route) -> None:
        self.city = city
        self.route = route
        legs: list[Leg] = []
        curves: list[Curve] = []
        at = -route.start_s_m
        for i, edge in enumerate(route.edges):
            if i:
                key = (route.edges[i - 1], edge)
                movement = city.movements.get(key)
                if movement is None:
                    raise NoRouteError(
                        f"no movement leads from edge {key[0]!r} to edge {key[1]!r}.",
                        "Use edges that follow each other.",
                    )
                legs.append(Leg(at, at + movement.length_m, None, key))
                curves.append(movement.curve)
                at += movement.length_m
            curve = city.edges[edge].curve
            legs.append(Leg(at, at + curve.length_m, edge, None))
            curves.append(curve)
            at += curve.length_m
        self.legs: tuple[Leg, ...] = tuple(legs)
        self.length_m: float = at - (city.edges[route.edges[-1]].length_m - route.end_s_m)
        """From the start of the route to its end."""
        self._curves = curves

    @cached_property
    def curve(self) -> Curve:
        """The whole curve; its arc length is path distance + route.start_s_m (within 1 mm)."""
        return join(self._curves)

    @cached_property
    def _starts_m(self) -> list[float]:
        return [leg.start_m for leg in self.legs]

    def leg_at(self, distance_m: float) -> Leg:
        return self.legs[max(0, bisect_right(self._starts_m, distance_m) - 1)]

    def pose_at(self, distance_m: float) -> Pose:
        return self.curve.pose_at(distance_m + self.route.start_s_m)

    def curvature_at(self, distance_m: float) -> float:
        return self.curve.curvature_at(distance_m + self.route.start_s_m)

    def place_at(self, distance_m: float) -> Place:
        """Return (edge, s); in a junction, the edge just left, beyond its end."""
        leg = self.leg_at(distance_m)
        if leg.edge is not None:
            return Place(leg.edge, min(distance_m, self.legs[-1].end_m) - leg.start_m)
        first = leg.movement[0] if leg.movement else self.route.edges[0]
        return Place(first, self.city.edges[first].length_m + distance_m - leg.start_m)

    def turn_at(self, distance_m: float) -> Turn:
        """Return the turn at the current or next junction.

        In the last third of a junction it is the next junction's turn: the car is committed, and
        the next choice is what matters.
        """
        for leg in self.legs:
            if leg.movement is None:
                continue
            if distance_m < leg.start_m + (leg.end_m - leg.start_m) * COMMITTED_PART:
                return self.city.movements[leg.movement].turn
        return Turn.STRAIGHT

    def command_at(self, distance_m: float) -> Turn:
        """Return the command for a lane model: a turn only at its junction, else straight on.

        Elsewhere the car must keep its lane. The near road in the middle of a turn looks like an
        ordinary street, so a turn commanded too early or too long could not be recognized as such.
        """
        leg = self._asked_leg(distance_m)
        if leg is None or leg.movement is None:
            return Turn.STRAIGHT
        return self.city.movements[leg.movement].turn

    def chooses_at(self, distance_m: float) -> bool:
        """Return whether `command_at` is a choice between movements."""
        leg = self._asked_leg(distance_m)
        return leg is not None and leg.movement is not None and self._has_choice(leg)

    def _asked_leg(self, distance_m: float) -> Leg | None:
        """Return the junction leg for which a lane model is given a command at a distance."""
        for leg in self.legs:
            if leg.movement is None:
                continue
            if distance_m < leg.start_m - COMMAND_LEAD_M:
                return None
            if distance_m < leg.start_m + (leg.end_m - leg.start_m) * COMMITTED_PART:
                return leg
        return None

    def _has_choice(self, leg: Leg) -> bool:
        return leg.movement is not None and len(self.city.exits[leg.movement[0]]) > 1

    def commanded_until_m(self, distance_m: float, command: Turn) -> float:
        """Return up to which distance a command given at `distance_m` describes this path.

        That is the next junction with a choice where the path turns differently; infinity if there
        is none.
        """
        for leg in self.legs:
            if leg.movement is None or leg.start_m <= distance_m:
                continue
            taken = self.city.movements[leg.movement].turn
            if self._has_choice(leg) and taken is not command:
                return leg.start_m
        return math.inf

    def node_stops_m(self) -> tuple[float, ...]:
        """Return the distance of every stop line: the end of the edge before each junction."""
        return tuple(leg.start_m for leg in self.legs if leg.movement is not None)
