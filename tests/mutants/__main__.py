"""`make mutants`: try a sample of changes and report those that no test detects.

Prints to stdout; with `--json` one document: `mutants` (how many were drawn and tried),
`killed_pct`, `survivors` and `equivalent` (each with `at`, `change`, `reason`), `timed_out`,
`named` (those that are always tried) and the `seed`. `equivalent` are those that no test noticed
and `equivalents.py` explains; `killed_pct` is the share among the others. Exit code 1 if less than
90 percent of the sample, or not all named ones, were detected; 2 if tests fail without any change.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.mutants.guarded import GUARDED
from tests.mutants.named import NAMED
from tests.mutants.report import in_words, is_good, report_of
from tests.mutants.sample import draw
from tests.mutants.trials import ROOT, Trial, Workshop

SUITES = {guarded.file: guarded.tests for guarded in GUARDED}


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # removes the copies
    chosen = [guarded for guarded in GUARDED if asked.files in guarded.file]
    modules = {g.file: ((ROOT / g.file).read_text(), g.only) for g in chosen}
    sample = list(draw(asked.seed, asked.most, modules))
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
    report = report_of(asked.seed, of_named, trials[len(named) :])
    print(json.dumps(report, indent=2) if asked.json else in_words(report))
    return 0 if is_good(report) else 1


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
