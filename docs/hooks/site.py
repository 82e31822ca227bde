"""What `mkdocs build` does besides: parts made from code, pages from elsewhere, links to both.

The build fails when a page would load anything over the network.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any, Final

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from generated import ROOT, fill

ELSEWHERE: Final = {
    "CHANGELOG.md": "changelog.md",
    "car/models/detector.md": "reference/models/detector.md",
    "car/models/lane.md": "reference/models/lane.md",
    "firmware/README.md": "reference/firmware.md",
}
"""Pages that lie beside what they tell about, and where the site has them."""

LINK: Final = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(#[^)\s]*)?\)")
FOREIGN: Final = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["']?(?:https?:)?//[^>]*"""
    r"""|<link(?=[^>]+rel=["']?(?:stylesheet|preload|preconnect|icon))[^>]+href=["']?(?:https?:)?//[^>]*"""
)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from elsewhere."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what is generated, and lead links to where the site has their pages."""
    uri = page.file.src_uri
    source = {there: here for here, there in ELSEWHERE.items()}.get(uri, f"docs/{uri}")
    return lead_links(fill(markdown), source, uri)


def lead_links(markdown: str, source: str, uri: str) -> str:
    """Return a page with links that hold in the site.

    Args:
        markdown: as it is in the repository.
        source: its file there, as in `car/models/lane.md`.
        uri: its page in the site, as in `reference/models/lane.md`.
    """

    def lead(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        there = ELSEWHERE.get(target)
        if there is None and target.startswith("docs/"):
            there = target.removeprefix("docs/")
        if there is None and (ROOT / target).exists():  # the site does not have it: words, no link
            return "]"
        if there is None:  # for the build to warn of
            return link[0]
        relative = posixpath.relpath(there, posixpath.dirname(uri) or ".")
        return f"]({relative}{link[2] or ''})"

    return LINK.sub(lead, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> None:
    """Fail for a page that needs a network."""
    if found := FOREIGN.search(output):
        raise PluginError(f"{page.file.src_uri} would load over the network: {found[0]}")
