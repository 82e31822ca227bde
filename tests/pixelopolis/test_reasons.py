"""The catalog of reasons: every code has a text, and survives storage and transport."""

from __future__ import annotations

import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.reasons import (
    CAUSE,
    MAX_TEXT,
    WORDS,
    Reason,
    ReasonCode,
    from_document,
    from_parts,
    held_by,
    other,
    reason,
)
from pixelopolis.vda5050.state import PowerSupply, State, waiting_info
from tests.support.paths import ROOT

NUMBERS = {"age_s": 0.64, "gap_m": 0.12, "limit_s": 1800.0}


def example(code: ReasonCode) -> Reason:
    names = [name for _, name, _, _ in string.Formatter().parse(WORDS[code]) if name]
    values: dict[str, str | float] = {name: NUMBERS.get(name, "x") for name in names}
    if CAUSE in values:
        values[CAUSE] = "silent"
    return Reason(code, values)


@pytest.mark.parametrize("code", ReasonCode)
def test_every_code_has_words_and_survives_a_database_and_a_message(code: ReasonCode) -> None:
    why = example(code)
    assert why.words
    assert "{" not in why.words
    assert from_document(json.loads(json.dumps(why.to_document()))) == why
    said = State.model_validate(
        {
            "header_id": 0,
            "timestamp": "2026-01-01T00:00:00Z",
            "serial_number": "car1",
            "last_node_id": "",
            "driving": False,
            "power_supply": PowerSupply(state_of_charge=1.0),
            "information": (waiting_info(why),),
        }
    )
    assert said.waiting_for == why


def test_a_value_that_the_words_need_must_be_given() -> None:
    with pytest.raises(ValueError, match="age_s"):
        reason(ReasonCode.PART_SILENT, part="camera")


def test_words_name_the_car_where_they_are_about_it() -> None:
    assert reason(ReasonCode.SILENT).of("car1") == "car1 is silent"
    assert reason(ReasonCode.EDGE_HELD, edge="2", car="car2").of("car1") == "edge 2 is held by car2"


def test_who_holds_an_edge_is_said_with_why_it_cannot_leave() -> None:
    assert held_by("2", "old", None).words == "edge 2 is held by old"
    broken = reason(ReasonCode.BROKEN, error="BOARD")
    assert held_by("2", "old", broken).words == "edge 2 is held by old, which is broken (BOARD)"


def test_numbers_are_no_news_and_texts_are() -> None:
    one = reason(ReasonCode.PART_SILENT, part="camera", age_s=0.6)
    assert one.kind == reason(ReasonCode.PART_SILENT, part="camera", age_s=9.9).kind
    assert one.kind != reason(ReasonCode.PART_SILENT, part="wheels", age_s=0.6).kind
    assert one.kind != reason(ReasonCode.PART_LATE, part="camera", age_s=0.6).kind


def test_words_of_an_older_database_are_kept() -> None:
    assert from_document("") is None
    assert from_document(None) is None
    assert from_document("car1 is silent") == other("car1 is silent")


@given(
    st.text(max_size=30) | st.sampled_from(ReasonCode),
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["age_s", "part", "cause", "car", "edge"]),
        st.none() | st.floats() | st.text(max_size=300) | st.sampled_from(ReasonCode),
        max_size=5,
    ),
    st.text(max_size=300),
)
def test_whatever_a_peer_sends_is_a_reason_with_words(
    code: str, values: dict[str, object], text: str
) -> None:
    why = from_parts(code, values, text)
    assert isinstance(why.words, str)
    if why.code is ReasonCode.OTHER:
        assert len(why.words) <= MAX_TEXT


def test_the_visitor_s_page_knows_exactly_these_codes() -> None:
    """The page has its own texts for codes; an unknown code would have none."""
    page = (ROOT / "station/reasons.js").read_text(encoding="utf-8")
    words = page.split("export const WORDS = ", 1)[1].split("\n}", 1)[0]
    known = re.findall(r"^ +([a-z_]+):", words, flags=re.MULTILINE)
    assert sorted(known) == sorted(str(code) for code in ReasonCode)
