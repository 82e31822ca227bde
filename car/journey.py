"""What the server asked of the car and how far it got: orders in, missions and states out. Pure.

The runtime calls it from two threads and holds a lock meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from car.driver import DriverSettings
from car.observation import Decision, DriveState, Mission
from car.reporting import (
    Health,
    blocked_by_car,
    information,
    not_understood,
    nothing_to_cancel,
    off_route,
    on_the_way,
    rejected,
    standing,
)
from pixelopolis.city import City
from pixelopolis.geometry import Pose
from pixelopolis.order_messages import (
    CANCEL_ORDER,
    EMERGENCY_STOP,
    RELEASE_EMERGENCY_STOP,
    InstantAction,
    Order,
    place_node_id,
)
from pixelopolis.orders import (
    OrderRejectedError,
    Plan,
    accept_order,
    base_end_m,
)
from pixelopolis.reasons import Reason
from pixelopolis.routing import Place, Route, RoutePath
from pixelopolis.state_messages import (
    ActionState,
    ErrorType,
    MobileRobotPosition,
    PowerSupply,
    SafetyState,
    State,
    StateError,
    Velocity,
)
from pixelopolis.vehicle import CAR_REAR_M

START_TOLERANCE_M = 0.30
"""How far an order's start may be from where the car believes to be: a car's length and a half."""

STOP_WITHIN_M = 0.12
"""Way in which a cancelled car comes to a stand: braking from cruise takes 8 cm."""

STOP_BEFORE_M = DriverSettings().stop_before_m

CLEAR_OF_JUNCTION_M = CAR_REAR_M + 0.02
"""Past a junction's end the car's tail is out of it."""

LOST_SIGMA_M = 0.30
"""A belief wider than this is no position."""

MOVED_M = 0.15
"""A standing car that believes to be farther from where it was than this has been carried."""


@dataclass(frozen=True, slots=True)
class _Task:
    """An order, from its acceptance on, and what the driver makes of it."""

    plan: Plan
    mission: Mission
    cancelled: bool = False
    finished: bool = False


class Journey:
    """One car's orders.

    Args:
        city: the town.
        serial_number: the car's id.
        place: where the car stands at first; None when nobody knows.
    """

    def __init__(self, city: City, serial_number: str, place: Place | None) -> None:
        self.city = city
        self.serial_number = serial_number
        self.place = place
        """Where the car stood when its last order ended (at first: its start), or was found since;
        None until then."""
        self._task: _Task | None = None
        self._decision = Decision(0.0, 0.0, DriveState.IDLE)
        self._rejection: StateError | None = None
        self._actions: dict[str, ActionState] = {}

    @property
    def mission(self) -> Mission | None:
        """What the driver works on; an ended one stays, so that the car keeps its belief."""
        return self._task.mission if self._task else None

    # --- from the server ---------------------------------------------------------------------

    def take_order(self, order: Order) -> None:
        """Follow a new order or an update; one that cannot be followed changes nothing.

        The rejection is reported as an error until the next accepted order.
        """
        try:
            plan = self._accept(order)
        except OrderRejectedError as error:
            self._rejection = rejected(order, error)
            return
        self._rejection = None
        self._follow(plan)

    def _accept(self, order: Order) -> Plan:
        task = self._task
        same = task is not None and order.order_id == task.plan.order_id
        if task is not None and task.cancelled and (same or not task.finished):
            raise OrderRejectedError(
                ErrorType.ORDER_UPDATE_FOLLOWING_CANCEL if same else ErrorType.OTHER_ORDER_ACTIVE,
                f"order {task.plan.order_id!r} was cancelled.",
            )
        if task is not None and not task.finished:
            return accept_order(self.city, task.plan, order)
        if same:
            raise OrderRejectedError(
                ErrorType.OUTDATED_ORDER_UPDATE,
                f"order {order.order_id!r} has ended; send a new one.",
            )
        plan = accept_order(self.city, None, order)
        if self.place is None:
            raise OrderRejectedError(
                ErrorType.START_NODE_OUT_OF_RANGE, "the car does not know where it stands."
            )
        off_m = plan.route.start_s_m - self.place.s_m
        if plan.route.edges[0] != self.place.edge or abs(off_m) > START_TOLERANCE_M:
            raise OrderRejectedError(
                ErrorType.START_NODE_OUT_OF_RANGE,
                f"the order starts at {order.nodes[0].node_id!r}, "
                f"but the car stands at {place_node_id(self.place)!r}.",
            )
        return plan

    def _follow(self, plan: Plan) -> None:
        task = self._task
        if task is not None and task.plan.order_id == plan.order_id:
            mission = task.mission
            if task.plan.route != plan.route:
                mission = replace(mission, path=RoutePath(self.city, plan.route))
        else:
            assert self.place is not None
            start_m = self.place.s_m - plan.route.start_s_m
            mission = Mission(plan.order_id, RoutePath(self.city, plan.route), 0.0, start_m)
            self._decision = Decision(0.0, 0.0, DriveState.IDLE, distance_m=start_m)
        granted_m = base_end_m(mission.path, plan.released_edges)
        self._task = _Task(plan, replace(mission, granted_m=granted_m))

    def refuse(self, why: str) -> None:
        """Report a message that could not be understood; nothing else changes."""
        self._rejection = not_understood(why)

    def take_action(self, action: InstantAction) -> None:
        """Carry out an instant action; one that we do not know fails, and says so."""
        task = self._task
        if action.action_type in (EMERGENCY_STOP, RELEASE_EMERGENCY_STOP):
            self._set_action(action.action_id, action.action_type, "RUNNING")
        elif action.action_type != CANCEL_ORDER:
            self._set_action(action.action_id, action.action_type, "FAILED")
        elif task is None or task.finished:
            self._set_action(action.action_id, action.action_type, "FAILED")
            self._rejection = nothing_to_cancel(action)
        else:
            self._set_action(action.action_id, action.action_type, "RUNNING")
            if not task.cancelled:
                self._task = self._cut_short(task)

    def _cut_short(self, task: _Task) -> _Task:
        """End the route where the car can stand soonest."""
        path, here_m = task.mission.path, self._decision.distance_m
        wish_m = here_m + STOP_WITHIN_M if self.driving else here_m
        stop_m = stop_place_m(task.mission, here_m, wish_m)
        # legs are edge, movement, edge, ...; a stop place is on an edge
        edges = path.route.edges[: path.legs.index(path.leg_at(stop_m)) // 2 + 1]
        s_m = min(path.place_at(stop_m).s_m, self.city.edges[edges[-1]].length_m)
        short = RoutePath(self.city, Route(edges, path.route.start_s_m, s_m))
        return _Task(
            replace(task.plan, route=short.route, released_edges=len(edges)),
            replace(task.mission, path=short, granted_m=short.length_m),
            cancelled=True,
        )

    def _set_action(self, action_id: str, action_type: str, status: str) -> None:
        self._actions[action_id] = ActionState.model_validate(
            {"action_id": action_id, "action_type": action_type, "action_status": status}
        )
        while len(self._actions) > 20:
            del self._actions[next(iter(self._actions))]

    # --- from the driver -----------------------------------------------------------------------

    def take_decision(self, decision: Decision, mission: Mission | None) -> bool:
        """Take in what the driver decided on `mission`; return whether the server must hear it."""
        task = self._task
        if mission is not self.mission:
            return False  # decided before the newest order came
        last, self._decision = self._decision, decision
        if task is None or decision.off_route:
            self._move_to(decision.place)
        if decision.off_route:
            self._leave()
            return True
        if task is None or mission is None:
            return decision.located is not last.located
        arrives = decision.state is DriveState.ARRIVED and not task.finished
        if arrives:
            task = self._task = replace(task, finished=True)
            self._finish_actions()
        if task.finished:  # it may still roll a few millimetres
            edge = mission.path.route.edges[-1]
            s_m = mission.path.place_at(decision.distance_m).s_m
            self.place = Place(edge, min(s_m, self.city.edges[edge].length_m))
        return (
            arrives
            or decision.state is not last.state
            or decision.blocked is not last.blocked
            or bool(decision.events)
            or _kind(decision.reason) != _kind(last.reason)
        )

    def _finish_actions(self) -> None:
        for action in list(self._actions.values()):
            if action.action_status == "RUNNING" and action.action_type == CANCEL_ORDER:
                self._set_action(action.action_id, CANCEL_ORDER, "FINISHED")

    def _follow_emergency_stop(self, health: Health) -> None:
        """Say of its actions what the board says."""
        for action in list(self._actions.values()):
            kind, status = action.action_type, health.emergency_stop_status
            if action.action_status != "RUNNING":
                continue
            if kind == RELEASE_EMERGENCY_STOP and health.emergency_stop == "NONE":
                self._set_action(action.action_id, kind, "FINISHED")
            elif kind == EMERGENCY_STOP and status in ("FINISHED", "FAILED"):
                self._set_action(action.action_id, kind, status)
            elif kind == EMERGENCY_STOP and not status:  # released before it was confirmed
                self._set_action(action.action_id, kind, "FAILED")

    def _move_to(self, place: Place | None) -> None:
        """Believe a car without an order at a place, unless it is as good as there already."""
        if place is None:
            return
        edge = self.city.edges[place.edge]
        there = edge.curve.pose_at(place.s_m)
        if self.place is None or self._standing_pose(self.place).distance_m(there) > MOVED_M:
            self.place = Place(place.edge, min(max(place.s_m, 0.0), edge.length_m))

    def _leave(self) -> None:
        """Drop the order: the car is not on its way. What it is sent next starts from its place."""
        task, self._task = self._task, None
        self._finish_actions()
        if task is not None and not task.finished and self.place is not None:
            self._rejection = off_route(task.plan, self.place)

    # --- to the server -------------------------------------------------------------------------

    @property
    def decision(self) -> Decision:
        return self._decision

    @property
    def pose(self) -> Pose:
        """Where the car believes to be; on the centre line. The origin when it has no idea."""
        if self._task is None:
            return self._standing_pose(self.place) if self.place else Pose(0.0, 0.0, 0.0)
        return self._task.mission.path.pose_at(self._decision.distance_m)

    def _standing_pose(self, place: Place) -> Pose:
        return self.city.edges[place.edge].curve.pose_at(place.s_m)

    @property
    def _is_located(self) -> bool:
        known = self._task is not None or self.place is not None
        return known and self._decision.located and self._decision.sigma_m < LOST_SIGMA_M

    @property
    def driving(self) -> bool:
        return self._decision.left_rad_s > 0 or self._decision.right_rad_s > 0

    def report(self, header_id: int, timestamp: datetime, health: Health) -> State:
        """Return the state message of this instant."""
        self._follow_emergency_stop(health)
        task, decision, pose = self._task, self._decision, self.pose
        if task is None:
            way = standing(self.place)
        else:
            way = on_the_way(task.plan, task.mission, decision.distance_m, ended=task.finished)
        return State(
            header_id=header_id,
            timestamp=timestamp,
            serial_number=self.serial_number,
            order_id=task.plan.order_id if task else "",
            order_update_id=task.plan.order_update_id if task else 0,
            last_node_id=way.last_node,
            last_node_sequence_id=way.sequence_id,
            distance_since_last_node=round(way.since_m, 4),
            node_states=way.nodes,
            edge_states=way.edges,
            mobile_robot_position=MobileRobotPosition(
                x=round(pose.x_m, 4),
                y=round(pose.y_m, 4),
                theta=pose.heading_rad,
                map_id=self.city.name,
                localized=self._is_located,
            ),
            velocity=Velocity(vx=round(health.speed_mps, 4), omega=round(health.turn_rad_s, 4)),
            driving=self.driving,
            new_base_request=way.asks,
            instant_action_states=tuple(self._actions.values()),
            power_supply=PowerSupply(
                state_of_charge=health.battery_pct or 0.0, battery_voltage=health.battery_v
            ),
            errors=(
                *((self._rejection,) if self._rejection else ()),
                *((blocked_by_car(task.mission, decision),) if task and decision.blocked else ()),
                *health.errors,
            ),
            information=information(decision, health),
            safety_state=SafetyState(active_emergency_stop=health.emergency_stop),
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


def _kind(reason: Reason | None) -> tuple[object, ...]:
    return reason.kind if reason else ()
