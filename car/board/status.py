"""What a board thread says about the board, the motors and an emergency stop: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixelopolis.vehicle.control_table import BoardFault


class EmergencyStop(StrEnum):
    """How far an emergency stop has got that this process was asked for."""

    NONE = "none"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """Nobody confirmed it in time; the wheels may still turn."""


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """What is known about board and motors; counters count since the start."""

    connected: bool = False
    problem: str = ""
    """Why it is not connected, and the next step; empty when it is."""
    battery_mv: int | None = None
    battery_pct: float | None = None
    """State of charge, from a board that says no voltage."""
    fault: BoardFault | None = None
    lost_packets: int = 0
    cycles: int = 0
    late_cycles: int = 0
    """Cycles that began more than a cycle late."""
    restarts: int = 0
    """How often the wheels had been stopped by a watchdog and were released again."""
    connections: int = 0
    slowed: bool = False
    """So many packets are lost that the wheels turn slower than they are told."""
    estop: EmergencyStop = EmergencyStop.NONE
    stop_confirmed: bool | None = None
    """After `close`: whether the motors confirmed that they stand still without torque (True also
    when they never had any)."""
