"""The line of bookings that wait for a car: places and expected waits. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pixelopolis.reasons import Reason, ReasonCode, reason

AWAY_S: Final = 60.0
"""A place in line is kept for this long after a visitor's page was heard last."""

NO_CAR_S: Final = 300.0
"""A booking ends if no car could serve it for this long: each is broken, gone or out of service."""

NEWS_WEIGHT: Final = 0.05
"""Least weight of the newest ride in the mean duration of rides."""


@dataclass(frozen=True, slots=True)
class PlaceInLine:
    """Where a booking stands in line.

    Args:
        number: 1 for the first.
        wait_s: expected seconds until it gets a car; None while no car could come.
    """

    number: int
    wait_s: float | None


def places_in_line(
    waiting: Sequence[str], free_in_s: Iterable[float], ride_s: float
) -> dict[str, PlaceInLine]:
    """Return each booking's place and expected wait, as if every ride took equally long.

    Args:
        waiting: ids of the bookings in line, the first first.
        free_in_s: for every car in service, in how many seconds it will be free.
        ride_s: how long a ride takes.
    """
    cars = list(free_in_s)
    heapq.heapify(cars)
    places = {}
    for number, booking in enumerate(waiting, start=1):
        wait_s = round(heapq.heapreplace(cars, cars[0] + ride_s), 1) if cars else None
        places[booking] = PlaceInLine(number, wait_s)
    return places


def mean_ride_s(before_s: float, newest_s: float, count: int) -> float:
    """Return the mean duration of rides after one more ride.

    Args:
        before_s: the mean before.
        newest_s: the newest ride.
        count: how many rides the mean before is of; the town's own estimate counts as one.
    """
    return before_s + max(NEWS_WEIGHT, 1 / (count + 1)) * (newest_s - before_s)


def why_to_leave(seen_s: float, served_s: float, now_s: float) -> Reason | None:
    """Return why a booking must not stay in line, None if it may.

    Args:
        seen_s: when its visitor's page was heard last (monotonic).
        served_s: when there was a car last that could have served it.
        now_s: monotonic.
    """
    if now_s - seen_s > AWAY_S:
        return reason(ReasonCode.VISITOR_GONE, limit_s=AWAY_S)
    if now_s - served_s > NO_CAR_S:
        return reason(ReasonCode.NO_CAR, limit_s=NO_CAR_S)
    return None
