"""What `mkdocs build` does besides: parts made from code, pages from elsewhere, links to both.

The build fails when a page would load anything over the network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from generated import fill
from links import ELSEWHERE, FOREIGN, ROOT, lead


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from elsewhere."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what is generated, and lead links to where the site has their pages."""
    uri = page.file.src_uri
    source = {there: here for here, there in ELSEWHERE.items()}.get(uri, f"docs/{uri}")
    return lead(fill(markdown), source, uri)


def on_post_page(output: str, page: Any, **_: Any) -> None:
    """Fail for a page that needs a network."""
    if found := FOREIGN.search(output):
        raise PluginError(f"{page.file.src_uri} would load over the network: {found[0]}")
