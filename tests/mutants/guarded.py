"""The code on which safety and rides depend, and the quick tests that guard it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Guarded:
    """A module and its tests, the most effective first.

    `only`: pattern of the definitions that count; empty for all.
    """

    file: str
    tests: tuple[str, ...]
    only: str = ""


def _tests(part: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the server's test files, such as "traffic/granting"."""
    files = (Path("tests", part, name) for name in names)
    return tuple(str(file.with_name(f"test_{file.name}.py")) for file in files)


def _car(*names: str) -> tuple[str, ...]:
    return _tests("car", names)


def _server(*names: str) -> tuple[str, ...]:
    return _tests("server", names)


ORDERS = (
    "tests/vda5050/test_order_rules.py",
    "tests/vda5050/test_order_cases.py",
    "tests/vda5050/test_instant_actions.py",
    "tests/vda5050/test_state_rules.py",
)
JOURNEY = (*ORDERS, "tests/car/orders/test_executor.py")

GUARDED = (
    # grants and safe state
    Guarded("server/traffic/safe_state.py", _server("traffic/safe_state")),
    Guarded("server/traffic/granting.py", _server("traffic/granting", "traffic/blocked")),
    Guarded("server/traffic/reservations.py", _server("traffic/holding")),
    Guarded("server/traffic/street_graph.py", _server("traffic/street_graph", "traffic/holding")),
    # bookings
    Guarded("server/traffic/dispatch.py", _server("traffic/dispatch")),
    Guarded("server/booking.py", (*_server("storage/mongo", "booking"), "-k", "not mongod")),
    Guarded(
        "server/storage/mongo.py",
        (*_server("storage/mongo"), "-k", "not mongod"),
        only=".*index.*|.*booking.*|(load|save)_traffic|__aenter__",
    ),
    Guarded("server/booking_service.py", _server("booking_service")),
    # fleet: leases, giving up, messages
    Guarded("server/fleet_manager.py", _server("fleet_manager", "operator_desk")),
    Guarded("server/order_service.py", _server("fleet_manager", "operator_desk")),
    # rides that end, the line, operators' commands
    Guarded("server/ride_service.py", _server("ride_service", "operator_desk")),
    Guarded("server/traffic/ride_watch.py", _server("traffic/ride_watch", "limits")),
    Guarded("server/traffic/waiting_line.py", _server("traffic/waiting_line", "limits")),
    Guarded("server/presence.py", _server("presence", "ride_service")),
    Guarded("server/traffic/operator_rules.py", _server("traffic/operator_rules", "operator_desk")),
    Guarded("server/traffic/errands.py", _server("traffic/errands", "operator_desk")),
    # who may do what
    Guarded("server/identity/access.py", _server("identity/access")),
    Guarded("server/identity/codes.py", _server("identity/codes", "limits")),
    Guarded("server/identity/nonces.py", _server("identity/nonces", "limits")),
    Guarded("server/identity/rate_limit.py", _server("identity/rate_limit")),
    Guarded("server/identity/tokens.py", _server("identity/tokens")),
    Guarded(
        "server/http/protection/request_rules.py",
        _server("http/protection/request_rules", "limits"),
    ),
    Guarded(
        "pixelopolis/identity/view_token.py",
        ("tests/pixelopolis/identity/test_view_token.py", *_server("limits")),
    ),
    Guarded(
        "pixelopolis/identity/signatures.py", ("tests/pixelopolis/identity/test_signatures.py",)
    ),
    Guarded("server/traffic/car_monitor.py", _server("traffic/car_monitor")),
    Guarded("server/traffic/status.py", _server("traffic/status")),
    # behavior and health
    Guarded("car/driving/behavior.py", _car("driving/behavior_table", "driving/behavior")),
    Guarded(
        "car/driving/speed_profile.py",
        _car("driving/speed_profile", "driving/behavior_table", "driving/behavior"),
    ),
    Guarded("car/orders/health.py", _car("orders/health")),
    # board and motors
    Guarded("car/board/procedures.py", _car("board/procedures")),
    Guarded("car/board/base.py", _car("board/base", "board/board_cycle")),
    Guarded(
        "car/board/dynamixel_board.py",
        _car("board/board_cycle"),
        only="(_(connect|heed_estop|drive|is_urgent|exchange|check_motor|look|check_board|restart))?",
    ),
    Guarded("car/board/wheel_units.py", _car("board/wheel_units")),
    Guarded("car/metrics.py", _car("metrics")),
    Guarded("car/board/original/stop_guard.py", _car("board/original/stop_guard")),
    # belief and tracker
    Guarded("car/driving/localization/belief.py", _car("driving/localization/belief_arithmetic")),
    Guarded(
        "car/driving/localization/path_tracker.py",
        _car(
            "driving/localization/path_tracker",
            "driving/localization/first_place",
            "driving/localization/lane_model",
        ),
    ),
    Guarded("car/driving/localization/route_monitor.py", _car("driving/localization/finding")),
    # orders and actions
    Guarded(
        "pixelopolis/vda5050/order_rules.py",
        ("tests/pixelopolis/vda5050/test_order_limits.py", *ORDERS),
    ),
    Guarded(
        "pixelopolis/vda5050/order_progress.py",
        ("tests/pixelopolis/vda5050/test_order_progress.py", *ORDERS),
    ),
    Guarded("car/orders/executor.py", JOURNEY),
    Guarded("car/orders/task.py", ("tests/car/orders/test_executor.py", *ORDERS)),
    Guarded("car/orders/state_report.py", JOURNEY),
    Guarded(
        "car/orders/instant_actions.py",
        ("tests/vda5050/test_instant_actions.py", "tests/car/orders/test_executor.py"),
    ),
    Guarded("car/orders/faults.py", ("tests/car/orders/test_faults.py", *JOURNEY)),
    Guarded(
        "car/driving/speed_limits.py", _car("driving/speed_limits", "driving/braking_for_limits")
    ),
)
