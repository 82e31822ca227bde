"""Tables of figures that fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import JustifyMethod
from rich.table import Table


def number_table(*headers: str, words: int = 1, title: str | None = None) -> Table:
    """Return an empty table whose first `words` columns hold text and the others numbers."""
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for index, header in enumerate(headers):
        justify: JustifyMethod = "left" if index < words else "right"
        table.add_column(header, justify=justify, overflow="fold")
    return table


def figure_table(document: Mapping[str, Any]) -> Table:
    """Return a table of the document's figures, one a row."""
    table = number_table("figure", "value", words=2)
    for name, value in figure_rows(document):
        table.add_row(name, value)
    return table


def figure_rows(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield names and formatted values; nested names are joined by a dot.

    Lists of objects, which have tables of their own, are left out.
    """
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from figure_rows(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            yield f"{prefix}{key}", _text(value)
        elif not any(isinstance(item, Mapping) for item in value):
            yield f"{prefix}{key}", ", ".join(map(_text, value)) or "-"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
