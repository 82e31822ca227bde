"""Rides from booking to arrival: real HTTP, WebSockets and database, fake cars."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo import AsyncMongoClient

import server.traffic.car_monitor
import server.traffic.ride_watch
from pixelopolis.city.route import Place
from pixelopolis.reasons import ReasonCode, reason
from tests.support.desktop import CITY, Desktop, running, until
from tests.support.fake_car import FakeCar


async def test_a_visitor_is_driven_to_the_destination(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.8))
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "planetarium")
    assert booking["state"] == "booked"
    assert (booking["car_id"], booking["station_device_id"]) == ("car1", "kiosk-1")
    await until(lambda: car.orders)
    first = car.orders[0]
    assert [edge.edge_id for edge in first.edges] == ["1", "2", "3", "4"]
    assert sum(node.released for node in first.nodes) <= 3, "bases are short"
    arrived = await desktop.ends(booking["id"])
    assert car.place == Place("4", round(CITY.destinations["planetarium"].s_m, 3))
    assert arrived["video_url"] == "http://car1/video"
    assert not car.rejections


async def test_the_booking_shows_the_way_and_its_signs(desktop: Desktop) -> None:
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8), step_m=0.0))
    booking = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: desktop.fleet.traffic.cars["car1"].ride)
    booking = await desktop.booking(booking["id"])
    assert booking["route"] == [
        {"node": "2", "turn": "straight", "signs": ["Korean"]},
        {"node": "3", "turn": "straight", "signs": ["Go"]},
        {"node": "4", "turn": "straight", "signs": ["Planetarium"]},
    ]
    start = CITY.edges["1"].curve.pose_at(0.8)
    assert booking["path_m"][0] == pytest.approx([start.x_m, start.y_m], abs=0.002)
    assert 10 < booking["eta_s"] < 60


async def test_the_nearest_car_comes_and_each_car_takes_one_visitor(desktop: Desktop) -> None:
    near, far = FakeCar(CITY, "near", Place("3", 0.1)), FakeCar(CITY, "far", Place("8", 0.5))
    await desktop.drive_in(near, far)
    first = await desktop.book("kiosk-1", "planetarium")
    second = await desktop.book("kiosk-2", "museum")
    assert (first["car_id"], second["car_id"]) == ("near", "far")
    await desktop.register("kiosk-3")
    third = await desktop.book("kiosk-3", "museum")
    assert (third["state"], third["car_id"], third["place_in_line"]) == ("queued", None, 1)
    assert third["expected_wait_s"] > 0
    await desktop.ends(first["id"])
    await desktop.ends(second["id"])
    arrived = await desktop.ends(third["id"])
    assert arrived["car_id"] in ("near", "far")
    assert arrived["place_in_line"] is None


async def test_a_parked_car_makes_way_and_stays_bookable(desktop: Desktop) -> None:
    parked, busy = FakeCar(CITY, "parked", Place("2", 0.1)), FakeCar(CITY, "busy", Place("1", 1.0))
    await desktop.drive_in(parked, busy)
    booking = await desktop.book("kiosk-1", "landmark")
    assert booking["car_id"] == "parked"
    other = await desktop.book("kiosk-2", "international-town")
    await desktop.ends(booking["id"])
    await desktop.ends(other["id"])
    again = await desktop.book("kiosk-1", "wedding-hall")
    await desktop.ends(again["id"])


async def test_many_rides_of_many_cars(desktop: Desktop) -> None:
    places = [Place("1", 0.8), Place("4", 0.8), Place("8", 0.8)]
    cars = [FakeCar(CITY, f"car{i}", place) for i, place in enumerate(places)]
    await desktop.drive_in(*cars)
    destinations = list(CITY.destinations)

    async def visitor(number: int) -> None:
        for i in range(3):
            booking = await desktop.book(f"kiosk-{number}", destinations[(number + 2 * i) % 5])
            await desktop.ends(booking["id"])

    await asyncio.gather(*(visitor(i) for i in range(3)))
    assert [list(car.rejections) for car in cars] == [[], [], []]


async def test_many_bookings_at_once_never_share_a_car(
    desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    cars = [
        FakeCar(CITY, f"car{i}", Place(edge, 0.1), step_m=0.0)
        for i, edge in enumerate(("1", "3", "5", "9"))
    ]
    await desktop.drive_in(*cars)
    stations = [f"kiosk-{i}" for i in range(12)]
    await asyncio.gather(*(desktop.register(station) for station in stations))
    # every station sends three requests at once
    answers = await asyncio.gather(*(desktop.ask(s, "museum") for s in stations * 3))
    booked = [answer for status, answer in answers if status == 201]
    taken = [b["car_id"] for b in booked if b["car_id"]]
    assert sorted(taken) == sorted(c.id for c in cars)
    assert sorted(b["station_device_id"] for b in booked) == sorted(stations)
    assert {s for s, _ in answers} == {201, 409}
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as client:
        bookings = client[database]["bookings"]
        assert await bookings.count_documents({"active": True}) == len(stations)
        assert await bookings.count_documents({"car_id": {"$gt": ""}}) == len(cars)


async def test_two_servers_on_one_database_never_share_a_car(
    desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    async with running(mongodb_uri, database) as other:
        await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8), step_m=0.0))
        for i in range(4):
            await desktop.register(f"kiosk-{i}")
        asks = [d.ask(f"kiosk-{i}", "museum") for i in range(4) for d in (desktop, other)]
        answers = await asyncio.gather(*asks)
        assert sorted(status for status, _ in answers) == [*[201] * 4, *[503] * 4]
        states = sorted(answer["state"] for status, answer in answers if status == 201)
        assert states == ["booked", "queued", "queued", "queued"]


async def test_cancelling_stops_the_car_and_frees_it(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.005)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "museum")
    await until(lambda: car.plan)
    status, answer = await desktop.cancel(booking["id"])
    assert (status, answer["state"]) == (200, "cancelled")
    await until(lambda: car.finished and car.cancels)
    await until(lambda: desktop.fleet.traffic.cars["car1"].ride is None)
    _, again = await desktop.cancel(booking["id"])
    assert again["state"] == "cancelled"
    car.step_m = 0.1
    await desktop.ends((await desktop.book("kiosk-1", "planetarium"))["id"])
    status, _ = await desktop.cancel(booking["id"])
    assert status == 200


async def test_a_lost_link_is_taken_up_again(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.02)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "museum")
    await until(lambda: car.distance_m > 1.0)
    await car.disconnect()
    car.step_m = 0.1
    await car.connect(desktop.client)
    await desktop.ends(booking["id"])
    assert len({order.order_id for order in car.orders}) == 1


async def test_a_silent_car_keeps_its_street_and_its_visitor_is_told(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.traffic.car_monitor, "LEASE_S", 0.3)
    monkeypatch.setattr(server.traffic.ride_watch, "GIVE_UP_S", 1.0)
    dead = FakeCar(CITY, "dead", Place("2", 0.1), step_m=0.0)
    alive = FakeCar(CITY, "alive", Place("8", 1.0))
    await desktop.drive_in(dead)
    lost = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: dead.plan)
    await dead.disconnect()
    await desktop.drive_in(alive)
    booking = await desktop.book("kiosk-2", "planetarium")
    queued = await desktop.becomes(lost["id"], "queued")
    assert queued["reason"] == "waits in line for another car instead of dead"
    waiting = await desktop.becomes(booking["id"], "waiting")
    assert waiting["reason"] == "edge 2 is held by dead, which is silent"
    shown = {car.id: car for car in desktop.fleet.cars()}
    assert (shown["dead"].state, shown["dead"].online) == ("offline", False)
    # it reconnects, gives up its old order, and both continue
    dead.step_m = 0.1
    await dead.connect(desktop.client)
    await desktop.ends(booking["id"])
    assert dead.cancels
    assert (await desktop.ends(lost["id"]))["car_id"] == "alive"


async def test_a_car_that_was_started_again_goes_on_from_where_it_is(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.02)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: car.distance_m > 0.5)
    await car.disconnect()
    car.restart(Place("1", 0.9))
    await car.connect(desktop.client)
    await desktop.ends(booking["id"])
    assert len({order.order_id for order in car.orders}) == 2


async def test_a_new_server_goes_on_with_the_rides_of_the_old_one(
    mongodb_uri: str, database: str
) -> None:
    cars = [
        FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.01),
        FakeCar(CITY, "car2", Place("5", 0.2), step_m=0.01),
    ]
    async with running(mongodb_uri, database) as first:
        await first.drive_in(*cars)
        bookings = [
            await first.book("kiosk-1", "planetarium"),
            await first.book("kiosk-2", "museum"),
        ]
        await until(lambda: all(car.distance_m > 0.6 for car in cars))
    for car in cars:
        car.move()  # they finish their bases while the server is down
        car.step_m = 0.1
    held = {car.id: [order.order_id for order in car.orders] for car in cars}
    async with running(mongodb_uri, database) as second:
        await second.register("kiosk-1")
        status, _ = await second.ask("kiosk-1", "museum")
        assert status == 409, "the station's ride goes on, and no car is free"
        await second.drive_in(*cars)
        for booking in bookings:
            arrived = await second.ends(booking["id"])
            assert arrived["car_id"] == booking["car_id"]
    for car in cars:
        assert {order.order_id for order in car.orders} == set(held[car.id])
        assert not car.rejections


async def test_cars_that_were_carried_to_each_others_places_are_believed(
    mongodb_uri: str, database: str
) -> None:
    one, two = FakeCar(CITY, "car1", Place("1", 0.5)), FakeCar(CITY, "car2", Place("5", 0.5))
    async with running(mongodb_uri, database) as first:
        await first.drive_in(one, two)
        await until(lambda: len(first.fleet.traffic.cars) == 2)
    one.restart(Place("5", 0.5))
    two.restart(Place("1", 0.5))
    async with running(mongodb_uri, database) as second:
        await second.drive_in(one, two)

        def places() -> dict[str, str]:
            return {car.id: car.place.edge for car in second.fleet.traffic.cars.values()}

        await until(lambda: places() == {"car1": "5", "car2": "1"})
        assert [car.state for car in second.fleet.cars()] == ["ready", "ready"]


async def test_a_car_that_is_not_on_its_way_gets_a_new_route_for_the_same_visitor(
    desktop: Desktop,
) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.02)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: car.distance_m > 0.5)
    car.carry(Place("9", 0.6))
    car.step_m = 0.1
    arrived = await desktop.ends(booking["id"])
    assert (arrived["id"], arrived["car_id"]) == (booking["id"], "car1")
    assert len({order.order_id for order in car.orders}) == 2
    assert car.orders[-1].edges
    again = next(o for o in car.orders if o.order_id == car.orders[-1].order_id)
    assert again.edges[0].edge_id == "9"
    assert car.place.edge == CITY.destinations["planetarium"].edge
    assert not car.rejections


async def test_a_car_on_an_edge_that_another_holds_waits_and_says_why(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.02)
    other = FakeCar(CITY, "car2", Place("9", 0.2), step_m=0.0)
    await desktop.drive_in(car, other)
    booking = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: car.distance_m > 0.5)
    car.carry(Place("9", 0.6))
    await desktop.becomes(booking["id"], "waiting")
    waiting = await desktop.booking(booking["id"])
    assert waiting["reason"] == "car1 says it is on edge 9, which car2 holds"
    assert "car1" not in desktop.fleet.traffic.cars, "what it held is free"
    other.restart(Place("5", 0.5))
    car.step_m = 0.1
    await desktop.ends(booking["id"])
    assert not car.rejections


async def test_a_lost_car_is_waited_for_until_it_knows_its_place_again(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.0)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: car.orders)
    car.localized = False
    await desktop.becomes(booking["id"], "waiting")
    await until(lambda: desktop.fleet.traffic.cars["car1"].frozen == reason(ReasonCode.LOST))
    assert (await desktop.booking(booking["id"]))["reason_code"] == ReasonCode.LOST
    car.localized, car.step_m = True, 0.1
    await desktop.ends(booking["id"])
    assert len({order.order_id for order in car.orders}) == 1


async def test_a_blocked_car_is_sent_another_way(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("9", 0.1))
    car.blocked = "11"
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "museum")
    await until(lambda: car.orders)
    assert [edge.edge_id for edge in car.orders[0].edges] == ["9", "11", "13", "7"]
    await desktop.ends(booking["id"])
    assert car.cancels == 1
    assert "11" not in [edge.edge_id for edge in car.orders[-1].edges]
    assert not car.rejections
    assert desktop.fleet.traffic.cars["car1"].blocked == (), "it drove again, so it is free"


async def test_a_blocked_car_without_another_way_waits_and_then_goes_on(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2))
    car.blocked = "2"
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: desktop.fleet.traffic.cars["car1"].blocked == ("2",))
    car.blocked = ""
    await desktop.ends(booking["id"])
    assert car.cancels == 0
    assert len({order.order_id for order in car.orders}) == 1
