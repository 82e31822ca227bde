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
from server.storage.mongo import CarTakenError, StationTakenError, Store, connect
from server.traffic.reservations import Car, Traffic
from tests.support.fake_mongo import FakeMongo

GONE = reason(ReasonCode.GONE)


def booking(
    id_: str = "b1", car: str = "car1", station: str = "kiosk", sequence: int = 1
) -> Booking:
    return Booking(id_, station, car, "museum", "ja", 1000.0, sequence=sequence)


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
    again = {BookingState.QUEUED}
    out_of_line = {BookingState.BOOKED, BookingState.CANCELLED, BookingState.FAILED}
    assert NEXT[BookingState.QUEUED] == out_of_line
    assert NEXT[BookingState.BOOKED] == moving | ended | again
    assert NEXT[BookingState.DRIVING] == {BookingState.WAITING} | ended | again
    assert NEXT[BookingState.WAITING] == {BookingState.DRIVING} | ended | again
    assert all(NEXT[state] == frozenset() for state in ended)
    assert frozenset(BookingState) - ended == ACTIVE
    assert booking().state is BookingState.BOOKED
    assert booking().is_active


async def test_any_number_waits_in_line_and_one_gets_a_car(store: Store) -> None:
    queued = [
        replace(booking(f"b{i}", "", f"kiosk{i}", i), state=BookingState.QUEUED) for i in range(3)
    ]
    for each in queued:
        await store.add_booking(each)
    first = await store.change_booking("b0", BookingState.BOOKED, car="car1")
    assert first == replace(queued[0], state=BookingState.BOOKED, car_id="car1")
    with pytest.raises(CarTakenError):
        await store.change_booking("b1", BookingState.BOOKED, car="car1")
    assert await store.booking("b1") == queued[1]


async def test_a_car_is_taken_off_the_booking_that_has_it_and_no_other(store: Store) -> None:
    await store.add_booking(booking())
    with pytest.raises(BookingError):
        await store.change_booking("b1", BookingState.QUEUED, GONE, car="", gives_up="car2")
    back = await store.change_booking("b1", BookingState.QUEUED, GONE, car="", gives_up="car1")
    queued = replace(booking(), state=BookingState.QUEUED, reason=GONE)
    assert back == replace(queued, car_id="", tried=("car1",)) == await store.booking("b1")


async def test_bookings_are_counted_for_each_town(where: tuple[str, str]) -> None:
    uri, name = where
    async with Store(uri, "here", name) as here, Store(uri, "there", name) as there:
        assert [await here.next_sequence() for _ in range(3)] == [1, 2, 3]
        assert await there.next_sequence() == 1
    async with Store(uri, "here", name) as again:
        assert await again.next_sequence() == 4
        if uri != "mongodb://fake":
            await again._client.drop_database(name)


async def test_a_database_of_before_the_line_is_taken_over(store: Store) -> None:
    former = {"active": True}
    await store._bookings.create_index(
        [("city", 1), ("car_id", 1)],
        name=store_module.FORMER_CAR_INDEX,
        unique=True,
        partialFilterExpression=former,
    )
    await store._make_indexes()
    for i in range(2):
        queued = replace(booking(f"b{i}", "", f"kiosk{i}", i), state=BookingState.QUEUED)
        await store.add_booking(queued)
    assert len(await store.active_bookings()) == 2


async def test_a_booking_that_is_not_there_cannot_change(store: Store) -> None:
    with pytest.raises(BookingError, match="does not exist"):
        await store.change_booking("b1", BookingState.DRIVING)


async def test_a_reason_is_taken_back_with_the_next_change(store: Store) -> None:
    await store.add_booking(booking())
    await store.change_booking("b1", BookingState.WAITING, GONE)
    driving = await store.change_booking("b1", BookingState.DRIVING)
    assert driving == replace(booking(), state=BookingState.DRIVING)


async def test_active_bookings_come_the_oldest_first(store: Store) -> None:
    for i, sequence in enumerate((30, 10, 20)):
        await store.add_booking(booking(f"b{i}", f"car{i}", f"kiosk{i}", sequence))
    assert [b.sequence for b in await store.active_bookings()] == [10, 20, 30]


async def test_a_station_s_newest_booking_is_found_when_it_has_ended_too(store: Store) -> None:
    assert await store.newest_booking("kiosk") is None
    for i, sequence in enumerate((10, 30, 20)):
        await store.add_booking(booking(f"b{i}", sequence=sequence))
        await store.change_booking(f"b{i}", BookingState.CANCELLED, ended_s=1001.0)
    await store.add_booking(booking("other", "car2", "other", 99))
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


@pytest.mark.parametrize(
    "uri", ["mongodb://no:port", "mongodb://x:99999", "http://x", "mongodb://"]
)
def test_a_uri_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match="the URI cannot be used"):
        connect(uri)
