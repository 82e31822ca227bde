import json
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from pixelopolis.city.map_svg import MARGIN_M, TITLE_M, UNITS_PER_M, city_png, city_svg
from pixelopolis.city.model import City
from pixelopolis.city.road_layout import road_layout
from pixelopolis.city.signs import SIGN_CLASSES, sign_svg
from pixelopolis.city.sources import load_city
from pixelopolis.city.stroke_font import text_path, text_width
from pixelopolis.cli.main import app
from pixelopolis.errors import SettingsError

SVG = "{http://www.w3.org/2000/svg}"


def _pixel(png: bytes, city: City, x_m: float, y_m: float) -> tuple[int, int, int]:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    x0, _, x1, y1 = road_layout(city).platform.bounds
    scale = image.shape[1] / (x1 - x0 + 2 * MARGIN_M)
    red, green, blue = image[
        round((y1 + MARGIN_M + TITLE_M - y_m) * scale), round((x_m - x0 + MARGIN_M) * scale)
    ].tolist()
    return red, green, blue


@pytest.mark.parametrize("name", ["pixelopolis", "straight", "grid:2x2:1"])
def test_a_map_shows_every_node_sign_and_destination(name: str) -> None:
    city = load_city(name)
    root = ElementTree.fromstring(city_svg(city))
    radius = f"{0.058 * UNITS_PER_M:.1f}"
    discs = [c for c in root.iter(f"{SVG}circle") if c.get("r") == radius]
    assert len(discs) == len(city.nodes)
    assert len(list(root.iter(f"{SVG}svg"))) - 1 == len(city.signs)
    assert root.findtext(f"{SVG}title") == city.name
    assert city_svg(city) == city_svg(city)


def test_the_picture_has_the_colors_of_the_road() -> None:
    city = load_city("pixelopolis")
    png = city_png(city, 1600)
    edge = city.edges["3"]
    at = edge.curve.pose_at(edge.length_m * 0.78)
    half_m = city.road.lane_width_m / 2
    left, right = at.ahead(0.0, half_m), at.ahead(0.0, -half_m)
    road = at.ahead(0.0, half_m / 2)
    red = _pixel(png, city, left.x_m, left.y_m)
    blue = _pixel(png, city, right.x_m, right.y_m)
    assert red[0] > 180
    assert max(red[1:]) < 110
    assert blue[2] > 180
    assert blue[0] < 110
    assert min(_pixel(png, city, road.x_m, road.y_m)) > 240


def test_a_two_way_street_has_a_yellow_middle_in_the_picture() -> None:
    city = load_city("grid:2x1:2")
    png = city_png(city, 1600)
    divider = road_layout(city).dividers[0]
    middle = divider[2]  # 1 cm along its first dash
    red, green, blue = _pixel(png, city, *middle.tolist())
    assert red > 200
    assert green > 150
    assert blue < 120


def test_labels_are_as_wide_as_they_say() -> None:
    numbers = [
        float(n) for n in text_path("AB", 50, 20, 12).replace("M", " ").replace("L", " ").split()
    ]
    xs, ys = numbers[::2], numbers[1::2]
    assert max(xs) - min(xs) == pytest.approx(text_width("AB") * 2, abs=0.2)
    assert (min(ys), max(ys)) == (14.0, 26.0)
    assert text_path("ทด", 0, 0, 10) == ""


def test_every_sign_class_has_a_picture_of_its_own() -> None:
    pictures = {sign_svg(sign_class) for sign_class in SIGN_CLASSES}
    assert len(pictures) == len(SIGN_CLASSES) == 20
    for svg in pictures:
        root = ElementTree.fromstring(svg)
        assert root.get("viewBox") == "0 0 100 100"
        assert not list(root.iter(f"{SVG}text")), "letters are paths: fonts are not everywhere"


def test_no_two_signs_are_alike_at_sixteen_pixels() -> None:
    import resvg_py

    small = []
    for sign_class in SIGN_CLASSES:
        png = resvg_py.svg_to_bytes(svg_string=sign_svg(sign_class), width=128, height=128)
        image = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_COLOR)
        small.append(cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).astype(float))
    for i, one in enumerate(small):
        for other in small[:i]:
            assert np.abs(one - other).mean() > 18


def test_an_unknown_sign_class_has_no_picture() -> None:
    with pytest.raises(KeyError):
        sign_svg("Unicorn")


def test_draw_writes_the_kind_of_file_that_is_asked_for(tmp_path: Path) -> None:
    run = CliRunner().invoke
    svg, png = tmp_path / "town.svg", tmp_path / "town.png"
    assert run(app, ["city", "draw", "straight", "--out", str(svg)]).exit_code == 0
    assert (
        run(app, ["city", "draw", "straight", "--out", str(png), "--width", "400"]).exit_code == 0
    )
    assert ElementTree.fromstring(svg.read_text()).tag == f"{SVG}svg"
    assert cv2.imdecode(np.frombuffer(png.read_bytes(), np.uint8), 1).shape[1] == 400


@pytest.mark.parametrize("out", ["town.pdf", "no/such/folder/town.svg"])
def test_draw_refuses_what_it_cannot_write(out: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["city", "draw", "straight", "--out", str(tmp_path / out)])
    assert isinstance(result.exception, SettingsError)
    assert "town" in str(result.exception)


def test_check_counts_what_a_town_has() -> None:
    result = CliRunner().invoke(app, ["city", "check", "pixelopolis", "--json"])
    found = json.loads(result.stdout)
    assert (found["nodes"], found["edges"], found["signs"]) == (11, 15, 12)
    assert len(found["destinations"]) == 5


def test_check_names_every_fault_of_a_town(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    text = 'name = "bad"\n[road]\nstyle = "pink"\n[[node]]\nid = "a"\nx_m = "far"\ny_m = 0.0\n'
    file.write_text(text)
    result = CliRunner().invoke(app, ["city", "check", str(file)])
    assert result.exit_code == 1
    assert "bad.toml:3 road" in str(result.exception)
    assert "bad.toml:6 node[0].x_m" in str(result.exception)
