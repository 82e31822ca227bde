"""The status of a ride as stations get it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.route import Place, Route
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vda5050.state import PowerSupply, State, waiting_info
from server.booking import NEXT, Booking, BookingState
from server.traffic.car_link import CarLink
from server.traffic.granting import Wait
from server.traffic.reservations import Car, Ride
from server.traffic.status import booking_status

ROUTE = Route(("a", "b"), 0.0, 0.5)


LOST = reason(ReasonCode.LOST)
SILENT = reason(ReasonCode.SILENT)
MAKES_WAY = reason(ReasonCode.MAKES_WAY, car="car-2")
AHEAD = reason(ReasonCode.CAR_AHEAD, gap_m=0.12)


def booking(state: BookingState = BookingState.BOOKED) -> Booking:
    return Booking("b1", "phone", "car-1", "museum", "en", 0.0, state, sequence=1)


def car(booking_id: str | None = "b1", taken: bool = True, frozen: Reason | None = None) -> Car:
    ride = Ride("order", booking_id, ROUTE, 0.0, taken=taken, reason=MAKES_WAY)
    return Car("car-1", Place("a", 0.0), ride, frozen)


def link(driving: bool, waits_for: Reason | None = None, problem: Reason | None = None) -> CarLink:
    state = State(
        header_id=0,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        serial_number="car-1",
        last_node_id="at:a:0",
        driving=driving,
        power_supply=PowerSupply(state_of_charge=80.0),
        information=(waiting_info(waits_for),) if waits_for else (),
    )
    return CarLink("car-1", lambda _: None, state, problem=problem)


WAIT = Wait(("car-2",), reason(ReasonCode.JUNCTION_CROSSED, node="1", cars="car-2"))


@pytest.mark.parametrize(
    ("its_car", "its_link", "wait", "expected"),
    [
        (None, None, None, (BookingState.BOOKED, reason(ReasonCode.NOT_CONNECTED))),
        (None, link(False, problem=LOST), None, (BookingState.WAITING, LOST)),
        (car(frozen=SILENT), None, None, (BookingState.WAITING, SILENT)),
        (car(booking_id=None), link(True), None, (BookingState.BOOKED, MAKES_WAY)),
        (car(), link(False), WAIT, (BookingState.WAITING, WAIT.reason)),
        (car(), link(True), WAIT, (BookingState.DRIVING, None)),
        (car(), link(False, AHEAD), None, (BookingState.WAITING, AHEAD)),
        (car(taken=False), link(False, AHEAD), None, (BookingState.BOOKED, None)),
        (car(), link(True, AHEAD), None, (BookingState.DRIVING, None)),
    ],
)
def test_says_whether_the_car_drives_or_waits_and_why(
    its_car: Car | None,
    its_link: CarLink | None,
    wait: Wait | None,
    expected: tuple[BookingState, Reason | None],
) -> None:
    assert booking_status(booking(), its_car, its_link, wait) == expected


@given(
    state=st.sampled_from([BookingState.BOOKED, BookingState.DRIVING, BookingState.WAITING]),
    its_car=st.one_of(
        st.none(),
        st.builds(car, st.sampled_from(["b1", "b2", None]), st.booleans(), st.just(SILENT)),
        st.builds(car, st.sampled_from(["b1", "b2", None]), st.booleans()),
    ),
    its_link=st.one_of(
        st.none(),
        st.builds(
            link, st.booleans(), st.sampled_from([None, AHEAD]), st.sampled_from([None, LOST])
        ),
    ),
    wait=st.sampled_from([None, WAIT]),
)
def test_never_ends_a_ride_nor_takes_a_forbidden_step(
    state: BookingState, its_car: Car | None, its_link: CarLink | None, wait: Wait | None
) -> None:
    following, why = booking_status(booking(state), its_car, its_link, wait)

    assert following == state or following in NEXT[state]
    assert following in (BookingState.BOOKED, BookingState.DRIVING, BookingState.WAITING)
    if following is BookingState.WAITING and state is not BookingState.WAITING:
        assert why
