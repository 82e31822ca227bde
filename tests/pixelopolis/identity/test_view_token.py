"""A token opens one live view for a minute."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.identity.view_token import SKEW_S, VALID_S, make_view_token, opens_view

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key()
NOW_S = 1_000_000.0
TOKEN = make_view_token(KEY, "car1", NOW_S)


def test_it_opens_its_camera_until_it_ends() -> None:
    assert opens_view(PUBLIC, TOKEN, "car1", NOW_S)
    assert opens_view(PUBLIC, TOKEN, "car1", NOW_S + VALID_S)
    assert not opens_view(PUBLIC, TOKEN, "car1", NOW_S + VALID_S + SKEW_S + 1)
    assert not opens_view(PUBLIC, TOKEN, "car2", NOW_S)


def test_it_is_of_no_use_to_a_car_whose_clock_is_far_behind() -> None:
    assert not opens_view(PUBLIC, TOKEN, "car1", NOW_S - 2 * SKEW_S - 1)


def test_another_server_cannot_make_it() -> None:
    foreign = make_view_token(Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)), "car1", NOW_S)
    assert not opens_view(PUBLIC, foreign, "car1", NOW_S)


@given(at=st.integers(0, len(TOKEN) - 1), char=st.characters(codec="utf-8"))
def test_a_changed_token_opens_nothing(at: int, char: str) -> None:
    changed = TOKEN[:at] + char + TOKEN[at + 1 :]
    assert opens_view(PUBLIC, changed, "car1", NOW_S) is (changed == TOKEN)


@given(st.text(max_size=400))
def test_any_text_is_answered(text: str) -> None:
    assert not opens_view(PUBLIC, text, "car1", NOW_S)
    assert not opens_view(PUBLIC, f"car1~{text}", "car1", NOW_S)
