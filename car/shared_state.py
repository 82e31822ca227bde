"""State shared by the car's threads: orders, newest decision and its frame, under one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from car.camera.frames import WholeFrame
from car.driving.types import Decision, Mission
from car.orders.executor import OrderExecutor
from car.orders.factsheet import make_factsheet
from car.orders.state_report import Health
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import MalformedMessageError, Refusal
from pixelopolis.vda5050.order import (
    EMERGENCY_STOP,
    FACTSHEET_REQUEST,
    RELEASE_EMERGENCY_STOP,
    InstantActions,
    Order,
)
from pixelopolis.vda5050.state import State
from pixelopolis.vehicle.speeds import CRUISE_MPS


class SharedState:
    """An order executor that several threads may use. Every method returns at once.

    Args:
        executor: the car's orders.
        health: called for every report.
        emergency_stop: called with True to stop, with False to release; must not wait.
        cruise_mps: the car's maximum speed.
    """

    def __init__(
        self,
        executor: OrderExecutor,
        health: Callable[[], Health],
        emergency_stop: Callable[[bool], None] = lambda _: None,
        cruise_mps: float = CRUISE_MPS,
    ) -> None:
        self._cruise_mps = cruise_mps
        self._executor = executor
        self._emergency_stop = emergency_stop
        self._health = health
        self._lock = threading.Lock()
        self._link_seen_s: float | None = None
        self._view: tuple[WholeFrame, Decision] | None = None

    # --- control thread ---

    def orders(self) -> tuple[Mission | None, float | None]:
        """Return what to drive, and when the server was last heard."""
        with self._lock:
            return self._executor.mission, self._link_seen_s

    @property
    def paused(self) -> bool:
        """Whether the server wants the car to stand."""
        with self._lock:
            return self._executor.paused

    def take_decision(
        self, decision: Decision, mission: Mission | None, frame: WholeFrame | None
    ) -> bool:
        """Take in a decision and its frame; return whether the server must learn it at once."""
        with self._lock:
            if frame is not None:
                self._view = (frame, decision)
            return self._executor.take_decision(decision, mission)

    # --- server link ---

    def take_order(self, order: Order) -> None:
        with self._lock:
            self._executor.take_order(order)

    def take_actions(self, actions: InstantActions) -> bool:
        """Carry out instant actions; return whether the server wants the factsheet."""
        with self._lock:
            accepted = [action.action_type for action in self._executor.take_actions(actions)]
            for kind in accepted:
                if kind in (EMERGENCY_STOP, RELEASE_EMERGENCY_STOP):
                    self._emergency_stop(kind == EMERGENCY_STOP)
        return FACTSHEET_REQUEST in accepted

    def refuse(self, error: MalformedMessageError) -> None:
        with self._lock:
            self._executor.refuse(error)

    def take_refusal(self, refusal: Refusal) -> None:
        with self._lock:
            self._executor.take_refusal(refusal)

    def heard(self, now_s: float) -> None:
        with self._lock:
            self._link_seen_s = now_s

    def report(self, header_id: int, timestamp: datetime) -> State:
        health = self._health()
        with self._lock:
            return self._executor.report(header_id, timestamp, health)

    def factsheet(self, header_id: int, timestamp: datetime) -> Factsheet:
        return make_factsheet(header_id, timestamp, self._executor.serial_number, self._cruise_mps)

    # --- live view ---

    def view(self) -> tuple[WholeFrame, Decision] | None:
        """Return the newest frame and the decision made on it."""
        with self._lock:
            return self._view

    def summary(self) -> dict[str, Any]:
        """Return the driving part of `/status`."""
        with self._lock:
            mission, decision = self._executor.mission, self._executor.decision
            pose = self._executor.pose
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
