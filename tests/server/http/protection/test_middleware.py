"""Errors are the promised JSON, headers are on every answer, and connections have limits.

The first tests are faults that strangers found: some answers were 500, in plain text.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from yarl import URL

from server.http.protection.middleware import HEADERS
from tests.support.credentials import enroll, link_headers, station_headers
from tests.support.desktop import Desktop

JSON = "application/json"
STRANGE: list[tuple[str, str, Any, str, set[int]]] = [
    # method, path, body, Content-Type, statuses
    ("POST", "/api/stations", b'{"device_id": "k"}', f"{JSON}; charset=foo", {415}),
    ("POST", "/api/stations", b'{"device_id": "k"}', "text/plain; charset=utf-99", {415}),
    ("POST", "/api/stations", b'{"device_id": "k"}', "", {415}),
    ("POST", "/api/stations", b"\xff\xfe", JSON, {400}),
    ("POST", "/api/operator/login", b"\xff\xfe", f"{JSON}; charset=utf-16", {415}),
    ("POST", "/api/stations", b'{"device_id": "\\ud800"}', JSON, {400}),
    ("GET", "/%00", None, "", {404}),
    ("GET", "/a%00.js", None, "", {404}),
    ("GET", f"/{'a' * 300}", None, "", {404}),
    ("GET", f"/{'a' * 300}.js", None, "", {404}),
    ("GET", f"/{'%c3%a9' * 300}.js", None, "", {404}),
    ("GET", "/%ff%fe.js", None, "", {404}),
    ("GET", f"/api/bookings/{'a' * 300}", None, "", {404}),
    ("GET", "/api/bookings/%00", None, "", {404}),
    ("DELETE", "/api/bookings/%ED%A0%80", None, "", {404}),
    ("POST", f"/api/bookings/{'a' * 300}/view", None, "", {404}),
    ("POST", f"/api/cars/{'a' * 300}/challenge", None, "", {400}),
    ("POST", "/api/cars/%00/challenge", None, "", {400}),
    ("PUT", "/api/city", None, "", {405}),
    ("GET", "/api/bookings", None, "", {405}),
]


@pytest.mark.parametrize(("method", "path", "body", "kind", "statuses"), STRANGE)
async def test_every_error_is_json_with_code_message_and_next_step(
    desktop: Desktop, method: str, path: str, body: Any, kind: str, statuses: set[int]
) -> None:
    headers = await station_headers(desktop.client, "kiosk")
    url = URL(f"{str(desktop.client.make_url('/')).rstrip('/')}{path}", encoded=True)
    said = {**headers, "Content-Type": kind} if kind else headers
    skip = () if kind else ("Content-Type",)
    async with desktop.client.session.request(
        method, url, data=body, headers=said, skip_auto_headers=skip
    ) as answer:
        assert answer.status in statuses
        assert answer.content_type == JSON
        error = (await answer.json())["error"]
    assert set(error) == {"code", "message", "next_step"}
    assert all(error.values())


@pytest.mark.parametrize("path", ["/api/city", "/healthz", "/nothing", "/api/operator/whoami"])
async def test_every_answer_tells_browsers_what_it_may_do(desktop: Desktop, path: str) -> None:
    answer = await desktop.client.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Strict-Transport-Security" not in answer.headers, "only with TLS"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("said", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_pages_from_elsewhere_get_nothing_even_with_good_credentials(
    desktop: Desktop, said: dict[str, str]
) -> None:
    station = await station_headers(desktop.client, "kiosk")
    await enroll(desktop.client, "car1")
    for path in ("/", "/api/city", "/api/station", "/healthz"):
        answer = await desktop.client.get(path, headers=station | said)
        assert answer.status in (403, 421), path
    book = {"station_device_id": "kiosk", "destination_id": "museum"}
    answer = await desktop.client.post("/api/bookings", json=book, headers=station | said)
    assert answer.status in (403, 421)
    car = await link_headers(desktop.client, "car1")
    for path, headers in (("/api/events", station), ("/api/cars/car1/link", car)):
        with pytest.raises(WSServerHandshakeError) as refused:
            await desktop.client.ws_connect(path, headers=headers | said)
        assert refused.value.status in (403, 421)
    assert desktop.fleet.links == {}
    assert desktop.fleet.bookings == []


async def test_a_browser_is_no_car_even_on_our_own_page(desktop: Desktop) -> None:
    await enroll(desktop.client, "car1")
    own = str(desktop.client.make_url("/")).rstrip("/")
    headers = await link_headers(desktop.client, "car1") | {"Origin": own}
    with pytest.raises(WSServerHandshakeError) as refused:
        await desktop.client.ws_connect("/api/cars/car1/link", headers=headers)
    assert refused.value.status == 403


# --- connections --------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity"])
async def test_a_body_in_another_coding_is_refused_and_not_undone(
    desktop: Desktop, coding: str
) -> None:
    async with desktop.client.session.post(
        desktop.client.make_url("/api/stations"),
        data=b"abcde",
        headers={"Content-Type": JSON, "Content-Encoding": coding},
    ) as answer:
        assert answer.status in (400, 415)
        if coding in ("gzip", "identity"):
            assert (await answer.json())["error"]["code"]


async def test_an_expectation_is_refused_as_json(desktop: Desktop) -> None:
    for said in ("nonsense", "100-continue"):
        reader, writer = await asyncio.open_connection("127.0.0.1", desktop.client.port)
        head = f"GET /api/city HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: {said}\r\n\r\n"
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert answer.startswith(b"HTTP/1.1 417 ")
        assert b"application/json" in answer
        writer.close()


async def test_who_watches_the_server_is_answered_however_many_others_ask(
    desktop: Desktop,
) -> None:
    rates = [(await desktop.client.get("/livez")).status for _ in range(1100)]
    assert set(rates) == {200}
