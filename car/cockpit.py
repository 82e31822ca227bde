"""Where the car's threads meet: one lock around orders, the newest decision and its picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from car.camera import WholeFrame
from car.journey import Journey
from car.observation import Decision, Mission
from car.reporting import Health
from pixelopolis.order_messages import EMERGENCY_STOP, RELEASE_EMERGENCY_STOP, InstantActions, Order
from pixelopolis.state_messages import State


class Cockpit:
    """A journey that several threads may touch. Every method returns at once.

    Args:
        journey: the car's orders.
        health: asked for with every report.
        emergency_stop: told True to stop in an emergency, False to release that; must not wait.
    """

    def __init__(
        self,
        journey: Journey,
        health: Callable[[], Health],
        emergency_stop: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._journey = journey
        self._emergency_stop = emergency_stop
        self._health = health
        self._lock = threading.Lock()
        self._link_seen_s: float | None = None
        self._view: tuple[WholeFrame, Decision] | None = None

    # the control thread

    def orders(self) -> tuple[Mission | None, float | None]:
        """Return what to drive, and when the server was last heard."""
        with self._lock:
            return self._journey.mission, self._link_seen_s

    def decided(
        self, decision: Decision, mission: Mission | None, frame: WholeFrame | None
    ) -> bool:
        """Take in a decision and the frame it was made on; return whether it is news."""
        with self._lock:
            if frame is not None:
                self._view = (frame, decision)
            return self._journey.take_decision(decision, mission)

    # the link

    def take_order(self, order: Order) -> None:
        with self._lock:
            self._journey.take_order(order)

    def take_actions(self, actions: InstantActions) -> None:
        with self._lock:
            for action in actions.actions:
                if action.action_type in (EMERGENCY_STOP, RELEASE_EMERGENCY_STOP):
                    self._emergency_stop(action.action_type == EMERGENCY_STOP)
                self._journey.take_action(action)

    def refuse(self, why: str) -> None:
        with self._lock:
            self._journey.refuse(why)

    def heard(self, now_s: float) -> None:
        with self._lock:
            self._link_seen_s = now_s

    def report(self, header_id: int, timestamp: datetime) -> State:
        health = self._health()
        with self._lock:
            return self._journey.report(header_id, timestamp, health)

    # the stream

    def view(self) -> tuple[WholeFrame, Decision] | None:
        """Return the newest frame and what was decided on it."""
        with self._lock:
            return self._view

    def summary(self) -> dict[str, Any]:
        """Return the part of `/status` that is about the drive."""
        with self._lock:
            mission, decision = self._journey.mission, self._journey.decision
            pose = self._journey.pose
        return {
            "state": str(decision.state),
            "reason": decision.reason.words if decision.reason else "",
            "reason_code": str(decision.reason.code) if decision.reason else None,
            "order_id": mission.order_id if mission else None,
            "distance_m": round(decision.distance_m, 3),
            "sigma_m": round(decision.sigma_m, 4),
            "granted_m": round(mission.granted_m, 3) if mission else None,
            "length_m": round(mission.path.length_m, 3) if mission else None,
            "x_m": round(pose.x_m, 3),
            "y_m": round(pose.y_m, 3),
            "heading_rad": round(pose.heading_rad, 4),
            "steering": round(decision.steering, 3),
        }
