"""Frames from a lane model's own drives, labeled by the expert: DAgger in the simulator.

S. Ross, G. Gordon, J. Bagnell, A Reduction of Imitation Learning and Structured Prediction to
No-Regret Online Learning, 2011. Each drive has other wheels, delays and speeds, and pushes. Kept
are the stretches with the model's largest errors, all frames before it left its lane, and a random
share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from car.driving.driver import Driver, DriverSettings
from car.driving.types import LaneModel, LaneView
from car.perception.ground_motion import GroundView
from car.perception.lane_network import load_lane_model
from pixelopolis.city.model import City, Turn
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_PART, Image, lane_crop
from pixelopolis.model_io.lane_path import SCALES_M, STATIONS_M
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import MOTOR_MAX_RAD_S
from sim.evaluation.lane_drive import LaneDrive
from sim.lane_data.labels import LaneLabel, label_of
from sim.lane_data.samples import CENTER, Sample, Session
from sim.physics.lockstep import LockstepCar, random_route
from sim.physics.vehicle import BodyMotion, Imperfections, Vehicle, random_imperfections

DRIVEN_PER_KEPT: Final = 4
"""Driven frames for each kept one."""
BLOCK: Final = 8
"""Frames are kept in runs of this length, on which recurrent models can be trained."""
BEFORE_LEAVING: Final = 40
"""Frames (2 s) before the car was 0.10 m off its lane, all of which are kept."""
RANDOM_PART: Final = 0.25
"""Share of randomly kept frames, which preserve what the model does well."""
ROUTE_M: Final = 4.0
SPEEDS_MPS: Final = (0.10, min(0.27, MOTOR_MAX_RAD_S * WHEEL_RADIUS_M))
DELAYS_S: Final = (0.03, 0.15)
PUSH_CHANCE: Final = 0.03
"""Chance per frame that a push begins: one wheel is slower for 4 to 12 frames."""
MAX_PUSH: Final = 0.45
"""Largest share of its speed that the wheel loses."""
ERROR_STATION: Final = STATIONS_M.index(0.2)

RenderFrame = Callable[[Pose, BodyMotion, float], Image]
"""Returns the camera's image at a pose, motion and time: the bottom part of its rows."""


@dataclass(frozen=True, slots=True)
class DrivenFrame:
    """One frame of a drive, the model's error in it, and whether it must be kept."""

    sample: Sample
    error: float


class _PushedVehicle(Vehicle):
    """A car whose wheels are slowed at times."""

    def __init__(self, pose: Pose, imperfections: Imperfections, rng: np.random.Generator) -> None:
        super().__init__(pose, imperfections)
        self._rng = rng
        self._factors = (1.0, 1.0)
        self._left = 0

    def set_goal(self, left_rad_s: float, right_rad_s: float) -> None:
        self._left -= 1
        if self._left <= 0:
            self._factors = (1.0, 1.0)
            if self._rng.random() < PUSH_CHANCE:
                held = 1.0 - float(self._rng.uniform(0.0, MAX_PUSH))
                self._factors = (held, 1.0) if self._rng.random() < 0.5 else (1.0, held)
                self._left = int(self._rng.integers(4, 12))
        super().set_goal(left_rad_s * self._factors[0], right_rad_s * self._factors[1])


class _RecordingModel:
    """A lane model that stores its last output."""

    def __init__(self, model: LaneModel) -> None:
        self._model = model
        self.part = model.part
        self.view = LaneView()

    def look(self, picture_rgb: Image) -> LaneView:
        self.view = self._model.look(picture_rgb)
        return self.view

    def reset(self) -> None:
        self._model.reset()


class _Camera:
    """Gives the model its part of a frame and stores the image to be written."""

    def __init__(self, see: RenderFrame, model_part: float, written_part: float) -> None:
        self._see = see
        self._model_part, self._written_part = model_part, written_part
        self.part = max(model_part, written_part)
        self.pose = Pose(0.0, 0.0, 0.0)
        self.picture: Image = np.zeros((0, 0, 3), dtype=np.uint8)

    def __call__(self, pose: Pose, motion: BodyMotion) -> Image:
        frame = self._see(pose, motion, self.part)
        self.pose = pose
        self.picture = lane_crop(frame, self._written_part / self.part)
        return lane_crop(frame, self._model_part / self.part)


@lru_cache(maxsize=1)
def _model(path: str) -> LaneModel:
    return load_lane_model(Path(path))


def drive_samples(
    city: City, rng: np.random.Generator, session: Session, see: RenderFrame
) -> list[Sample]:
    """Let a model drive; return `session.frames` samples of the drive, in order.

    Raises:
        ModelError: the session's model cannot be used.
    """
    model = _RecordingModel(_model(session.model))
    camera = _Camera(see, model.part, 1.0 if session.whole else LANE_PART)
    seen: list[DrivenFrame] = []
    left_at: list[int] = []
    stretch = 0
    while len(seen) < DRIVEN_PER_KEPT * session.frames:
        model.reset()
        path = RoutePath(city, random_route(city, rng, ROUTE_M))
        faults = replace(random_imperfections(rng), delay_s=float(rng.uniform(*DELAYS_S)))
        vehicle = _PushedVehicle(path.pose_at(0.0), faults, rng)
        driver = Driver(
            model,
            DriverSettings(cruise_mps=float(rng.uniform(*SPEEDS_MPS)), keeps_limits=False),
            ground=GroundView(Camera(), model.part),
        )
        drive = LaneDrive(path, LockstepCar(vehicle, driver, camera))
        for _ in range(DRIVEN_PER_KEPT * session.frames - len(seen)):
            if drive.distance_m > path.length_m - 0.2:
                break
            command = path.command_at(drive.distance_m)
            interventions = drive.figures.interventions
            drive.tick()
            label = label_of(city, camera.pose)
            steering = next(s for s in label.steering.values() if s is not None)
            sample = Sample(camera.pose, CENTER, steering, stretch, picture=camera.picture)
            seen.append(DrivenFrame(sample, error_of(model.view, label, command)))
            if drive.figures.interventions > interventions:
                left_at.append(len(seen))
                stretch += 1
        stretch += 1
    kept = keep(seen, left_at, session.frames, rng)
    return _renumbered(seen, kept)


def error_of(view: LaneView, label: LaneLabel, command: Turn) -> float:
    """Return the model's error for a command, 0 without a label.

    For paths: the error 0.2 m ahead over its scale; for steering: the difference.
    """
    number = list(Turn).index(command)
    path, steering = label.paths_left_m[command], label.steering[command]
    if view.paths_left_m is not None and path is not None:
        off_m = float(view.paths_left_m[number][ERROR_STATION]) - path[ERROR_STATION]
        return abs(off_m) / SCALES_M[ERROR_STATION]
    if view.steering is not None and steering is not None:
        return abs(view.steering[number] - steering)
    return 0.0


def keep(
    seen: Sequence[DrivenFrame], left_at: Sequence[int], frames: int, rng: np.random.Generator
) -> list[int]:
    """Return the indices of `frames` frames worth keeping, in order.

    Args:
        seen: frames in order of time.
        left_at: indices at which the car had left its lane.
        frames: how many to keep, at most as many as there are.
        rng: for the random share.
    """
    needed = [n for end in left_at for n in range(max(0, end - BEFORE_LEAVING), end)]
    blocks = [
        list(range(start, min(start + BLOCK, len(seen)))) for start in range(0, len(seen), BLOCK)
    ]
    wrong = [float(np.mean([seen[n].error for n in block])) for block in blocks]
    worst = [blocks[i] for i in np.argsort(wrong)[::-1]]
    order = [blocks[int(i)] for i in rng.permutation(len(blocks))]
    chosen: dict[int, None] = dict.fromkeys(sorted(set(needed))[:frames])
    by_error = len(chosen) + BLOCK * round((frames - len(chosen)) * (1 - RANDOM_PART) / BLOCK)
    by_error = min(by_error, frames)
    for upto, candidates in ((by_error, worst), (frames, order)):
        for n in (n for block in candidates for n in block):
            if len(chosen) >= upto:
                break
            chosen.setdefault(n)
    return sorted(chosen)


def _renumbered(seen: Sequence[DrivenFrame], kept: Sequence[int]) -> list[Sample]:
    """Return the kept samples; a new stretch begins after every gap."""
    samples: list[Sample] = []
    stretch = 0
    for i, n in enumerate(kept):
        sample = seen[n].sample
        if i and (n != kept[i - 1] + 1 or sample.stretch != seen[n - 1].sample.stretch):
            stretch += 1
        samples.append(replace(sample, stretch=stretch))
    return samples
