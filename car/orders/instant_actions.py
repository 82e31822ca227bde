"""The instant actions that the car received, and their states. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from pixelopolis.vda5050.order import (
    ACTION_PARAMETERS,
    EMERGENCY_STOP,
    RELEASE_EMERGENCY_STOP,
    InstantAction,
)
from pixelopolis.vda5050.state import ActionState

Status = Literal["RUNNING", "FINISHED", "FAILED"]

MAX_ACTION_STATES: Final = 100
"""Action states kept; the oldest ended ones are removed first."""


def why_not(action: InstantAction) -> str:
    """Return why the car cannot carry out an action, empty if it can."""
    known = ACTION_PARAMETERS.get(action.action_type)
    if known is None:
        return f"the car has no instant action {action.action_type!r}."
    for parameter in action.action_parameters:
        if parameter.key not in known or not isinstance(parameter.value, str):
            return f"{action.action_type!r} has no parameter {parameter.key!r} with that value."
    return ""


class ActionStates:
    """The action states reported in the state message."""

    def __init__(self) -> None:
        self._states: dict[str, ActionState] = {}

    @property
    def all(self) -> tuple[ActionState, ...]:
        return tuple(self._states.values())

    def get(self, action_id: str) -> ActionState | None:
        return self._states.get(action_id)

    def put(self, action: InstantAction, status: Status) -> None:
        self._set(action.action_id, action.action_type, status)
        ended = [key for key, state in self._states.items() if state.action_status != "RUNNING"]
        over = len(self._states) - MAX_ACTION_STATES
        for key in (ended or list(self._states))[: max(0, over)]:
            del self._states[key]

    def end(self, kind: str, status: Status = "FINISHED") -> None:
        """End every running action of a kind with a status."""
        self._settle(lambda state: status if state.action_type == kind else None)

    def clear(self) -> None:
        self._states = {k: s for k, s in self._states.items() if s.action_status == "RUNNING"}

    def follow_emergency_stop(
        self, stopped: bool, status: Literal["", "RUNNING", "FINISHED", "FAILED"]
    ) -> None:
        """Update emergency stops and releases from the board's status.

        Args:
            stopped: an emergency stop is active.
            status: progress of a remotely requested one; empty if none.
        """

        def ended(state: ActionState) -> Status | None:
            if state.action_type == RELEASE_EMERGENCY_STOP and not stopped:
                return "FINISHED"
            if state.action_type == EMERGENCY_STOP and status != "RUNNING":
                return status or "FAILED"  # released before it was confirmed
            return None

        self._settle(ended)

    def _settle(self, ended: Callable[[ActionState], Status | None]) -> None:
        for state in self.all:
            status = ended(state) if state.action_status == "RUNNING" else None
            if status is not None:
                self._set(state.action_id, state.action_type or "", status)

    def _set(self, action_id: str, kind: str, status: Status) -> None:
        self._states[action_id] = ActionState(
            action_id=action_id, action_type=kind, action_status=status
        )
