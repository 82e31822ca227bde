"""Operators' commands on a server with scripted cars, clocks by hand, and a fake database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from pixelopolis.city.route import Place
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.state import SafetyState
from server import operator_desk as module
from server.booking import BookingState
from server.operator_desk import EVERYBODY, OperatorDesk
from server.storage.audit import AuditLog
from server.traffic.operator_rules import Duty
from server.traffic.reservations import Car
from server.views.operator_views import waits_view
from tests.support.fake_mongo import FakeMongo
from tests.support.scripted_fleet import CITY, ScriptedFleet, scripted_fleet

ADA = "ada"


@pytest.fixture
def desk(fleet: ScriptedFleet) -> OperatorDesk:
    return OperatorDesk(fleet.fleet, AuditLog(fleet.store.database, CITY.name), lambda: 5000.0)


async def done_while_cars_report(
    fleet: ScriptedFleet, work: Awaitable[Any]
) -> tuple[Any, list[str]]:
    """Carry out a command while every car reports; return the outcome and the actions they got."""
    task = asyncio.ensure_future(work)
    kinds: list[str] = []
    for _ in range(50):
        await asyncio.sleep(0)
        for car in fleet.cars.values():
            kinds += [action.action_type for each in car.cancels for action in each.actions]
            car.listens()
            car.says()
        await fleet.fleet.step()
        if task.done():
            break
    return await task, kinds


async def test_a_paused_car_stands_until_it_is_resumed(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    outcome, kinds = await done_while_cars_report(fleet, desk.pause(ADA, "car1"))
    assert (outcome.confirmed, "startPause" in kinds) == (("car1",), True)
    assert fleet.fleet.traffic.cars["car1"].frozen == reason(ReasonCode.HALTED)
    stored = await fleet.store.load_traffic()
    assert stored.rules.paused == {"car1"}
    assert (await fleet.state(booking)) is BookingState.WAITING
    outcome, kinds = await done_while_cars_report(fleet, desk.resume(ADA, "car1"))
    assert (outcome.confirmed, "stopPause" in kinds) == (("car1",), True)
    await fleet.drive(fleet.cars["car1"])
    assert await fleet.state(booking) is BookingState.ARRIVED


async def test_a_car_that_does_not_pause_is_told_again_and_shouted(
    fleet: ScriptedFleet,
    desk: OperatorDesk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "READ_BACK_S", 0.05)
    car = await fleet.car("car1", "9", 0.5)
    with pytest.raises(RequestRefusedError) as caught:
        await desk.pause(ADA, "car1")
    assert (caught.value.status, caught.value.word) == (504, "not_confirmed")
    assert "car1" in caught.value.message
    assert [r.levelno for r in caplog.records if "NOT CONFIRMED" in r.message] == [logging.CRITICAL]
    for _ in range(3):
        await fleet.step(2.0)
    assert len(car.cancels) >= 3, "it is told again and again"
    assert fleet.fleet.traffic.cars["car1"].frozen == reason(ReasonCode.HALTED)
    (entry,) = await desk.audit.newest(10)
    assert (entry.operator, entry.action, entry.outcome) == (ADA, "pause", "not_confirmed")


async def test_a_stopped_car_loses_its_ride_to_another_one(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    await fleet.car("car2", "4", 0.3)
    stopped = SafetyState(active_emergency_stop="REMOTE")
    fleet.cars["car1"].changes = {"safety_state": stopped}
    outcome, kinds = await done_while_cars_report(fleet, desk.stop(ADA, "car1"))
    assert "emergencyStop" in kinds
    assert outcome.confirmed == ("car1",)
    await fleet.step()
    stored = await fleet.stored(booking)
    assert (stored.car_id, stored.tried) == ("car2", ("car1",))


async def test_stop_all_names_every_car_that_has_not_confirmed(
    fleet: ScriptedFleet, desk: OperatorDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_BACK_S", 0.05)
    for name, edge in (("car1", "9"), ("car2", "4"), ("gone", "13")):
        await fleet.car(name, edge, 0.5)
    fleet.fleet.car_disconnected(fleet.cars["gone"].link)
    del fleet.cars["gone"]
    with pytest.raises(RequestRefusedError) as caught:
        await desk.stop_all(ADA)
    assert "car1, car2, gone" in caught.value.message, "who is not connected may drive too"
    assert (await fleet.store.load_traffic()).rules.is_halted, "it is stopped all the same"
    for car in fleet.cars.values():
        kinds = [action.action_type for each in car.cancels for action in each.actions]
        assert kinds[0] == "emergencyStop"
    booking = await fleet.book("museum")
    await fleet.step()
    assert (await fleet.stored(booking)).state is BookingState.QUEUED
    outcome, _ = await done_while_cars_report(fleet, desk.resume_all(ADA))
    assert outcome.confirmed == ("car1", "car2")
    await fleet.step()
    assert (await fleet.stored(booking)).state is not BookingState.QUEUED
    entries = await desk.audit.newest(10)
    assert [(e.action, e.target, e.outcome) for e in entries] == [
        ("resume", EVERYBODY, "done"),
        ("stop", EVERYBODY, "not_confirmed"),
    ]


async def test_a_retired_car_ends_its_ride_and_gets_no_other(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    car = await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("planetarium")
    await fleet.fleet.step()
    await desk.retire(ADA, "car1")
    await fleet.drive(car)
    assert await fleet.state(booking) is BookingState.ARRIVED
    assert (await fleet.book("museum")).state is BookingState.QUEUED
    (view,) = fleet.fleet.cars()
    assert (view.state, view.reason_code) == ("out_of_service", ReasonCode.RETIRED)
    await done_while_cars_report(fleet, desk.resume(ADA, "car1"))
    assert fleet.fleet._bookings.waiting == []


async def test_a_car_parks_out_of_the_way_and_one_that_is_sent_home_goes_there(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    goals = {goal.edge for goal in CITY.destinations.values()}
    at_goal = sorted(goals)[0]
    car = await fleet.car("car1", at_goal, 0.1)
    await desk.park(ADA, "car1")
    await fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert ride.reason == reason(ReasonCode.GOES_TO_PARK)
    await fleet.drive(car)
    parked = fleet.fleet.traffic.cars["car1"].place.edge
    assert parked not in goals
    assert (await fleet.book("museum")).state is BookingState.QUEUED
    await done_while_cars_report(fleet, desk.resume(ADA, "car1"))


async def test_a_car_is_sent_home_after_its_ride(fleet: ScriptedFleet, desk: OperatorDesk) -> None:
    car = await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("planetarium")
    await fleet.fleet.step()
    await desk.send_home(ADA, "car1")
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert ride.booking_id == booking.id, "first its visitor"
    while await fleet.state(booking) is not BookingState.ARRIVED:
        car.listens()
        car.drives(0.3)
        await fleet.step(0.5)
    await fleet.drive(car)
    assert fleet.fleet.traffic.cars["car1"].place.edge in fleet.fleet.orders.homes
    assert fleet.fleet.traffic.rules.errands == {}


async def test_a_removed_car_frees_its_street_whatever_it_reports(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    await fleet.car("broken", "11", 0.1)
    await desk.remove(ADA, "broken")
    for _ in range(3):
        await fleet.step(0.5)
    assert "broken" not in fleet.fleet.traffic.cars
    await fleet.car("car1", "9", 0.5)
    await fleet.book("museum")
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert "11" in ride.route.edges
    await desk.place(ADA, "broken", "4", 0.3)
    assert fleet.fleet.traffic.rules.duty_of("broken") is Duty.SERVICE
    assert fleet.fleet.traffic.cars["broken"].place == Place("4", 0.3)


async def test_a_car_that_was_set_aside_is_placed_and_trusted_again(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    """It stood idle at a junction and kept its streets for ever."""
    car = await fleet.car("liar", "9", 0.5)
    await fleet.book("museum")
    await fleet.fleet.step()
    car.listens()
    car.drives(0.2)
    await fleet.fleet.step()
    at_node = CITY.edges["9"].to_node
    car.changes = {"node_states": (), "edge_states": (), "last_node_id": at_node}
    for _ in range(250):
        await fleet.step(0.5)
    liar = fleet.fleet.traffic.cars["liar"]
    assert liar.frozen is not None
    assert liar.ride is not None
    await desk.place(ADA, "liar", "4", 0.3)
    car.changes = {}
    car.place = Place("4", 0.3)
    car.__post_init__()
    await fleet.step(0.5)
    liar = fleet.fleet.traffic.cars["liar"]
    assert (liar.place, liar.ride, liar.frozen) == (Place("4", 0.3), None, None)
    assert (await fleet.book("planetarium", "other")).car_id == "liar"


async def test_a_closed_street_is_entered_by_nobody(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    car = await fleet.car("car1", "9", 0.5)
    await desk.close_street(ADA, "11")
    await fleet.book("museum")
    await fleet.fleet.step()
    ride = fleet.fleet.traffic.cars["car1"].ride
    assert ride is not None
    assert "11" not in ride.route.edges
    await fleet.drive(car)
    museum = CITY.destinations["museum"].edge
    await desk.close_street(ADA, museum)
    with pytest.raises(RequestRefusedError) as caught:
        await fleet.book("museum", "other")
    assert "street is closed" in caught.value.message
    await desk.open_street(ADA, museum)
    await fleet.book("museum", "other")


async def test_a_street_that_is_closed_ahead_of_a_ride_lets_it_wait_and_says_why(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    """The only way: nothing is granted into it, and the visitor's car goes on when it is open."""
    car = await fleet.car("car1", "1", 0.3)
    await fleet.book("planetarium")
    await desk.close_street(ADA, "2")
    await fleet.fleet.step()
    car.listens()
    for _ in range(20):
        car.drives(0.3)
        await fleet.step(0.5)
        car.listens()
    assert fleet.fleet.waits["car1"].reason == reason(ReasonCode.STREET_CLOSED, edge="2")
    await desk.open_street(ADA, "2")
    await fleet.drive(car)


async def test_an_operator_is_told_who_waits_for_what_and_how_long(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    car = await fleet.car("car1", "1", 0.3)
    first = await fleet.book("planetarium")
    second = await fleet.book("planetarium", "other")
    await desk.close_street(ADA, "2")
    await fleet.fleet.step()
    car.listens()
    for _ in range(20):
        car.drives(0.3)
        await fleet.step(0.5)
        car.listens()
    view = waits_view(fleet.fleet.state_now, fleet.fleet.bookings, fleet.clocks.now_s)
    on_street, in_line = view.waits
    assert (on_street.car_id, on_street.booking_id) == ("car1", first.id)
    assert on_street.reason_code is ReasonCode.STREET_CLOSED
    assert on_street.waits_s is not None
    assert 0.0 < on_street.waits_s <= 10.0
    assert (in_line.car_id, in_line.booking_id) == (None, second.id)
    assert in_line.reason_code is ReasonCode.IN_LINE


async def test_an_operator_ends_a_ride(fleet: ScriptedFleet, desk: OperatorDesk) -> None:
    await fleet.car("car1", "9", 0.5)
    booking = await fleet.book("museum")
    ended = await desk.end_ride(ADA, booking.id)
    assert ended.state is BookingState.CANCELLED
    assert ended.reason == reason(ReasonCode.ENDED_BY_OPERATOR)


@pytest.mark.parametrize(
    ("command", "status", "word"),
    [
        (lambda desk: desk.pause(ADA, "nobody"), 404, "unknown_car"),
        (lambda desk: desk.place(ADA, "car1", "99", 0.1), 404, "unknown_street"),
        (lambda desk: desk.place(ADA, "car1", "9", 9.0), 400, "invalid_place"),
        (lambda desk: desk.place(ADA, "car1", "4", 0.1), 409, "edge_taken"),
        (lambda desk: desk.close_street(ADA, "99"), 404, "unknown_street"),
        (lambda desk: desk.end_ride(ADA, "none"), 404, "unknown_booking"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_written_down(
    fleet: ScriptedFleet,
    desk: OperatorDesk,
    command: Callable[[OperatorDesk], Awaitable[Any]],
    status: int,
    word: str,
) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.car("car2", "4", 0.5)
    before = fleet.fleet.traffic
    with pytest.raises(RequestRefusedError) as caught:
        await command(desk)
    assert (caught.value.status, caught.value.word) == (status, word)
    assert fleet.fleet.traffic == before
    (entry,) = await desk.audit.newest(5)
    assert (entry.outcome, entry.at_s, entry.details) == (word, 5000.0, caught.value.message)


async def test_what_could_not_be_stored_is_not_done(
    fleet: ScriptedFleet, desk: OperatorDesk, mongo: FakeMongo
) -> None:
    await fleet.car("car1", "9", 0.5)
    mongo.is_down = True
    with pytest.raises(OperationFailure):
        await fleet.fleet.change_traffic(lambda traffic: traffic.without("car1"))
    mongo.is_down = False
    assert fleet.fleet._reload_due
    await fleet.fleet._reload()
    assert "car1" in fleet.fleet.traffic.cars


async def test_a_command_that_another_server_forestalls_is_refused_and_can_be_given_again(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    await fleet.car("car1", "9", 0.5)
    await fleet.fleet.step()
    async with scripted_fleet() as other:
        await other.fleet.change_traffic(lambda traffic: traffic.put(Car("car2", Place("4", 0.3))))
    with pytest.raises(RequestRefusedError) as caught:
        await desk.close_street("ada", "13")
    assert (caught.value.status, caught.value.word) == (409, "changed_meanwhile")
    assert set(fleet.fleet.traffic.cars) == {"car1", "car2"}
    await desk.close_street("ada", "13")
    assert fleet.fleet.traffic.rules.closed_edges == {"13"}


async def test_a_car_that_drives_is_not_placed_and_keeps_its_streets(
    fleet: ScriptedFleet, desk: OperatorDesk
) -> None:
    car = await fleet.car("car1", "9", 0.5)
    await fleet.book("museum")
    await fleet.fleet.step()
    car.listens()
    car.drives(0.2)
    car.says(driving=True)
    await fleet.fleet.step()
    before = fleet.fleet.traffic.cars["car1"]
    with pytest.raises(RequestRefusedError) as caught:
        await desk.place(ADA, "car1", "4", 0.3)
    assert (caught.value.status, caught.value.word) == (409, "car_drives")
    assert fleet.fleet.traffic.cars["car1"] == before
    car.says(driving=False)
    await fleet.fleet.step()
    await desk.place(ADA, "car1", "4", 0.3)
    assert fleet.fleet.traffic.cars["car1"].place == Place("4", 0.3)
