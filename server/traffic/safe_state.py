"""Checks whether all rides can still be finished: the banker's algorithm for streets.

Each car is assumed to stand at the end of its grant, one car per edge. A state is safe if a
sequence of single steps into free edges brings every car to its goal, by priority. Cars in the way
are pushed ahead into the nearest free edge and continue later; an arrived car may be pushed too.
This plan is also what is executed in a deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from server.traffic.street_graph import Closed, StreetGraph

Step = tuple[str, str]
"""(car, the edge that it enters next)."""

BUSY_S: Final = 20.0
"""Extra cost of an occupied edge in a route, so that free streets are preferred."""


MAX_STEPS: Final = 5000
"""Give up on longer plans."""


@dataclass(frozen=True, slots=True)
class Token:
    """A car at the end of its grant; `goal` None: it wants nothing and may be pushed.

    `must_move`: the goal is behind the car on its own edge, so it has to go around.
    """

    car: str
    edge: str
    goal: str | None = None
    must_move: bool = False


def find_plan(
    streets: StreetGraph, tokens: Sequence[Token], closed: Closed
) -> tuple[Step, ...] | None:
    """Return steps that bring every car to its goal, or None if none were found.

    Cars whose goals `closed` cuts off wait and may be pushed.

    Args:
        streets: the town.
        tokens: all cars that can move, by priority.
        closed: what is occupied by cars that cannot move.
    """
    wanting = [t for t in tokens if _can_reach(streets, t, closed)]
    if not wanting:
        return ()
    for first in wanting:  # the given order, then each other car first
        order = sorted(wanting, key=lambda token: token is not first)
        steps = _Plan(streets, tokens, closed).bring_all(order)
        if steps is not None:
            return steps
    return None


def plan_next_step(
    streets: StreetGraph, tokens: Sequence[Token], closed: Closed, car: str
) -> tuple[Step, ...] | None:
    """Return the steps up to and including the next one of `car`, or None if there is no plan.

    They begin a plan for all cars with `car` first; others may have to pass before it. If there is
    no such plan, they bring `car` alone to its goal.
    """
    first = [t for t in tokens if t.car == car]
    steps = find_plan(streets, [*first, *(t for t in tokens if t.car != car)], closed)
    if steps is None:
        steps = _Plan(streets, tokens, closed).bring_all(
            token for token in first if _can_reach(streets, token, closed)
        )
    own = next((i for i, step in enumerate(steps or ()) if step[0] == car), None)
    return None if steps is None or own is None else steps[: own + 1]


def _can_reach(streets: StreetGraph, token: Token, closed: Closed) -> bool:
    if token.goal is None:
        return False
    if token.goal == token.edge and not token.must_move:
        return True
    return streets.leads(token.edge, token.goal, closed)


class _Plan:
    def __init__(self, streets: StreetGraph, tokens: Iterable[Token], closed: Closed) -> None:
        self._streets = streets
        self._closed = closed
        self._edge_by_car = {t.car: t.edge for t in tokens}
        self._car_by_edge = {t.edge: t.car for t in tokens}
        self.steps: list[Step] = []

    def bring_all(self, order: Iterable[Token]) -> tuple[Step, ...] | None:
        """Drive cars to their goals in turn; return the steps, or None if one fails."""
        return tuple(self.steps) if all(self._bring(token) for token in order) else None

    def _bring(self, token: Token) -> bool:
        """Drive one car to its goal, pushing others out of its way."""
        car, goal = token.car, token.goal
        assert goal is not None
        avoided: set[str] = set()
        must_move = token.must_move and self._edge_by_car[car] == token.edge
        while must_move or self._edge_by_car[car] != goal:
            here = self._edge_by_car[car]
            busy = {edge: BUSY_S for edge in self._car_by_edge if edge != here}
            closed = Closed(self._closed.edges | avoided, self._closed.movements)
            way = self._streets.way(here, goal, closed, busy)
            if way is None or len(self.steps) > MAX_STEPS:
                return False
            blocked = self._follow(car, way)
            if blocked is None:
                return True
            if self._edge_by_car[car] == here:
                avoided.add(blocked)
            else:
                avoided, must_move = {blocked}, False
        return True

    def _follow(self, car: str, way: tuple[str, ...]) -> str | None:
        """Drive along a route; return the edge that could not be freed, None at its end."""
        for i, edge in enumerate(way[1:], start=1):
            if edge in self._car_by_edge and not self._push(edge, way[i - 1], frozenset(way[i:])):
                return edge
            self._move(car, edge)
        return None

    def _move(self, car: str, edge: str) -> None:
        del self._car_by_edge[self._edge_by_car[car]]
        self._car_by_edge[edge] = car
        self._edge_by_car[car] = edge
        self.steps.append((car, edge))

    def _push(self, edge: str, keep: str, way: frozenset[str]) -> bool:
        """Free an edge by shifting cars ahead to the nearest free edge, off `way` if possible."""
        chain = self._chain(edge, keep, way) or self._chain(edge, keep, frozenset())
        if chain is None:
            return False
        target = len(chain) - 1
        for i in range(target - 1, -1, -1):
            car = self._car_by_edge.get(chain[i])
            if car is not None:
                for to in chain[i + 1 : target + 1]:
                    self._move(car, to)
                target = i
        return True

    def _chain(self, edge: str, keep: str, avoid: frozenset[str]) -> tuple[str, ...] | None:
        closed = Closed(self._closed.edges | {keep}, self._closed.movements)
        ways = self._streets.ways_from(edge, closed)
        return next(
            (w for w in ways if w[-1] not in self._car_by_edge and w[-1] not in avoid), None
        )
