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


def _car(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/car/test_{name}.py" for name in names)


def _server(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/server/test_{name}.py" for name in names)


ORDERS = (
    "tests/vda5050/test_order_rules.py",
    "tests/vda5050/test_order_cases.py",
    "tests/vda5050/test_instant_actions.py",
    "tests/vda5050/test_state_rules.py",
)
JOURNEY = (*ORDERS, "tests/car/test_journey.py")

GUARDED = (
    # grants and safe state
    Guarded("server/safety.py", _server("safety")),
    Guarded("server/granting.py", _server("granting", "blocked")),
    Guarded("server/traffic.py", _server("holding")),
    Guarded("server/streets.py", _server("streets", "holding")),
    # bookings
    Guarded("server/dispatch.py", _server("dispatch")),
    Guarded("server/bookings.py", (*_server("store"), "-k", "not mongod")),
    Guarded(
        "server/store.py",
        (*_server("store"), "-k", "not mongod"),
        only=".*index.*|.*booking.*|(load|save)_traffic|__aenter__",
    ),
    Guarded("server/office.py", _server("office")),
    # desk: leases, giving up, who is told what
    Guarded("server/desk.py", _server("desk")),
    Guarded("server/watch.py", _server("watch")),
    Guarded("server/progress.py", _server("progress")),
    # behavior and health
    Guarded("car/behaviour.py", _car("behaviour_table", "behaviour")),
    Guarded("car/control.py", _car("control", "behaviour_table", "behaviour")),
    Guarded("car/health.py", _car("health")),
    # board and motors
    Guarded("car/board_steps.py", _car("board_steps")),
    Guarded("car/board_thread.py", _car("board_thread", "board_cycle")),
    Guarded(
        "car/board.py",
        _car("board_cycle"),
        only="(_(connect|heed_estop|drive|is_urgent|exchange|check_motor|look|check_board|restart))?",
    ),
    Guarded("car/wheels.py", _car("wheels")),
    Guarded("car/metrics.py", _car("metrics")),
    Guarded("car/stop_guard.py", _car("stop_guard")),
    # belief and tracker
    Guarded("car/belief.py", _car("belief_arithmetic")),
    Guarded("car/localisation.py", _car("tracker", "localisation", "lane_expectation")),
    Guarded("car/orientation.py", _car("finding")),
    # orders and actions
    Guarded("pixelopolis/order_rules.py", ("tests/pixelopolis/test_order_limits.py", *ORDERS)),
    Guarded("pixelopolis/orders.py", ("tests/pixelopolis/test_orders.py", *ORDERS)),
    Guarded("car/journey.py", JOURNEY),
    Guarded("car/task.py", ("tests/car/test_journey.py", *ORDERS)),
    Guarded("car/reporting.py", JOURNEY),
    Guarded(
        "car/instant_actions.py",
        ("tests/vda5050/test_instant_actions.py", "tests/car/test_journey.py"),
    ),
    Guarded("car/faults.py", ("tests/car/test_faults.py", *JOURNEY)),
    Guarded("car/speed_limits.py", _car("speed_limits", "braking_for_limits")),
)
