from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from car.settings import CarSettings
from pixelopolis.city.route import Place
from pixelopolis.cli import demo
from pixelopolis.cli.main import app
from pixelopolis.demo.city import DemoCity, DemoSettings
from pixelopolis.errors import SettingsError
from pixelopolis.folder_lock import lock_folder


def settings(tmp_path: Path, **changes: object) -> DemoSettings:
    values = {"city": "pixelopolis", "cars": 1, "port": 8080, "seed": 3, "data": tmp_path}
    return DemoSettings(**{**values, **changes})  # type: ignore[arg-type]


def test_each_car_gets_settings_that_it_understands(tmp_path: Path) -> None:
    model = tmp_path / 'a "model".tflite'
    city = DemoCity(settings(tmp_path, model=model), lambda _: None)
    city._tls_port = 8443
    text = city._car_toml("car1", Place("13", 0.6), tmp_path, 8091)
    car = CarSettings.model_validate(tomllib.loads(text))
    assert car.id == "car1"
    assert car.camera.source == f"virtual:{tmp_path}/car1.camera"
    assert car.board.port == f"{tmp_path}/car1.bus"
    assert car.server.url == "wss://127.0.0.1:8443"
    assert car.server.ca == tmp_path / "tls" / "ca.pem"
    assert (car.stream.port, car.seed, car.model) == (8091, 3, model)


async def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=f"--port: nothing can listen at '127.0.0.1', port {port}"
        ):
            async with DemoCity(settings(tmp_path, port=port), lambda _: None):
                pass
    assert not (tmp_path / "logs").exists()


async def test_too_many_cars_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cars: 99"):
        async with DemoCity(settings(tmp_path, cars=99), lambda _: None):
            pass
    assert not (tmp_path / "logs").exists()


def test_with_ipv6_addresses_stand_in_brackets(tmp_path: Path) -> None:
    city = DemoCity(settings(tmp_path, host="::1"), lambda _: None)
    city._tls_port = 8443
    car = CarSettings.model_validate(
        tomllib.loads(city._car_toml("car1", Place("13", 0.6), tmp_path, 8091))
    )
    assert car.server.url == "wss://[::1]:8443"
    assert (car.stream.host, car.stream.public_host) == ("::1", "::1")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_demo_that_did_not_begin_leaves_nothing(temporary: Path) -> None:
    ended = CliRunner().invoke(app, ["demo", "--cars", "99", "--port", "0"])
    assert isinstance(ended.exception, SettingsError)
    assert list(temporary.iterdir()) == []


def test_of_a_demo_that_failed_the_logs_stay_without_the_database(temporary: Path) -> None:
    with demo._temporary(lambda: False) as folder:
        for name in ("db/journal/log.1", "logs/server.log", "mongod.log"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("words")
    left = [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]
    assert sorted(left) == ["logs/server.log", "mongod.log"]
    with demo._temporary(lambda: True) as folder:
        (folder / "mongod.log").write_text("words")
    assert not folder.exists()


def test_two_demos_on_one_folder(tmp_path: Path) -> None:
    with lock_folder(tmp_path, "--data"):
        ended = CliRunner().invoke(app, ["demo", "--data", str(tmp_path), "--port", "0"])
    assert isinstance(ended.exception, SettingsError)
    assert f"--data {str(tmp_path)!r} is in use by process {os.getpid()} (" in str(ended.exception)


@pytest.mark.parametrize("command", ["demo", "car"])
def test_the_commands_are_there(command: str) -> None:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
