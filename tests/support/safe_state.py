"""The safe-state assertion: after every `advance`, all rides can still be finished.

`tests/server/conftest.py` replaces `granting.advance` by `checked` for every test of its folder,
wherever it was imported. The needs for streets are derived here again from the traffic alone; only
the search for a plan is the server's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from server.traffic.granting import Wait
from server.traffic.reservations import Traffic, closed_by
from server.traffic.safe_state import Token, find_plan
from server.traffic.street_graph import StreetGraph

Advance = Callable[[StreetGraph, Traffic, float], tuple[Traffic, dict[str, Wait]]]


class UnsafeStateError(AssertionError):
    """A grant after which not all rides can be finished."""


def can_all_finish(streets: StreetGraph, traffic: Traffic) -> bool:
    """Whether some order of single steps brings every working car to its destination."""
    movable = [car for car in traffic.cars.values() if not car.frozen]
    wanting = [
        (ride.sequence, ride.booking_id is not None, car.id, ride)
        for car in movable
        if (ride := car.ride) is not None and not ride.ending
    ]
    tokens = [
        Token(id_, ride.base_edge, ride.route.edges[-1], must_move=not ride.is_whole)
        for _, _, id_, ride in sorted(wanting, key=lambda entry: entry[:3])
    ]
    named = {token.car for token in tokens}
    tokens += [Token(car.id, car.edge) for car in movable if car.id not in named]
    frozen = closed_by(streets, [car for car in traffic.cars.values() if car.frozen])
    closed = replace(frozen, edges=frozen.edges | traffic.rules.closed_edges)
    return find_plan(streets, tokens, closed) is not None


def checked(advance: Advance, faults: list[UnsafeStateError]) -> Advance:
    """Return `advance` with the assertion.

    A fault is raised and also kept in `faults`, as a server continues after faults.
    """

    @functools.wraps(advance)
    def advance_and_check(
        streets: StreetGraph, traffic: Traffic, now_s: float
    ) -> tuple[Traffic, dict[str, Wait]]:
        after, waits = advance(streets, traffic, now_s)
        if not can_all_finish(streets, after) and can_all_finish(streets, traffic):
            fault = UnsafeStateError(f"made unsafe at {now_s}: {traffic}\nbecame {after}")
            faults.append(fault)
            raise fault
        return after, waits

    return advance_and_check
