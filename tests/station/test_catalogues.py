"""The message catalogs: the same texts in every language, all used, none missing."""

import json
import re
from typing import Any

import pytest

from pixelopolis.city.model import LANGUAGES
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.paint import PAINTS
from tests.support.paths import ROOT

STATION = ROOT / "station"
SCRIPTS = {
    "ja": r"[぀-ヿ一-鿿]",
    "th": r"[฀-๿]",
    "ar": r"[؀-ۿ]",
    "ko": r"[가-힣]",
    "zh": r"[一-鿿]",
    "hi": r"[ऀ-ॿ]",
}
SAME_AS_ENGLISH = {"sign.Tokyo_tower", "sign.Museum", "sign.Planetarium"}
"""Names that some languages share with English."""
# keys that are composed of a prefix and a value of the server
STATES = ("queued", "booked", "driving", "waiting", "arrived", "cancelled", "failed")


def catalogue(language: str) -> dict[str, Any]:
    texts: dict[str, Any] = json.loads((STATION / f"i18n/{language}.json").read_text("utf-8"))
    return texts


def test_there_is_a_catalogue_for_every_language_that_the_page_offers() -> None:
    offered = re.findall(r'code: "(\w+)", name', (STATION / "i18n.js").read_text("utf-8"))
    assert tuple(offered) == LANGUAGES
    assert {path.stem for path in (STATION / "i18n").glob("*.json")} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same(language: str) -> None:
    english, texts = catalogue("en"), catalogue(language)
    assert list(texts) == list(english)
    for key, entry in texts.items():
        assert isinstance(entry, dict) == isinstance(english[key], dict), key
        places = sorted(re.findall(r"{(\w+)}", " ".join(forms(english[key])[:1])))
        for text in forms(entry):
            assert text.strip(), key
            assert sorted(re.findall(r"{(\w+)}", text)) == places, key
            if language in SCRIPTS:
                assert re.search(SCRIPTS[language], text), f"{key} is not in {language}: {text}"
            elif language != "en" and key not in SAME_AS_ENGLISH:
                assert text not in forms(english[key]), f"{key} is still English"


def forms(entry: str | dict[str, str]) -> list[str]:
    """Return the texts of an entry: one, or one for each plural category."""
    return list(entry.values()) if isinstance(entry, dict) else [entry]


def test_every_text_is_used_and_every_used_text_exists() -> None:
    page = (STATION / "index.html").read_text("utf-8")
    used = set(re.findall(r'data-t(?:-label)?="([\w.-]+)"', page))
    for path in STATION.glob("*.js"):
        source = path.read_text("utf-8")
        for prefix in re.findall(r"`(\w+)\.\$\{", source):
            used |= {key for key in catalogue("en") if key.startswith(f"{prefix}.")}
        quoted = re.findall(r'"(\w+)\.([\w-]+)"', source)
        used |= {f"{kind}.{name}" for kind, name in quoted if kind in KINDS}
    assert used == set(catalogue("en"))


KINDS = {key.split(".")[0] for key in catalogue("en")}


def test_every_sign_and_every_color_of_a_car_has_a_name() -> None:
    texts = catalogue("en")
    assert {key for key in texts if key.startswith("sign.")} == {f"sign.{n}" for n in SIGN_CLASSES}
    assert {key for key in texts if key.startswith("color.")} == {f"color.{p.name}" for p in PAINTS}


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_ride_has_words(state: str) -> None:
    assert f"status.{state}" in catalogue("en")


def test_the_places_of_the_town_have_a_name_in_every_language() -> None:
    for destination in load_city("pixelopolis").destinations.values():
        assert set(destination.names) >= set(LANGUAGES), destination.id
