"""The event of all cars is made once for all stations."""

from __future__ import annotations

import json

import pytest

from pixelopolis.city.route import Place
from server.http.cars_text import CarsText
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar


async def test_a_turn_of_the_loop_makes_one_text_however_many_ask(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.5)))
    texts, made, cars = CarsText(), 0, desktop.fleet.cars

    def counted() -> object:
        nonlocal made
        made += 1
        return cars()

    monkeypatch.setattr(desktop.fleet, "cars", counted)
    said = {texts.of(desktop.fleet) for _ in range(100)}
    assert (len(said), made) == (1, 1)
    assert [car["id"] for car in json.loads(said.pop())["cars"]] == ["car1"]
    turn = desktop.fleet.turns
    await until(lambda: desktop.fleet.turns > turn)
    texts.of(desktop.fleet)
    assert made == 2
