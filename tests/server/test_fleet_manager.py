"""The fleet manager's rules: messages, leases, giving up, and storage."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pixelopolis.city.route import Place
from pixelopolis.errors import NoRouteError
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from server import fleet_manager as desk_module
from server import order_service
from server.booking import Booking, BookingState
from server.traffic.car_reports import Ended
from server.traffic.operator_rules import OperatorRules
from server.traffic.reservations import Car, Traffic, closed_in, held
from server.traffic.street_graph import OPEN
from tests.support.fake_mongo import FakeMongo
from tests.support.scripted_fleet import CITY, ScriptedFleet, scripted_fleet

SILENT = reason(ReasonCode.SILENT)


# --- a ride ---------------------------------------------------------------------------------------


async def test_a_ride_from_booking_to_arrival(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.5)
    assert fleet.fleet.traffic.cars["car1"].place == Place("9", 0.5)
    booking = await fleet.book("museum")
    assert booking.car_id == "car1"
    await fleet.fleet.step()
    (order,) = car.orders
    assert order.order_update_id == 0
    assert [edge.edge_id for edge in order.edges] == ["9", "11", "13", "7"]
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert (ride.booking_id, ride.sequence) == (booking.id, booking.sequence)
    assert await fleet.state(booking) is BookingState.BOOKED
    car.listens()
    car.drives(0.1)
    await fleet.fleet.step()
    assert await fleet.state(booking) is BookingState.DRIVING
    await fleet.drive(car)
    assert await fleet.state(booking) is BookingState.ARRIVED
    museum = CITY.destinations["museum"]
    assert fleet.fleet.traffic.cars["car1"].place.edge == museum.edge
    assert fleet.fleet.traffic.cars["car1"].ride is None
    # the next visitor may have the car
    assert (await fleet.book("planetarium", "other")).car_id == "car1"


async def test_an_order_is_sent_once_and_an_update_from_where_it_grew(
    fleet: ScriptedFleet,
) -> None:
    car = await fleet.car("car1", "9", 0.5)
    await fleet.book("museum")
    await fleet.fleet.step()
    assert len(car.orders) == 1
    for _ in range(3):
        await fleet.fleet.step()
    assert len(car.orders) == 1
    car.listens()
    car.drives(0.4)
    await fleet.fleet.step()
    (update,) = car.orders
    assert update.order_update_id == 1
    assert update.nodes[0].sequence_id == 2, "from the last node of the base before"
    assert update.edges[0].edge_id == "11"


async def test_a_cancelled_ride_is_told_to_its_car_once_and_nothing_is_granted_any_more(
    fleet: ScriptedFleet,
) -> None:
    car = await fleet.car("car1", "9", 0.2)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    car.listens()
    car.drives(0.1)
    await fleet.fleet.step()
    await fleet.fleet.cancel(booking.id)
    assert fleet.fleet._wake.is_set()
    for _ in range(3):
        await fleet.fleet.step()
    assert len(car.cancels) == 1
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert ride.ending
    await fleet.drive(car)
    assert fleet.fleet.traffic.cars["car1"].ride is None
    assert await fleet.state(booking) is BookingState.CANCELLED


async def test_of_two_cars_the_nearer_one_goes_and_no_car_goes_twice(fleet: ScriptedFleet) -> None:
    await fleet.car("far", "4", 0.3)
    await fleet.car("near", "13", 0.6)
    assert (await fleet.book("museum", "one")).car_id == "near"
    assert (await fleet.book("museum", "two")).car_id == "far"
    third = await fleet.book("museum", "three")
    assert (third.state, third.car_id) == (BookingState.QUEUED, "")


async def test_who_asks_for_what_there_is_not_is_refused(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    with pytest.raises(RequestRefusedError) as caught:
        await fleet.book("atlantis")
    assert (caught.value.status, caught.value.word) == (404, "unknown_destination")
    assert fleet.fleet._bookings.active == {}


async def test_a_booking_wakes_the_loop(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    fleet.fleet._wake.clear()
    await fleet.book("museum")
    assert fleet.fleet._wake.is_set()


async def test_who_waits_in_line_keeps_nobody_s_ride_from_being_followed(
    fleet: ScriptedFleet,
) -> None:
    await fleet.car("car1", "9", 0.5)
    first = await fleet.book("museum", "one")
    await fleet.fleet.step()
    car2 = await fleet.car("car2", "4", 0.3)
    second = await fleet.book("planetarium", "two")
    assert (first.car_id, second.car_id) == ("car1", "car2")
    await fleet.fleet.take_off("car1", SILENT)
    assert (await fleet.stored(first)).state is BookingState.QUEUED
    await fleet.fleet.step()
    car2.listens()
    car2.drives(0.1)
    await fleet.fleet.step()
    assert await fleet.state(second) is BookingState.DRIVING


async def test_a_car_that_is_taken_off_its_ride_wakes_the_loop(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.book("museum")
    fleet.fleet._wake.clear()
    await fleet.fleet.take_off("car1", SILENT)
    assert fleet.fleet._wake.is_set()


async def test_a_visitor_sees_why_the_ride_waits_as_it_is_now(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "1", 0.3)
    booking = await fleet.book("planetarium")
    await fleet.fleet.step()
    car.listens()
    await fleet.step(3.5, says=False)
    assert fleet.fleet._bookings.active[booking.id].reason == SILENT
    fleet.fleet.traffic = replace(fleet.fleet.traffic, rules=OperatorRules(is_halted=True))
    await fleet.step(0.5)
    assert fleet.fleet._bookings.active[booking.id].reason == reason(ReasonCode.HALTED)


async def test_a_change_of_the_traffic_is_stored_once_and_the_next_one_too(
    fleet: ScriptedFleet,
) -> None:
    await fleet.car("car1", "9", 0.5)
    for edge in ("2", "3"):
        await fleet.fleet.change_traffic(
            lambda t, edge=edge: replace(t, rules=replace(t.rules, closed_edges={edge}))
        )
        assert (await fleet.store.load_traffic()).rules.closed_edges == {edge}


# --- reliability ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("silent_s", "is_silent"), [(2.99, False), (3.0, False), (3.01, True)])
async def test_a_lease_is_three_seconds(
    fleet: ScriptedFleet, silent_s: float, is_silent: bool
) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.step(silent_s, says=False)
    assert (fleet.fleet.traffic.cars["car1"].frozen == SILENT) is is_silent
    booking = await fleet.book("museum")
    assert (booking.state is BookingState.QUEUED) is is_silent
    await fleet.step()
    assert fleet.fleet.traffic.cars["car1"].frozen is None, "it is heard again"
    assert (await fleet.stored(booking)).car_id == "car1"


async def test_after_a_failed_turn_the_bookings_are_read_again(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "13", 0.6)
    booking = await fleet.book()
    await fleet.store.change_booking(booking.id, BookingState.FAILED, SILENT, 1.0)
    await fleet.fleet._reload()
    assert fleet.fleet.bookings == []


@pytest.mark.parametrize(("silent_s", "is_live"), [(2.99, True), (3.0, False)])
async def test_a_connection_is_live_only_while_its_car_is_heard(
    fleet: ScriptedFleet, silent_s: float, is_live: bool
) -> None:
    car = await fleet.car("car1", "9", 0.5)
    assert fleet.fleet.live_link("car1") is car.link
    fleet.clocks.now_s += silent_s
    assert (fleet.fleet.live_link("car1") is car.link) is is_live
    assert fleet.fleet.live_link("unknown") is None


async def test_a_connection_that_goes_leaves_the_car_where_it_is(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.5)
    fleet.fleet._wake.clear()
    fleet.fleet.car_disconnected(car.link)
    assert fleet.fleet._wake.is_set()
    assert fleet.fleet.links == {}
    await fleet.fleet.step()
    assert fleet.fleet.traffic.cars["car1"].place == Place("9", 0.5)
    assert (await fleet.book("museum")).state is BookingState.QUEUED


async def test_a_new_connection_replaces_the_old_one_of_the_same_car(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.5)
    old = car.link
    new = car.connect()
    assert fleet.fleet.links["car1"] is new
    fleet.fleet._wake.clear()
    state = car.says()
    fleet.fleet._wake.clear()
    fleet.fleet.car_reported(old, state.model_copy(update={"driving": True}))
    fleet.fleet.car_disconnected(old)
    assert fleet.fleet.links["car1"] is new
    assert not fleet.fleet._wake.is_set()
    assert new.state is state


@pytest.mark.parametrize(("useless_s", "failed"), [(59.0, False), (60.0, False), (60.1, True)])
async def test_a_ride_is_given_up_after_a_minute_without_its_car(
    fleet: ScriptedFleet, useless_s: float, failed: bool
) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    await fleet.step(3.5, says=False)
    await fleet.step(useless_s, says=False)
    stored = await fleet.stored(booking)
    assert (stored.state is BookingState.FAILED) is failed
    assert (stored.reason == SILENT) is failed or stored.state is BookingState.WAITING
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert (ride is None or ride.ending) is failed


async def test_a_car_that_is_back_in_time_keeps_its_ride(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    car.listens()
    for _ in range(3):
        await fleet.step(40.0, says=False)
        assert await fleet.state(booking) is BookingState.WAITING
        await fleet.step()
    assert (await fleet.state(booking)) in (BookingState.DRIVING, BookingState.WAITING)
    await fleet.drive(car)
    assert await fleet.state(booking) is BookingState.ARRIVED


async def test_after_a_restart_a_car_has_the_whole_lease_to_be_heard(
    mongo: FakeMongo,
) -> None:
    async with scripted_fleet() as first:
        await first.car("car1", "9", 0.5)
        booking = await first.book("museum")
        await first.fleet.step()
        held_before = held(first.fleet.streets, first.fleet.traffic.cars["car1"])
    async with scripted_fleet() as second:
        assert held(second.fleet.streets, second.fleet.traffic.cars["car1"]) == held_before
        assert second.fleet._bookings.active.keys() == {booking.id}
        version = second.store._version
        await second.fleet.step()
        assert second.fleet.traffic.cars["car1"].frozen is None
        assert second.store._version == version, "what was read need not be written"
        await second.step(3.01)
        assert second.fleet.traffic.cars["car1"].frozen == SILENT


async def test_a_server_that_was_on_standby_begins_to_listen_when_it_leads(
    fleet: ScriptedFleet,
) -> None:
    await fleet.car("car1", "1", 0.5)
    await fleet.step()
    async with scripted_fleet() as second:
        second.clocks.now_s += 60.0
        await second.fleet.restore()
        await second.fleet.step()
        assert second.fleet.traffic.cars["car1"].frozen is None


# --- storage --------------------------------------------------------------------------------------


async def test_what_is_told_was_stored_before(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.book("museum")
    await fleet.fleet.step()
    stored = await fleet.store.load_traffic()
    assert stored.cars["car1"].ride == fleet.fleet.traffic.cars["car1"].ride


async def test_the_same_is_not_stored_twice(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.3)
    await fleet.book("museum")
    await fleet.fleet.step()
    car.listens()
    car.drives(0.05)
    await fleet.fleet.step()
    version = fleet.store._version
    for _ in range(3):  # a few centimeters within what it holds
        car.drives(0.05)
        await fleet.fleet.step()
    assert fleet.store._version == version


async def test_traffic_that_another_server_changed_is_taken_over(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    other = Traffic().put(Car("car2", Place("4", 0.4)))
    fleet.store._version = 0
    await fleet.store.load_traffic()
    assert await fleet.store.save_traffic(other)
    fleet.store._version -= 1
    await fleet.car("car3", "13", 0.5)
    assert "car2" in fleet.fleet.traffic.cars
    await fleet.fleet.step()
    assert "car3" in (await fleet.store.load_traffic()).cars


async def test_a_car_that_is_stored_outside_the_town_is_left_out(mongo: FakeMongo) -> None:
    async with scripted_fleet() as first:
        await first.car("car1", "9", 0.5)
        stray = first.fleet.traffic.put(Car("stray", Place("no-such-edge", 0.1)))
        await first.store.save_traffic(stray)
    async with scripted_fleet() as second:
        assert second.fleet.traffic.cars.keys() == {"car1"}


async def test_a_car_that_cannot_reach_its_destination_fails_its_ride(
    fleet: ScriptedFleet,
) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    active = fleet.fleet._bookings.active
    active[booking.id] = replace(active[booking.id], destination_id="atlantis")
    await fleet.fleet.step()
    stored = await fleet.stored(booking)
    assert stored.state is BookingState.FAILED
    assert stored.reason == reason(ReasonCode.UNKNOWN_DESTINATION, destination="atlantis")


async def test_a_silent_car_closes_streets_to_others_not_to_itself(
    fleet: ScriptedFleet,
) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.car("dead", "11", 0.1)
    await fleet.step(3.5, says=False)
    fleet.cars["car1"].says()
    await fleet.fleet.step()
    assert closed_in(fleet.fleet.streets, fleet.fleet.traffic).edges == {"11"}
    assert closed_in(fleet.fleet.streets, fleet.fleet.traffic, but="dead") == OPEN
    booking = await fleet.book("museum")
    assert booking.car_id == "car1"
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert ride.route.edges[:2] == ("9", "10")


# --- views ----------------------------------------------------------------------------------------


async def test_stations_see_their_ride_and_every_car(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    view = await fleet.fleet.booking(booking.id)
    assert (view.id, view.state) == (booking.id, "booked")
    newest = await fleet.fleet.newest_booking("kiosk")
    assert newest is not None
    assert newest.id == booking.id
    assert await fleet.fleet.newest_booking("other") is None
    assert [car.id for car in fleet.fleet.cars()] == ["car1"]
    with pytest.raises(RequestRefusedError):
        await fleet.fleet.booking("never")


async def test_a_ride_that_has_ended_shows_no_way_of_the_next_one(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.5)
    first = await fleet.book("museum")
    await fleet.fleet.step()
    shown = await fleet.fleet.booking(first.id)
    passed = [CITY.edges[edge].to_node for edge in ("9", "11", "13")]
    assert [step.node for step in shown.route] == passed
    assert shown.eta_s is not None
    await fleet.drive(car)
    assert (await fleet.fleet.booking(first.id)).route == []
    second = await fleet.book("planetarium", "other")
    await fleet.fleet.step()
    assert (await fleet.fleet.booking(first.id)).route == []
    assert (await fleet.fleet.booking(second.id)).route != []
    fleet.fleet.car_disconnected(car.link)
    assert (await fleet.fleet.booking(second.id)).video_url is None


async def test_everybody_who_waits_for_news_hears_of_each_turn(fleet: ScriptedFleet) -> None:
    async def wait() -> bool:
        async with fleet.fleet.changed:
            await fleet.fleet.changed.wait()
            return True

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await fleet.fleet.step()
    assert await asyncio.wait_for(waiting, 5.0)


async def test_the_loop_goes_on_at_every_message_and_begins_anew_from_what_is_stored(
    mongo: FakeMongo,
) -> None:
    async with scripted_fleet() as fleet:
        turns, enough = 0, asyncio.Event()
        plain = fleet.fleet.step

        async def turn() -> None:
            nonlocal turns
            turns += 1
            if turns == 3:
                fleet.fleet.traffic = Traffic().put(Car("ghost", Place("9", 0.1)))
                raise RuntimeError("odd")
            await plain()
            fleet.fleet._wake.set()
            if turns == 5:
                enough.set()

        fleet.fleet.step = turn  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await fleet.fleet.run(always)
        assert turns == 3
        task = asyncio.create_task(fleet.fleet.run(always))
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert fleet.fleet.traffic == Traffic()


def test_it_looks_at_leases_four_times_a_second() -> None:
    from server.fleet_manager import TICK_S

    assert TICK_S == 0.25


# --- the loop -------------------------------------------------------------------------------------


async def always() -> bool:
    return True


class Turns:
    """Replaces the loop's body: counts its iterations, and signals when there were enough."""

    def __init__(self, fleet: ScriptedFleet, enough: int) -> None:
        self.count, self.enough, self.reached = 0, enough, asyncio.Event()
        fleet.fleet.step = self.turn  # type: ignore[method-assign]

    async def turn(self) -> None:
        self.count += 1
        if self.count >= self.enough:
            self.reached.set()


async def test_the_loop_runs_once_for_each_event_and_reloads_nothing(
    fleet: ScriptedFleet,
) -> None:
    turns, reloads = Turns(fleet, 2), []
    fleet.fleet._reload = lambda: reloads.append(1)  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(fleet.fleet.run(always))
    for _ in range(50):
        await asyncio.sleep(0)
    assert turns.count == 1
    fleet.fleet._wake.set()
    await turns.reached.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert turns.count == 2
    assert reloads == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_news_the_loop_turns_every_tick(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "TICK_S", 0.005)
    turns = Turns(fleet, 4)
    task = asyncio.create_task(fleet.fleet.run(always))
    await asyncio.wait_for(turns.reached.wait(), 5.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_order_that_ends_early_is_no_arrival(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    plain = fleet.fleet._monitor.process_reports

    def listen(*arguments):
        traffic, _ = plain(*arguments)
        return traffic, [
            Ended("car1", ride, arrived=False),
            Ended("car1", replace(ride, booking_id=None), arrived=True),
        ]

    fleet.fleet._monitor.process_reports = listen  # type: ignore[method-assign]
    await fleet.fleet.step()
    assert await fleet.state(booking) is BookingState.BOOKED


async def test_every_booked_car_gets_its_order_except_absent_ones(
    fleet: ScriptedFleet,
) -> None:
    for id_, edge in (("car1", "9"), ("car2", "4"), ("away", "13")):
        await fleet.car(id_, edge, 0.6)
    bookings = [await fleet.book("museum", f"kiosk{i}") for i in range(3)]
    fleet.fleet.car_disconnected(fleet.cars["away"].link)
    await fleet.fleet.step()
    cars = fleet.fleet.traffic.cars
    away = cars["away"].ride
    assert away is None or away.booking_id is None
    for booking in bookings:
        if booking.car_id != "away":
            ride = cars[booking.car_id].ride
            assert ride is not None
            assert ride.booking_id == booking.id


async def test_without_any_way_there_is_no_booking(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "choose_cars", lambda *_: ())
    await fleet.car("car1", "9", 0.5)
    with pytest.raises(RequestRefusedError) as caught:
        await fleet.book("museum")
    assert (caught.value.status, caught.value.word) == (409, "no_route")


async def test_a_car_to_which_no_way_leads_any_more_fails_its_ride(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")

    def no_route(*_: object) -> None:
        raise NoRouteError("no way.", "Wait.")

    monkeypatch.setattr(order_service, "route_to", no_route)
    await fleet.fleet.step()
    stored = await fleet.stored(booking)
    assert stored.state is BookingState.FAILED
    assert stored.reason == reason(ReasonCode.NO_ROUTE, destination="museum")


async def test_a_slow_booking_does_not_hold_up_the_loop(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fleet.car("car1", "9", 0.5)
    goes_on, add = asyncio.Event(), fleet.store.add_booking

    async def slowly(booking: Booking) -> None:
        await goes_on.wait()
        await add(booking)

    monkeypatch.setattr(fleet.store, "add_booking", slowly)
    asking = asyncio.create_task(fleet.book("museum"))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await fleet.fleet.step()
    assert not asking.done()
    goes_on.set()
    assert (await asking).car_id == "car1"
