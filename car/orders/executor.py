"""Executes the server's orders: orders in, missions and states out. Pure.

The car process calls it from two threads under one lock.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from car.driving.types import Decision, DriveState, Mission
from car.orders.faults import Faults, blocked_by_car, not_located
from car.orders.instant_actions import ActionStates, why_not
from car.orders.state_report import Health, asks, information, is_moving, on_the_way, standing
from car.orders.task import OrderTask, cut_short
from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import Pose
from pixelopolis.reasons import Reason
from pixelopolis.vda5050.frames import MalformedMessageError, Refusal
from pixelopolis.vda5050.order import (
    CANCEL_ORDER,
    CLEAR_INSTANT_ACTIONS,
    EMERGENCY_STOP,
    ORDER_ID,
    RELEASE_EMERGENCY_STOP,
    START_PAUSE,
    STOP_PAUSE,
    InstantAction,
    InstantActions,
    Order,
    place_node_id,
)
from pixelopolis.vda5050.order_progress import base_end_m, progress_at
from pixelopolis.vda5050.order_rules import MergedOrder, OrderRejectedError, accept_order, is_known
from pixelopolis.vda5050.state import (
    ErrorType,
    MobileRobotPosition,
    PowerSupply,
    SafetyState,
    State,
    Velocity,
)

START_TOLERANCE_M: Final = 0.30
"""Maximum distance of an order's start from the car's estimated place: 1.5 car lengths."""

LOST_SIGMA_M: Final = 0.30
"""A position less certain than this is not reported."""

MOVED_M: Final = 0.15
"""A standing car whose estimated place changes by more than this was moved by hand."""


class OrderExecutor:
    """One car's orders.

    Args:
        city: the town.
        serial_number: the car's id.
        place: where the car stands at first; None if unknown.
    """

    def __init__(self, city: City, serial_number: str, place: Place | None) -> None:
        self.city = city
        self.serial_number = serial_number
        self.place = place
        """Where the car stood when its last order ended (initially its start), or where it was
        localized since; None if unknown."""
        self._task: OrderTask | None = None
        self._decision = Decision(0.0, 0.0, DriveState.IDLE)
        self._faults = Faults()
        self._actions = ActionStates()
        self._paused = False
        self._mark = (0, False)

    @property
    def mission(self) -> Mission | None:
        """The driver's mission; an ended one stays, so that the car keeps its belief."""
        return self._task.mission if self._task else None

    # --- from the server ---------------------------------------------------------------------

    def take_order(self, order: Order) -> None:
        """Follow a new order or an update; one that cannot be followed changes nothing.

        A rejection is reported as an error until the next accepted order.
        """
        if why := order.header_fault(self.serial_number):
            self._faults.reject(order, OrderRejectedError(ErrorType.VALIDATION_FAILURE, why))
            return
        if self._task is not None and is_known(self._task.plan, order):
            return  # a repetition
        try:
            plan = self._accept(order)
        except OrderRejectedError as error:
            self._faults.reject(order, error)
            return
        self._faults.accepted_order()
        self._follow(plan)

    def _accept(self, order: Order) -> MergedOrder:
        task = self._task
        same = task is not None and order.order_id == task.plan.order_id
        if task is not None and task.cancelled and (same or not task.finished):
            raise OrderRejectedError(
                ErrorType.ORDER_UPDATE_FOLLOWING_CANCEL if same else ErrorType.OTHER_ORDER_ACTIVE,
                f"order {task.plan.order_id!r} was cancelled.",
            )
        if task is not None and (same or not task.finished):
            return accept_order(self.city, task.plan, order)
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

    def _follow(self, plan: MergedOrder) -> None:
        task = self._task
        if task is not None and task.plan.order_id == plan.order_id:
            mission = task.mission
            if task.plan.route != plan.route:
                mission = replace(mission, path=RoutePath(self.city, plan.route))
            mission = replace(mission, ordered_mps=plan.maximum_mps)
        else:
            assert self.place is not None
            start_m = self.place.s_m - plan.route.start_s_m
            path = RoutePath(self.city, plan.route)
            mission = Mission(plan.order_id, path, 0.0, start_m, plan.maximum_mps)
            self._decision = Decision(0.0, 0.0, DriveState.IDLE, distance_m=start_m)
        granted_m = base_end_m(mission.path, plan.released_edges)
        finished = task is not None and task.finished and task.plan.order_id == plan.order_id
        self._task = OrderTask(plan, replace(mission, granted_m=granted_m), finished=finished)

    def refuse(self, error: MalformedMessageError) -> None:
        """Report a message that could not be understood; nothing else changes."""
        self._faults.malformed(error)

    def take_refusal(self, refusal: Refusal) -> None:
        """Report that the server could not use a message of this car."""
        self._faults.refused(refusal)

    def take_actions(self, message: InstantActions) -> tuple[InstantAction, ...]:
        """Carry out instant actions; return those that are new and possible."""
        if why := message.header_fault(self.serial_number):
            for action in message.actions:
                self._faults.reject_action(action, why)
            return ()
        return tuple(action for action in message.actions if self.take_action(action))

    def take_action(self, action: InstantAction) -> bool:
        """Carry out an instant action; return whether it is new and possible.

        A repeated action changes nothing. An impossible one fails, and an error says why.
        """
        known = self._actions.get(action.action_id)
        if known is not None and known.action_type == action.action_type:
            return False
        why = why_not(action) if known is None else "its actionId has another action already."
        if why:
            if known is None:
                self._actions.put(action, "FAILED")
            self._faults.reject_action(action, why)
            return False
        self._faults.accepted_action()
        self._carry_out(action)
        return True

    def _carry_out(self, action: InstantAction) -> None:
        kind = action.action_type
        if kind == CANCEL_ORDER:
            self._cancel(action)
            return
        if kind in (START_PAUSE, STOP_PAUSE):
            self._paused = kind == START_PAUSE
        if kind == STOP_PAUSE:
            self._actions.end(START_PAUSE, "FAILED")
        if kind == CLEAR_INSTANT_ACTIONS:
            self._actions.clear()
        # the link answers requests for the state or factsheet at once
        awaited = kind in (START_PAUSE, EMERGENCY_STOP, RELEASE_EMERGENCY_STOP)
        self._actions.put(action, "RUNNING" if awaited else "FINISHED")

    def _cancel(self, action: InstantAction) -> None:
        task = self._task
        wanted = [p.value for p in action.action_parameters if p.key == ORDER_ID]
        if task is None or task.finished or any(id_ != task.plan.order_id for id_ in wanted):
            self._actions.put(action, "FAILED")
            self._faults.nothing_to_cancel(action)
            return
        self._actions.put(action, "RUNNING")
        if not task.cancelled:
            self._task = cut_short(task, self._decision.distance_m, self._decision.drives)

    # --- from the driver -----------------------------------------------------------------------

    def take_decision(self, decision: Decision, mission: Mission | None) -> bool:
        """Take in a decision on `mission`; return whether the server must learn it at once."""
        task = self._task
        if mission is not self.mission:
            return False  # decided before the newest order arrived
        last, self._decision = self._decision, decision
        last_mark, self._mark = self._mark, self._milestone()
        if task is None or decision.off_route:
            self._update_place(decision.place)
        if decision.off_route:
            self._drop_order()
            return True
        if task is None or mission is None:
            return decision.located is not last.located
        arrives = decision.state is DriveState.ARRIVED and not task.finished
        if arrives:
            task = self._task = replace(task, finished=True)
            self._actions.end(CANCEL_ORDER)
        if task.finished:  # it may still roll a few millimeters
            edge = mission.path.route.edges[-1]
            s_m = mission.path.place_at(decision.distance_m).s_m
            self.place = Place(edge, min(s_m, self.city.edges[edge].length_m))
        return (
            arrives
            or decision.state is not last.state
            or decision.blocked is not last.blocked
            or decision.drives is not last.drives
            or self._mark != last_mark
            or bool(decision.events)
            or _kind(decision.reason) != _kind(last.reason)
        )

    def _milestone(self) -> tuple[int, bool]:
        """Return the last node reached, and whether a longer base is wanted."""
        task, here_m = self._task, self._decision.distance_m
        if task is None:
            return 0, False
        node = progress_at(task.mission.path, here_m).node
        return node, asks(task.plan, task.mission, here_m)

    def _update_place(self, place: Place | None) -> None:
        """Update the place of a car without an order, unless it is nearly the same."""
        if place is None:
            return
        edge = self.city.edges[place.edge]
        there = edge.curve.pose_at(place.s_m)
        if self.place is None or self._standing_pose(self.place).distance_m(there) > MOVED_M:
            self.place = Place(place.edge, min(max(place.s_m, 0.0), edge.length_m))

    def _drop_order(self) -> None:
        """Drop the order because the car is off its route. The next order starts from its place."""
        task, self._task = self._task, None
        self._actions.end(CANCEL_ORDER)
        if task is not None and not task.finished and self.place is not None:
            self._faults.off_route(task.plan, self.place)

    # --- to the server -------------------------------------------------------------------------

    @property
    def decision(self) -> Decision:
        return self._decision

    @property
    def pose(self) -> Pose:
        """The car's estimated pose, on the center line; the origin if unknown."""
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
    def paused(self) -> bool:
        """Whether the car must stand until told to continue."""
        return self._paused

    def report(self, header_id: int, timestamp: datetime, health: Health) -> State:
        task, decision, pose = self._task, self._decision, self.pose
        moves = is_moving(decision, health)
        self._actions.follow_emergency_stop(
            health.emergency_stop != "NONE", health.emergency_stop_status
        )
        if self._paused and not moves:
            self._actions.end(START_PAUSE)
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
            driving=moves,
            paused=self._paused,
            new_base_request=way.asks,
            instant_action_states=self._actions.all,
            power_supply=PowerSupply(
                state_of_charge=health.battery_pct or 0.0, battery_voltage=health.battery_v
            ),
            errors=(
                *self._faults.all,
                *(() if self._is_located else (not_located(),)),
                *((blocked_by_car(task.mission, decision),) if task and decision.blocked else ()),
                *health.errors,
            ),
            information=information(decision, health),
            safety_state=SafetyState(active_emergency_stop=health.emergency_stop),
        )


def _kind(reason: Reason | None) -> tuple[object, ...]:
    return reason.kind if reason else ()
