"""The pictures match their source, and every kind of place has one."""

import re
import xml.etree.ElementTree as ET

import pytest

from pixelopolis.city.sources import load_city
from station.artwork import draw
from tests.support.paths import ROOT

STATION = ROOT / "station"


@pytest.fixture(scope="module")
def pictures() -> dict[str, str]:
    return draw.pictures()


def test_the_shipped_pictures_are_those_of_the_source(pictures: dict[str, str]) -> None:
    shipped = {
        path.relative_to(draw.FOLDER).as_posix(): path.read_text("utf-8")
        for path in draw.FOLDER.rglob("*.svg")
    }
    assert shipped == pictures, "run: python -m station.artwork.draw"


def test_every_picture_is_well_formed_and_refers_to_nothing_outside(
    pictures: dict[str, str],
) -> None:
    for name, svg in pictures.items():
        root = ET.fromstring(svg)
        box = [float(value) for value in root.attrib["viewBox"].split()]
        assert min(box[2:]) > 10, name
        assert not re.search(r"(?<!xmlns=\")https?:", svg), name


def test_every_kind_of_place_in_the_town_has_a_picture(pictures: dict[str, str]) -> None:
    known = set(re.findall(r'"(\w+)"', re.findall(r"new Set\((.*)\)", map_source())[0]))
    assert {d.kind for d in load_city("pixelopolis").destinations.values()} <= known
    for kind in known | {"place"}:
        assert {f"tiles/{kind}.svg", f"sights/{kind}.svg"} <= set(pictures)


def map_source() -> str:
    return (STATION / "map.js").read_text("utf-8")
