"""What one cycle of the control loop leaves to the other threads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from car.control_thread import ControlThread
from car.driving.wheel_check import WheelFault


def test_a_fault_is_told_only_with_the_decision_that_follows_from_it() -> None:
    """Whoever reports a car between the two would say that it drives with a fatal error."""
    seen: list[tuple[str, WheelFault | None]] = []
    driver = SimpleNamespace(wheel_fault=None, picture_frozen=None, lane_part=0.25)

    def step(_: object) -> Any:
        driver.wheel_fault = WheelFault.BOTH_REVERSED
        seen.append(("while it is decided", loop.wheel_fault))
        return SimpleNamespace(left_rad_s=0.0, right_rad_s=0.0)

    def take_decision(*_: object) -> bool:
        seen.append(("before it is taken", loop.wheel_fault))
        return True

    driver.step = step
    loop = ControlThread(
        driver,  # type: ignore[arg-type]
        SimpleNamespace(wait_newer=lambda *_: None),  # type: ignore[arg-type]
        SimpleNamespace(reading=lambda: None, set_goal=lambda *_: None),  # type: ignore[arg-type]
        SimpleNamespace(  # type: ignore[arg-type]
            orders=lambda: (None, 0.0), paused=False, take_decision=take_decision
        ),
        on_event=lambda: seen.append(("when the server is told", loop.wheel_fault)),
        on_frame=lambda: None,
    )
    loop._cycle()
    assert seen == [
        ("while it is decided", None),
        ("before it is taken", None),
        ("when the server is told", WheelFault.BOTH_REVERSED),
    ]
