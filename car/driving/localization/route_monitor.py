"""Checks that a car is where its mission says, by comparing belief and tracker.

The tracker follows the mission's path to the centimeter. The belief covers the whole town and is
not misled by a wrong order, a wrong turn, or a person who moves the car.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from car.driving.localization.belief import KEPT, Belief
from car.driving.localization.path_tracker import PathTracker
from car.driving.types import Mission, Sightings, WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.geometry import wrap_rad

ALONG_M: Final = 0.6
"""Maximum error of the tracker along the path; anything farther is another place."""

ASIDE_M: Final = 0.25
"""A car farther than this beside the path is not on it: lanes are 0.28 m wide."""

APART_M: Final = 0.15
"""Tolerated difference of belief and tracker (or three times the tracker's sigma)."""

BEYOND_GRANT_M: Final = 0.15
"""A car this far beyond the end of its grant is where it must not be."""

UNLIKELY: Final = 0.02
UNLIKELY_FOR_M: Final = 0.3
"""After this distance with little belief in its path, the car is elsewhere: at the best place, if
its probability is at least `KEPT`."""

LOST_FOR_M: Final = 1.0
"""Give up after this distance without such a place."""


@dataclass(frozen=True, slots=True)
class RouteFinding:
    """Result of comparing belief and mission.

    At most one is set: `distance_m`, the corrected distance along the path; `elsewhere`, the place
    off the path; `lost`, the place is unknown.
    """

    distance_m: float | None = None
    elsewhere: Place | None = None
    lost: bool = False


ON_ITS_WAY: Final = RouteFinding()
NOWHERE: Final = RouteFinding(lost=True)


class RouteMonitor:
    """Compares one car's belief with its mission.

    Args:
        belief: over the whole town.
    """

    def __init__(self, belief: Belief) -> None:
        self.belief = belief
        self._seen: Sightings | None = None
        self._unlikely_since_m: float | None = None

    def update(
        self,
        wheels: WheelReading | None,
        sightings: Sightings | None,
        command: Turn | None,
        tracker: PathTracker | None,
    ) -> None:
        """Update belief and tracker with wheels and detections."""
        if wheels is not None:
            self.belief.move(wheels, command)
        if sightings is None or sightings is self._seen:
            return
        self._seen = sightings
        signs = self.belief.see(sightings)
        if tracker is not None:
            tracker.see(signs, self.belief.sign_model.camera)

    def find(self) -> RouteFinding:
        """Return where a car without a mission is; nothing while it is in a junction."""
        best = self.belief.best
        known = self.belief.is_located and not best.in_junction
        return RouteFinding(elsewhere=best.place) if known else RouteFinding(lost=True)

    def compare(self, mission: Mission, tracker: PathTracker) -> RouteFinding:
        """Compare the belief with the tracker's position."""
        belief, best = self.belief, self.belief.best
        if not belief.is_located:
            unlikely_m = self._unlikely_m(tracker)
            if unlikely_m >= UNLIKELY_FOR_M and best.probability >= KEPT and not best.in_junction:
                return RouteFinding(elsewhere=best.place)
            return RouteFinding(lost=unlikely_m >= LOST_FOR_M)
        self._unlikely_since_m = None
        if best.in_junction:  # which movement it takes shows afterwards
            return ON_ITS_WAY
        path, start_m = mission.path, mission.path.route.start_s_m
        here_m = tracker.distance_m + start_m
        at = path.curve.project(best.pose.x_m, best.pose.y_m, here_m - ALONG_M, here_m + ALONG_M)
        on_path = path.curve.pose_at(at.s_m)
        turned = abs(wrap_rad(on_path.heading_rad - best.pose.heading_rad))
        distance_m = at.s_m - start_m
        beyond = distance_m > mission.granted_m + BEYOND_GRANT_M
        if on_path.distance_m(best.pose) > ASIDE_M or turned > math.pi / 4 or beyond:
            return RouteFinding(elsewhere=best.place)
        apart_m = abs(distance_m - tracker.distance_m)
        if apart_m > max(APART_M, 3 * tracker.sigma_m):
            return RouteFinding(distance_m=distance_m)
        return ON_ITS_WAY

    def _unlikely_m(self, tracker: PathTracker) -> float:
        """Return the distance driven with little belief in the tracker's place."""
        pose = tracker.path.pose_at(tracker.distance_m)
        if self.belief.probability_near(pose, ALONG_M / 2) >= UNLIKELY:
            self._unlikely_since_m = None
            return 0.0
        if self._unlikely_since_m is None:
            self._unlikely_since_m = self.belief.driven_m
        return self.belief.driven_m - self._unlikely_since_m
