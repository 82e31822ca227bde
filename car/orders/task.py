"""An order in execution, and how a canceled one is cut short. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from car.driving.driver import DriverSettings
from car.driving.types import Mission
from pixelopolis.city.route import Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.vda5050.order_rules import MergedOrder
from pixelopolis.vehicle.dimensions import CAR_REAR_M

STOP_WITHIN_M: Final = 0.12
"""Stopping distance of a canceled car: braking from cruise takes 8 cm."""

STOP_BEFORE_M: Final = DriverSettings().stop_before_m

CLEAR_OF_JUNCTION_M: Final = CAR_REAR_M + 0.02
"""Distance past a junction's end at which the car's tail has left it."""


@dataclass(frozen=True, slots=True)
class OrderTask:
    """An accepted order and the driver's mission for it."""

    plan: MergedOrder
    mission: Mission
    cancelled: bool = False
    finished: bool = False


def cut_short(task: OrderTask, here_m: float, drives: bool) -> OrderTask:
    """Return a canceled task whose route ends where the car can stop soonest.

    Args:
        task: a task not yet canceled.
        here_m: the car's distance along its path.
        drives: it must brake first.
    """
    mission, path = task.mission, task.mission.path
    stop_m = stop_place_m(mission, here_m, here_m + STOP_WITHIN_M if drives else here_m)
    # legs are edge, movement, edge, ...; a stop place is on an edge
    count = path.legs.index(path.leg_at(stop_m)) // 2 + 1
    edges = path.route.edges[:count]
    s_m = min(path.place_at(stop_m).s_m, path.city.edges[edges[-1]].length_m)
    short = RoutePath(path.city, Route(edges, path.route.start_s_m, s_m))
    limits_mps = task.plan.maximum_mps[:count]
    plan = replace(task.plan, route=short.route, released_edges=count, maximum_mps=limits_mps)
    return OrderTask(
        plan,
        replace(mission, path=short, granted_m=short.length_m, ordered_mps=limits_mps),
        cancelled=True,
    )


def stop_place_m(mission: Mission, here_m: float, wish_m: float) -> float:
    """Return the nearest permitted stop at or after `wish_m` for a car at `here_m` on its path.

    At most the end of the grant, and never in a junction: a car that has entered one, or can no
    longer stop before it, leaves it first.
    """
    path = mission.path
    whole_way = mission.granted_m >= path.length_m - 1e-6
    limit_m = path.length_m if whole_way else mission.granted_m - STOP_BEFORE_M
    wish_m = max(here_m, min(wish_m, limit_m))
    leg = path.leg_at(wish_m)
    if leg.movement is not None:
        wish_m = max(here_m, min(leg.end_m + CLEAR_OF_JUNCTION_M, limit_m))
    return wish_m
