"""Formats figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pixelopolis.experiments.parts import Drive, Experiment


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is shown: factor of its unit, and decimals."""

    key: str
    label: str
    factor: float = 1.0
    decimals: int = 1


DEVIATION: Final = Figure("mean_abs_deviation_m", "deviation, mm", 1000)
AUTONOMY: Final = Figure("autonomy_pct", "autonomy, %")
DRIVEN: Final = (
    DEVIATION,
    AUTONOMY,
    Figure("out_of_lane_pct", "out of lane, %", decimals=2),
)
PASSED: Final = Figure("junctions_passed_pct", "junctions passed, %")
LATENCY: Final = Figure("latency_ms", "ms a picture, one thread", decimals=2)


def figures_of(drive: Drive) -> tuple[Figure, ...]:
    """Return which figures of a drive are shown."""
    return (PASSED,) if drive.junctions else DRIVEN


def table(experiment: Experiment, figures: Mapping[str, Any]) -> str:
    """Return an experiment's Markdown table: a row per drive and arm, mean (low to high)."""
    columns = list(dict.fromkeys(f for drive in experiment.drives for f in figures_of(drive)))
    has_turns = not all(drive.junctions for drive in experiment.drives)
    head = ["drive", "model", *(f.label for f in columns)]
    head += ["wrong turns"] if has_turns else []
    head += [LATENCY.label] if experiment.timed else []
    rows = []
    for drive in experiment.drives:
        for arm in experiment.arms:
            facts = figures["arms"][arm.label]
            driven = facts["drives"].get(drive.name, {})
            row = [drive.label, arm.label, *(cell(driven.get(f.key), f) for f in columns)]
            if has_turns:
                row.append(_turns(driven))
            if experiment.timed:
                row.append(cell(facts["latency_ms"], LATENCY))
            rows.append(row)
    rules = ["---", "---", *["---:"] * (len(head) - 2)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rules, *rows))


def cell(value: Mapping[str, Any] | None, figure: Figure) -> str:
    """Return "mean (low to high)", or a dash for a missing measurement."""
    if value is None:
        return "-"
    mean, low, high = (
        f"{value[key] * figure.factor:.{figure.decimals}f}" for key in ("mean", "low", "high")
    )
    return mean if low == high else f"{mean} ({low} to {high})"


def _turns(driven: Mapping[str, Any]) -> str:
    if "turns_wrong" not in driven:
        return "-"
    wrong, right = (sum(driven[key]["values"]) for key in ("turns_wrong", "turns_right"))
    return f"{wrong} of {wrong + right}" if wrong + right else "-"  # a town without choices


def setting(document: Mapping[str, Any]) -> str:
    """Return a sentence about what was run, and a list of what failed."""
    scale, seeds = document["scale"], document["seeds"]
    lines = [
        f"Seeds {seeds[0]} to {seeds[-1]}; {scale['pictures']} pictures a dataset, "
        f"{scale['epochs']} epochs, {scale['metres']:g} m a drive over {scale['looks']} looks; "
        f"{document['process_s'] / 60:.0f} minutes of one process in all."
    ]
    lines += [f"- No result: `{name}`, {why}." for name, why in document["failed"].items()]
    return "\n".join(lines)
