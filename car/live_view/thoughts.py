"""What the car sees and thinks, told with every picture of the live view. Pure.

The page draws it over the picture and says it in the visitor's language.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Final

import numpy as np

from car.driving.types import Decision, LaneAhead, Sightings
from car.live_view.overlay import Point, in_picture, is_ahead, is_shown, way_of
from pixelopolis.city.model import City
from pixelopolis.city.signs import CAR
from pixelopolis.model_io.lane_path import STATIONS_M, points_of
from pixelopolis.vehicle.camera import Camera

LANE_HALF_M: Final = 0.012
"""Half the width of a lane that is drawn, were the model sure of it; its spread comes on top."""

SURE_SCORE: Final = 0.5
LOOKS: Final = 3
"""A sign counts as read if so many pictures in a row show it."""
PASSED_S: Final = 0.6
"""A sign that was not seen for so long is passed."""


class SignReader:
    """Which sign the car has passed last that tells it where it is.

    That is a sign which it has seen well and then passed, and which the map shows on the edge where
    the car was sure to be.

    Args:
        city: the town.
    """

    def __init__(self, city: City) -> None:
        self._on_edge: dict[str, set[str]] = defaultdict(set)
        for sign in city.signs:
            self._on_edge[sign.edge].add(sign.sign_class)
        self._looks: dict[str, int] = {}
        self._seen_s: dict[str, float] = {}
        self._taken_s = 0.0
        self.read: tuple[str, float] | None = None
        """The sign's class, and when it was seen last."""

    def take(self, sightings: Sightings | None, decision: Decision) -> None:
        """Take in the newest detections; those taken in already are harmless."""
        if sightings is None or sightings.captured_s <= self._taken_s:
            return
        now_s = self._taken_s = sightings.captured_s
        known = self._on_edge.get(decision.place.edge, set()) if decision.place else set()
        if not decision.located:
            known = set()
        for sighting in sightings.seen:
            name = sighting.class_name
            if name in known and sighting.score >= SURE_SCORE and self._seen_s.get(name) != now_s:
                self._looks[name] = self._looks.get(name, 0) + 1
                self._seen_s[name] = now_s
        for name in [n for n, seen_s in self._seen_s.items() if now_s - seen_s > PASSED_S]:
            seen_s = self._seen_s.pop(name)
            if self._looks.pop(name) >= LOOKS:
                self.read = (name, seen_s)


def thought_of(
    decision: Decision,
    camera: Camera,
    sightings: Sightings | None,
    read: tuple[str, float] | None,
    now_s: float,
) -> str:
    """Return what the car thinks of a picture, as one line of JSON in ASCII.

    Args:
        decision: the decision made on the picture.
        camera: the camera that took it.
        sightings: the newest detections.
        read: the sign read last, and when.
        now_s: monotonic.
    """
    seen = [s for s in (sightings.seen if sightings else ()) if is_shown(s, decision)]
    thought: dict[str, Any] = {
        "seen": [
            {
                "sign": s.class_name,
                "box": [round(side, 3) for side in s.box],
                "ahead": s.class_name == CAR and is_ahead(s, decision),
            }
            for s in seen
        ],
        "lane": _rounded(_lane_outline(decision.lane, camera)) if decision.lane else [],
        "way": _rounded(way_of(decision, camera)),
        "spread_m": round(decision.lane.spread_m, 3) if decision.lane else None,
        "read": {"sign": read[0], "age_s": round(now_s - read[1], 1)} if read else None,
    }
    return json.dumps(thought, separators=(",", ":"))


def _lane_outline(lane: LaneAhead, camera: Camera) -> list[Point]:
    """Return the outline of the lane seen, as wide as the model is unsure."""
    half = LANE_HALF_M + lane.spread_m
    line = [(float(x), float(y)) for x, y in points_of(np.array(lane.left_m), STATIONS_M)][1:]
    left = [(on_m, aside_m + half) for on_m, aside_m in line]
    right = [(on_m, aside_m - half) for on_m, aside_m in reversed(line)]
    return in_picture([*left, *right], camera)


def _rounded(points: list[Point]) -> list[Point]:
    return [(round(x, 3), round(y, 3)) for x, y in points]
