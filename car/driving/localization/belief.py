"""Belief of where in the town a car is: a probability for every two centimeters of every lane.

A histogram filter over a grid of lane cells (S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics,
2005, chapter 8). Wheel motion moves it and branches it at junctions. Two measurements correct it:
detected signs, and the car's heading, which on average is that of its lane, so bends are
informative. A small part is always "none of these": it grows when no cell explains what is seen,
and is spread over the whole town.
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
"""Cells within this distance of the best one count as the same place."""

LOCATED: Final = 0.95
LOCATED_SIGMA_M: Final = 0.045
"""Probability and standard deviation from which the best place counts as known."""

LOCATED_FOR_M: Final = 0.10
"""Distance over which this must hold; `LOCATED_FOR_FRAMES` while standing."""
LOCATED_FOR_FRAMES: Final = 15

KEPT: Final = 0.6
"""The place counts as known as long as its probability is at least this."""

START_SIGMA_M: Final = 0.05
START_DOUBT: Final = 0.01
"""Spread around the stated start, and the probability that the car is elsewhere."""

JUMP_M: Final = 0.5
"""Wheels that jump this far between two readings have restarted counting."""

TO_NOWHERE: Final = 1e-4
FROM_NOWHERE: Final = 0.05
"""Fraction moved to "none of these" per step, and the fraction of that spread over the town."""

HEADING_SIGMA_RAD: Final = 0.15
HEADING_FLOOR: Final = 1e-3
HEADING_WAY_M: Final = 0.15
"""Spread of a lane-keeping car's heading, its minimum likelihood, and the distance after which it
is independent information."""
HEADING_GAIN: Final = 0.06
"""Fraction of the heading error forgotten per step: a Kalman gain for a drift of 0.05 rad per meter
and `HEADING_SIGMA_RAD`."""
MISMATCH_GAIN: Final = 0.03
"""Learning rate of the wheel mismatch, in rad/m per rad and step."""

FRAME_WAY_M: Final = 0.05
"""A frame is independent information after this distance."""
MAX_FRAME_WEIGHT: Final = 0.3
"""Maximum weight of one frame; errors of neighboring frames are correlated."""
STANDING_FRAMES: Final = 1.0
"""Total weight of all frames while the car stands and sees the same."""

COMMAND_TRUST: Final = 0.9
"""Probability that a car takes the commanded turn."""


@dataclass(frozen=True, slots=True)
class PlaceEstimate:
    """The most probable place, its probability (summed within `AROUND_M`) and spread."""

    place: Place
    pose: Pose
    probability: float
    sigma_m: float
    in_junction: bool


class Belief:
    """One car's belief. Its `probabilities` (N,) and `nowhere` sum to 1.

    `driven_m` is the distance driven since it was created.

    Args:
        sign_model: model of which signs are visible from where.
        start: where the car was put down; None if unknown.
    """

    def __init__(self, sign_model: SignModel, start: Place | None = None) -> None:
        self.sign_model = sign_model
        self.grid: LaneGrid = sign_model.grid
        lengths = np.array([lane.length_m / lane.count for lane in self.grid.lanes])
        spread = lengths[self.grid.lane_of]
        self._anywhere: FloatArray = spread / spread.sum()
        self.probabilities: FloatArray = self._anywhere.copy()
        self.nowhere = 0.0
        self._heading_rad: FloatArray = np.zeros(self.grid.count)
        self._mismatch_rad_m = 0.0
        self._last: WheelReading | None = None
        self._way_m = 0.0
        self._turn_rad = 0.0
        self._exit_weights_of: dict[Turn | None, FloatArray] = {}
        self._trail: deque[tuple[float, float]] = deque(maxlen=40)
        self.driven_m = 0.0
        self._new_frames = STANDING_FRAMES
        self._seen_standing: set[str] = set()
        self._held_m, self._held_frames = 0.0, 0
        self._located = False
        if start is not None:
            self.put_down(start)
        self._best = self._find_best()

    # --- estimates ------------------------------------------------------------------------------

    @property
    def best(self) -> PlaceEstimate:
        return self._best

    @property
    def is_located(self) -> bool:
        """Whether one place has been certain for some distance and has not been given up since."""
        return self._located

    def probability_near(self, pose: Pose, within_m: float) -> float:
        """Return the probability that the car is near a pose, on a lane in its direction."""
        near = self.grid.near(pose.x_m, pose.y_m, pose.heading_rad, within_m)
        return float(self.probabilities[near].sum())

    # --- motion ---------------------------------------------------------------------------------

    def put_down(self, place: Place) -> None:
        """Restart from a place; a place beyond an edge's end lies in a junction."""
        grid, city = self.grid, self.grid.city
        lanes, s_m = [grid.index[place.edge]], place.s_m
        beyond_m = s_m - city.edges[place.edge].length_m
        if beyond_m > 0 and city.exits[place.edge]:  # in a junction, on any movement
            lanes = [grid.index[place.edge, m.to_edge] for m in city.exits[place.edge]]
            s_m = beyond_m
        self.nowhere = 0.0
        self.probabilities = START_DOUBT * self._anywhere
        for lane in (grid.lanes[i] for i in lanes):
            here = slice(lane.first, lane.first + lane.count)
            there = np.exp(-(((grid.s_m[here] - s_m) / START_SIGMA_M) ** 2) / 2) + 1e-300
            self.probabilities[here] += (1 - START_DOUBT) / len(lanes) * there / there.sum()
        self._heading_rad[:] = 0.0
        self._located = True
        self._best = self._find_best()

    def move(self, wheels: WheelReading, command: Turn | None = None) -> None:
        """Take in new wheel angles.

        Args:
            wheels: forward positive.
            command: the turn that the car follows; None if none.
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
        steps, count = self.grid.steps, self.grid.count
        mass = self.probabilities[steps.source] * steps.weight
        mass *= self._exit_weights(command)
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
        self._apply_likelihood(likely**power, math.exp(-3.0 * power))
        off = float(self.probabilities @ np.clip(self._heading_rad, -0.3, 0.3))
        self._mismatch_rad_m -= MISMATCH_GAIN * off
        self._heading_rad *= 1 - HEADING_GAIN
        self._new_frames = min(STANDING_FRAMES, self._new_frames + CELL_M / FRAME_WAY_M)
        self._seen_standing.clear()
        self._note(way_m=CELL_M)

    def _exit_weights(self, command: Turn | None) -> FloatArray:
        """Return the weight of each step: the probability of its exit of the junction."""
        if command not in self._exit_weights_of:
            grid = self.grid
            factor = np.ones(len(grid.lanes) + 1)
            for exits in grid.city.exits.values():
                named = [m.turn is command for m in exits]
                trust = COMMAND_TRUST if any(named) else 0.0
                for movement, is_named in zip(exits, named, strict=True):
                    share = (1 - trust) / len(exits) + trust * is_named
                    factor[grid.index[movement.from_edge, movement.to_edge]] = share
            self._exit_weights_of[command] = factor[grid.steps.exit]
        return self._exit_weights_of[command]

    # --- measurements ---------------------------------------------------------------------------

    def see(self, sightings: Sightings) -> list[SignMeasurement]:
        """Take in one frame's detections; return its signs relative to the car's position now."""
        driven_m = self._driven_since_m(sightings.captured_s)
        sights = signs_now(sightings, self.sign_model.camera, driven_m)
        fresh = {s.class_name for s in sights} - self._seen_standing
        if self._seen_standing and fresh:
            self._new_frames = max(self._new_frames, STANDING_FRAMES / 2)
        self._seen_standing |= fresh
        weight = min(MAX_FRAME_WEIGHT, self._new_frames)
        self._new_frames -= weight
        if weight > 0:
            self._correct(sights, weight)
        self._note(frames=1)
        return sights

    def _driven_since_m(self, then_s: float) -> float:
        then_m = next((m for at_s, m in reversed(self._trail) if at_s <= then_s), None)
        return 0.0 if then_m is None else self.driven_m - then_m

    def _correct(self, sights: list[SignMeasurement], weight: float) -> None:
        here, nowhere = self.sign_model.log_likelihood(sights)
        most = max(float(here.max()), nowhere)
        self._doubt(weight)
        self._apply_likelihood(np.exp(weight * (here - most)), math.exp(weight * (nowhere - most)))

    def _doubt(self, part: float) -> None:
        """Move a little of the belief to "none of these", and spread part of that."""
        gone, back = TO_NOWHERE * part, FROM_NOWHERE * part
        spread = self.nowhere * back
        self.nowhere += gone - spread
        self.probabilities = self.probabilities * (1 - gone) + spread * self._anywhere
        total = float(self.probabilities.sum()) + self.nowhere
        self.probabilities /= total
        self.nowhere /= total

    def _apply_likelihood(self, likely: FloatArray, nowhere: float) -> None:
        self.probabilities *= likely
        self.nowhere *= nowhere
        total = float(self.probabilities.sum()) + self.nowhere
        if total < 1e-200:  # nothing explains it
            self.probabilities, self.nowhere = self._anywhere.copy(), 0.0
            return
        self.probabilities /= total
        self.nowhere /= total

    # --- certainty ------------------------------------------------------------------------------

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

    def _find_best(self) -> PlaceEstimate:
        grid = self.grid
        top = int(self.probabilities.argmax())
        x_m, y_m, heading_rad = grid.poses[top].tolist()
        near = grid.near(x_m, y_m, heading_rad, AROUND_M)
        mass = self.probabilities[near]
        total = float(mass.sum())
        ahead = (grid.poses[near, 0] - x_m) * math.cos(heading_rad)
        ahead += (grid.poses[near, 1] - y_m) * math.sin(heading_rad)
        if total <= 0:
            return PlaceEstimate(grid.place_of(top), grid.pose_of(top), 0.0, math.inf, False)
        mean = float(mass @ ahead) / total
        sigma = math.sqrt(max(float(mass @ (ahead - mean) ** 2) / total, 0.0))
        middle = int(np.argmax(mass * np.exp(-(((ahead - mean) / CELL_M) ** 2))))
        # plus the distance driven since the cells were last moved
        rest_m = mean - float(ahead[middle]) + self._way_m
        cell = int(near[middle])
        return PlaceEstimate(
            grid.place_of(cell, rest_m),
            grid.pose_of(cell, rest_m),
            total,
            math.hypot(sigma, CELL_M / math.sqrt(12)),
            grid.lanes[int(grid.lane_of[cell])].movement is not None,
        )
