"""Other cars in the images of lane data: ahead, oncoming, and waiting at junctions."""

from __future__ import annotations

from typing import Final

import numpy as np

from pixelopolis.city.model import City
from pixelopolis.geometry import Curve, Pose
from pixelopolis.vehicle.bodies import bodies_touch
from pixelopolis.vehicle.dimensions import CAR_REAR_M
from sim.lane_data.labels import place_of
from sim.physics.expert import ways_from
from sim.render.view import CarBody

AHEAD_M: Final = (0.16, 0.6)
"""From the axle to the rear of the car ahead, starting 2 cm in front of our bumper."""
WAITING_M: Final = 0.10
"""Distance of a waiting car's axle from the end of its street."""
SIGHT_M: Final = 1.5
COLORS: Final = (
    "#e5484d",
    "#30a46c",
    "#0090ff",
    "#f5d90a",
    "#8e4ec6",
    "#f76b15",
    "#e8e8e8",
    "#202020",
)


def cars_around(city: City, pose: Pose, rng: np.random.Generator) -> tuple[CarBody, ...]:
    """Return cars around a pose: one ahead, oncoming ones, one waiting at a junction.

    No car overlaps another, nor the one at `pose`.
    """
    place = place_of(city, pose)
    wanted: list[Pose] = []
    if rng.random() < 0.7:
        ways = ways_from(city, place.edge, place.movement, place.s_m)
        way = ways[int(rng.integers(len(ways)))]
        low, high = AHEAD_M
        gap_m = low + (high - low) * float(rng.random()) ** 2  # near ones cover most pixels
        at = way.curve.pose_at(way.lead_m + place.s_m + gap_m + CAR_REAR_M)
        wanted.append(_disturbed(at, rng))
    here = city.edges[place.edge]
    for edge in city.edges.values():
        if edge.id == place.edge:
            continue
        if (edge.from_node, edge.to_node) == (here.to_node, here.from_node):
            if rng.random() < 0.5:
                wanted.append(_disturbed(edge.curve.pose_at(_beside_m(edge.curve, pose, rng)), rng))
        elif edge.to_node == here.to_node and rng.random() < 0.4:
            wanted.append(_disturbed(edge.curve.pose_at(edge.length_m - WAITING_M), rng))
    taken = [pose]
    found: list[CarBody] = []
    for other in wanted:
        if other.distance_m(pose) < SIGHT_M and not any(bodies_touch(other, one) for one in taken):
            taken.append(other)
            color = COLORS[int(rng.integers(len(COLORS)))]
            found.append(CarBody(f"other-{len(found)}", other, color))
    return tuple(found)


def _beside_m(curve: Curve, pose: Pose, rng: np.random.Generator) -> float:
    """Return the position on the opposite lane of a car that has yet to pass the one at `pose`."""
    return curve.project(pose.x_m, pose.y_m).s_m - float(rng.uniform(0.0, 0.7))


def _disturbed(pose: Pose, rng: np.random.Generator) -> Pose:
    """Return a pose with a real car's deviation from its lane."""
    return pose.ahead(0.0, float(rng.normal(0, 0.012)), float(rng.normal(0, 0.04)))
