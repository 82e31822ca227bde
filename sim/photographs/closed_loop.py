"""Closed loop on photographs: the model steers, and the picture is the ground as seen from there.

The recording's car has a photograph for each place of a road. Ours drives there at its own speed,
with the physics of our motors: 20 times a second it sees the photograph that was taken abreast of
it, from where it is and as it is turned. It is to keep to the middle between the borders that the
photographs show, or where they show none to the way of the recording's car.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from car.driving.lane_keeper import LaneKeeper
from car.driving.types import Frame, LaneModel, WheelReading
from pixelopolis.geometry import Curve, FloatArray, Pose, wrap_rad
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from pixelopolis.vehicle.steering import steering_to_wheels
from sim.evaluation.lane_drive import INTERVENTION_COST_S, INTERVENTION_M
from sim.photographs.equivariance import COMMAND
from sim.photographs.ground_view import GroundProjector
from sim.photographs.own_motion import Motion
from sim.photographs.road_middle import road_middle
from sim.physics.lockstep import STEP_S
from sim.physics.vehicle import Vehicle

MIN_SEEN: Final = 0.5
"""Where a photograph shows less of our view, the drive ends and starts again."""
MIN_LENGTH_M: Final = 0.5
RECOVERIES: Final = (
    (0.06, 0.0), (-0.06, 0.0), (0.0, math.radians(10)), (0.0, math.radians(-10)),
)  # fmt: skip
RECOVERY_M: Final = 0.8
RECOVERED_M: Final = 0.03
RECOVERY_PLACES: Final = 16
"""Of a recording, at most one a meter."""
SEARCH_M: Final = 0.15


@dataclass(eq=False)
class FilmedRoad:
    """A stretch of a recording as a road.

    Attributes:
        photos_rgb: its photographs (n).
        poses: where each was taken.
        way: poses abreast of these on the road's middle, or where that is not seen the same.
        middle: share of the way along which the middle was seen.
        projector: shows them from elsewhere.
    """

    photos_rgb: Sequence[Image]
    poses: Sequence[Pose]
    way: Sequence[Pose]
    middle: float
    projector: GroundProjector

    def __post_init__(self) -> None:
        points = np.array([[pose.x_m, pose.y_m] for pose in self.way])
        steps = np.hypot(*np.diff(points, axis=0).T)
        self._along_m = np.concatenate([[0.0], np.cumsum(steps)])
        self.length_m = float(self._along_m[-1])
        if self.length_m > MIN_LENGTH_M:
            self._curve = Curve(points)

    def pose_at(self, s_m: float) -> Pose:
        """Return the pose on the way after so many meters."""
        return self._curve.pose_at(s_m)

    def abreast(self, pose: Pose, near_s_m: float) -> tuple[float, float]:
        """Return how far along and how far to the left of the way a pose is."""
        at = self._curve.project(pose.x_m, pose.y_m, near_s_m - SEARCH_M, near_s_m + SEARCH_M)
        return at.s_m, at.left_m

    def view(self, pose: Pose, s_m: float) -> tuple[Image, float]:
        """Return the crop from a pose abreast of `s_m`, and the share of it that is shown."""
        number = self._number_at(s_m)
        taken = self.poses[number]
        forward, left = taken.to_local(pose.x_m, pose.y_m)
        turned = wrap_rad(pose.heading_rad - taken.heading_rad)
        return self.projector.crop(self.photos_rgb[number], Pose(forward, left, turned))

    def _number_at(self, s_m: float) -> int:
        number = int(np.searchsorted(self._along_m, s_m + 1e-9, side="right")) - 1
        return min(max(number, 0), len(self.poses) - 1)


def film_road(
    photos_rgb: Sequence[Image],
    motions: Sequence[Motion],
    middles: Sequence[FloatArray],
    projector: GroundProjector,
) -> FilmedRoad:
    """Return the road of one stretch.

    Args:
        photos_rgb: its photographs (n).
        motions: between them (n - 1).
        middles: what each shows of the road's middle (`road_middle.middle_points`).
        projector: shows them from elsewhere.
    """
    poses = [Pose(0.0, 0.0, 0.0)]
    for motion in motions:
        poses.append(motion.after(poses[-1]))
    way, share = road_middle(middles, poses)
    return FilmedRoad(photos_rgb, poses, way, share, projector)


@dataclass
class PhotoDrives:
    """Sums over drives on photographs."""

    distance_m: float = 0.0
    interventions: int = 0
    off_sum_m: float = 0.0
    pictures: int = 0
    recoveries: int = 0
    recovered: int = 0

    def figures(self) -> dict[str, Any]:
        time_s = self.distance_m / CRUISE_MPS
        cost_s = self.interventions * INTERVENTION_COST_S
        return {
            "autonomy_pct": 100 * max(0.0, 1 - cost_s / time_s) if time_s else None,
            "interventions": self.interventions,
            "distance_m": self.distance_m,
            "mean_abs_off_m": self.off_sum_m / self.pictures if self.pictures else None,
            "recovered_pct": 100 * self.recovered / self.recoveries if self.recoveries else None,
            "recoveries": self.recoveries,
        }


class _Drive:
    """One car beside a driver's path, from a place on it until it leaves it."""

    def __init__(
        self, road: FilmedRoad, model: LaneModel, s_m: float, left_m: float, turn_rad: float
    ) -> None:
        self.s_m, self.left_m, self.road = s_m, left_m, road
        self._vehicle = Vehicle(road.pose_at(s_m).ahead(0.0, left_m, turn_rad))
        self._keeper = LaneKeeper(model)
        self._keeper.restart()
        self._time_s = 0.0

    def tick(self) -> bool:
        """Drive for one camera period; return whether the car is still on its way."""
        vehicle, keeper = self._vehicle, self._keeper
        crop, seen = self.road.view(vehicle.pose, self.s_m)
        if seen < MIN_SEEN:
            return False
        keeper.move(WheelReading(*vehicle.wheel_rad, self._time_s))
        keeper.see(Frame(crop, self._time_s), COMMAND)
        steering = keeper.steering(self._time_s, CRUISE_MPS)
        vehicle.set_goal(*steering_to_wheels(steering, CRUISE_MPS / WHEEL_RADIUS_M))
        for _ in range(round(FRAME_S / STEP_S)):
            vehicle.step(STEP_S)
        self._time_s += FRAME_S
        s_m, self.left_m = self.road.abreast(vehicle.pose, self.s_m)
        self.s_m = max(self.s_m, s_m)
        stalls = self._time_s * CRUISE_MPS > 3 * self.road.length_m + 1
        return abs(self.left_m) <= INTERVENTION_M and not stalls


def drive_along(road: FilmedRoad, model: LaneModel, total: PhotoDrives) -> None:
    """Drive a stretch from end to end; whoever leaves it is put back, and it is counted."""
    if road.length_m < MIN_LENGTH_M:
        return
    end_m, s_m = road.length_m - 0.05, 0.0
    while s_m < end_m:
        drive = _Drive(road, model, s_m, 0.0, 0.0)
        while drive.s_m < end_m and drive.tick():
            total.off_sum_m += abs(drive.left_m)
            total.pictures += 1
        if drive.s_m >= end_m:
            break
        total.interventions += 1
        s_m = max(drive.s_m, s_m + 0.02)
    total.distance_m += road.length_m


def recover(road: FilmedRoad, model: LaneModel, places: int, total: PhotoDrives) -> None:
    """Start beside the path or askew, at some places of a stretch, and see who comes back."""
    room_m = road.length_m - RECOVERY_M
    if room_m <= 0 or road.length_m < MIN_LENGTH_M:
        return
    for place in range(places):
        start_m = room_m * (place + 0.5) / places
        for left_m, turn_rad in RECOVERIES:
            drive = _Drive(road, model, start_m, left_m, turn_rad)
            stays = True
            while stays and drive.s_m < start_m + RECOVERY_M:
                stays = drive.tick()
            total.recoveries += 1
            total.recovered += stays and abs(drive.left_m) < RECOVERED_M
