"""Links that hold in the repository, led to where the site has their pages."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

ELSEWHERE: Final = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "how-to/contribute.md",
    "SECURITY.md": "explanation/security.md",
    "car/models/detector.md": "reference/models/detector.md",
    "car/models/lane.md": "reference/models/lane.md",
    "firmware/README.md": "reference/firmware.md",
}
"""Pages that lie beside what they tell about, and where the site has them."""

LINK: Final = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(#[^)\s]*)?\)")

FOREIGN: Final = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon))"
    r"[^>]*\bhref=[\"']?(?:https?:)?//[^>]*"
)
"""A tag that makes a browser load something over the network."""


def lead(markdown: str, source: str, uri: str) -> str:
    """Return a page with links that hold in the site.

    Args:
        markdown: as it is in the repository.
        source: its file there, as in `car/models/lane.md`.
        uri: its page in the site, as in `reference/models/lane.md`.
    """

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        there = ELSEWHERE.get(target)
        if there is None and target.startswith("docs/"):
            there = target.removeprefix("docs/")
        if there is None:  # words where the site has no such file; a build warns of none at all
            return "]" if (ROOT / target).exists() else link[0]
        relative = posixpath.relpath(there, posixpath.dirname(uri) or ".")
        return f"]({relative}{link[2] or ''})"

    return LINK.sub(led, markdown)
