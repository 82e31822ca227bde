"""Rides always end, and the line is fair: a server with scripted cars, clocks by hand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pixelopolis.city.route import Place, route_time_s
from pixelopolis.city.routing import find_route
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.state import EdgeState
from server.booking import Booking, BookingState
from server.ride_service import typical_ride_s
from server.traffic.car_reports import Ended
from server.traffic.operator_rules import Duty, OperatorRules
from server.traffic.reservations import Traffic
from server.traffic.ride_watch import NO_PROGRESS_S
from server.traffic.street_graph import StreetGraph
from server.traffic.waiting_line import AWAY_S, NO_CAR_S
from tests.support.scripted_fleet import CITY, ScriptedCar, ScriptedFleet, scripted_fleet

TURN_S = 0.5


async def within(
    fleet: ScriptedFleet,
    limit_s: float,
    condition: Callable[[Booking], bool],
    booking: Booking,
    driving: ScriptedCar | None = None,
) -> Booking:
    """Let time pass until a booking is so, while one car may drive; fail after the limit."""
    began_s = fleet.clocks.now_s
    while fleet.clocks.now_s - began_s <= limit_s + 2 * TURN_S:
        fleet.fleet.rides.presence.seen(booking.station_device_id, fleet.clocks.now_s)
        if driving is not None:
            driving.listens()
            driving.drives(0.1)
        await fleet.step(TURN_S)
        stored = await fleet.stored(booking)
        if condition(stored):
            return stored
    raise AssertionError(f"after {limit_s} s it is {stored}")


# --- four lies ------------------------------------------------------------------------------------


async def never_takes_its_order(fleet: ScriptedFleet, car: ScriptedCar) -> None:
    car.heard.clear()


async def says_that_it_drives_and_stands(fleet: ScriptedFleet, car: ScriptedCar) -> None:
    car.listens()
    car.drives(0.05)
    car.changes = {"driving": True}
    await fleet.fleet.step()


async def says_that_it_is_idle_at_a_junction(fleet: ScriptedFleet, car: ScriptedCar) -> None:
    car.listens()
    car.drives(0.05)
    await fleet.fleet.step()
    edge = car.place.edge
    car.changes = {
        "node_states": (),
        "edge_states": (),
        "last_node_id": CITY.edges[edge].to_node,
        "last_node_sequence_id": 2,
        "distance_since_last_node": 0.05,
    }


async def has_an_order_of_somebody_else(fleet: ScriptedFleet, car: ScriptedCar) -> None:
    edges = (EdgeState(edge_id=car.place.edge, sequence_id=1, released=True),)
    car.changes = {"order_id": "foreign", "edge_states": edges}


LIES = [
    never_takes_its_order,
    says_that_it_drives_and_stands,
    says_that_it_is_idle_at_a_junction,
    has_an_order_of_somebody_else,
]
Lie = Callable[[ScriptedFleet, ScriptedCar], object]


@pytest.mark.parametrize("lie", LIES)
async def test_a_liar_s_visitor_gets_another_car_within_two_minutes(
    fleet: ScriptedFleet, lie: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    liar = await fleet.car("liar", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    await lie(fleet, liar)
    honest = await fleet.car("honest", "4", 0.3)
    now = await within(fleet, NO_PROGRESS_S, lambda b: b.car_id == "honest", booking)
    assert (now.tried, now.is_active) == (("liar",), True)
    assert fleet.fleet.traffic.cars["liar"].frozen is not None, "it is set aside"
    assert "; it is queued." in caplog.text
    text = fleet.fleet.metrics.text(fleet.fleet.state_now, [], True)[0].decode()
    assert re.search(r"^pixelopolis_cars_replaced_total{.*} 1.0$", text, re.MULTILINE)
    await fleet.drive(honest)
    assert await fleet.state(booking) is BookingState.ARRIVED


@pytest.mark.parametrize("lie", LIES)
async def test_a_liar_s_ride_ends_with_a_reason_within_two_minutes_if_there_is_no_other_car(
    fleet: ScriptedFleet, lie: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    liar = await fleet.car("liar", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    await lie(fleet, liar)
    ended = await within(fleet, NO_PROGRESS_S, lambda b: not b.is_active, booking)
    assert ended.state is BookingState.FAILED
    assert "; it is failed." in caplog.text
    assert ended.reason is not None
    assert ended.reason.code in (ReasonCode.NOT_TAKEN, ReasonCode.STUCK, ReasonCode.FOREIGN_ORDER)


@pytest.mark.parametrize("lie", LIES)
async def test_who_waits_behind_a_liar_arrives_once_it_is_removed_or_gets_another_car(
    fleet: ScriptedFleet, lie: Callable
) -> None:
    """The only way leads over the liar's street, so its visitor waits, and not for ever."""
    liar = await fleet.car("liar", "2", 0.1)
    first = await fleet.book("planetarium", "one")
    await fleet.fleet.step()
    await lie(fleet, liar)
    behind = await fleet.car("behind", "1", 0.3)
    second = await fleet.book("planetarium", "two")
    await fleet.fleet.step()
    ended = await within(fleet, 2 * NO_PROGRESS_S, lambda b: not b.is_active, second, behind)
    assert ended.reason is not None
    assert fleet.fleet.traffic.cars["behind"].frozen is None, "it only waited"
    assert (await fleet.stored(first)).state is not BookingState.BOOKED


async def test_a_car_that_was_set_aside_gets_no_visitor_until_it_is_trusted_again(
    fleet: ScriptedFleet,
) -> None:
    liar = await fleet.car("liar", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    liar.heard.clear()
    await within(fleet, NO_PROGRESS_S, lambda b: not b.is_active, booking)
    next_one = await fleet.book("museum", "other")
    liar.__post_init__()  # it was started again, and has answered what was sent before
    for _ in range(20):
        await fleet.step(TURN_S)
    assert fleet.fleet.traffic.cars["liar"].ride is None
    assert (await fleet.stored(next_one)).state is BookingState.QUEUED
    fleet.fleet._monitor.forgive("liar")
    await within(fleet, 5.0, lambda b: b.car_id == "liar", next_one)


async def test_no_ride_is_given_up_while_an_operator_halts_the_town(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    rules = OperatorRules(is_halted=True)
    fleet.fleet.traffic = Traffic(fleet.fleet.traffic.cars, rules)
    for _ in range(10):
        await fleet.step(60.0)
    stored = await fleet.stored(booking)
    assert (stored.car_id, stored.state) == ("car1", BookingState.WAITING)
    in_line = await fleet.book("museum", "other")
    assert in_line.state is BookingState.QUEUED
    fleet.fleet.traffic = Traffic(fleet.fleet.traffic.cars)
    await fleet.step(NO_PROGRESS_S - 1.0)
    after = await fleet.stored(booking)
    assert (after.car_id, after.is_active) == ("car1", True), "its time begins anew"


# --- the line -------------------------------------------------------------------------------------


async def test_the_first_in_line_gets_the_car_that_becomes_free(fleet: ScriptedFleet) -> None:
    car = await fleet.car("car1", "9", 0.5)
    goals = ("museum", "planetarium", "museum")
    first, second, third = [await fleet.book(g, f"kiosk{i}") for i, g in enumerate(goals)]
    assert [b.state for b in (first, second, third)] == ["booked", "queued", "queued"]
    views = [fleet.fleet.view(b) for b in (second, third)]
    assert [view.place_in_line for view in views] == [1, 2]
    assert views[0].expected_wait_s is not None
    assert views[1].expected_wait_s is not None
    assert 0 < views[0].expected_wait_s < views[1].expected_wait_s
    assert views[0].car_id is None
    await fleet.fleet.step()
    while await fleet.state(first) is not BookingState.ARRIVED:
        car.listens()
        car.drives(0.3)
        await fleet.step(TURN_S)
    assert (await fleet.stored(second)).car_id == "car1"
    assert fleet.fleet.view(third).place_in_line == 1
    assert fleet.fleet.view(await fleet.stored(second)).place_in_line is None


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_is_overtaken(fleet: ScriptedFleet, seed: int) -> None:
    rng = random.Random(seed)
    cars = [await fleet.car(f"car{i}", edge, 0.3) for i, edge in enumerate(("9", "4", "13"))]
    goals = sorted(CITY.destinations)
    bookings = [await fleet.book(rng.choice(goals), f"kiosk{i}") for i in range(12)]
    served: list[str] = []
    for _ in range(600):
        for booking in bookings:
            fleet.fleet.rides.presence.seen(booking.station_device_id, fleet.clocks.now_s)
        for car in cars:
            car.listens()
            if car.executor.mission is not None and rng.random() < 0.8:
                car.drives(0.3)
        await fleet.step(TURN_S)
        taken = [b for b in bookings if (await fleet.stored(b)).state is not BookingState.QUEUED]
        served += [b.id for b in taken if b.id not in served]
        if len(served) == len(bookings):
            break
    assert served == [b.id for b in bookings]


async def test_a_place_is_kept_while_the_visitor_stays_and_no_longer(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.book("museum", "rides")
    stays, leaves = [await fleet.book("museum", name) for name in ("stays", "leaves")]
    fleet.fleet.rides.presence.opened("stays")
    for _ in range(int(AWAY_S) + 2):
        await fleet.step(1.0)
    assert (await fleet.stored(stays)).state is BookingState.QUEUED
    gone = await fleet.stored(leaves)
    assert (gone.state, gone.reason) == (
        BookingState.CANCELLED,
        reason(ReasonCode.VISITOR_GONE, limit_s=AWAY_S),
    )


async def test_who_waits_where_no_car_can_come_is_told_so(fleet: ScriptedFleet) -> None:
    booking = await fleet.book("museum")
    assert fleet.fleet.view(booking).expected_wait_s is None
    ended = await within(fleet, NO_CAR_S, lambda b: not b.is_active, booking)
    assert ended.state is BookingState.FAILED
    assert ended.reason == reason(ReasonCode.NO_CAR, limit_s=NO_CAR_S)
    with pytest.raises(RequestRefusedError):
        await fleet.fleet.cancel(booking.id)


async def test_a_visitor_in_line_may_leave_it(fleet: ScriptedFleet) -> None:
    first, second = [await fleet.book("museum", f"kiosk{i}") for i in range(2)]
    await fleet.fleet.step()
    await fleet.fleet.cancel(first.id)
    await fleet.fleet.step()
    assert fleet.fleet.view(second).place_in_line == 1


async def test_who_asks_for_a_ride_has_the_whole_time_from_then_on(fleet: ScriptedFleet) -> None:
    await fleet.step(10 * AWAY_S)
    booking = await fleet.book("museum")
    await fleet.step(AWAY_S)
    assert (await fleet.stored(booking)).state is BookingState.QUEUED
    await fleet.step(0.1)
    assert (await fleet.stored(booking)).state is BookingState.CANCELLED


async def test_the_line_survives_a_server(
    fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fleet.car("car1", "9", 0.5)
    bookings = [await fleet.book("museum", f"kiosk{i}") for i in range(4)]
    async with scripted_fleet() as second:
        second.clocks.now_s = fleet.clocks.now_s + AWAY_S - 1.0
        await second.fleet.restore()
        await second.fleet.step()
        places = [second.fleet.view(b).place_in_line for b in bookings[1:]]
        assert places == [1, 2, 3]
        second.clocks.now_s += 5.0  # a new leader gives everybody the whole time to be heard
        await second.fleet.step()
        assert len(second.fleet._bookings.waiting) == 3


async def test_with_the_clock_put_back_a_station_is_shown_its_new_ride(
    fleet: ScriptedFleet,
) -> None:
    """The order of bookings is their sequence, not the time of day."""
    first = await fleet.book("museum")
    await fleet.fleet.cancel(first.id)
    fleet.fleet._bookings._epoch = lambda: first.created_s - 3600.0
    second = await fleet.book("landmark")
    assert second.created_s < first.created_s
    newest = await fleet.fleet.newest_booking("kiosk")
    assert newest is not None
    assert newest.id == second.id
    fresh = await fleet.store.newest_booking("kiosk")
    assert fresh is not None
    assert fresh.id == second.id


def figure(fleet: ScriptedFleet, name: str) -> float:
    """Return one of the figures for Prometheus."""
    text = fleet.fleet.metrics.text(fleet.fleet.state_now, [], True)[0].decode()
    (line,) = [line for line in text.splitlines() if line.startswith(f"pixelopolis_{name} ")]
    return float(line.rpartition(" ")[2])


async def test_the_expected_wait_is_the_mean_of_the_rides_and_of_what_the_town_is_like(
    fleet: ScriptedFleet,
) -> None:
    rides = fleet.fleet.rides
    typical_s = rides.ride_s
    car = await fleet.car("car1", "9", 0.5)
    took_s = []
    for goal in ("museum", "planetarium"):
        booking = await fleet.book(goal)
        await fleet.step(7.0)
        began_s = fleet.clocks.now_s
        await fleet.drive(car)
        await fleet.step(3.0)
        assert await fleet.state(booking) is BookingState.ARRIVED
        took_s.append(fleet.clocks.now_s - began_s)
        assert rides.ride_s == pytest.approx(
            (typical_s + figure(fleet, "ride_seconds_sum")) / (1 + len(took_s))
        )
    assert figure(fleet, "ride_seconds_count") == 2
    assert 0 < figure(fleet, "ride_seconds_sum") <= sum(took_s) + 14.0


async def test_what_was_waited_for_the_first_car_is_counted_once(fleet: ScriptedFleet) -> None:
    booking = await fleet.book("museum")
    await fleet.step(20.0)
    await fleet.car("car1", "9", 0.5)
    await fleet.step(5.0)
    assert (await fleet.stored(booking)).car_id == "car1"
    assert figure(fleet, "wait_for_car_seconds_count") == 1
    assert 20.0 <= figure(fleet, "wait_for_car_seconds_sum") <= 25.0


async def test_two_cars_that_come_serve_the_first_two_in_line_at_once(fleet: ScriptedFleet) -> None:
    bookings = [await fleet.book("museum", f"kiosk{i}") for i in range(3)]
    for name, edge in (("car1", "9"), ("car2", "4")):
        await fleet.car(name, edge, 0.3)
    await fleet.fleet.step()
    cars = [(await fleet.stored(booking)).car_id for booking in bookings]
    assert sorted(cars[:2]) == ["car1", "car2"]
    assert cars[2] == ""


async def test_who_wants_to_go_where_nothing_is_any_more_holds_nobody_up(
    fleet: ScriptedFleet,
) -> None:
    nowhere = await fleet.fleet._bookings.enqueue("one", "demolished", "en")
    second = await fleet.book("museum", "two")
    await fleet.car("car1", "9", 0.5)
    await fleet.fleet.step()
    ended = await fleet.stored(nowhere)
    assert (ended.state, ended.reason) == (
        BookingState.FAILED,
        reason(ReasonCode.UNKNOWN_DESTINATION, destination="demolished"),
    )
    assert (await fleet.stored(second)).car_id == "car1"


def test_a_ride_is_expected_to_take_half_as_long_again_as_on_empty_streets() -> None:
    streets = StreetGraph(CITY)
    goals = [Place(goal.edge, goal.s_m) for goal in CITY.destinations.values()]
    times_s = [
        route_time_s(CITY, find_route(CITY, start, end))
        for start, end in zip(goals, [*goals[1:], goals[0]], strict=True)
    ]
    assert typical_ride_s(streets) == pytest.approx(1.5 * sum(times_s) / len(times_s))
    lonely = replace(CITY, destinations={})
    assert typical_ride_s(StreetGraph(lonely)) == 10.0


async def test_an_order_that_ends_elsewhere_is_no_arrival(fleet: ScriptedFleet) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    await fleet.fleet.rides.take_arrival(Ended("car1", ride, arrived=False), 0.0)
    assert (await fleet.stored(booking)).is_active
    await fleet.fleet.rides.take_arrival(Ended("car1", ride, arrived=True), 0.0)
    assert await fleet.state(booking) is BookingState.ARRIVED


async def test_the_expected_wait_counts_no_car_that_is_out_of_service(fleet: ScriptedFleet) -> None:
    for name, edge in (("car1", "9"), ("car2", "4")):
        await fleet.car(name, edge, 0.3)
    rules = OperatorRules(duties={"car1": Duty.RETIRED})
    fleet.fleet.traffic = Traffic(fleet.fleet.traffic.cars, rules)
    first, second, third = [await fleet.book("museum", f"kiosk{i}") for i in range(3)]
    assert (first.car_id, second.car_id) == ("car2", "")
    waits_s = [fleet.fleet.view(b).expected_wait_s for b in (second, third)]
    assert waits_s[0] is not None
    assert waits_s[1] == pytest.approx(waits_s[0] + fleet.fleet.rides.ride_s, abs=0.1)


async def test_who_asks_for_a_booking_is_still_there(fleet: ScriptedFleet) -> None:
    booking = await fleet.book("museum")
    fleet.clocks.now_s += 40.0
    await fleet.fleet.booking(booking.id)
    now_s = fleet.clocks.now_s
    assert fleet.fleet.rides.presence.last_seen_s("kiosk", now_s) == now_s
