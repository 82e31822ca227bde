"""Tables of evaluations: a run's figures, a model beside its rivals, and what its sight adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pixelopolis.cli.common import console, print_json
from pixelopolis.cli.tables import figure_table, number_table

HAVE_OWN_TABLES: Final = ("failures", "rivals", "sight_adds")


@dataclass(frozen=True, slots=True)
class Column:
    """A figure in a table of rivals."""

    figure: str
    header: str
    words: str
    """Its name in a sentence."""
    digits: int = 0
    factor: float = 1.0

    def text(self, value: float | None) -> str:
        return "-" if value is None else f"{self.factor * value:.{self.digits}f}"


LANE: Final = (
    Column("interventions_per_km", "interventions\nper km", "interventions per km", 1),
    Column("autonomy_pct", "autonomy\n%", "autonomy, %", 2),
    Column("out_of_lane_pct", "out of\nlane %", "out of lane, %", 3),
    Column("mean_abs_deviation_m", "mean\nmm", "mean deviation, mm", 1, 1000),
    Column("max_abs_deviation_m", "max\nmm", "largest deviation, mm", 0, 1000),
    Column("turns_right", "turns\nright", "turns right"),
    Column("turns_wrong", "turns\nwrong", "turns wrong"),
)
JUNCTIONS: Final = (
    Column("junctions_passed_pct", "passed\n%", "junctions passed, %", 1),
    *LANE[1:],
)
LOCALIZATION: Final = (
    Column("located_pct", "located\n%", "located within 3 m, %", 1),
    Column("wrong_pct", "wrong\n%", "wrong, %", 1),
    Column("median_metres_to_located", "median\nm", "median way until located, m", 2),
    Column("passages_right_pct", "passages\nright %", "passages right, %", 1),
    Column("belief_right_pct", "belief\nright %", "belief right, %", 1),
    Column("given_up", "given\nup", "given up"),
)
RIDES: Final = (
    Column("collisions", "collisions", "collisions"),
    Column("stopped_safely", "stopped\nsafely %", "stopped safely, %", 0, 100),
    Column("resumed", "resumed\n%", "resumed, %", 0, 100),
    Column("followed", "followed\n%", "followed, %", 0, 100),
    Column("false_stops", "false\nstops", "false stops"),
    Column("hindered_pct", "hindered\n%", "hindered, %", 1),
)


def show(document: dict[str, Any], as_json: bool) -> None:
    """Print the figures that have no table of their own, and the failures."""
    if as_json:
        print_json(document)
        return
    failures = document.get("failures", [])
    console.print(figure_table({k: v for k, v in document.items() if k not in HAVE_OWN_TABLES}))
    for failure in failures:
        console.print(failure, markup=False, highlight=False, soft_wrap=True)


def show_sweep(document: dict[str, Any]) -> None:
    """Print the figures of `sweep_lane`, one row a value."""
    table = number_table(
        document["sweep"], "distance m", "autonomy %", "out of lane %", "mean mm", "max mm"
    )
    for point in document["points"]:
        table.add_row(
            f"{point['value']:g}",
            f"{point['distance_m']:.1f}",
            f"{point['autonomy_pct']:.2f}",
            f"{point['out_of_lane_pct']:.3f}",
            f"{1000 * point['mean_abs_deviation_m']:.1f}",
            f"{1000 * point['max_abs_deviation_m']:.1f}",
        )
    console.print(table)


def show_lane_table(document: dict[str, Any]) -> None:
    """Print the figures of `evaluate_lane` by look and by city."""
    table = number_table(
        *("city", "look", "distance\nm", "autonomy\n%", "inter-\nventions"),
        *("out of\nlane %", "mean\nmm", "max\nmm", "wrong\nturns"),
    )
    rows = document["by_look"] + document["by_city"] + [{"city": "all", **document}]
    for row in rows:
        table.add_row(
            row["city"],
            str(row.get("look", "all")),
            f"{row['distance_m']:.1f}",
            f"{row['autonomy_pct']:.2f}",
            str(row["interventions"]),
            f"{row['out_of_lane_pct']:.3f}",
            f"{1000 * row['mean_abs_deviation_m']:.1f}",
            f"{1000 * row['max_abs_deviation_m']:.1f}",
            f"{row['turns_wrong']} of {row['turns_right'] + row['turns_wrong']}",
        )
    console.print(table, new_line_start=True)


def show_rivals(document: Mapping[str, Any], columns: tuple[Column, ...], share: str) -> None:
    """Print a table of the model and its rivals, and below it what sight adds.

    Args:
        document: of an evaluation; without rivals nothing is printed.
        columns: the figures.
        share: what they all drove.
    """
    if "rivals" not in document:
        return
    added = document["sight_adds"]
    table = number_table("driver", *(c.header for c in columns), title=f"Rivals, over {share}")
    for name, figures in {"model": added["model"], **document["rivals"]}.items():
        table.add_row(_words(name), *(c.text(figures[c.figure]) for c in columns))
    console.print(table, new_line_start=True)
    console.print(f"What sight adds, against {_words(added['against'])}:", new_line_start=True)
    for column in columns:
        if column.figure in added:
            before, after = (column.text(added[column.figure][k]) for k in ("without", "with"))
            console.print(f"  {column.words}: {before} without, {after} with", highlight=False)


def show_lane_rivals(document: dict[str, Any]) -> None:
    """Print the rivals of `evaluate_lane`."""
    if "rivals" in document:
        added = document["sight_adds"]
        way_m = added["model"]["distance_m"]
        share = f"{added['looks']} of {document['looks']} looks ({way_m:.0f} m)"
        show_rivals(document, JUNCTIONS if "junction_starts" in document else LANE, share)


def _words(name: str) -> str:
    return name.replace("_", " ")
