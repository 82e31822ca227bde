"""The station's static files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from aiohttp import web

KINDS: Final = frozenset(
    {".html", ".js", ".mjs", ".css", ".json", ".svg", ".png", ".jpg", ".webp", ".ico", ".woff2"}
)


def add_pages(app: web.Application, folder: Path) -> None:
    """Serve a folder's files at `/`, with index.html as the default."""
    root = folder.resolve()

    def find(name: str) -> Path | None:
        try:
            path = (root / (name or "index.html")).resolve()
            inside = path.is_relative_to(root) and path.suffix in KINDS
            return path if inside and path.is_file() else None
        except (OSError, ValueError):  # too long, or contains NUL
            return None

    async def get_page(request: web.Request) -> web.FileResponse:
        path = await asyncio.to_thread(find, request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        # no-cache: page and modules must match, so the browser revalidates them
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    # not under /api/, where a wrong method is 405 and a wrong path 404
    app.router.add_get("/{name:(?!api/).*}", get_page)
