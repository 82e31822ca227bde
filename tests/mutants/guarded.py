"""The code that people's safety and rides hang on, and the quick tests that guard it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guarded:
    """A module and its tests, those that notice most first.

    `only`: pattern of the definitions that count; empty for all.
    """

    file: str
    tests: tuple[str, ...]
    only: str = ""


GUARDED = (
    # grants and safe state
    Guarded("server/safety.py", ("tests/server/test_safety.py",)),
    Guarded("server/granting.py", ("tests/server/test_granting.py", "tests/server/test_blocked.py")),
    Guarded("server/traffic.py", ("tests/server/test_holding.py",)),
    Guarded("server/streets.py", ("tests/server/test_streets.py", "tests/server/test_holding.py")),
    # bookings
    Guarded("server/dispatch.py", ("tests/server/test_rides.py",)),
    # behavior
    Guarded("car/behaviour.py", ("tests/car/test_behaviour.py",)),
    Guarded("car/control.py", ("tests/car/test_control.py", "tests/car/test_behaviour.py")),
    # belief and tracker
    Guarded("car/belief.py", ("tests/car/test_belief_arithmetic.py", "tests/car/test_belief.py")),
    Guarded(
        "car/localisation.py",
        (
            "tests/car/test_tracker.py",
            "tests/car/test_localisation.py",
            "tests/car/test_lane_expectation.py",
        ),
    ),
    Guarded("car/orientation.py", ("tests/car/test_finding.py",)),
)
