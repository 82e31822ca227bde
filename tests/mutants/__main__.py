"""`make mutants`: try a sample of changes and report those that no test detects.

Prints to stdout; with `--json` one document: `mutants` (how many were drawn and tried),
`killed_pct`, `survivors` (`at`, `change`, `reason`), `timed_out`, `named` (those that are always
tried) and the `seed`. Exit code 1 if less than `MIN_KILLED_PCT` of the sample, or not all named
ones, were detected; 2 if tests fail without any change.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mutants.changes import Change, change_at, places_of
from tests.mutants.equivalents import reason_of
from tests.mutants.guarded import GUARDED
from tests.mutants.named import NAMED
from tests.mutants.trials import ROOT, Trial, Workshop

MIN_KILLED_PCT = 90.0
SUITES = {guarded.file: guarded.tests for guarded in GUARDED}


def draw(seed: int, most: int, files: str) -> Iterator[Change]:
    """Yield a uniform random sample of all changes without repetition."""
    chosen = [guarded for guarded in GUARDED if files in guarded.file]
    sources = {guarded.file: (ROOT / guarded.file).read_text() for guarded in chosen}
    places = [p for g in chosen for p in places_of(sources[g.file], g.file, g.only)]
    random.Random(seed).shuffle(places)
    detected: set[tuple[str, str]] = set()
    for place in places:
        change = change_at(sources[place.file], place)
        if change is None or (change.file, change.mutated) in detected:
            continue
        if len(detected) == most:
            return
        detected.add((change.file, change.mutated))
        yield change


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # removes the copies
    sample = list(draw(asked.seed, asked.most, asked.files))
    named = [n for n in NAMED if asked.files in n.file]
    tries = [(n.change(ROOT), n.tests or SUITES[n.file]) for n in named]
    tries += [(change, SUITES[change.file]) for change in sample]
    done = 0

    def tell(trial: Trial) -> None:
        nonlocal done
        done += 1
        word = "time-out" if trial.timed_out else "killed" if trial.killed else "SURVIVED"
        print(f"{done}/{len(tries)} {word} {trial.seconds:.1f} s {trial.change}", file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workshop = Workshop(Path(folder), asked.jobs)
        failing = list(workshop.check(suite for _, suite in tries))
        if failing:
            for suite in failing:
                print(f"fails without any change: pytest {' '.join(suite)}", file=sys.stderr)
            return 2
        trials = workshop.try_all(tries, tell)
    of_named = {n.name: trial for n, trial in zip(named, trials, strict=False)}
    report = _report(asked.seed, of_named, trials[len(named) :])
    print(json.dumps(report, indent=2) if asked.json else _in_words(report))
    return 0 if report["killed_pct"] >= MIN_KILLED_PCT and all(report["named"].values()) else 1


def _report(seed: int, named: dict[str, Trial], sample: list[Trial]) -> dict[str, Any]:
    killed = sum(trial.killed for trial in sample)
    return {
        "mutants": len(sample),
        "killed_pct": round(100 * killed / len(sample), 1) if sample else 100.0,
        "survivors": [
            {
                "at": f"{t.change.file}:{t.change.line}",
                "change": f"{t.change.before}  ->  {t.change.after}",
                "reason": reason_of(t.change),
            }
            for t in sorted(sample, key=lambda t: (t.change.file, t.change.line))
            if not t.killed
        ],
        "timed_out": sum(trial.timed_out for trial in sample),
        "named": {name: trial.killed for name, trial in named.items()},
        "seed": seed,
    }


def _in_words(report: dict[str, Any]) -> str:
    lines = [f"{s['at']}: {s['change']}\n    {s['reason']}" for s in report["survivors"]]
    lines += [f"NOT NOTICED: {name}" for name, killed in report["named"].items() if not killed]
    lines.append(
        f"{report['mutants']} mutants, {report['killed_pct']} % killed"
        f" ({report['timed_out']} by time-out), seed {report['seed']};"
        f" {sum(report['named'].values())} of {len(report['named'])} named ones killed"
    )
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--most", type=int, default=300, help="size of the sample")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--files", default="", help="only files whose path contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at once")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
