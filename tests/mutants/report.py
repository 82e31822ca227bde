"""What the trials have shown: the shares that were noticed, and what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.mutants.equivalents import reason_of
from tests.mutants.trials import Trial

MIN_KILLED_PCT: Final = 90.0


def report_of(seed: int, named: Mapping[str, Trial], sample: Sequence[Trial]) -> dict[str, Any]:
    """Return the report of the named changes and of a sample.

    A change that nothing noticed and that `equivalents.py` explains is told apart, and neither
    raises nor lowers the share.
    """
    survivors = [trial.change for trial in sample if not trial.killed]
    survivors.sort(key=lambda change: (change.file, change.line))
    entries = [
        {
            "at": f"{change.file}:{change.line}",
            "change": f"{change.before}  ->  {change.after}",
            "reason": reason_of(change),
        }
        for change in survivors
    ]
    unnoticed = [entry for entry in entries if entry["reason"] is None]
    killed = len(sample) - len(survivors)
    counted = killed + len(unnoticed)
    return {
        "mutants": len(sample),
        "killed_pct": round(100 * killed / counted, 1) if counted else 100.0,
        "survivors": [{**entry, "reason": "no test notices it"} for entry in unnoticed],
        "equivalent": [entry for entry in entries if entry["reason"] is not None],
        "timed_out": sum(trial.timed_out for trial in sample),
        "named": {name: trial.killed for name, trial in named.items()},
        "seed": seed,
    }


def is_good(report: Mapping[str, Any]) -> bool:
    """Return whether enough of a sample, and all named changes, were noticed."""
    return report["killed_pct"] >= MIN_KILLED_PCT and all(report["named"].values())


def in_words(report: Mapping[str, Any]) -> str:
    """Return a report for people."""
    lines = [f"{s['at']}: {s['change']}\n    {s['reason']}" for s in report["equivalent"]]
    lines += [f"SURVIVED {s['at']}: {s['change']}\n    {s['reason']}" for s in report["survivors"]]
    lines += [f"NOT NOTICED: {name}" for name, killed in report["named"].items() if not killed]
    lines.append(
        f"{report['mutants']} mutants, {report['killed_pct']} % killed"
        f" ({report['timed_out']} by time-out), {len(report['survivors'])} survived,"
        f" {len(report['equivalent'])} more change nothing that a test should notice,"
        f" seed {report['seed']};"
        f" {sum(report['named'].values())} of {len(report['named'])} named ones killed"
    )
    return "\n".join(lines)
