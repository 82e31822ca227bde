"""The desk's own rules: who is told what and when, leases, giving up, and what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pixelopolis.city.route import Place
from pixelopolis.errors import NoRouteError, RequestRefusedError
from pixelopolis.reasons import ReasonCode, reason
from server import fleet_manager as desk_module
from server.booking import BookingState
from server.storage import mongo as store_module
from server.traffic.car_reports import Ended
from server.traffic.reservations import Car, Traffic, held
from server.traffic.street_graph import OPEN
from tests.support.paper_desk import CITY, PaperDesk, paper_desk
from tests.support.paper_mongo import PaperMongo

SILENT = reason(ReasonCode.SILENT)


@pytest.fixture
def mongo(monkeypatch: pytest.MonkeyPatch) -> PaperMongo:
    mongo = PaperMongo()
    monkeypatch.setattr(store_module, "AsyncMongoClient", mongo)
    return mongo


@pytest.fixture
async def desk(mongo: PaperMongo) -> AsyncIterator[PaperDesk]:
    async with paper_desk() as opened:
        yield opened
        assert not opened.desk.complaints._said, "nobody did anything wrong"


# --- a ride ---------------------------------------------------------------------------------------


async def test_a_ride_from_booking_to_arrival(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.5)
    assert desk.desk.traffic.cars["car1"].place == Place("9", 0.5)
    booking = await desk.book("museum")
    assert booking.car_id == "car1"
    await desk.desk.turn()
    (order,) = car.orders
    assert order.order_update_id == 0
    assert [edge.edge_id for edge in order.edges] == ["9", "11", "13", "7"]
    ride = desk.desk.traffic.cars["car1"].ride
    assert ride is not None
    assert (ride.booking_id, ride.asked_s) == (booking.id, booking.created_s)
    assert await desk.state(booking) is BookingState.BOOKED
    car.listens()
    car.drives(0.1)
    await desk.desk.turn()
    assert await desk.state(booking) is BookingState.DRIVING
    await desk.drive(car)
    assert await desk.state(booking) is BookingState.ARRIVED
    museum = CITY.destinations["museum"]
    assert desk.desk.traffic.cars["car1"].place.edge == museum.edge
    assert desk.desk.traffic.cars["car1"].ride is None
    # and the next visitor may have the car
    assert (await desk.book("planetarium", "other")).car_id == "car1"


async def test_an_order_is_told_once_and_its_growth_from_where_it_grew(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.5)
    await desk.book("museum")
    await desk.desk.turn()
    assert len(car.orders) == 1
    for _ in range(3):
        await desk.desk.turn()
    assert len(car.orders) == 1
    car.listens()
    car.drives(0.4)
    await desk.desk.turn()
    (update,) = car.orders
    assert update.order_update_id == 1
    assert update.nodes[0].sequence_id == 2, "from the last node of the base before"
    assert update.edges[0].edge_id == "11"


async def test_a_cancelled_ride_is_told_to_its_car_once_and_nothing_is_granted_any_more(
    desk: PaperDesk,
) -> None:
    car = await desk.car("car1", "9", 0.2)
    booking = await desk.book("museum")
    await desk.desk.turn()
    car.listens()
    car.drives(0.1)
    await desk.desk.turn()
    await desk.desk.cancel(booking.id)
    assert desk.desk._news.is_set()
    for _ in range(3):
        await desk.desk.turn()
    assert len(car.cancels) == 1
    ride = desk.desk.traffic.cars["car1"].ride
    assert ride is not None
    assert ride.ending
    await desk.drive(car)
    assert desk.desk.traffic.cars["car1"].ride is None
    assert await desk.state(booking) is BookingState.CANCELLED


async def test_of_two_cars_the_nearer_one_goes_and_no_car_goes_twice(desk: PaperDesk) -> None:
    await desk.car("far", "4", 0.3)
    await desk.car("near", "13", 0.6)
    assert (await desk.book("museum", "one")).car_id == "near"
    assert (await desk.book("museum", "two")).car_id == "far"
    with pytest.raises(RequestRefusedError) as caught:
        await desk.book("museum", "three")
    assert (caught.value.status, caught.value.word) == (409, "no_car_free")


async def test_who_asks_for_what_there_is_not_is_refused(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    with pytest.raises(RequestRefusedError) as caught:
        await desk.desk.book("stranger", "museum", "ja")
    assert (caught.value.status, caught.value.word) == (409, "unknown_station")
    with pytest.raises(RequestRefusedError) as caught:
        await desk.book("atlantis")
    assert (caught.value.status, caught.value.word) == (404, "unknown_destination")
    assert desk.desk._office.active == {}


async def test_a_booking_wakes_the_loop(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    desk.desk._news.clear()
    await desk.book("museum")
    assert desk.desk._news.is_set()


# --- who can be counted on ------------------------------------------------------------------------


@pytest.mark.parametrize(("silent_s", "is_silent"), [(2.99, False), (3.0, False), (3.01, True)])
async def test_a_lease_is_three_seconds(desk: PaperDesk, silent_s: float, is_silent: bool) -> None:
    await desk.car("car1", "9", 0.5)
    await desk.turn(silent_s, says=False)
    assert (desk.desk.traffic.cars["car1"].frozen == SILENT) is is_silent
    if is_silent:
        with pytest.raises(RequestRefusedError):
            await desk.book("museum")
        await desk.turn()
        assert desk.desk.traffic.cars["car1"].frozen is None, "it is heard again"
    await desk.book("museum")


async def test_a_connection_that_goes_leaves_the_car_where_it_is(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.5)
    desk.desk._news.clear()
    desk.desk.car_gone(car.link)
    assert desk.desk._news.is_set()
    assert desk.desk.links == {}
    await desk.desk.turn()
    assert desk.desk.traffic.cars["car1"].place == Place("9", 0.5)
    with pytest.raises(RequestRefusedError):
        await desk.book("museum")


async def test_a_new_connection_replaces_the_old_one_of_the_same_car(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.5)
    old = car.link
    new = car.connect()
    assert desk.desk.links["car1"] is new
    desk.desk._news.clear()
    state = car.says()
    desk.desk._news.clear()
    desk.desk.car_said(old, state.model_copy(update={"driving": True}))
    desk.desk.car_gone(old)
    assert desk.desk.links["car1"] is new
    assert not desk.desk._news.is_set()
    assert new.state is state


@pytest.mark.parametrize(("useless_s", "failed"), [(59.0, False), (60.0, False), (60.1, True)])
async def test_a_ride_is_given_up_after_a_minute_without_its_car(
    desk: PaperDesk, useless_s: float, failed: bool
) -> None:
    await desk.car("car1", "9", 0.5)
    booking = await desk.book("museum")
    await desk.desk.turn()
    await desk.turn(3.5, says=False)
    await desk.turn(useless_s, says=False)
    stored = await desk.stored(booking)
    assert (stored.state is BookingState.FAILED) is failed
    assert (stored.reason == SILENT) is failed or stored.state is BookingState.WAITING
    await desk.desk.turn()
    ride = desk.desk.traffic.cars["car1"].ride
    assert (ride is None or ride.ending) is failed


async def test_a_car_that_is_back_in_time_keeps_its_ride(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.5)
    booking = await desk.book("museum")
    await desk.desk.turn()
    car.listens()
    for _ in range(3):
        await desk.turn(40.0, says=False)
        assert await desk.state(booking) is BookingState.WAITING
        await desk.turn()
    assert (await desk.state(booking)) in (BookingState.DRIVING, BookingState.WAITING)
    await desk.drive(car)
    assert await desk.state(booking) is BookingState.ARRIVED


async def test_after_a_restart_a_car_has_the_whole_lease_to_be_heard(
    mongo: PaperMongo,
) -> None:
    async with paper_desk() as first:
        await first.car("car1", "9", 0.5)
        booking = await first.book("museum")
        await first.desk.turn()
        held_before = held(first.desk.streets, first.desk.traffic.cars["car1"])
    async with paper_desk() as second:
        assert held(second.desk.streets, second.desk.traffic.cars["car1"]) == held_before
        assert second.desk._office.active.keys() == {booking.id}
        version = second.store._version
        await second.desk.turn()
        assert second.desk.traffic.cars["car1"].frozen is None
        assert second.store._version == version, "what was read need not be written"
        await second.turn(3.01)
        assert second.desk.traffic.cars["car1"].frozen == SILENT


# --- what is stored -------------------------------------------------------------------------------


async def test_what_is_told_was_stored_before(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    await desk.book("museum")
    await desk.desk.turn()
    stored = await desk.store.load_traffic()
    assert stored.cars["car1"].ride == desk.desk.traffic.cars["car1"].ride


async def test_the_same_is_not_stored_twice(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.3)
    await desk.book("museum")
    await desk.desk.turn()
    car.listens()
    car.drives(0.05)
    await desk.desk.turn()
    version = desk.store._version
    for _ in range(3):  # a few centimetres within what it holds
        car.drives(0.05)
        await desk.desk.turn()
    assert desk.store._version == version


async def test_traffic_that_another_server_changed_is_taken_over(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    other = Traffic().put(Car("car2", Place("4", 0.4)))
    desk.store._version = 0
    await desk.store.load_traffic()
    assert await desk.store.save_traffic(other)
    desk.store._version -= 1
    await desk.car("car3", "13", 0.5)
    assert "car2" in desk.desk.traffic.cars
    await desk.desk.turn()
    assert "car3" in (await desk.store.load_traffic()).cars


async def test_a_car_that_is_stored_outside_the_town_is_left_out(mongo: PaperMongo) -> None:
    async with paper_desk() as first:
        await first.car("car1", "9", 0.5)
        stray = first.desk.traffic.put(Car("stray", Place("no-such-edge", 0.1)))
        await first.store.save_traffic(stray)
    async with paper_desk() as second:
        assert second.desk.traffic.cars.keys() == {"car1"}


async def test_a_car_whose_destination_cannot_be_reached_fails_its_ride(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    booking = await desk.book("museum")
    active = desk.desk._office.active
    active[booking.id] = replace(active[booking.id], destination_id="atlantis")
    await desk.desk.turn()
    stored = await desk.stored(booking)
    assert stored.state is BookingState.FAILED
    assert stored.reason == reason(ReasonCode.UNKNOWN_DESTINATION, destination="atlantis")


async def test_a_silent_car_closes_streets_to_others_but_not_to_itself(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    await desk.car("dead", "11", 0.1)
    await desk.turn(3.5, says=False)
    desk.cars["car1"].says()
    await desk.desk.turn()
    assert desk.desk._closed().edges == {"11"}
    assert desk.desk._closed("dead") == OPEN
    booking = await desk.book("museum")
    assert booking.car_id == "car1"
    await desk.desk.turn()
    ride = desk.desk.traffic.cars["car1"].ride
    assert ride is not None
    assert ride.route.edges[:2] == ("9", "10")


# --- what is seen ---------------------------------------------------------------------------------


async def test_stations_see_their_ride_and_every_car(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    booking = await desk.book("museum")
    await desk.desk.turn()
    view = await desk.desk.booking(booking.id)
    assert (view.id, view.state) == (booking.id, "booked")
    newest = await desk.desk.newest_booking("kiosk")
    assert newest is not None
    assert newest.id == booking.id
    assert await desk.desk.newest_booking("other") is None
    assert [car.id for car in desk.desk.cars()] == ["car1"]
    with pytest.raises(RequestRefusedError):
        await desk.desk.booking("never")


async def test_a_ride_that_has_ended_shows_no_way_of_the_next_one(desk: PaperDesk) -> None:
    car = await desk.car("car1", "9", 0.5)
    first = await desk.book("museum")
    await desk.desk.turn()
    shown = await desk.desk.booking(first.id)
    passed = [CITY.edges[edge].to_node for edge in ("9", "11", "13")]
    assert [step.node for step in shown.route] == passed
    assert shown.eta_s is not None
    await desk.drive(car)
    assert (await desk.desk.booking(first.id)).route == []
    second = await desk.book("planetarium", "other")
    await desk.desk.turn()
    assert (await desk.desk.booking(first.id)).route == []
    assert (await desk.desk.booking(second.id)).route != []
    desk.desk.car_gone(car.link)
    assert (await desk.desk.booking(second.id)).video_url is None


async def test_everybody_who_waits_for_news_hears_of_each_turn(desk: PaperDesk) -> None:
    async def wait() -> bool:
        async with desk.desk.changed:
            await desk.desk.changed.wait()
            return True

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await desk.desk.turn()
    assert await asyncio.wait_for(waiting, 5.0)


async def test_the_loop_goes_on_at_every_message_and_begins_anew_from_what_is_stored(
    mongo: PaperMongo,
) -> None:
    async with paper_desk() as desk:
        turns, enough = 0, asyncio.Event()
        plain = desk.desk.turn

        async def turn() -> None:
            nonlocal turns
            turns += 1
            if turns == 3:
                desk.desk.traffic = Traffic().put(Car("ghost", Place("9", 0.1)))
                raise RuntimeError("odd")
            await plain()
            desk.desk._news.set()
            if turns == 5:
                enough.set()

        desk.desk.turn = turn  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await desk.desk.run()
        assert turns == 3
        task = asyncio.create_task(desk.desk.run())
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert desk.desk.traffic == Traffic()


def test_it_looks_at_leases_four_times_a_second() -> None:
    from server.fleet_manager import TICK_S

    assert TICK_S == 0.25


# --- the loop -------------------------------------------------------------------------------------


class Turns:
    """Stands for the loop's body: counts its turns, and says when there were enough."""

    def __init__(self, desk: PaperDesk, enough: int) -> None:
        self.count, self.enough, self.reached = 0, enough, asyncio.Event()
        desk.desk.turn = self.turn  # type: ignore[method-assign]

    async def turn(self) -> None:
        self.count += 1
        if self.count >= self.enough:
            self.reached.set()


async def test_the_loop_turns_once_for_each_news_and_reads_nothing_again(desk: PaperDesk) -> None:
    turns, reloads = Turns(desk, 2), []
    desk.desk._reload = lambda: reloads.append(1)  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(desk.desk.run())
    for _ in range(50):
        await asyncio.sleep(0)
    assert turns.count == 1
    desk.desk._news.set()
    await turns.reached.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert turns.count == 2
    assert reloads == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_news_the_loop_turns_every_tick(
    desk: PaperDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "TICK_S", 0.005)
    turns = Turns(desk, 4)
    task = asyncio.create_task(desk.desk.run())
    await asyncio.wait_for(turns.reached.wait(), 5.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_order_that_ends_early_is_no_arrival(desk: PaperDesk) -> None:
    await desk.car("car1", "9", 0.5)
    booking = await desk.book("museum")
    await desk.desk.turn()
    ride = desk.desk.traffic.cars["car1"].ride
    assert ride is not None
    plain = desk.desk._watch.listen

    def listen(*arguments):
        traffic, _ = plain(*arguments)
        return traffic, [
            Ended("car1", ride, arrived=False),
            Ended("car1", replace(ride, booking_id=None), arrived=True),
        ]

    desk.desk._watch.listen = listen  # type: ignore[method-assign]
    await desk.desk.turn()
    assert await desk.state(booking) is BookingState.BOOKED


async def test_every_booked_car_gets_its_order_but_those_that_are_away(desk: PaperDesk) -> None:
    for id_, edge in (("car1", "9"), ("car2", "4"), ("away", "13")):
        await desk.car(id_, edge, 0.6)
    bookings = [await desk.book("museum", f"kiosk{i}") for i in range(3)]
    desk.desk.car_gone(desk.cars["away"].link)
    await desk.desk.turn()
    cars = desk.desk.traffic.cars
    away = cars["away"].ride
    assert away is None or away.booking_id is None
    for booking in bookings:
        if booking.car_id != "away":
            ride = cars[booking.car_id].ride
            assert ride is not None
            assert ride.booking_id == booking.id
            assert desk.desk._watch._orders[booking.id] == 1
    assert len(desk.desk._watch._orders) == 2


async def test_without_any_way_there_is_no_booking(
    desk: PaperDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "choose_cars", lambda *_: ())
    with pytest.raises(RequestRefusedError) as caught:
        await desk.book("museum")
    assert (caught.value.status, caught.value.word) == (409, "no_car_free")
    await desk.car("car1", "9", 0.5)
    with pytest.raises(RequestRefusedError) as caught:
        await desk.book("museum")
    assert (caught.value.status, caught.value.word) == (409, "no_route")


async def test_a_car_to_which_no_way_leads_any_more_fails_its_ride(
    desk: PaperDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.car("car1", "9", 0.5)
    booking = await desk.book("museum")

    def no_route(*_: object) -> None:
        raise NoRouteError("no way.", "Wait.")

    monkeypatch.setattr(desk_module, "route_to", no_route)
    await desk.desk.turn()
    stored = await desk.stored(booking)
    assert stored.state is BookingState.FAILED
    assert stored.reason == reason(ReasonCode.NO_ROUTE, destination="museum")
