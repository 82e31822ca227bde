"""Bar charts of an experiment's figures: deviations, and percentages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelopolis.experiments.parts import Arm, Drive, Experiment
from pixelopolis.experiments.tables import AUTONOMY, DEVIATION, PASSED, Figure
from pixelopolis.reporting.charts import Bar, bar_chart


def write_charts(experiment: Experiment, figures: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write FOLDER/experiment-NAME-*.svg; return the files. Missing measurements have no bar.

    Args:
        experiment: its drives are the groups, its arms the bars.
        figures: the experiment's part of the document.
        folder: created if missing.

    Raises:
        SettingsError: a file cannot be written.
        MissingPartError: no matplotlib.
    """
    roads = [drive for drive in experiment.drives if not drive.junctions]
    charts: dict[str, tuple[str, list[tuple[Drive, Figure]]]] = {
        "deviation": (DEVIATION.label, [(drive, DEVIATION) for drive in roads]),
        "autonomy": (
            AUTONOMY.label if len(roads) == len(experiment.drives) else "autonomy or passed, %",
            [(d, PASSED if d.junctions else AUTONOMY) for d in experiment.drives],
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (y_label, columns) in charts.items():
        bars = {arm.label: _bars(arm, columns, figures) for arm in experiment.arms}
        if not any(bar for arm in bars.values() for bar in arm):
            continue
        file = folder / f"experiment-{experiment.name}-{name}.svg"
        bar_chart(file, experiment.title, y_label, [d.label for d, _ in columns], bars)
        written.append(file)
    return written


def _bars(
    arm: Arm, columns: Sequence[tuple[Drive, Figure]], figures: Mapping[str, Any]
) -> list[Bar | None]:
    drives = figures["arms"][arm.label]["drives"]
    return [_bar(drives.get(drive.name, {}).get(figure.key), figure) for drive, figure in columns]


def _bar(value: Mapping[str, Any] | None, figure: Figure) -> Bar | None:
    if value is None:
        return None
    mean, low, high = (value[key] * figure.factor for key in ("mean", "low", "high"))
    return mean, low, high
