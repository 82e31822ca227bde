"""The operators' API with real HTTP, database and login, and fake cars."""

from __future__ import annotations

from typing import Any

import pytest

from pixelopolis.city.route import Place
from server import operator_desk
from server.http.operators import fleet as operator_fleet
from server.identity.access import Role
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar
from tests.support.operators import log_in

Headers = dict[str, str]


@pytest.fixture
async def headers(desktop: Desktop, mongodb_uri: str, database: str) -> Headers:
    return await log_in(desktop.client, mongodb_uri, database, Role.OPERATOR)


async def ask(
    desktop: Desktop, headers: Headers, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    answer = await desktop.client.request(
        method, f"/api/operator{path}", json=body, headers=headers
    )
    return answer.status, await answer.json()


async def test_an_operator_sees_cars_bookings_and_waits(desktop: Desktop, headers: Headers) -> None:
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8), step_m=0.0))
    first, second = [await desktop.book(f"kiosk-{i}", "planetarium") for i in range(2)]
    status, fleet = await ask(desktop, headers, "GET", "/cars")
    assert status == 200
    (car,) = fleet["cars"]
    assert (car["id"], car["duty"], car["booking_id"]) == ("car1", "service", first["id"])
    assert (car["edges"][0], car["battery_pct"]) == ("1", 90.0)
    assert (car["speed_mps"], car["is_stopped"]) == (None, False)
    assert 0.0 <= car["report_age_s"] < 60.0
    _, answer = await ask(desktop, headers, "GET", "/bookings?count=5")
    listed = [(b["id"], b["sequence"], b["tried"]) for b in answer["bookings"]]
    assert listed == [(second["id"], 3, []), (first["id"], 2, [])], "the login was 1"
    _, answer = await ask(desktop, headers, "GET", "/waits")
    in_line = [w for w in answer["waits"] if w["booking_id"] == second["id"]]
    assert [(w["car_id"], w["reason_code"]) for w in in_line] == [(None, "in_line")]
    for count in ("0", "201", "many", "-1", "9" * 30):
        status, answer = await ask(desktop, headers, "GET", f"/bookings?count={count}")
        assert (status, answer["error"]["code"]) == (400, "invalid_count")


async def test_all_cars_are_stopped_and_resumed_and_it_is_written_down(
    desktop: Desktop, headers: Headers
) -> None:
    cars = [FakeCar(CITY, "car1", Place("1", 0.2)), FakeCar(CITY, "car2", Place("8", 0.2))]
    await desktop.drive_in(*cars)
    booking = await desktop.book("kiosk", "museum")
    await until(lambda: any(car.driving for car in cars))
    status, answer = await ask(desktop, headers, "POST", "/stop")
    assert (status, answer) == (200, {"confirmed": ["car1", "car2"]})
    assert all(car.stopped and not car.driving for car in cars)
    status, answer = await ask(desktop, headers, "POST", "/resume")
    assert (status, answer) == (200, {"confirmed": ["car1", "car2"]})
    await desktop.ends(booking["id"])
    _, answer = await ask(desktop, headers, "GET", "/audit")
    commands = [(e["operator"], e["action"], e["outcome"]) for e in answer["entries"]]
    assert commands == [("operator", word, "done") for word in ("resume", "stop", "login")]


async def test_a_car_that_does_not_stop_is_shouted(
    desktop: Desktop, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_desk, "READ_BACK_S", 0.3)
    good, deaf = FakeCar(CITY, "good", Place("1", 0.2)), FakeCar(CITY, "deaf", Place("8", 0.2))
    deaf.is_obedient = False
    await desktop.drive_in(good, deaf)
    status, answer = await ask(desktop, headers, "POST", "/stop")
    assert (status, answer["error"]["code"]) == (504, "not_confirmed")
    assert "by deaf." in answer["error"]["message"]
    await until(lambda: good.stopped)


async def test_commands_about_one_car_a_ride_and_a_street(
    desktop: Desktop, headers: Headers
) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2))
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk", "museum")
    status, ended = await ask(desktop, headers, "POST", f"/bookings/{booking['id']}/end")
    assert (status, ended["state"], ended["reason_code"]) == (
        200,
        "cancelled",
        "ended_by_operator",
    )
    for word in ("pause", "resume", "stop", "resume", "home", "park", "retire", "resume"):
        status, answer = await ask(desktop, headers, "POST", f"/cars/car1/{word}")
        assert status == 200, (word, answer)
    assert {"startPause", "stopPause", "emergencyStop"} <= set(car.actions)
    for word in ("close", "open"):
        status, _ = await ask(desktop, headers, "POST", f"/streets/9/{word}")
        assert status == 200
    await until(lambda: desktop.fleet.traffic.cars["car1"].ride is None)
    status, _ = await ask(desktop, headers, "POST", "/cars/car1/remove")
    assert status == 200
    _, fleet = await ask(desktop, headers, "GET", "/cars")
    assert [(c["duty"], c["state"], c["reason_code"]) for c in fleet["cars"]] == [
        ("removed", "blocked", "removed")
    ]
    status, _ = await ask(desktop, headers, "POST", "/cars/car1/place", {"edge": "1", "s_m": 0.2})
    assert status == 200
    await until(lambda: [c.state for c in desktop.fleet.cars()] == ["ready"])
    for path in ("/cars/nobody/pause", "/streets/nowhere/close", "/bookings/none/end"):
        assert (await ask(desktop, headers, "POST", path))[0] == 404
    status, answer = await ask(
        desktop, headers, "POST", "/cars/car1/place", {"edge": "1", "s_m": "far"}
    )
    assert (status, answer["error"]["code"]) == (400, "invalid_body")


async def test_a_viewer_sees_and_changes_nothing_and_a_stranger_not_even_that(
    desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    viewer = await log_in(desktop.client, mongodb_uri, database, Role.VIEWER)
    for op in operator_fleet.OPERATIONS:
        path = op.path.replace("{car}", "car1").replace("{edge}", "9").replace("{id}", "b")
        strange = await desktop.client.request(op.method, path)
        assert strange.status == 401, path
        seen = await desktop.client.request(op.method, path, headers=viewer)
        assert seen.status == (200 if op.method == "GET" else 403), path


@pytest.mark.parametrize("count", ["0000000011000000", "0" * 9 + "1" * 20, "1" + "0" * 5000, "201"])
async def test_no_number_gets_around_the_longest_list(
    desktop: Desktop, mongodb_uri: str, database: str, count: str
) -> None:
    viewer = await log_in(desktop.client, mongodb_uri, database, Role.VIEWER)
    for path in ("bookings", "audit"):
        answer = await desktop.client.get(f"/api/operator/{path}?count={count}", headers=viewer)
        assert answer.status == 400
