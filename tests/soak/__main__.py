"""`make soak`: a real server and mongod under hostile traffic of 20 cars, 50 stations and viewers.

Prints to stdout; with `--json` one document: `car_messages` and `hours_worth` (of twenty cars'
messages), `requests`, `bookings` by final state, `honest_arrived`, `warm_mb` and `end_mb` of the
server, `parts_ended`, `strange` answers, `bookings_not_final`, and the `seed`. Exit code 1 if a
part ended, memory grew, an answer was strange, a booking is not final or no honest car arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Plan, has_passed, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of hostile traffic")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    parser.add_argument("--city", default=Plan.city, help="the town")
    parser.add_argument("--burst", type=float, default=Plan.burst_s, help="pause of a hostile car")
    parser.add_argument("--source", default="", help="another checkout, whose server is tried")
    parser.add_argument("--keep", type=Path, help="folder for the server's log and data")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if not 0.05 <= asked.minutes <= 24 * 60:
        parser.error("--minutes must lie in [0.05, 1440]")
    plan = Plan(
        city=asked.city,
        seconds=60 * asked.minutes,
        burst_s=asked.burst,
        seed=asked.seed,
        source=asked.source,
    )
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(soak(plan, folder))
    if asked.json:
        print(json.dumps(report, indent=1))
    else:
        for key, value in report.items():
            print(f"{key:32} {value}")
    return 0 if has_passed(report) else 1


if __name__ == "__main__":
    sys.exit(main())
