"""Tokens have their form, and what is stored does not tell them."""

from __future__ import annotations

import pytest

from server.identity.tokens import TokenKind, digest, kind_of, new_token


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_says_what_it_is_for_and_no_two_are_alike(kind: TokenKind) -> None:
    tokens = {new_token(kind) for _ in range(100)}
    assert len(tokens) == 100
    assert {kind_of(token) for token in tokens} == {kind}
    assert not any(token[4:] in digest(token) for token in tokens)


@pytest.mark.parametrize("text", ["", "pxs_", "pxs_" + "x" * 42, "pxq_" + "x" * 43, "x" * 47, "é"])
def test_other_text_is_no_token(text: str) -> None:
    assert kind_of(text) is None
