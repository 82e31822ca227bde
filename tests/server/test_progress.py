"""What a station is told of a ride under way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.routing import Place, Route
from pixelopolis.state_messages import INFO_WAITING, Info, PowerSupply, State
from server.bookings import NEXT, Booking, BookingState
from server.fleet import CarLink
from server.granting import Wait
from server.progress import progress_of
from server.traffic import Car, Ride

ROUTE = Route(("a", "b"), 0.0, 0.5)


def booking(state: BookingState = BookingState.BOOKED) -> Booking:
    return Booking("b1", "phone", "car-1", "museum", "en", 0.0, state)


def car(booking_id: str | None = "b1", taken: bool = True, frozen: str = "") -> Car:
    ride = Ride("order", booking_id, ROUTE, 0.0, taken=taken, reason="makes way")
    return Car("car-1", Place("a", 0.0), ride, frozen)


def link(driving: bool, waits_for: str = "", problem: str = "") -> CarLink:
    state = State(
        header_id=0,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        serial_number="car-1",
        last_node_id="at:a:0",
        driving=driving,
        power_supply=PowerSupply(state_of_charge=80.0),
        information=(Info(info_type=INFO_WAITING, info_descriptor=waits_for),) if waits_for else (),
    )
    return CarLink("car-1", lambda _: None, state, problem=problem)


WAIT = Wait(("car-2",), "car-2 is in the junction")


@pytest.mark.parametrize(
    ("its_car", "its_link", "wait", "expected"),
    [
        (None, None, None, (BookingState.BOOKED, "not connected")),
        (None, link(False, problem="is lost"), None, (BookingState.WAITING, "car-1 is lost")),
        (car(frozen="silent"), None, None, (BookingState.WAITING, "car-1 is silent")),
        (car(booking_id=None), link(True), None, (BookingState.BOOKED, "makes way")),
        (car(), link(False), WAIT, (BookingState.WAITING, WAIT.reason)),
        (car(), link(True), WAIT, (BookingState.DRIVING, "")),
        (car(), link(False, "a car ahead"), None, (BookingState.WAITING, "a car ahead")),
        (car(taken=False), link(False, "a car ahead"), None, (BookingState.BOOKED, "")),
        (car(), link(True, "a car ahead"), None, (BookingState.DRIVING, "")),
    ],
)
def test_says_whether_the_car_drives_or_waits_and_why(
    its_car: Car | None,
    its_link: CarLink | None,
    wait: Wait | None,
    expected: tuple[BookingState, str],
) -> None:
    assert progress_of(booking(), its_car, its_link, wait) == expected


@given(
    state=st.sampled_from([BookingState.BOOKED, BookingState.DRIVING, BookingState.WAITING]),
    its_car=st.one_of(
        st.none(),
        st.builds(car, st.sampled_from(["b1", "b2", None]), st.booleans(), st.just("silent")),
        st.builds(car, st.sampled_from(["b1", "b2", None]), st.booleans()),
    ),
    its_link=st.one_of(
        st.none(),
        st.builds(
            link, st.booleans(), st.sampled_from(["", "a car"]), st.sampled_from(["", "is lost"])
        ),
    ),
    wait=st.sampled_from([None, WAIT]),
)
def test_never_ends_a_ride_nor_takes_a_forbidden_step(
    state: BookingState, its_car: Car | None, its_link: CarLink | None, wait: Wait | None
) -> None:
    following, reason = progress_of(booking(state), its_car, its_link, wait)

    assert following == state or following in NEXT[state]
    assert following in (BookingState.BOOKED, BookingState.DRIVING, BookingState.WAITING)
    if following is BookingState.WAITING and state is not BookingState.WAITING:
        assert reason
