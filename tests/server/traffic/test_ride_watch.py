"""Every limit of a ride's progress, without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.route import Place, Route
from pixelopolis.reasons import Reason, ReasonCode, reason
from server.traffic.car_link import CarLink
from server.traffic.reservations import Car, Ride
from server.traffic.ride_watch import (
    GIVE_UP_S,
    LONGEST_RIDE_S,
    MAX_ORDERS,
    NO_PROGRESS_S,
    RideWatch,
    watch_ride,
    why_to_give_up,
)

SILENT = reason(ReasonCode.SILENT)
BROKEN = reason(ReasonCode.BROKEN, error="x")
HELD = reason(ReasonCode.KEEPS_ROOM)
STANDS = Car("car1", Place("9", 0.1))
RIDE = Ride("o1", "b1", Route(("9", "11", "13", "7"), 0.1, 0.1), 1)
DRIVES = replace(STANDS, ride=RIDE)
FROZEN = replace(STANDS, frozen=SILENT)


def linked(problem: Reason | None = None) -> CarLink:
    return CarLink("car1", lambda message: None, problem=problem)


class Watched:
    """A booking that is watched at given times."""

    def __init__(self) -> None:
        self.known: RideWatch | None = None

    def at(
        self,
        now_s: float,
        car: Car | None,
        link: CarLink | None = None,
        wait: Reason | None = None,
        booked: str = "car1",
    ) -> Reason | None:
        self.known = watch_ride(self.known, booked, car, link, now_s)
        return why_to_give_up(self.known, car, link, wait, now_s)


@pytest.mark.parametrize(("useless_s", "given_up"), [(GIVE_UP_S, False), (GIVE_UP_S + 0.01, True)])
@pytest.mark.parametrize(
    ("car", "link", "why"),
    [
        (None, None, reason(ReasonCode.GONE)),
        (FROZEN, None, SILENT),
        (STANDS, linked(BROKEN), BROKEN),
        (None, linked(BROKEN), BROKEN),
        (FROZEN, linked(BROKEN), SILENT),
    ],
)
def test_after_a_minute_without_its_car_a_ride_gives_it_up(
    useless_s: float, given_up: bool, car: Car | None, link: CarLink | None, why: Reason
) -> None:
    it = Watched()
    assert it.at(200.0, car, link) is None
    assert it.at(200.0 + useless_s, car, link) == (why if given_up else None)


def test_a_car_that_is_back_begins_a_new_minute() -> None:
    it = Watched()
    for now_s, car in ((0.0, None), (50.0, DRIVES), (70.0, None), (110.0, None)):
        assert it.at(now_s, car) is None
    assert it.at(131.0, None) == reason(ReasonCode.GONE)


@pytest.mark.parametrize(("wait", "why"), [(None, reason(ReasonCode.STUCK)), (HELD, HELD)])
def test_without_progress_a_ride_gives_its_car_up_whatever_the_cause(
    wait: Reason | None, why: Reason
) -> None:
    it = Watched()
    assert it.at(0.0, DRIVES, wait=wait) is None
    assert it.at(NO_PROGRESS_S, DRIVES, wait=wait) is None
    assert it.at(NO_PROGRESS_S + 0.01, DRIVES, wait=wait) == why


@pytest.mark.parametrize(
    ("ride", "counts"),
    [
        (replace(RIDE, progress_m=0.011), True),
        (replace(RIDE, progress_m=0.009), False),
        (replace(RIDE, taken=True), True),
        (replace(RIDE, released=2), True),
        (replace(RIDE, order_id="o2"), True),
        (replace(RIDE, update_id=5), False),
        (replace(RIDE, ending=True), False),
    ],
)
def test_what_is_progress(ride: Ride, counts: bool) -> None:
    it = Watched()
    it.at(0.0, DRIVES)
    it.at(100.0, replace(STANDS, ride=ride))
    given_up = it.at(NO_PROGRESS_S + 1.0, replace(STANDS, ride=ride))
    assert (given_up is None) is counts


@pytest.mark.parametrize(("orders", "given_up"), [(MAX_ORDERS, False), (MAX_ORDERS + 1, True)])
def test_a_car_that_drops_twenty_orders_is_given_up(orders: int, given_up: bool) -> None:
    it = Watched()
    why = None
    for number in range(orders):
        it.at(float(number), STANDS)
        why = it.at(number + 0.5, replace(STANDS, ride=replace(RIDE, order_id=f"o{number}")))
    assert why == (reason(ReasonCode.DROPS_ORDERS) if given_up else None)


def test_another_car_begins_anew() -> None:
    it = Watched()
    it.at(0.0, DRIVES)
    other = replace(DRIVES, id="car2")
    assert it.at(NO_PROGRESS_S + 1.0, other, booked="car2") is None
    assert it.at(2 * NO_PROGRESS_S, other, booked="car2") is None


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 100.0),
            st.none() | st.sampled_from(["o1", "o2"]),
            st.integers(1, 4),
            st.floats(0.0, 3.0),
            st.booleans(),
            st.sampled_from([None, SILENT]),
            st.sampled_from([None, HELD]),
        ),
        min_size=40,
        max_size=60,
    )
)
def test_whatever_its_car_reports_a_ride_gives_it_up_within_the_longest_time(
    turns: list[tuple[float, str | None, int, float, bool, Reason | None, Reason | None]],
) -> None:
    it, now_s, given_up_s = Watched(), 0.0, None
    it.at(now_s, DRIVES)
    for pause_s, order, released, progress_m, taken, frozen, wait in [*turns, *turns, *turns]:
        now_s += pause_s
        ride = order and replace(
            RIDE, order_id=order, released=released, progress_m=progress_m, taken=taken
        )
        why = it.at(now_s, replace(STANDS, ride=ride or None, frozen=frozen), wait=wait)
        if why is not None:
            given_up_s = now_s
            break
    assert given_up_s is not None or now_s <= LONGEST_RIDE_S
    if given_up_s is not None:
        assert given_up_s <= LONGEST_RIDE_S + 100.0


@pytest.mark.parametrize(
    ("after_s", "given_up"), [(LONGEST_RIDE_S, False), (LONGEST_RIDE_S + 0.01, True)]
)
def test_a_ride_with_progress_has_half_an_hour(after_s: float, given_up: bool) -> None:
    it, began_s = Watched(), 200.0
    for turn in range(int(LONGEST_RIDE_S / 60)):
        ride = replace(RIDE, progress_m=0.1 * turn)
        assert it.at(began_s + 60.0 * turn, replace(STANDS, ride=ride)) is None
    why = it.at(began_s + after_s, replace(STANDS, ride=replace(RIDE, progress_m=50.0)))
    assert why == (reason(ReasonCode.TOO_LONG, limit_s=LONGEST_RIDE_S) if given_up else None)
