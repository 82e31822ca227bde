"""Inserts figures into a hand-written page, between two markers.

<!-- experiments:NAME -->
... replaced ...
<!-- /experiments:NAME -->
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelopolis.errors import SettingsError
from pixelopolis.experiments.charts import write_charts
from pixelopolis.experiments.parts import Experiment
from pixelopolis.experiments.tables import setting, table
from pixelopolis.reporting.charts import check_chart_file


def fill(page: str, blocks: Mapping[str, str], kind: str = "experiments") -> str:
    """Return the page with each block between the markers of its kind and name.

    Raises:
        SettingsError: the page does not have exactly one place for a block.
    """
    for name, block in blocks.items():
        begin, end = f"<!-- {kind}:{name} -->\n", f"<!-- /{kind}:{name} -->"
        if page.count(begin) != 1 or page.count(end) != 1 or page.index(end) < page.index(begin):
            raise SettingsError(
                f"the page has no place for the figures of {name!r}, or several.",
                f"Write {begin.strip()} and {end} once, each on a line of its own.",
            )
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{block.strip()}\n{rest[rest.index(end) :]}"
    return page


def write_page(
    experiments: Sequence[Experiment], document: Mapping[str, Any], out: Path, page: Path | None
) -> None:
    """Write OUT/experiments.json, tables into the page (default OUT/experiments.md), and charts.

    Charts go to a folder images/ beside the page.

    Raises:
        SettingsError: a page that cannot be read or lacks a place, a chart that cannot be written.
        MissingPartError: no matplotlib.
    """
    report = json.dumps(document, indent=1, ensure_ascii=False)
    (out / "experiments.json").write_text(report + "\n", "utf-8")
    text = read_page(page) if page else _bare(experiments)
    page = page or out / "experiments.md"
    blocks = {e.name: _block(e, document["experiments"][e.name], page) for e in experiments}
    page.write_text(fill(text, {"setting": setting(document), **blocks}), "utf-8")


def _block(experiment: Experiment, figures: Mapping[str, Any], page: Path) -> str:
    """Return a table with the charts below it."""
    charts = write_charts(experiment, figures, page.parent / "images")
    pictures = [f"![{experiment.title}](images/{file.name})" for file in charts]
    return "\n\n".join([table(experiment, figures), *pictures])


def check_page(experiments: Sequence[Experiment], page: Path | None, out: Path) -> None:
    """Check, before hours of work, that `write_page` will find its places and can draw charts.

    Raises:
        SettingsError: the page cannot be read or lacks a place.
        MissingPartError: no matplotlib.
    """
    check_chart_file(out / "chart.svg")
    if page is None:
        return
    fill(read_page(page), dict.fromkeys(["setting", *(e.name for e in experiments)], ""))


def read_page(page: Path) -> str:
    """Return a page's text.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return page.read_text("utf-8")
    except OSError as error:
        raise SettingsError(
            f"--docs {str(page)!r} cannot be read: {error.strerror}.", "Name a page that is there."
        ) from error


def _bare(experiments: Sequence[Experiment]) -> str:
    """Return a page of headings and places."""
    titles = {"setting": "Experiments", **{e.name: e.title for e in experiments}}
    return "\n".join(
        f"## {title}\n\n<!-- experiments:{name} -->\n<!-- /experiments:{name} -->\n"
        for name, title in titles.items()
    )
