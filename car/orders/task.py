"""An order as the car works on it, and how one that is cancelled is cut short. Pure."""

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
"""Way in which a cancelled car comes to a stand: braking from cruise takes 8 cm."""

STOP_BEFORE_M: Final = DriverSettings().stop_before_m

CLEAR_OF_JUNCTION_M: Final = CAR_REAR_M + 0.02
"""Past a junction's end the car's tail is out of it."""


@dataclass(frozen=True, slots=True)
class OrderTask:
    """An order, from its acceptance on, and what the driver makes of it."""

    plan: MergedOrder
    mission: Mission
    cancelled: bool = False
    finished: bool = False


def cut_short(task: OrderTask, here_m: float, drives: bool) -> OrderTask:
    """Return a cancelled task: its route ends where the car can stand soonest.

    Args:
        task: not cancelled yet.
        here_m: where the car is on its path.
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
    """Return where on its path a car at `here_m` that would like to stop at `wish_m` may stand.

    Never beyond what is granted, and never in a junction: the car leaves one that it has entered
    or can no longer stop before.
    """
    path = mission.path
    whole_way = mission.granted_m >= path.length_m - 1e-6
    limit_m = path.length_m if whole_way else mission.granted_m - STOP_BEFORE_M
    wish_m = max(here_m, min(wish_m, limit_m))
    leg = path.leg_at(wish_m)
    if leg.movement is not None:
        wish_m = max(here_m, min(leg.end_m + CLEAR_OF_JUNCTION_M, limit_m))
    return wish_m
