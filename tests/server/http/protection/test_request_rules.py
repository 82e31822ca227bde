"""Hosts, origins and rates of requests."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.refusals import RequestRefusedError
from server.http.protection.request_rules import REQUESTS, RequestRules


def status(headers: dict[str, str], *names: str) -> int:
    try:
        RequestRules(names).check(headers, "here", 0.0)
    except RequestRefusedError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "[::1]:8080", "localhost", "LOCALHOST:1", "192.0.2.7", "desk.local:8080"],
)
def test_addresses_and_names_of_ours_are_right(host: str) -> None:
    assert status({"Host": host}, "desk.local") == 200
    assert status({"Host": host, "Origin": f"http://{host}"}, "desk.local") == 200
    assert status({"Host": host, "Origin": f"https://{host}"}, "desk.local") == 200


def test_this_machines_name_is_right() -> None:
    assert status({"Host": f"{socket.gethostname()}:8080"}) == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "desk.local.evil.example", "127.0.0.1.evil.example", "[", "a:b", "é"],
)
def test_other_names_are_refused(host: str) -> None:
    assert status({"Host": host}, "desk.local") == 421


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:8081",
        "http://127.0.0.1:8080.evil.example",
        "http://user@127.0.0.1:8080",
        "127.0.0.1:8080",
        "file://127.0.0.1:8080",
        "http://[",
    ],
)
def test_pages_from_elsewhere_are_refused(origin: str) -> None:
    assert status({"Host": "127.0.0.1:8080", "Origin": origin}) == 403


@given(st.text(), st.text())
def test_any_text_is_answered(host: str, origin: str) -> None:
    assert status({"Host": host, "Origin": origin}) in (200, 403, 421)


def test_a_flood_from_one_address_is_refused_and_another_is_not() -> None:
    rules = RequestRules()
    for _ in range(int(REQUESTS.burst)):
        rules.check({"Host": "localhost"}, "flood", 0.0)
    with pytest.raises(RequestRefusedError) as refused:
        rules.check({"Host": "localhost"}, "flood", 0.0)
    assert refused.value.status == 429
    rules.check({"Host": "localhost"}, "elsewhere", 0.0)
