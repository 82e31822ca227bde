"""The station's files: compressed, not sent again while they are the same, nothing from outside."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.http.pages import add_pages

Client = TestClient[web.Request, web.Application]
TEXT = "<!doctype html><title>ピクセロポリス</title>" + "<p>a street</p>" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "station"
    (inside / "i18n").mkdir(parents=True)
    (inside / "index.html").write_text(TEXT, "utf-8")
    (inside / "operator").mkdir()
    (inside / "operator" / "index.html").write_text("<p>operators</p>")
    (inside / "main.js").write_text("export const a = 1;\n")
    (inside / "secret.py").write_text("no page")
    (inside / "photo.jpg").write_bytes(bytes(range(256)) * 20)
    (inside / "manifest.webmanifest").write_text("{}")
    (tmp_path / "outside.json").write_text("{}")
    return inside


@pytest_asyncio.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    app = web.Application()
    add_pages(app, folder)
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_texts_are_compressed_for_whoever_takes_that(client: Client) -> None:
    async with client.get("/", headers={"Accept-Encoding": "br, gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.content_type == "text/html"
        assert answer.charset == "utf-8"
        body = await answer.read()
    assert len(body) < len(TEXT) / 5
    assert gzip.decompress(body).decode("utf-8") == TEXT
    async with client.get("/", headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.text("utf-8") == TEXT
    async with client.get("/photo.jpg", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "Content-Encoding" not in answer.headers, "a picture is compressed already"
        assert answer.content_type == "image/jpeg"


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_what_a_browser_has_is_not_sent_again_until_it_changes(
    client: Client, folder: Path, coding: str
) -> None:
    asks = {"Accept-Encoding": coding}
    async with client.get("/main.js", headers=asks) as answer:
        assert answer.content_type == "text/javascript"
        assert answer.headers["Cache-Control"] == "no-cache"
        etag = answer.headers["ETag"]
    asks["If-None-Match"] = f'"of-another-version", {etag}'
    async with client.get("/main.js", headers=asks) as answer:
        assert answer.status == 304
        assert answer.headers["ETag"] == etag
        assert await answer.read() == b""
    file = folder / "main.js"
    file.write_text("export const a = 2;\n")  # as long as before
    os.utime(file, ns=(1, 1))
    async with client.get("/main.js", headers=asks) as answer:
        assert answer.status == 200
        assert answer.headers["ETag"] != etag


async def test_both_codings_have_digests_of_their_own(client: Client) -> None:
    etags = set()
    for coding in ("gzip", "identity"):
        async with client.get("/", headers={"Accept-Encoding": coding}) as answer:
            etags.add(answer.headers["ETag"])
    assert len(etags) == 2


@pytest.mark.parametrize(
    "path", ["/secret.py", "/../outside.json", "/%2e%2e/outside.json", "/i18n", "/no.js", "/%00.js"]
)
async def test_only_pages_of_the_folder_are_served(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status == 404


async def test_the_manifest_has_its_type(client: Client) -> None:
    async with client.get("/manifest.webmanifest") as answer:
        assert answer.content_type == "application/manifest+json"


async def test_a_folders_name_means_its_page(client: Client) -> None:
    async with client.get("/operator") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    async with client.get("/operator/") as answer:
        assert (answer.status, answer.url.path) == (200, "/operator")
    for name in ("/i18n", "/i18n/", "/nowhere/", "/nowhere"):
        async with client.get(name) as answer:
            assert answer.status == 404, name
