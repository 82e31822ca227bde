from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from car.settings import CarSettings
from pixelopolis.cli.main import app
from pixelopolis.demo.city import DemoCity, DemoSettings, free_ports
from pixelopolis.errors import SettingsError
from pixelopolis.routing import Place


def settings(tmp_path: Path, **changes: object) -> DemoSettings:
    values = {"city": "pixelopolis", "cars": 1, "port": 8080, "seed": 3, "data": tmp_path}
    return DemoSettings(**{**values, **changes})  # type: ignore[arg-type]


def test_each_car_gets_settings_that_it_understands(tmp_path: Path) -> None:
    model = tmp_path / 'a "model".tflite'
    city = DemoCity(settings(tmp_path, model=model), lambda _: None)
    text = city._car_toml("car1", Place("13", 0.6), tmp_path, 8091)
    car = CarSettings.model_validate(tomllib.loads(text))
    assert car.id == "car1"
    assert car.camera.source == f"virtual:{tmp_path}/car1.camera"
    assert car.board.port == f"{tmp_path}/car1.bus"
    assert car.server.url == "ws://127.0.0.1:8080"
    assert (car.stream.port, car.seed, car.model) == (8091, 3, model)


async def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port: 127.0.0.1:{port}"):
            async with DemoCity(settings(tmp_path, port=port), lambda _: None):
                pass
    assert not (tmp_path / "logs").exists()


async def test_too_many_cars_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cars: 99"):
        async with DemoCity(settings(tmp_path, cars=99), lambda _: None):
            pass
    assert not (tmp_path / "logs").exists()


def test_free_ports_differ() -> None:
    assert len(set(free_ports("127.0.0.1", 8))) == 8


@pytest.mark.parametrize("command", ["demo", "car"])
def test_the_commands_are_there(command: str) -> None:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
