"""The message catalogs: the same texts in every language, all used, none missing."""

import json
import re

import pytest

from pixelopolis.city.sources import load_city
from tests.support.paths import ROOT

STATION = ROOT / "station"
LANGUAGES = ("en", "ja", "th", "es", "ar")
SCRIPTS = {"ja": r"[぀-ヿ一-鿿]", "th": r"[฀-๿]", "ar": r"[؀-ۿ]"}
# keys that are composed of a prefix and a value of the server
STATES = ("queued", "booked", "driving", "waiting", "arrived", "cancelled", "failed")


def catalogue(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((STATION / f"i18n/{language}.json").read_text("utf-8"))
    return texts


def test_there_is_a_catalogue_for_every_language_that_the_page_offers() -> None:
    offered = re.findall(r'code: "(\w+)", name', (STATION / "i18n.js").read_text("utf-8"))
    assert tuple(offered) == LANGUAGES
    assert {path.stem for path in (STATION / "i18n").glob("*.json")} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same(language: str) -> None:
    english, texts = catalogue("en"), catalogue(language)
    assert list(texts) == list(english)
    for key, text in texts.items():
        assert text.strip(), key
        assert sorted(re.findall(r"{(\w+)}", text)) == sorted(re.findall(r"{(\w+)}", english[key]))
        if language in SCRIPTS:
            assert re.search(SCRIPTS[language], text), f"{key} is not in {language}: {text}"
        elif language != "en":
            assert text != english[key], f"{key} is still English"


def test_every_text_is_used_and_every_used_text_exists() -> None:
    page = (STATION / "index.html").read_text("utf-8")
    used = set(re.findall(r'data-t(?:-label)?="([\w.]+)"', page))
    for path in STATION.glob("*.js"):
        source = path.read_text("utf-8")
        for prefix in re.findall(r"`(\w+)\.\$\{", source):
            used |= {key for key in catalogue("en") if key.startswith(f"{prefix}.")}
        quoted = re.findall(r'"(\w+)\.([\w-]+)"', source)
        used |= {f"{kind}.{name}" for kind, name in quoted if kind in KINDS}
    assert used == set(catalogue("en"))


KINDS = {key.split(".")[0] for key in catalogue("en")}


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_ride_has_words(state: str) -> None:
    assert f"status.{state}" in catalogue("en")


def test_the_places_of_the_town_have_a_name_in_every_language() -> None:
    for destination in load_city("pixelopolis").destinations.values():
        assert set(destination.names) >= set(LANGUAGES), destination.id
