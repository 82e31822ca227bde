"""Bookings: their states, and a database that never assigns a car twice."""

from __future__ import annotations

import asyncio
import gc
import uuid
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.errors import BookingError, StoreError
from pixelopolis.reasons import Reason, ReasonCode, reason
from server.booking import (
    ACTIVE,
    NEXT,
    Booking,
    BookingState,
    from_document,
    may_become,
    to_document,
)
from server.storage.mongo import CarTakenError, StationTakenError, Store
from server.traffic.dispatch import choose_cars, route_to
from server.traffic.reservations import Car, Traffic
from server.traffic.street_graph import OPEN, Closed, StreetGraph


def booking(car: str = "car1", station: str = "kiosk", id_: str = "") -> Booking:
    return Booking(id_ or uuid.uuid4().hex, station, car, "museum", "ja", 1000.0, sequence=1)


class BookingMachine(RuleBasedStateMachine):
    """Any sequence of requests: a final state stays final."""

    def __init__(self) -> None:
        super().__init__()
        self.booking = booking(id_="b")
        self.history = [BookingState.BOOKED]

    @rule(wish=st.sampled_from(BookingState))
    def change(self, wish: BookingState) -> None:
        if self.booking.state not in may_become(wish):
            return
        self.booking = replace(self.booking, state=wish)
        self.history.append(wish)

    @precondition(lambda self: not self.booking.is_active)
    @invariant()
    def ended_for_good(self) -> None:
        assert NEXT[self.booking.state] == frozenset()
        assert sum(state not in ACTIVE for state in self.history) == 1

    @invariant()
    def only_out_of_the_line_it_is_booked_again(self) -> None:
        for before, after in pairwise(self.history):
            assert after is not BookingState.BOOKED or before is BookingState.QUEUED


TestBookingMachine = BookingMachine.TestCase


@given(
    st.sampled_from(BookingState),
    st.sampled_from([None, reason(ReasonCode.GONE), reason(ReasonCode.BROKEN, error="x")]),
    st.none() | st.floats(0, 1e10),
)
def test_a_booking_survives_its_document(
    state: BookingState, why: Reason | None, ended_s: float | None
) -> None:
    made = replace(booking(), state=state, reason=why, ended_s=ended_s)
    document = to_document(made)
    assert from_document(document) == made
    assert document["active"] == (state in ACTIVE)


# --- dispatch ----------------------------------------------------------------------------------

CITY = load_city("pixelopolis")
STREETS = StreetGraph(CITY)


def test_the_car_that_arrives_soonest_is_chosen() -> None:
    museum = Place("7", 0.1)
    ready = {"behind": Place("7", 0.19), "near": Place("13", 0.5), "far": Place("1", 0.5)}
    assert choose_cars(STREETS, ready, museum, OPEN)[:2] == ("behind", "near")
    passed = {**ready, "behind": Place("8", 0.2)}
    assert choose_cars(STREETS, passed, museum, OPEN) == ("near", "far", "behind")


def test_a_car_that_stands_there_need_not_drive_around_the_town() -> None:
    assert route_to(STREETS, Place("4", 1.7), Place("4", 1.67), OPEN).edges == ("4",)
    assert len(route_to(STREETS, Place("4", 1.75), Place("4", 1.0), OPEN).edges) > 1


def test_closed_streets_are_avoided_when_they_can_be() -> None:
    closed = Closed(frozenset({"4"}))
    assert "4" not in route_to(STREETS, Place("3", 0.1), Place("6", 0.1), closed).edges
    assert "2" in route_to(STREETS, Place("1", 0.1), Place("4", 0.1), Closed(frozenset("2"))).edges


# --- the database ------------------------------------------------------------------------------


@pytest.fixture
async def store(mongodb_uri: str, database: str) -> AsyncIterator[Store]:
    async with Store(mongodb_uri, "pixelopolis", database) as opened:
        yield opened


async def test_one_of_many_bookings_gets_the_car(store: Store) -> None:
    wishes = [booking("car1", f"kiosk-{i}") for i in range(30)]
    results = await asyncio.gather(
        *(store.add_booking(wish) for wish in wishes), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(r, CarTakenError) for r in results) == 29
    assert len(await store.active_bookings()) == 1


async def test_one_of_many_bookings_gets_the_station(store: Store) -> None:
    wishes = [booking(f"car{i}", "kiosk") for i in range(30)]
    results = await asyncio.gather(
        *(store.add_booking(wish) for wish in wishes), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(r, StationTakenError) for r in results) == 29


async def test_a_booking_ends_once_whoever_is_first(store: Store) -> None:
    made = booking()
    await store.add_booking(made)
    ends = [BookingState.ARRIVED, BookingState.CANCELLED, BookingState.FAILED] * 5
    results = await asyncio.gather(
        *(store.change_booking(made.id, end, ended_s=1.0) for end in ends),
        return_exceptions=True,
    )
    assert sum(isinstance(r, Booking) for r in results) == 1
    assert sum(isinstance(r, BookingError) for r in results) == len(ends) - 1
    await store.add_booking(booking())  # car and station are free again
    newest = await store.newest_booking("kiosk")
    assert newest is not None


async def test_towns_in_one_database_do_not_meet(
    store: Store, mongodb_uri: str, database: str
) -> None:
    await store.add_booking(booking())
    async with Store(mongodb_uri, "grid", database) as other:
        await other.add_booking(booking())
        assert len(await other.active_bookings()) == 1
        assert (await other.load_traffic()).cars == {}


async def test_of_two_servers_only_one_changes_the_traffic(
    store: Store, mongodb_uri: str, database: str
) -> None:
    mine = Traffic().put(Car("car1", Place("1", 0.5)))
    theirs = Traffic().put(Car("car2", Place("1", 0.5)))
    async with Store(mongodb_uri, "pixelopolis", database) as other:
        await store.load_traffic()
        await other.load_traffic()
        saved = await asyncio.gather(store.save_traffic(mine), other.save_traffic(theirs))
        assert sorted(saved) == [False, True]
        loser, winner = (store, theirs) if saved[1] else (other, mine)
        assert await loser.load_traffic() == winner
        both = winner.put(Car("car3", Place("2", 0.1)))
        assert await loser.save_traffic(both)
        assert not await (other if loser is store else store).save_traffic(mine)


def test_no_database_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.storage.mongo.SELECTION_TIMEOUT_MS", 200)

    async def open_store() -> tuple[str, str]:
        try:
            async with Store("mongodb://127.0.0.1:1/?directConnection=true", "x"):
                return "", ""
        except StoreError as error:
            return error.message, error.next_step

    with warnings.catch_warnings():
        # closing the driver while it connects leaves that socket to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        message, next_step = asyncio.run(open_store())
        gc.collect()
    assert "does not answer" in message
    assert "MONGODB_URI" in next_step


def test_a_booking_of_a_version_without_lines_comes_before_all_others() -> None:
    document = to_document(booking(id_="b"))
    del document["sequence"], document["tried"]
    assert from_document(document) == replace(booking(id_="b"), sequence=0)
