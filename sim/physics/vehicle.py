"""Differential-drive physics with motor response and the imperfections of real cars."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from pixelopolis.geometry import Pose, wrap_rad
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import MOTOR_MAX_RAD_S, MOTOR_UNIT_RAD_S


@dataclass(frozen=True, slots=True)
class Imperfections:
    """Differences of one car from nominal."""

    left_radius_factor: float = 1.0
    right_radius_factor: float = 1.0
    slip: float = 0.0
    """Share of a wheel's travel that slips."""
    lag_s: float = 0.08
    """Time constant of the XL430's velocity response, as measured on the prototype."""
    delay_s: float = 0.05
    """Delay from the command to the first motion: bus, USB and motor controller."""
    reversed_motors: tuple[str, ...] = ()
    """"left" and "right": motors that turn backward, as with a wrong `board.mirrored`. They report
    what they were commanded."""
    swapped_motors: bool = False
    """The two motors are mounted on each other's side."""

    def on_the_ground(self, left: float, right: float) -> tuple[float, float]:
        """Return the speeds of the (left, right) wheels when the motors report these."""
        left = -left if "left" in self.reversed_motors else left
        right = -right if "right" in self.reversed_motors else right
        return (right, left) if self.swapped_motors else (left, right)


def random_imperfections(rng: np.random.Generator) -> Imperfections:
    """Draw one car's imperfections.

    Wheel radii differ by up to ±1.5 % each (3 % between the two, as in the prototype), slip is up
    to 1 %, lag and delay vary by a quarter.
    """
    return Imperfections(
        left_radius_factor=float(rng.uniform(0.985, 1.015)),
        right_radius_factor=float(rng.uniform(0.985, 1.015)),
        slip=float(rng.uniform(0.0, 0.01)),
        lag_s=0.08 * float(rng.uniform(0.75, 1.25)),
        delay_s=0.05 * float(rng.uniform(0.75, 1.25)),
    )


@dataclass(frozen=True, slots=True)
class BodyMotion:
    """Speed and yaw rate of a car and its camera; counterclockwise positive."""

    speed_mps: float = 0.0
    yaw_rad_s: float = 0.0


class Vehicle:
    """One car in the plane, moved by `step`.

    Attributes:
        pose: of the middle of the axle.
        wheel_rad: (left, right) angles since the start, forward positive.
        wheel_rad_s: (left, right) speeds.
        limit_rad_s: the motors' Velocity Limit.
    """

    def __init__(
        self,
        pose: Pose,
        imperfections: Imperfections | None = None,
        limit_rad_s: float = MOTOR_MAX_RAD_S,
    ) -> None:
        self.pose = pose
        self.imperfections = imperfections or Imperfections()
        self.limit_rad_s = limit_rad_s
        self.wheel_rad = (0.0, 0.0)
        self.wheel_rad_s = (0.0, 0.0)
        self._time_s = 0.0
        self._active = (0.0, 0.0)
        self._coming: deque[tuple[float, tuple[float, float]]] = deque()

    def set_goal(self, left_rad_s: float, right_rad_s: float) -> None:
        """Command wheel speeds; they are clipped to the motors' limit and units."""
        goal = (self._as_motor(left_rad_s), self._as_motor(right_rad_s))
        self._coming.append((self._time_s + self.imperfections.delay_s, goal))

    @property
    def speed_mps(self) -> float:
        return sum(self.imperfections.on_the_ground(*self.wheel_rad_s)) / 2 * WHEEL_RADIUS_M

    @property
    def motion(self) -> BodyMotion:
        """Body motion from the wheels' speeds, with slip and true radii."""
        left, right = self.imperfections.on_the_ground(*self.wheel_rad_s)
        grip = (1 - self.imperfections.slip) * WHEEL_RADIUS_M
        left_mps = left * grip * self.imperfections.left_radius_factor
        right_mps = right * grip * self.imperfections.right_radius_factor
        return BodyMotion((left_mps + right_mps) / 2, (right_mps - left_mps) / WHEEL_BASE_M)

    def step(self, dt_s: float) -> None:
        """Advance by `dt_s` seconds (5 ms is suitable)."""
        self._time_s += dt_s
        while self._coming and self._coming[0][0] <= self._time_s + 1e-9:
            self._active = self._coming.popleft()[1]
        follow = 1 - math.exp(-dt_s / self.imperfections.lag_s)
        left, right = (
            now + (goal - now) * follow
            for now, goal in zip(self.wheel_rad_s, self._active, strict=True)
        )
        self.wheel_rad_s = (left, right)
        self.wheel_rad = (
            self.wheel_rad[0] + left * dt_s,
            self.wheel_rad[1] + right * dt_s,
        )
        motion = self.motion
        turn, way = motion.yaw_rad_s * dt_s, motion.speed_mps * dt_s
        # direction of the arc's chord (exact for constant wheel speeds up to dt³)
        middle = self.pose.heading_rad + turn / 2
        self.pose = Pose(
            self.pose.x_m + way * math.cos(middle),
            self.pose.y_m + way * math.sin(middle),
            wrap_rad(self.pose.heading_rad + turn),
        )

    def _as_motor(self, rad_s: float) -> float:
        limited = min(max(rad_s, -self.limit_rad_s), self.limit_rad_s)
        return round(limited / MOTOR_UNIT_RAD_S) * MOTOR_UNIT_RAD_S
