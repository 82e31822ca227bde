"""Combines the steps' results into figures with their spread over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from pixelopolis.experiments.parts import Arm, Drive, Experiment, Scale
from pixelopolis.experiments.plan import drive_step, model_step, train_step
from pixelopolis.experiments.runner import Outcome

DRIVE_FIGURES: Final = (
    "mean_abs_deviation_m",
    "autonomy_pct",
    "out_of_lane_pct",
    "interventions",
    "turns_right",
    "turns_wrong",
    "distance_m",
)
JUNCTION_FIGURES: Final = ("junctions_passed_pct", "junctions_passed", "junction_starts")

Results = Mapping[str, Mapping[str, Any]]
"""JSON documents by step name."""


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, lowest, highest and the values themselves, one per seed."""
    low, high = min(values), max(values)
    return {
        "mean": min(max(statistics.fmean(values), low), high),  # rounding may move it outside
        "low": low,
        "high": high,
        "values": list(values),
    }


def document(
    experiments: Sequence[Experiment], seeds: Sequence[int], scale: Scale, outcome: Outcome
) -> dict[str, Any]:
    """Return every experiment's figures by arm, and why steps without results failed."""
    return {
        "seeds": list(seeds),
        "scale": asdict(scale),
        "process_s": round(sum(outcome.seconds.values()), 1),
        "failed": outcome.failed,
        "experiments": {
            experiment.name: {
                "title": experiment.title,
                "arms": {
                    arm.label: _arm(arm, experiment, seeds, outcome.results)
                    for arm in experiment.arms
                },
            }
            for experiment in experiments
        },
    }


def _arm(
    arm: Arm, experiment: Experiment, seeds: Sequence[int], results: Results
) -> dict[str, Any]:
    trained = [r for seed in seeds if (r := results.get(train_step(arm.recipe, seed)))]
    exported = [r for seed in seeds if (r := results.get(model_step(arm.recipe, seed)))]
    latencies = [r["latency_ms"][arm.file] for r in exported]
    return {
        "pictures": spread([r["data"]["pictures"] for r in trained]) if trained else None,
        "training_s": spread([r["training_s"] for r in trained]) if trained else None,
        "latency_ms": spread(latencies) if latencies else None,
        "drives": {
            drive.name: figures
            for drive in experiment.drives
            if (figures := _figures(arm, drive, seeds, results))
        },
    }


def _figures(arm: Arm, drive: Drive, seeds: Sequence[int], results: Results) -> dict[str, Any]:
    documents = [r for seed in seeds if (r := results.get(drive_step(arm, drive, seed)))]
    if not documents:
        return {}
    keys = JUNCTION_FIGURES if drive.junctions else DRIVE_FIGURES
    return {key: spread([d[key] for d in documents]) for key in keys}
