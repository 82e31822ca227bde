"""Places in line and expected waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.reasons import ReasonCode, reason
from server.traffic.waiting_line import (
    AWAY_S,
    NO_CAR_S,
    PlaceInLine,
    mean_ride_s,
    places_in_line,
    why_to_leave,
)

BOOKINGS = [f"b{i}" for i in range(30)]


def test_each_car_serves_the_first_who_waits_when_it_is_free() -> None:
    assert places_in_line(BOOKINGS[:4], [20.0, 5.0], 30.0) == {
        "b0": PlaceInLine(1, 5.0),
        "b1": PlaceInLine(2, 20.0),
        "b2": PlaceInLine(3, 35.0),
        "b3": PlaceInLine(4, 50.0),
    }


def test_without_a_car_there_are_places_but_no_times() -> None:
    assert places_in_line(BOOKINGS[:2], [], 30.0) == {
        "b0": PlaceInLine(1, None),
        "b1": PlaceInLine(2, None),
    }
    assert places_in_line([], [1.0], 30.0) == {}


@given(
    st.integers(0, 30), st.lists(st.floats(0, 500), min_size=1, max_size=20), st.floats(1.0, 100.0)
)
def test_who_came_earlier_waits_no_longer(count: int, free: list[float], ride_s: float) -> None:
    places = list(places_in_line(BOOKINGS[:count], free, ride_s).values())
    assert [place.number for place in places] == list(range(1, count + 1))
    waits = [place.wait_s or 0.0 for place in places]
    assert waits == sorted(waits)
    assert all(wait_s <= max(free) + ride_s * (count // len(free) + 1) for wait_s in waits)


def test_the_mean_follows_the_newest_rides() -> None:
    mean_s = 30.0
    for count in range(1, 4):
        mean_s = mean_ride_s(mean_s, 60.0, count)
    assert mean_s == pytest.approx((30.0 + 3 * 60.0) / 4)
    for count in range(4, 300):
        mean_s = mean_ride_s(mean_s, 90.0, count)
    assert mean_s == pytest.approx(90.0, abs=0.01)


@pytest.mark.parametrize(
    ("seen_s", "served_s", "why"),
    [
        (100.0, 100.0, None),
        (100.0 - AWAY_S, 100.0 - NO_CAR_S, None),
        (99.9 - AWAY_S, 100.0, reason(ReasonCode.VISITOR_GONE, limit_s=AWAY_S)),
        (100.0, 99.9 - NO_CAR_S, reason(ReasonCode.NO_CAR, limit_s=NO_CAR_S)),
    ],
)
def test_a_place_is_kept_for_who_stays_and_can_be_served(
    seen_s: float, served_s: float, why: object
) -> None:
    assert why_to_leave(seen_s, served_s, 100.0) == why
