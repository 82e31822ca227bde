"""The car's driver and the physics in lockstep: deterministic, faster than real time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from car.driving.driver import Driver
from car.driving.types import (
    Decision,
    Frame,
    Mission,
    Observation,
    Sighting,
    Sightings,
    WheelReading,
)
from pixelopolis.city.model import City, Movement
from pixelopolis.city.route import Place, Route
from pixelopolis.geometry import Pose, wrap_rad
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.camera import FRAME_S
from sim.physics.vehicle import BodyMotion, Vehicle

STEP_S: Final = 0.005

CameraSource = Callable[[Pose, BodyMotion], Image]
"""Returns the camera's image at a pose and motion: RGB (h, w, 3) uint8, the lane model's part of
the frame."""

DetectorSource = Callable[[Pose], tuple[Sighting, ...]]
"""Returns the detector's sightings at a pose (see `sim.camera.simulated_detector`)."""

DETECT_EVERY: Final = 2
"""The detector gets every second frame; its result arrives one camera period later."""


class LockstepCar:
    """One car whose camera, driver and motors share a simulated clock.

    Args:
        vehicle: the physics.
        driver: decides.
        camera: renders the lane model's part of the frame.
        detector: None for a car without one.
        frame_delay_s: from a frame's capture to the driver, in whole camera periods.
    """

    def __init__(
        self,
        vehicle: Vehicle,
        driver: Driver,
        camera: CameraSource,
        detector: DetectorSource | None = None,
        frame_delay_s: float = 0.0,
    ) -> None:
        self.vehicle = vehicle
        self.driver = driver
        self.camera = camera
        self.detector = detector
        self._frames: deque[Frame] = deque(maxlen=1 + round(frame_delay_s / FRAME_S))
        self.time_s = 0.0
        self._ticks = 0
        self._sightings: Sightings | None = None
        self._coming: Sightings | None = None

    def tick(self, mission: Mission | None) -> Decision:
        """Capture, decide, and drive for one camera period."""
        self._look()
        self._frames.append(Frame(self.camera(self.vehicle.pose, self.vehicle.motion), self.time_s))
        arrived = len(self._frames) == self._frames.maxlen
        decision = self.driver.step(
            Observation(
                now_s=self.time_s,
                frame=self._frames[0] if arrived else None,
                wheels=WheelReading(*self.vehicle.wheel_rad, measured_s=self.time_s),
                mission=mission,
                sightings=self._sightings,
            )
        )
        self.vehicle.set_goal(decision.left_rad_s, decision.right_rad_s)
        for _ in range(round(FRAME_S / STEP_S)):
            self.vehicle.step(STEP_S)
        self.time_s += FRAME_S
        return decision

    def put(self, pose: Pose) -> None:
        """Move the car to another pose."""
        self.vehicle.pose = pose
        self.driver.forget_pose()

    def _look(self) -> None:
        """Deliver the sightings of the previous frame, and detect on every second one."""
        if self._coming is not None:
            self._sightings, self._coming = self._coming, None
        if self.detector is not None and self._ticks % DETECT_EVERY == 0:
            self._coming = Sightings(self.time_s, self.detector(self.vehicle.pose))
        self._ticks += 1


def random_route(city: City, rng: np.random.Generator, length_m: float) -> Route:
    """Return a random walk of about `length_m` over the city's edges, shorter at a dead end."""
    return _walk(
        city,
        str(rng.choice(list(city.edges))),
        length_m,
        lambda exits: exits[int(rng.integers(len(exits)))],
    )


def straight_route(city: City, start: Place, length_m: float) -> Route:
    """Return a route of about `length_m` from a place, straight on wherever possible."""
    way = _walk(city, start.edge, start.s_m + length_m, _straightest)
    return Route(way.edges, start.s_m, way.end_s_m)


def ring_route(city: City, rng: np.random.Generator, length_m: float) -> Route:
    """Return a route straight on wherever possible, in laps if there is a ring.

    It suits models without commands. In the original city these are laps of the outer ring.
    """
    onward = {e: _straightest(exits).to_edge for e, exits in city.exits.items() if exits}
    after_many = set(city.edges)
    for _ in city.edges:
        after_many = {onward[e] for e in after_many if e in onward}
    start = str(rng.choice(sorted(after_many or city.edges)))
    return _walk(city, start, length_m, _straightest)


def _straightest(exits: Sequence[Movement]) -> Movement:
    return min(
        exits,
        key=lambda m: abs(wrap_rad(m.curve.end.heading_rad - m.curve.start.heading_rad)),
    )


def _walk(
    city: City, start: str, length_m: float, choose: Callable[[Sequence[Movement]], Movement]
) -> Route:
    edges = [start]
    way_m = city.edges[start].length_m
    while way_m < length_m and city.exits[edges[-1]]:
        movement = choose(city.exits[edges[-1]])
        edges.append(movement.to_edge)
        way_m += movement.length_m + city.edges[movement.to_edge].length_m
    return Route(tuple(edges), 0.0, city.edges[edges[-1]].length_m)
