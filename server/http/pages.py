"""The station's static files: compressed, and sent once for as long as they stay the same."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

TEXTS: Final = frozenset({".html", ".js", ".mjs", ".css", ".json", ".svg", ".webmanifest"})
"""Kinds of files that become smaller when they are compressed."""

KINDS: Final = TEXTS | {".png", ".jpg", ".webp", ".ico", ".woff2"}

TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Content types that systems do not agree on."""


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is sent; `gzipped` is None if it is not worth it."""

    content_type: str
    body: bytes
    gzipped: bytes | None
    digest: str


class Pages:
    """The files of a folder. A file is read, digested and compressed anew only when it changes.

    Args:
        folder: only what lies in it is served.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._known: dict[Path, tuple[tuple[int, int], Page]] = {}

    def page(self, name: str) -> Page | None:
        """Return a file by its path in the folder, None if there is none that may be served."""
        try:
            path = (self._root / (name or "index.html")).resolve()
            if not path.suffix and not name.endswith("/"):
                path /= "index.html"  # its addresses are relative to the root, as those of `/`
            if not path.is_relative_to(self._root) or path.suffix not in KINDS:
                return None
            if not path.is_file():
                return None
            stat = path.stat()
            version = (stat.st_mtime_ns, stat.st_size)
            known = self._known.get(path)
            if known is None or known[0] != version:
                known = self._known[path] = (version, _read(path))
        except (OSError, ValueError):  # too long, contains NUL, or removed meanwhile
            return None
        return known[1]


def _read(path: Path) -> Page:
    body = path.read_bytes()
    guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return Page(
        guessed or "application/octet-stream",
        body,
        gzip.compress(body, 9, mtime=0) if path.suffix in TEXTS else None,
        hashlib.sha256(body).hexdigest()[:32],
    )


def add_pages(app: web.Application, folder: Path) -> None:
    """Serve a folder's files at `/`; a folder's name, such as `/operator`, means its index.html.

    With a slash at its end it is redirected there.
    """
    pages = Pages(folder)

    async def get_page(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        page = await asyncio.to_thread(pages.page, name)
        folder_name = name.removesuffix("/")
        if page is None and folder_name != name:
            if await asyncio.to_thread(pages.page, folder_name) is None:
                raise web.HTTPNotFound
            to = f"../{folder_name.rsplit('/', 1)[-1]}"
            return web.Response(status=301, headers={hdrs.LOCATION: to})
        if page is None:
            raise web.HTTPNotFound
        takes_gzip = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
        is_gzipped = takes_gzip and page.gzipped is not None
        etag = f"{page.digest}-gzip" if is_gzipped else page.digest
        # no-cache: page and modules must match, so the browser asks whether they are still the same
        headers = {hdrs.CACHE_CONTROL: "no-cache", hdrs.ETAG: f'"{etag}"'}
        if page.gzipped is not None:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if any(known.value in (etag, "*") for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if is_gzipped:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(
            body=page.gzipped if is_gzipped else page.body,
            content_type=page.content_type,
            charset="utf-8" if page.content_type.startswith("text/") else None,
            headers=headers,
        )

    # not under /api/, where a wrong method is 405 and a wrong path 404
    app.router.add_get("/{name:(?!api/).*}", get_page)
