"""The project's modules and their imports, read from the source."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import grimp
import networkx as nx

from tests.support.paths import ROOT

PACKAGES: Final = ("pixelopolis", "car", "server", "station", "sim", "training")


def sources(*packages: str) -> list[Path]:
    """Return the modules of some packages as paths relative to the project."""
    return [
        path.relative_to(ROOT)
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


@cache
def imports() -> frozenset[tuple[str, str]]:
    """Return (importer, imported) of all modules of the project."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return frozenset(
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    )


def siblings(depth: int) -> nx.DiGraph[str]:
    """Return the import graph of packages and modules, `depth` names deep, within one package."""

    def name(module: str, length: int) -> str:
        return ".".join(module.split(".")[:length])

    return nx.DiGraph(
        (name(a, depth), name(b, depth))
        for a, b in imports()
        if name(a, depth) != name(b, depth) and name(a, depth - 1) == name(b, depth - 1)
    )


def cycles(graph: nx.DiGraph[str]) -> list[list[str]]:
    return [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
