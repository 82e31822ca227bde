"""Nonces are valid once, for a short time, and cost no memory before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.identity.signatures import from_text
from server.identity.nonces import VALID_S, Nonces


def test_a_nonce_is_valid_once_and_for_its_time() -> None:
    nonces = Nonces()
    nonce = nonces.make(100.0)
    assert nonces.is_valid(nonce, 100.0)
    assert nonces.is_valid(nonce, 100.0 + VALID_S - 0.1)
    assert not nonces.is_valid(nonce, 100.0 + VALID_S)
    assert not nonces.is_valid(nonce, 99.0)
    nonces.use(nonce, 100.0)
    assert not nonces.is_valid(nonce, 100.1)


def test_a_nonce_has_its_time_16_random_bytes_and_a_code_of_16() -> None:
    nonce = Nonces().make(100.0)
    assert len(from_text(nonce)) == 8 + 16 + 16
    assert len({Nonces().make(100.0) for _ in range(5)}) == 5


def test_another_server_cannot_make_one() -> None:
    assert not Nonces().is_valid(Nonces().make(100.0), 100.0)


def test_asking_costs_no_memory_and_what_is_used_is_forgotten_once_it_would_have_ended() -> None:
    nonces = Nonces()
    for _ in range(1000):
        nonces.make(100.0)
    assert nonces._used == {}
    for second in range(100):
        nonces.use(nonces.make(float(second)), float(second))
    assert len(nonces._used) <= VALID_S + 1


@given(at=st.integers(0, 53), char=st.sampled_from("AZaz09-_"))
def test_a_changed_nonce_is_none(at: int, char: str) -> None:
    nonces = Nonces()
    nonce = nonces.make(100.0)
    changed = nonce[:at] + char + nonce[at + 1 :]
    assert nonces.is_valid(changed, 100.0) is (changed == nonce)


@given(st.text(max_size=100))
def test_any_text_is_answered(text: str) -> None:
    assert not Nonces().is_valid(text, 100.0)


def test_a_used_nonce_stays_used_whatever_others_use_meanwhile() -> None:
    nonces = Nonces()
    first = nonces.make(100.0)
    nonces.use(first, 100.0)
    for second in range(1, int(VALID_S)):
        nonces.use(nonces.make(100.0 + second), 100.0 + second)
        assert not nonces.is_valid(first, 100.0 + second)
