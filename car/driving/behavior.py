"""Driving rules in priority order; the first that matches wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from car.driving.freshness import Ages, is_possible
from car.driving.speed_profile import (
    CREEP_MPS,
    PEEK_GAP_M,
    RESTART_GAP_M,
    STOP_GAP_M,
    STOPPED_WITHIN_M,
    speed_before_stop_mps,
    speed_behind_mps,
)
from car.driving.types import DriveState
from pixelopolis.reasons import Reason, ReasonCode, reason

CAMERA_SLOW_S: Final = 0.20
"""Four missed frames."""
CAMERA_STOP_S: Final = 0.50
SIGHT_SLOW_S: Final = 0.5
"""The detector processes at least every second frame: four missed results."""
SIGHT_STOP_S: Final = 1.0
WHEELS_SLOW_S: Final = 0.15
WHEELS_STOP_S: Final = 0.40
LINK_SLOW_S: Final = 2.0
"""The server answers every 0.5 s: four missed answers."""
LINK_STOP_S: Final = 5.0
SLOW_FACTOR: Final = 0.4
OLDEST_S: Final = 1e6
"""Longer ages are reported as this, since a message cannot carry infinity."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the behavior depends on. Ages in seconds; None: never seen, or not needed."""

    has_mission: bool
    ages: Ages
    """`link_s` is None if the car drives without a server."""
    to_stop_m: float
    """Distance to where the car must stop."""
    to_end_m: float
    """Distance to the end of the whole path."""
    in_junction: bool
    arrived: bool
    """The car has already stood at the end of this mission."""
    has_detector: bool = False
    """If set, the car waits for the detector's first result before it drives."""
    gap_m: float | None = None
    """Gap to the nearest car in the lane; None if there is none."""
    car_doubted: bool = False
    """That car has been out of sight for long."""
    stopped_for_car: bool = False
    """The car stood behind another one at the previous step."""
    lost: Reason | None = None
    """Why the car is not where its mission says; None if it is."""
    faulty: Reason | None = None
    """Why no order can be driven until a person has intervened; None if all is well."""
    paused: bool = False
    """The server wants the car to stand."""


@dataclass(frozen=True, slots=True)
class Behavior:
    state: DriveState
    speed_mps: float
    reason: Reason | None = None


def behave(now: Situation, cruise_mps: float) -> Behavior:
    """Return the first behavior that applies.

    | situation                              | state             | speed                 |
    |----------------------------------------|-------------------|-----------------------|
    | no mission                             | idle              | 0                     |
    | wheels turn differently than reported  | faulty            | 0                     |
    | not where its mission says             | lost              | 0                     |
    | at the end of the path                 | arrived           | 0                     |
    | told to pause                          | paused            | 0                     |
    | camera, detector, wheels or link silent, or with an impossible time  | stale | 0   |
    | camera repeats one picture             | stale             | 0                     |
    | at the end of the grant                | waiting for grant | 0                     |
    | a car within the stopping gap          | stopped for car   | 0; creep if doubted   |
    | something is late                      | driving, turning  | 0.4 of the next rows  |
    | behind a car                           | driving, turning  | falls with the gap    |
    | else                                   | driving, turning  | cruise, less at a stop |
    """
    if not now.has_mission:
        return Behavior(DriveState.IDLE, 0.0)
    if now.faulty:
        return Behavior(DriveState.FAULTY, 0.0, now.faulty)
    if now.lost:
        return Behavior(DriveState.LOST, 0.0, now.lost)
    if now.arrived or now.to_end_m <= STOPPED_WITHIN_M:
        return Behavior(DriveState.ARRIVED, 0.0)
    if now.paused:
        return Behavior(DriveState.PAUSED, 0.0, reason(ReasonCode.PAUSED))
    too_old, slow = _lateness(now)
    if too_old is not None:
        return Behavior(DriveState.STALE, 0.0, too_old)
    if now.to_stop_m <= STOPPED_WITHIN_M:
        return Behavior(DriveState.WAITING_FOR_GRANT, 0.0, reason(ReasonCode.AT_GRANT_END))
    speed, cause = speed_before_stop_mps(now.to_stop_m, cruise_mps), slow
    if now.gap_m is not None:
        keep_m = RESTART_GAP_M if now.stopped_for_car else STOP_GAP_M
        if now.car_doubted:
            keep_m = PEEK_GAP_M
        if now.gap_m <= keep_m:
            why = reason(ReasonCode.CAR_AHEAD, gap_m=max(now.gap_m, 0.0))
            return Behavior(DriveState.STOPPED_FOR_CAR, 0.0, why)
        behind, why = speed_behind_mps(now.gap_m, cruise_mps), reason(ReasonCode.FOLLOWS_CAR)
        if now.car_doubted:
            behind, why = max(behind, CREEP_MPS), reason(ReasonCode.CAR_AHEAD_UNSURE)
        if behind < speed:
            speed, cause = behind, slow or why
    state = DriveState.TURNING if now.in_junction else DriveState.DRIVING
    return Behavior(state, speed * SLOW_FACTOR if slow else speed, cause)


def _lateness(now: Situation) -> tuple[Reason | None, Reason | None]:
    """Return (why the car must stand, else why it must slow down)."""
    ages = now.ages
    watched = (
        ("camera", ages.camera_s, CAMERA_SLOW_S, CAMERA_STOP_S, True),
        ("detector", ages.sight_s, SIGHT_SLOW_S, SIGHT_STOP_S, now.has_detector),
        ("wheels", ages.wheels_s, WHEELS_SLOW_S, WHEELS_STOP_S, True),
        ("server", ages.link_s, LINK_SLOW_S, LINK_STOP_S, False),
    )
    slow: Reason | None = None
    for name, age_s, slow_s, stop_s, needed in watched:
        if age_s is None:
            if needed:
                return reason(ReasonCode.PART_UNHEARD, part=name), None
        elif not is_possible(age_s):
            return reason(ReasonCode.PART_MISTIMED, part=name), None
        elif age_s > stop_s:
            return reason(ReasonCode.PART_SILENT, part=name, age_s=min(age_s, OLDEST_S)), None
        elif age_s > slow_s and not slow:
            slow = reason(ReasonCode.PART_LATE, part=name, age_s=age_s)
    if ages.picture_s > CAMERA_SLOW_S:
        frozen = reason(ReasonCode.PICTURE_FROZEN, age_s=ages.picture_s)
        if ages.picture_s > CAMERA_STOP_S:
            return frozen, None
        slow = slow or frozen
    return None, slow
