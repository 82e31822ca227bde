"""Enrollment codes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.identity.codes import LENGTH, LETTERS, new_code, read_code


def test_codes_are_not_alike_and_read_as_they_are() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(read_code(code) == code for code in codes)
    assert {len(code) for code in codes} == {LENGTH + 1}
    assert set("".join(codes)) - {"-"} <= set(LETTERS)


def test_a_code_may_be_typed_as_people_type() -> None:
    assert read_code(" o1l-i0 abc de ") == read_code("01110-ABCDE")


@given(st.text())
def test_any_text_has_a_form(text: str) -> None:
    assert read_code(read_code(text)) == read_code(text)
