"""Where in the town a car is: a probability for every two centimetres of every lane.

A histogram filter over the town's cells (S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics,
2005, chapter 8). The wheels move it, and branch it at junctions. Two things correct it: the signs
that are seen against those that each cell expects, and the car's heading, which on average is that
of its lane, so that bends tell where it is. A small part of the belief is always "none of these":
when nothing explains what is seen, that part grows and is spread over the whole town again.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from car.driving.localization.bearing_range import SignMeasurement, signs_now
from car.driving.localization.lane_grid import CELL_M, LaneGrid
from car.driving.localization.sign_model import SignModel
from car.driving.types import Sightings, WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M

AROUND_M: Final = 0.15
"""What is so near to the best place counts as the same place."""

LOCATED: Final = 0.95
LOCATED_SIGMA_M: Final = 0.045
"""Probability of one place, and its exactness, from which on it may be the place."""

LOCATED_FOR_M: Final = 0.10
"""Way for which it must have been so; standing, `LOCATED_FOR_FRAMES`."""
LOCATED_FOR_FRAMES: Final = 15

KEPT: Final = 0.6
"""The place is believed in as long as it is more probable than this."""

START_SIGMA_M: Final = 0.05
START_DOUBT: Final = 0.01
"""How exactly a car is put down where it is said to stand, and how often somewhere else."""

JUMP_M: Final = 0.5
"""Wheels that turn so far between two readings have begun to count anew."""

TO_NOWHERE: Final = 1e-4
FROM_NOWHERE: Final = 0.05
"""Part of the belief that each step makes "none of these", and part of that which is spread over
the town."""

HEADING_SIGMA_RAD: Final = 0.15
HEADING_FLOOR: Final = 1e-3
HEADING_WAY_M: Final = 0.15
"""Spread of a lane-keeping car's heading, its least likelihood, and after how much way it says
something new."""
HEADING_GAIN: Final = 0.06
"""Part of a heading error that each step forgets: a Kalman filter's gain with a drift of 0.05 rad
after one metre and `HEADING_SIGMA_RAD`."""
MISMATCH_GAIN: Final = 0.03
"""How fast unequal wheels are learnt, in rad/m for each rad and step."""

SIGHT_WAY_M: Final = 0.05
"""A frame says something wholly new after so much way."""
SIGHT_MOST: Final = 0.3
"""Most weight of one frame; neighbouring frames err alike."""
STANDING_FRAMES: Final = 1.0
"""Weight of all frames together while the car stands and sees the same."""

COMMAND_TRUST: Final = 0.9
"""How sure it is that a car takes the turn that it was told."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The most probable place: its probability (all within `AROUND_M`) and how exact it is."""

    place: Place
    pose: Pose
    probability: float
    sigma_m: float
    in_junction: bool


class Belief:
    """One car's belief. Its `probabilities` (N,) and `nowhere` sum to 1.

    `driven_m` is the way of its wheels since it began.

    Args:
        expectation: the town as the car's camera should see it.
        start: where the car was put down; None when nobody knows.
    """

    def __init__(self, expectation: SignModel, start: Place | None = None) -> None:
        self.expectation = expectation
        self.cells: LaneGrid = expectation.cells
        lengths = np.array([lane.length_m / lane.count for lane in self.cells.lanes])
        spread = lengths[self.cells.lane_of]
        self._anywhere: FloatArray = spread / spread.sum()
        self.probabilities: FloatArray = self._anywhere.copy()
        self.nowhere = 0.0
        self._heading_rad: FloatArray = np.zeros(self.cells.count)
        self._mismatch_rad_m = 0.0
        self._last: WheelReading | None = None
        self._way_m = 0.0
        self._turn_rad = 0.0
        self._shares: dict[Turn | None, FloatArray] = {}
        self._trail: deque[tuple[float, float]] = deque(maxlen=40)
        self.driven_m = 0.0
        self._news = STANDING_FRAMES
        self._seen_standing: set[str] = set()
        self._held_m, self._held_frames = 0.0, 0
        self._located = False
        if start is not None:
            self.put_down(start)
        self._best = self._find_best()

    # --- what it says ---------------------------------------------------------------------------

    @property
    def best(self) -> Whereabouts:
        return self._best

    @property
    def is_located(self) -> bool:
        """It has been sure of one place for some way, and has not given it up since."""
        return self._located

    def probability_near(self, pose: Pose, within_m: float) -> float:
        """Return how probable it is that the car is around a pose, on a lane that runs its way."""
        near = self.cells.near(pose.x_m, pose.y_m, pose.heading_rad, within_m)
        return float(self.probabilities[near].sum())

    # --- what moves it --------------------------------------------------------------------------

    def put_down(self, place: Place) -> None:
        """Begin anew from where somebody puts it; beyond an edge's end is a junction."""
        cells, city = self.cells, self.cells.city
        lanes, s_m = [cells.index[place.edge]], place.s_m
        beyond_m = s_m - city.edges[place.edge].length_m
        if beyond_m > 0 and city.exits[place.edge]:  # in a junction, on whatever way
            lanes = [cells.index[place.edge, m.to_edge] for m in city.exits[place.edge]]
            s_m = beyond_m
        self.nowhere = 0.0
        self.probabilities = START_DOUBT * self._anywhere
        for lane in (cells.lanes[i] for i in lanes):
            here = slice(lane.first, lane.first + lane.count)
            there = np.exp(-(((cells.s_m[here] - s_m) / START_SIGMA_M) ** 2) / 2) + 1e-300
            self.probabilities[here] += (1 - START_DOUBT) / len(lanes) * there / there.sum()
        self._heading_rad[:] = 0.0
        self._located = True
        self._best = self._find_best()

    def move(self, wheels: WheelReading, command: Turn | None = None) -> None:
        """Take in new wheel angles.

        Args:
            wheels: forward positive.
            command: the turn that the car is following; None when it follows none.
        """
        last, self._last = self._last, wheels
        if last is not None:
            left_m = (wheels.left_rad - last.left_rad) * WHEEL_RADIUS_M
            right_m = (wheels.right_rad - last.right_rad) * WHEEL_RADIUS_M
            if max(abs(left_m), abs(right_m)) < JUMP_M:
                self._way_m += (left_m + right_m) / 2
                self.driven_m += (left_m + right_m) / 2
                self._turn_rad += (right_m - left_m) / WHEEL_BASE_M
        self._trail.append((wheels.measured_s, self.driven_m))
        while self._way_m >= CELL_M:
            turn_rad = self._turn_rad * CELL_M / self._way_m
            self._turn_rad -= turn_rad
            self._way_m -= CELL_M
            self._step(turn_rad, command)

    def _step(self, turn_rad: float, command: Turn | None) -> None:
        steps, count = self.cells.steps, self.cells.count
        mass = self.probabilities[steps.source] * steps.weight
        mass *= self._share(command)
        heading = self._heading_rad[steps.source] - steps.turn_rad
        heading += turn_rad + self._mismatch_rad_m * CELL_M
        moved: FloatArray = np.bincount(steps.target, mass, count).astype(float)
        turned = np.bincount(steps.target, mass * heading, count)
        self._heading_rad = turned / np.maximum(moved, 1e-300)
        self.probabilities = moved
        self._doubt(1.0)
        square = (self._heading_rad / HEADING_SIGMA_RAD) ** 2
        likely = np.exp(-square / 2) + HEADING_FLOOR
        power = CELL_M / HEADING_WAY_M
        self._weigh(likely**power, math.exp(-3.0 * power))
        off = float(self.probabilities @ np.clip(self._heading_rad, -0.3, 0.3))
        self._mismatch_rad_m -= MISMATCH_GAIN * off
        self._heading_rad *= 1 - HEADING_GAIN
        self._news = min(STANDING_FRAMES, self._news + CELL_M / SIGHT_WAY_M)
        self._seen_standing.clear()
        self._note(way_m=CELL_M)

    def _share(self, command: Turn | None) -> FloatArray:
        """Return the factor of every step: how probable its exit of the junction is."""
        if command not in self._shares:
            cells = self.cells
            factor = np.ones(len(cells.lanes) + 1)
            for exits in cells.city.exits.values():
                named = [m.turn is command for m in exits]
                told = COMMAND_TRUST if any(named) else 0.0
                for movement, is_named in zip(exits, named, strict=True):
                    share = (1 - told) / len(exits) + told * is_named
                    factor[cells.index[movement.from_edge, movement.to_edge]] = share
            self._shares[command] = factor[cells.steps.exit]
        return self._shares[command]

    # --- what corrects it -----------------------------------------------------------------------

    def see(self, sightings: Sightings) -> list[SignMeasurement]:
        """Take in what was seen in one frame, and return the signs in it as they are now."""
        driven_m = self._driven_since_m(sightings.captured_s)
        sights = signs_now(sightings, self.expectation.camera, driven_m)
        fresh = {s.class_name for s in sights} - self._seen_standing
        if self._seen_standing and fresh:
            self._news = max(self._news, STANDING_FRAMES / 2)
        self._seen_standing |= fresh
        weight = min(SIGHT_MOST, self._news)
        self._news -= weight
        if weight > 0:
            self._correct(sights, weight)
        self._note(frames=1)
        return sights

    def _driven_since_m(self, then_s: float) -> float:
        then_m = next((m for at_s, m in reversed(self._trail) if at_s <= then_s), None)
        return 0.0 if then_m is None else self.driven_m - then_m

    def _correct(self, sights: list[SignMeasurement], weight: float) -> None:
        here, nowhere = self.expectation.log_likelihood(sights)
        most = max(float(here.max()), nowhere)
        self._doubt(weight)
        self._weigh(np.exp(weight * (here - most)), math.exp(weight * (nowhere - most)))

    def _doubt(self, part: float) -> None:
        """Let a little of the belief be "none of these", and spread a part of that."""
        gone, back = TO_NOWHERE * part, FROM_NOWHERE * part
        spread = self.nowhere * back
        self.nowhere += gone - spread
        self.probabilities = self.probabilities * (1 - gone) + spread * self._anywhere
        total = float(self.probabilities.sum()) + self.nowhere
        self.probabilities /= total
        self.nowhere /= total

    def _weigh(self, likely: FloatArray, nowhere: float) -> None:
        self.probabilities *= likely
        self.nowhere *= nowhere
        total = float(self.probabilities.sum()) + self.nowhere
        if total < 1e-200:  # nothing explains it at all
            self.probabilities, self.nowhere = self._anywhere.copy(), 0.0
            return
        self.probabilities /= total
        self.nowhere /= total

    # --- how sure it is -------------------------------------------------------------------------

    def _note(self, way_m: float = 0.0, frames: int = 0) -> None:
        before, best = self._best, self._find_best()
        self._best = best
        if best.probability < KEPT or before.pose.distance_m(best.pose) > AROUND_M:
            self._located = False
            self._held_m, self._held_frames = 0.0, 0
        if best.probability < LOCATED or best.sigma_m > LOCATED_SIGMA_M:
            self._held_m, self._held_frames = 0.0, 0
            return
        self._held_m += way_m
        self._held_frames = 0 if way_m else self._held_frames + frames
        held = self._held_m >= LOCATED_FOR_M or self._held_frames >= LOCATED_FOR_FRAMES
        self._located = self._located or held

    def _find_best(self) -> Whereabouts:
        cells = self.cells
        top = int(self.probabilities.argmax())
        x_m, y_m, heading_rad = cells.poses[top].tolist()
        near = cells.near(x_m, y_m, heading_rad, AROUND_M)
        mass = self.probabilities[near]
        total = float(mass.sum())
        ahead = (cells.poses[near, 0] - x_m) * math.cos(heading_rad)
        ahead += (cells.poses[near, 1] - y_m) * math.sin(heading_rad)
        if total <= 0:
            return Whereabouts(cells.place_of(top), cells.pose_of(top), 0.0, math.inf, False)
        mean = float(mass @ ahead) / total
        sigma = math.sqrt(max(float(mass @ (ahead - mean) ** 2) / total, 0.0))
        middle = int(np.argmax(mass * np.exp(-(((ahead - mean) / CELL_M) ** 2))))
        # and what was driven since the cells were last moved
        rest_m = mean - float(ahead[middle]) + self._way_m
        cell = int(near[middle])
        return Whereabouts(
            cells.place_of(cell, rest_m),
            cells.pose_of(cell, rest_m),
            total,
            math.hypot(sigma, CELL_M / math.sqrt(12)),
            cells.lanes[int(cells.lane_of[cell])].movement is not None,
        )
