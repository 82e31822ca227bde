"""Status of board, motors and emergency stop: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixelopolis.vehicle.control_table import BoardFault


class EmergencyStop(StrEnum):
    """Progress of an emergency stop requested from this process."""

    NONE = "none"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """Not confirmed in time; the wheels may still turn."""


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """State of board and motors; counters count since the start."""

    connected: bool = False
    problem: str = ""
    """Why it is not connected, and the next step; empty if it is."""
    battery_mv: int | None = None
    battery_pct: float | None = None
    """State of charge, from a board that does not report a voltage."""
    fault: BoardFault | None = None
    lost_packets: int = 0
    cycles: int = 0
    late_cycles: int = 0
    """Cycles that began more than one cycle late."""
    restarts: int = 0
    """How often wheels stopped by a watchdog were released again."""
    connections: int = 0
    slowed: bool = False
    """The wheels turn slower than commanded because too many packets are lost."""
    estop: EmergencyStop = EmergencyStop.NONE
    stop_confirmed: bool | None = None
    """After `close`: whether the motors confirmed standstill without torque (True also if they
    never had any)."""
