from __future__ import annotations

import math
from pathlib import Path

import pytest

from car.settings import CarSettings, load_settings
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.camera import Camera

WHOLE = """
id = "car1"
city = "pixelopolis"
cruise_mps = 0.15
model = "lane.tflite"
[start]
edge = "13"
s_m = 0.6
[camera]
source = "virtual:/run/car1.camera"
rotate_deg = 90
height_m = 0.21
[board]
port = "/dev/ttyACM0"
baud = 57600
[server]
url = "ws://desk.local:8080"
[stream]
host = "0.0.0.0"
public_host = "car1.local"
[detector]
model = "detector.tflite"
most_hz = 5
"""


def load(tmp_path: Path, text: str) -> CarSettings:
    path = tmp_path / "car.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_reads_everything_and_fills_in_the_rest(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    assert settings.id == "car1"
    assert settings.board.baud == 57600
    assert settings.model == tmp_path / "lane.tflite"
    assert settings.camera.mounting.height_m == 0.21
    assert settings.camera.mounting.across_rad == pytest.approx(Camera().across_rad)
    assert settings.stream.port == 0
    assert settings.detector.model == tmp_path / "detector.tflite"
    assert settings.detector.use
    assert settings.start_place(load_city("pixelopolis")) == Place("13", 0.6)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "car1"', "", "id: is missing"),
        ('id = "car1"', 'id = "a car"', "id: .*got 'a car'"),
        ("cruise_mps = 0.15", "cruise_mps = 3", "cruise_mps: .*got 3"),
        ("cruise_mps = 0.15", 'cruise_mps = "fast"', "cruise_mps: .*got 'fast'"),
        ("s_m = 0.6", "s_m = -1", r"start\.s_m: .*got -1"),
        ("s_m = 0.6", "s_m = nan", r"start\.s_m: .*got nan"),
        ("rotate_deg = 90", "rotate_deg = 45", r"camera\.rotate_deg: .*got 45"),
        ("baud = 57600", "baud = 300", r"board\.baud: .*got 300"),
        ("ws://desk", "http://desk", r"server\.url: .*got 'http://desk"),
        ("[stream]", "[stream]\nport = 70000", r"stream\.port: .*got 70000"),
        ("[stream]", "[stream]\ncolour = 1", r"stream\.colour: there is no such setting"),
        ("[start]", "[start", "is not TOML.*line 6"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in WHOLE
    with pytest.raises(SettingsError, match=said) as caught:
        load(tmp_path, WHOLE.replace(old, new))
    assert caught.value.next_step


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"id: is missing.*cruise_mps"):
        load(tmp_path, WHOLE.replace('id = "car1"', "").replace("0.15", "-1"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("edge", "s_m", "said"), [("99", 0.1, "'99'"), ("13", 5.0, "beyond the end")]
)
def test_a_start_outside_the_town_is_refused(
    tmp_path: Path, edge: str, s_m: float, said: str
) -> None:
    text = WHOLE.replace('edge = "13"', f'edge = "{edge}"').replace("s_m = 0.6", f"s_m = {s_m}")
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, text).start_place(load_city("pixelopolis"))


def test_the_fastest_cruise_is_what_the_motors_can(tmp_path: Path) -> None:
    fastest = load(tmp_path, WHOLE.replace("cruise_mps = 0.15", "cruise_mps = 0.2"))
    assert math.isclose(fastest.cruise_mps, 0.2)


def test_without_a_start_the_car_finds_itself_if_it_can_see(tmp_path: Path) -> None:
    nowhere = WHOLE.replace('[start]\nedge = "13"\ns_m = 0.6\n', "")
    settings = load(tmp_path, nowhere)
    assert settings.start_place(load_city("pixelopolis")) is None
    assert not settings.search
    with pytest.raises(SettingsError, match=r"car\.toml: .*no start is given"):
        load(tmp_path, nowhere.replace("[detector]", "[detector]\nuse = false"))


def test_an_original_board_needs_a_detector(tmp_path: Path) -> None:
    original = WHOLE.replace("baud = 57600", 'kind = "original"')
    assert load(tmp_path, original).board.kind == "original"
    with pytest.raises(SettingsError, match="tells no wheel angles"):
        load(tmp_path, original.replace("[detector]", "[detector]\nuse = false"))
