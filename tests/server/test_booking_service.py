"""The booking service: one car, one station, one ride, and all endings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from server.booking import Booking, BookingState
from server.booking_service import BookingService
from server.storage.mongo import Store
from tests.support.fake_mongo import FakeMongo
from tests.support.scripted_fleet import scripted_fleet

GONE = reason(ReasonCode.GONE)
SILENT = reason(ReasonCode.SILENT)


class Epoch:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        self.now_s += 1.0
        return self.now_s


@pytest.fixture
async def store(mongo: FakeMongo) -> AsyncIterator[Store]:
    async with Store("mongodb://fake", "town") as opened:
        yield opened


@pytest.fixture
def bookings(store: Store) -> BookingService:
    return BookingService(store, Epoch())


async def paired(bookings: BookingService, station: str = "kiosk", car: str = "car1") -> Booking:
    queued = await bookings.enqueue(station, "museum", "ja")
    booking = await bookings.assign(queued, [car])
    assert booking is not None
    return booking


async def test_the_first_car_that_is_free_is_booked(bookings: BookingService, store: Store) -> None:
    first = await paired(bookings)
    assert (first.station_device_id, first.car_id) == ("kiosk", "car1")
    assert (first.destination_id, first.language) == ("museum", "ja")
    assert (first.created_s, first.sequence) == (1001.0, 1)
    assert first.state is BookingState.BOOKED
    queued = await bookings.enqueue("other", "museum", "en")
    assert (queued.state, queued.car_id) == (BookingState.QUEUED, "")
    assert bookings.waiting == [queued]
    second = await bookings.assign(queued, ["car1", "car2", "car3"])
    assert second is not None
    assert bookings.waiting == []
    assert second.car_id == "car2"
    assert bookings.busy_cars == {"car1", "car2"}
    assert await store.booking(second.id) == second
    assert first.id != second.id


async def test_without_a_free_car_a_booking_stays_in_line(bookings: BookingService) -> None:
    await paired(bookings)
    others = [await bookings.enqueue(f"kiosk{i}", "museum", "ja") for i in range(2)]
    assert await bookings.assign(others[1], []) is None
    assert await bookings.assign(others[0], ["car1"]) is None
    assert bookings.waiting == others, "the first stays the first"
    assert [b.sequence for b in others] == [2, 3]


async def test_a_ride_whose_car_is_given_up_is_back_at_its_place_in_line(
    bookings: BookingService,
) -> None:
    first = await paired(bookings)
    later = await bookings.enqueue("later", "museum", "ja")
    back = await bookings.give_up(first, GONE)
    assert back is not None
    assert (back.state, back.car_id, back.tried) == (BookingState.QUEUED, "", ("car1",))
    assert bookings.waiting == [back, later]
    assert bookings.busy_cars == frozenset()
    again = await bookings.assign(later, ["car1"])
    assert again is not None
    # a late decision about the car that it had before takes no car off it
    assert await bookings.give_up(first, GONE) == back


async def test_a_station_with_a_ride_gets_no_second_one(bookings: BookingService) -> None:
    await paired(bookings)
    with pytest.raises(RequestRefusedError) as caught:
        await bookings.enqueue("kiosk", "museum", "ja")
    assert (caught.value.status, caught.value.word) == (409, "station_busy")
    assert bookings.busy_cars == {"car1"}


async def test_the_same_request_gets_the_same_booking_also_when_it_has_ended(
    bookings: BookingService, store: Store
) -> None:
    """An answer that got lost, on a busy machine: the ride was over when it was asked again."""
    first = await bookings.enqueue("kiosk", "museum", "ja", "wish-1")
    assert await bookings.enqueue("kiosk", "museum", "ja", "wish-1") == first
    assert await bookings.enqueue("other", "museum", "ja", "wish-1") != first
    await bookings.assign(first, ["car1"])
    arrived = await bookings.change(first.id, BookingState.ARRIVED)
    assert await bookings.enqueue("kiosk", "museum", "ja", "wish-1") == arrived
    assert (await bookings.enqueue("kiosk", "museum", "ja", "wish-2")).sequence == 3
    assert len(await store.newest_bookings(10)) == 3


async def test_a_ride_that_ends_frees_its_car_and_keeps_when(
    bookings: BookingService, store: Store
) -> None:
    booking = await paired(bookings)
    driving = await bookings.change(booking.id, BookingState.DRIVING)
    assert driving == replace(booking, state=BookingState.DRIVING)
    assert bookings.active == {booking.id: driving}
    arrived = await bookings.change(booking.id, BookingState.ARRIVED)
    assert arrived == replace(booking, state=BookingState.ARRIVED, ended_s=1002.0)
    assert bookings.active == {}
    assert bookings.busy_cars == frozenset()
    assert await bookings.newest("kiosk") == arrived


async def test_what_has_ended_stays_as_it_ended(bookings: BookingService) -> None:
    booking = await paired(bookings)
    failed = await bookings.change(booking.id, BookingState.FAILED, GONE)
    assert failed is not None
    assert (failed.state, failed.reason) == (BookingState.FAILED, GONE)
    assert await bookings.change(booking.id, BookingState.ARRIVED) == failed
    assert await bookings.change(booking.id, BookingState.DRIVING, SILENT) == failed
    assert bookings.active == {}


async def test_a_booking_that_is_gone_from_the_database_is_forgotten(
    bookings: BookingService, mongo: FakeMongo
) -> None:
    booking = await paired(bookings)
    for collection in mongo.databases["pixelopolis"].values():
        collection.documents.clear()
    assert await bookings.change(booking.id, BookingState.DRIVING) is None
    assert bookings.active == {}
    assert await bookings.change("never", BookingState.DRIVING) is None


async def test_why_a_ride_waits_is_kept_in_memory_only(
    bookings: BookingService, store: Store
) -> None:
    booking = await paired(bookings)
    bookings.set_reason(booking, SILENT)
    assert bookings.active[booking.id].reason == SILENT
    stored = await store.booking(booking.id)
    assert stored is not None
    assert stored.reason is None
    bookings.set_reason(bookings.active[booking.id], None)
    assert bookings.active[booking.id].reason is None


async def test_a_visitor_cancels_once(bookings: BookingService) -> None:
    booking = await paired(bookings)
    cancelled = await bookings.cancel(booking.id)
    assert cancelled.state is BookingState.CANCELLED
    assert cancelled.ended_s == 1002.0
    assert (await bookings.cancel(booking.id)).state is BookingState.CANCELLED
    other = await paired(bookings)
    await bookings.change(other.id, BookingState.ARRIVED)
    with pytest.raises(RequestRefusedError) as caught:
        await bookings.cancel(other.id)
    assert (caught.value.status, caught.value.word) == (409, "booking_ended")
    with pytest.raises(RequestRefusedError) as caught:
        await bookings.cancel("never")
    assert (caught.value.status, caught.value.word) == (404, "unknown_booking")


async def test_what_a_visitor_cancels_does_not_come_back_with_an_older_copy(
    bookings: BookingService,
) -> None:
    booking = await paired(bookings)
    cancelled = await bookings.cancel(booking.id)
    bookings.set_reason(booking, SILENT)
    assert bookings.active == {}
    assert bookings.busy_cars == frozenset()
    assert await bookings.newest("kiosk") == cancelled
    assert await bookings.find(booking.id) == cancelled


async def test_bookings_are_found_while_they_last_and_afterwards(bookings: BookingService) -> None:
    booking = await paired(bookings)
    bookings.set_reason(booking, SILENT)
    assert (await bookings.find(booking.id)).reason == SILENT, "as it is in memory"
    await bookings.change(booking.id, BookingState.ARRIVED)
    assert (await bookings.find(booking.id)).state is BookingState.ARRIVED
    with pytest.raises(RequestRefusedError) as caught:
        await bookings.find("never")
    assert caught.value.word == "unknown_booking"


async def test_a_station_s_newest_ride_is_the_last_that_it_asked_for(
    bookings: BookingService, mongo: FakeMongo
) -> None:
    assert await bookings.newest("kiosk") is None
    first = await paired(bookings)
    await bookings.change(first.id, BookingState.ARRIVED)
    second = await paired(bookings)
    assert await bookings.newest("kiosk") == second
    # a late change of an older booking does not replace it
    bookings._keep(replace(first, reason=GONE))
    assert await bookings.newest("kiosk") == second
    bookings._keep(replace(second, reason=GONE))
    assert (await bookings.newest("kiosk")).reason == GONE  # type: ignore[union-attr]
    # asked for once it is known without the database
    mongo.is_down = True
    assert await bookings.newest("kiosk") is not None


async def test_a_booking_that_is_stored_although_no_answer_came_is_known_again(
    bookings: BookingService, mongo: FakeMongo
) -> None:
    mongo.is_cut_off = True
    with pytest.raises(AutoReconnect):
        await paired(bookings)
    mongo.is_cut_off, mongo.is_down = False, True
    with pytest.raises(OperationFailure):
        await bookings.refresh()
    assert bookings.refresh_due, "the database could not say"
    mongo.is_down = False
    await bookings.refresh()
    assert not bookings.refresh_due
    (booking,) = bookings.active.values()
    assert (booking.station_device_id, bookings.waiting) == ("kiosk", [booking])
    mongo.is_cut_off = True
    with pytest.raises(AutoReconnect):
        await bookings.cancel(booking.id)
    mongo.is_cut_off = False
    assert bookings.refresh_due
    await bookings.refresh()
    assert bookings.active == {}
    newest = await bookings.newest("kiosk")
    assert newest is not None
    assert newest.state is BookingState.CANCELLED


async def test_what_is_gone_from_the_database_is_forgotten_when_it_is_read_again(
    bookings: BookingService, mongo: FakeMongo
) -> None:
    await paired(bookings)
    for collection in mongo.databases["pixelopolis"].values():
        collection.documents.clear()
    await bookings.refresh()
    assert bookings.active == {}


async def test_a_desk_carries_on_a_booking_that_is_stored_although_no_answer_came(
    mongo: FakeMongo,
) -> None:
    async with scripted_fleet() as table:
        car = await table.car("car1", "13", 0.6)
        mongo.is_cut_off = True
        with pytest.raises(AutoReconnect):
            await table.book()
        mongo.is_cut_off = False
        await table.step()
        assert len(car.orders) == 1
        newest = await table.fleet.newest_booking("kiosk")
        assert newest is not None
        cancelled = await table.fleet.cancel(newest.id)
        assert cancelled.state is BookingState.CANCELLED


async def test_after_a_restart_rides_go_on(bookings: BookingService, store: Store) -> None:
    booking = await paired(bookings)
    ended = await paired(bookings, "other", "car2")
    await bookings.change(ended.id, BookingState.ARRIVED)
    again = BookingService(store, Epoch())
    await again.restore()
    assert again.active == {booking.id: booking}
    assert await again.newest("kiosk") == booking
    newest = await again.newest("other")
    assert newest is not None
    assert newest.id == ended.id
    await again._store._client.close()


async def test_who_has_a_ride_is_refused_before_the_database_is_asked(
    bookings: BookingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await bookings.enqueue("kiosk", "museum", "en")
    monkeypatch.setattr(bookings._store, "next_sequence", None)
    with pytest.raises(RequestRefusedError) as caught:
        await bookings.enqueue("kiosk", "museum", "en")
    assert (caught.value.status, caught.value.word) == (409, "station_busy")
    monkeypatch.undo()
    assert (await bookings.enqueue("other", "museum", "en")).sequence == first.sequence + 1


async def test_a_full_line_takes_nobody_but_who_is_in_it(
    bookings: BookingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.booking_service.MAX_IN_LINE", 2)
    first = await bookings.enqueue("one", "museum", "en", "wish")
    await bookings.enqueue("two", "museum", "en")
    with pytest.raises(RequestRefusedError) as caught:
        await bookings.enqueue("three", "museum", "en")
    assert (caught.value.status, caught.value.word) == (503, "line_full")
    assert (await bookings.enqueue("one", "museum", "en", "wish")).id == first.id


async def test_a_station_without_a_ride_is_looked_up_once(
    bookings: BookingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await bookings.newest("kiosk") is None
    with monkeypatch.context() as patched:
        patched.setattr(bookings._store, "newest_booking", None)
        assert await bookings.newest("kiosk") is None
    booking = await bookings.enqueue("kiosk", "museum", "en")
    assert await bookings.newest("kiosk") == booking


async def test_stations_without_a_ride_are_remembered_side_by_side(
    bookings: BookingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        assert await bookings.newest(name) is None
    monkeypatch.setattr(bookings._store, "newest_booking", None)
    for name in ("one", "two", "three"):
        assert await bookings.newest(name) is None


async def test_memory_of_stations_has_a_bound(
    bookings: BookingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.booking_service.MAX_REMEMBERED", 10)
    for i in range(40):
        booking = await bookings.enqueue(f"kiosk{i}", "museum", "en")
        await bookings.cancel(booking.id)
        await bookings.newest(f"never{i}")
    assert len(bookings._last) <= 11
    assert len(bookings._without) <= 11
    assert (await bookings.newest("kiosk0")).state is BookingState.CANCELLED  # type: ignore[union-attr]
