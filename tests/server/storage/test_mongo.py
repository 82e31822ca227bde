"""The storage's guarantees, with a fake and with a real mongod."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product

import pytest
from pymongo.errors import PyMongoError

from pixelopolis.city.route import Place
from pixelopolis.errors import BookingError, StoreError
from pixelopolis.reasons import ReasonCode, reason
from server.booking import ACTIVE, NEXT, Booking, BookingState, may_become
from server.storage import mongo as store_module
from server.storage.mongo import CarTakenError, StationTakenError, Store
from server.traffic.reservations import Car, Traffic
from tests.support.fake_mongo import FakeMongo

GONE = reason(ReasonCode.GONE)


def booking(
    id_: str = "b1", car: str = "car1", station: str = "kiosk", created_s: float = 1000.0
) -> Booking:
    return Booking(id_, station, car, "museum", "ja", created_s)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeMongo:
    mongo = FakeMongo()
    monkeypatch.setattr(store_module, "AsyncMongoClient", mongo)
    return mongo


@pytest.fixture(params=["fake", "mongod"])
def where(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return URI and name of a fresh database."""
    name = f"test_{uuid.uuid4().hex}"
    if request.param == "fake":
        request.getfixturevalue("fake")
        return "mongodb://fake", name
    return request.getfixturevalue("mongodb_uri"), name


@pytest.fixture
async def store(where: tuple[str, str]) -> AsyncIterator[Store]:
    uri, name = where
    async with Store(uri, "town", name) as opened:
        yield opened
        if uri != "mongodb://fake":
            await opened._client.drop_database(name)


# --- bookings -----------------------------------------------------------------------------------


async def test_a_booking_is_kept_as_it_is_made(store: Store) -> None:
    await store.add_booking(booking())
    assert await store.booking("b1") == booking()
    assert await store.booking("b2") is None
    assert await store.active_bookings() == [booking()]


async def test_a_car_and_a_station_have_one_active_booking_each(store: Store) -> None:
    await store.add_booking(booking())
    with pytest.raises(CarTakenError):
        await store.add_booking(booking("b2", station="other"))
    with pytest.raises(StationTakenError):
        await store.add_booking(booking("b2", car="car2"))
    await store.add_booking(booking("b2", car="car2", station="other"))
    await store.change_booking("b1", BookingState.ARRIVED, ended_s=1100.0)
    await store.add_booking(booking("b3"))
    assert {b.id for b in await store.active_bookings()} == {"b2", "b3"}


@pytest.mark.parametrize(("before", "after"), list(product(BookingState, repeat=2)))
async def test_a_booking_becomes_only_what_may_follow(
    fake: FakeMongo, before: BookingState, after: BookingState
) -> None:
    async with Store("mongodb://fake", "town") as store:
        ended_s = None if before in ACTIVE else 1050.0
        await store.add_booking(replace(booking(), state=before, ended_s=ended_s))
        allowed = after in NEXT[before]
        assert (before in may_become(after)) is allowed
        ends_s = None if after in ACTIVE else 1100.0
        if allowed:
            changed = await store.change_booking("b1", after, GONE, ends_s)
            expected = replace(booking(), state=after, reason=GONE, ended_s=ends_s)
            assert changed == expected
            assert await store.booking("b1") == expected
            assert bool(await store.active_bookings()) is (after in ACTIVE)
            return
        with pytest.raises(BookingError, match=f"is {before} and cannot become {after}"):
            await store.change_booking("b1", after, GONE, ends_s)
        assert await store.booking("b1") == replace(booking(), state=before, ended_s=ended_s)


def test_what_may_follow_what() -> None:
    ended = {BookingState.ARRIVED, BookingState.CANCELLED, BookingState.FAILED}
    moving = {BookingState.DRIVING, BookingState.WAITING}
    assert NEXT[BookingState.BOOKED] == moving | ended
    assert NEXT[BookingState.DRIVING] == {BookingState.WAITING} | ended
    assert NEXT[BookingState.WAITING] == {BookingState.DRIVING} | ended
    assert all(NEXT[state] == frozenset() for state in ended)
    assert frozenset(BookingState) - ended == ACTIVE
    assert booking().state is BookingState.BOOKED
    assert booking().is_active


async def test_a_booking_that_is_not_there_cannot_change(store: Store) -> None:
    with pytest.raises(BookingError, match="does not exist"):
        await store.change_booking("b1", BookingState.DRIVING)


async def test_a_reason_is_taken_back_with_the_next_change(store: Store) -> None:
    await store.add_booking(booking())
    await store.change_booking("b1", BookingState.WAITING, GONE)
    driving = await store.change_booking("b1", BookingState.DRIVING)
    assert driving == replace(booking(), state=BookingState.DRIVING)


async def test_active_bookings_come_the_oldest_first(store: Store) -> None:
    for i, created_s in enumerate((30.0, 10.0, 20.0)):
        await store.add_booking(booking(f"b{i}", f"car{i}", f"kiosk{i}", created_s))
    assert [b.created_s for b in await store.active_bookings()] == [10.0, 20.0, 30.0]


async def test_a_station_s_newest_booking_is_found_when_it_has_ended_too(store: Store) -> None:
    assert await store.newest_booking("kiosk") is None
    for i, created_s in enumerate((10.0, 30.0, 20.0)):
        await store.add_booking(booking(f"b{i}", created_s=created_s))
        await store.change_booking(f"b{i}", BookingState.CANCELLED, ended_s=created_s + 1)
    await store.add_booking(booking("other", "car2", "other", 99.0))
    newest = await store.newest_booking("kiosk")
    assert newest is not None
    assert newest.id == "b1"


async def test_other_towns_bookings_are_not_ours(fake: FakeMongo) -> None:
    async with Store("mongodb://fake", "here") as here, Store("mongodb://fake", "there") as there:
        await here.add_booking(booking())
        assert await there.booking("b1") is None
        assert await there.active_bookings() == []
        assert await there.newest_booking("kiosk") is None
        with pytest.raises(BookingError, match="does not exist"):
            await there.change_booking("b1", BookingState.DRIVING)
        await there.add_booking(booking("b2"))
    assert fake.closed == 2


# --- stations, cars, and the server ---------------------------------------------------------------


async def test_stations_are_known_from_their_first_registration_on(store: Store) -> None:
    assert not await store.has_station("kiosk")
    await store.register_station("kiosk", 10.0)
    await store.register_station("kiosk", 20.0)
    assert await store.has_station("kiosk")
    assert not await store.has_station("other")
    found = await store._stations.find_one({"_id": "kiosk"})
    assert found == {"_id": "kiosk", "seen_s": 20.0, "registered_s": 10.0}


async def test_a_database_that_does_not_answer_is_an_error(fake: FakeMongo) -> None:
    fake.is_down = True
    with pytest.raises(StoreError, match="does not answer"):
        async with Store("mongodb://fake", "town"):
            pass
    assert fake.closed == 1
    fake.is_down = False
    async with Store("mongodb://fake", "town") as store:
        await store.ping()
        fake.is_down = True
        with pytest.raises(PyMongoError):
            await store.ping()


# --- traffic ------------------------------------------------------------------------------------


async def test_traffic_is_replaced_only_by_who_has_its_newest_version(store: Store) -> None:
    one, two = (Traffic().put(Car(name, Place("1", 0.5))) for name in ("car1", "car2"))
    assert await store.load_traffic() == Traffic()
    assert await store.save_traffic(one)
    assert await store.save_traffic(two), "it has its own newest"
    assert await store.load_traffic() == two
    late = Store.__new__(Store)
    late.__dict__ |= {**store.__dict__, "_version": 0}
    assert not await late.save_traffic(one), "somebody has been here before"
    late._version = 1
    assert not await late.save_traffic(one)
    assert await late.load_traffic() == two
    assert await late.save_traffic(one)
    assert not await store.save_traffic(two)
    assert await store.load_traffic() == one
