"""Changes that are always tried: broken promises that no test once detected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.mutants.changes import Change, change_between


@dataclass(frozen=True, slots=True)
class Named:
    """A change of a file: `before` occurs once in it, and `tests` detect it."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...] = ()
    """If the file is not one of `guarded`, or has other tests there."""

    def change(self, root: Path) -> Change:
        """Return the change as it is in a tree.

        Raises:
            ValueError: the text does not occur once; this table must follow the code.
        """
        source = (root / self.file).read_text(encoding="utf-8")
        count = source.count(self.before)
        if count != 1:
            raise ValueError(f"{self.name}: {self.before!r} is {count} times in {self.file}")
        return change_between(self.file, source, source.replace(self.before, self.after))


NAMED = (
    Named(
        "a grant that leaves cars stuck counts as safe",
        "server/traffic/granting.py",
        "            if not self._is_safe(granted):",
        "            if False:",
    ),
    Named(
        "a goal holds for 2.5 s",
        "car/board/wheel_units.py",
        "GOAL_MAX_AGE_S: Final = 0.25",
        "GOAL_MAX_AGE_S: Final = 2.5",
    ),
    Named(
        "a silent server stops the car after 500 s",
        "car/driving/behavior.py",
        "LINK_STOP_S: Final = 5.0",
        "LINK_STOP_S: Final = 500.0",
    ),
    Named(
        "one silent motor never stops the other",
        "car/board/dynamixel_board.py",
        "one_sided = max(self._missed.values()) >= STOP_AFTER_MISSED",
        "one_sided = False",
    ),
    Named(
        "an emergency stop is not read back",
        "car/board/procedures.py",
        "    if not board.estop or board.motor_power:",
        "    if False:",
    ),
    Named(
        "off its route is 2.5 m",
        "car/driving/localization/route_monitor.py",
        "ASIDE_M: Final = 0.25",
        "ASIDE_M: Final = 2.5",
    ),
    Named(
        "an order may start 3 m away",
        "car/orders/executor.py",
        "START_TOLERANCE_M: Final = 0.30",
        "START_TOLERANCE_M: Final = 3.0",
    ),
    Named(
        "the outer side of a bend is the shorter one",
        "car/driving/localization/path_tracker.py",
        "forward /= 1 - float(np.clip(curvature * mean[LEFT], -0.5, 0.5))",
        "forward /= 1 + float(np.clip(curvature * mean[LEFT], -0.5, 0.5))",
    ),
    Named(
        "edges have the sequenceId of nodes, in orders",
        "pixelopolis/vda5050/order_progress.py",
        "sequence_id=2 * i + 1,",
        "sequence_id=2 * i,",
    ),
    Named(
        "edges have the sequenceId of nodes, in states",
        "car/orders/state_report.py",
        "sequence_id=2 * i + 1,",
        "sequence_id=2 * i,",
    ),
    Named(
        "velocity.omega is positive clockwise",
        "car/metrics.py",
        "(right - left) / WHEEL_BASE_M",
        "(left - right) / WHEEL_BASE_M",
    ),
    Named(
        "velocity.omega is told with the other sign",
        "car/orders/executor.py",
        "omega=round(health.turn_rad_s, 4)",
        "omega=-round(health.turn_rad_s, 4)",
    ),
    Named(
        "the battery is empty at 9 V",
        "car/orders/health.py",
        "BATTERY_EMPTY_V: Final = 9.9",
        "BATTERY_EMPTY_V: Final = 9.0",
    ),
    Named(
        "what keeps a car from driving is a warning",
        "car/orders/health.py",
        "level: ErrorLevel = ErrorLevel.FATAL",
        "level: ErrorLevel = ErrorLevel.WARNING",
    ),
    Named(
        "a command is late after 0.75 s",
        "car/control_thread.py",
        "MISS_S: Final = 1.5 * PERIOD_S",
        "MISS_S: Final = 15 * PERIOD_S",
        ("tests/car/test_metrics.py",),
    ),
    Named(
        "a silent car keeps its lease for 300 s",
        "server/traffic/car_link.py",
        "LEASE_S: Final = 3.0",
        "LEASE_S: Final = 300.0",
        ("tests/server/traffic/test_car_monitor.py",),
    ),
    Named(
        "a ride is given up after 0.6 s",
        "server/traffic/ride_watch.py",
        "GIVE_UP_S: Final = 60.0",
        "GIVE_UP_S: Final = 0.6",
    ),
    Named(
        "streets are cleared after 1500 s",
        "server/traffic/granting.py",
        "PATIENCE_S: Final = 15.0",
        "PATIENCE_S: Final = 1500.0",
    ),
    Named(
        "a reason has another code than the page knows",
        "pixelopolis/reasons.py",
        'FOLLOWS_CAR = "follows_car"',
        'FOLLOWS_CAR = "follows_a_car"',
        ("tests/pixelopolis/test_reasons.py",),
    ),
)
