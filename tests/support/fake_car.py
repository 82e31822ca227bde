"""A car without physics that speaks the real protocol over a real WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import aiohttp
from aiohttp.test_utils import TestClient

from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.vda5050.frames import decode_from_server, encode
from pixelopolis.vda5050.order import (
    CANCEL_ORDER,
    EMERGENCY_STOP,
    START_PAUSE,
    STOP_PAUSE,
    InstantActions,
    Order,
    place_node_id,
)
from pixelopolis.vda5050.order_progress import base_end_m, node_ids, progress_at
from pixelopolis.vda5050.order_rules import MergedOrder, OrderRejectedError, accept_order
from pixelopolis.vda5050.state import (
    INFO_VIDEO,
    ActionState,
    Connection,
    ConnectionState,
    EdgeState,
    ErrorLevel,
    ErrorType,
    Info,
    MobileRobotPosition,
    NodeState,
    PowerSupply,
    Reference,
    SafetyState,
    State,
    StateError,
)
from tests.support.credentials import car_socket

STEP_S = 0.02
STEP_M = 0.1
STOP_BEFORE_M = 0.10


class FakeCar:
    """Drives its base in steps of `STEP_M` every `STEP_S`, and stops where a real car would."""

    def __init__(self, city: City, car: str, place: Place, step_m: float = STEP_M) -> None:
        self.city = city
        self.id = car
        self.place = place
        self.step_m = step_m
        self.step_s = STEP_S
        self.plan: MergedOrder | None = None
        self.path: RoutePath | None = None
        self.distance_m = 0.0
        self.finished = True
        self.driving = False
        self.blocked = ""
        """Edge blocked by another car; this car does not enter it."""
        self.localized = True
        self.speech: Callable[[State], str] = encode
        """Encodes its state for the socket."""
        self.refusals: int | None = None
        """Number of its refused messages; None if none may be refused."""
        self.orders: list[Order] = []
        self.cancels = 0
        self.actions: list[str] = []
        """Types of the instant actions that it got."""
        self.paused = False
        self.stopped = False
        self.is_obedient = True
        """It pauses and stops when it is told to."""
        self.rejections: list[str] = []
        self._rejection: StateError | None = None
        self._answered: tuple[ActionState, ...] = ()
        self._ids = count()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- the link -------------------------------------------------------------------------------

    async def connect(self, client: TestClient) -> None:  # type: ignore[type-arg]
        """Open the link of this car, which is enrolled if it is new."""
        await self.open(await car_socket(client, self.id))

    async def open(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Begin to speak over a link that is open."""
        self._socket = socket
        hello = Connection(
            header_id=0,
            timestamp=datetime.now(UTC),
            serial_number=self.id,
            connection_state=ConnectionState.ONLINE,
        )
        await self._socket.send_str(encode(hello))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._drive())]

    async def disconnect(self) -> None:
        """Close the link; the car keeps its order."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
        self._tasks = []
        if self._socket is not None:
            await self._socket.close()

    async def _read(self) -> None:
        assert self._socket is not None
        async for frame in self._socket:
            message = decode_from_server(frame.data)
            assert message.serial_number == self.id
            if isinstance(message, Order):
                self.take(message)
            elif isinstance(message, InstantActions):
                self.act(message)
            elif self.refusals is None:
                raise AssertionError(message.description)
            else:
                self.refusals += 1

    async def _drive(self) -> None:
        assert self._socket is not None
        while not self._socket.closed:
            self.move()
            await self._socket.send_str(self.speech(self.state()))
            await asyncio.sleep(self.step_s)

    # --- the car ----------------------------------------------------------------------------------

    def take(self, order: Order) -> None:
        self.orders.append(order)
        try:
            plan = accept_order(self.city, None if self.finished else self.plan, order)
        except OrderRejectedError as error:
            self.rejections.append(error.error_type)
            self._rejection = StateError(
                error_type=error.error_type,
                error_level=ErrorLevel.WARNING,
                error_references=(
                    Reference(reference_key="orderId", reference_value=order.order_id),
                ),
            )
            return
        self._rejection = None
        if self.finished:
            assert plan.route.edges[0] == self.place.edge
            self.distance_m = self.place.s_m - plan.route.start_s_m
        self.plan, self.finished = plan, False
        self.path = RoutePath(self.city, plan.route)

    def act(self, message: InstantActions) -> None:
        """Carry out instant actions: cancel, pause, or stop."""
        (action,) = message.actions
        kind = action.action_type
        self.actions.append(kind)
        self._answered = (
            *self._answered[-20:],
            ActionState(action_id=action.action_id, action_status="FINISHED"),
        )
        if kind == CANCEL_ORDER:
            self.cancel()
        elif self.is_obedient and kind in (START_PAUSE, STOP_PAUSE):
            self.paused = kind == START_PAUSE
        elif self.is_obedient:
            self.stopped = kind == EMERGENCY_STOP

    def cancel(self) -> None:
        self.cancels += 1
        if self.finished or self.plan is None or self.path is None:
            return
        # stop at once on an edge; in a junction, leave it first
        leg = next(
            leg
            for leg in self.path.legs
            if leg.edge is not None and leg.end_m > self.distance_m + 0.02
        )
        self.distance_m = max(self.distance_m, leg.start_m + 0.1)
        edges = self.plan.route.edges[: self.path.legs.index(leg) // 2 + 1]
        s_m = round(self.distance_m - leg.start_m, 3)
        route = Route(edges, self.plan.route.start_s_m, s_m)
        self.plan = MergedOrder(self.plan.order_id, self.plan.order_update_id, route, len(edges))
        self.path = RoutePath(self.city, route)
        self._finish()

    def move(self) -> None:
        before_m, self.driving = self.distance_m, False
        if self.paused or self.stopped:
            return
        if self.finished or self.plan is None or self.path is None:
            return
        end_m = base_end_m(self.path, self.plan.released_edges)
        whole = self.plan.released_edges == len(self.plan.route.edges)
        limit_m = end_m if whole else end_m - STOP_BEFORE_M
        if self.stands_blocked:
            limit_m = self.path.legs[2 * self.plan.route.edges.index(self.blocked)].start_m - 0.5
        self.distance_m = max(self.distance_m, min(limit_m, self.distance_m + self.step_m))
        self.driving = self.distance_m > before_m
        if whole and self.distance_m >= end_m - 1e-9:
            self._finish()

    @property
    def stands_blocked(self) -> bool:
        plan = self.plan
        return not self.finished and plan is not None and self.blocked in plan.route.edges[1:]

    def _finish(self) -> None:
        assert self.plan is not None
        self.finished = True
        self.place = Place(self.plan.route.edges[-1], self.plan.route.end_s_m)

    def restart(self, place: Place) -> None:
        """Forget everything, like a restarted computer, at a place."""
        self.plan, self.path, self.finished, self.place = None, None, True, place

    def carry(self, place: Place) -> None:
        """Notice that the car stands elsewhere than its order says, and drop the order."""
        order_id = self.plan.order_id if self.plan else ""
        self.restart(place)
        self._rejection = StateError(
            error_type=ErrorType.OFF_ROUTE,
            error_level=ErrorLevel.WARNING,
            error_references=(Reference(reference_key="orderId", reference_value=order_id),),
        )

    def state(self) -> State:
        plan, path = self.plan, self.path
        last, sequence_id, since_m = place_node_id(self.place), 0, 0.0
        nodes: tuple[NodeState, ...] = ()
        edges: tuple[EdgeState, ...] = ()
        pose = self.city.edges[self.place.edge].curve.pose_at(self.place.s_m)
        if plan is not None and path is not None:
            at = progress_at(path, self.distance_m, arrived=self.finished)
            ids = node_ids(self.city, plan.route)
            last, sequence_id, since_m = ids[at.node], at.sequence_id, at.since_m
            pose = path.pose_at(self.distance_m)
            if not self.finished:
                nodes = tuple(
                    NodeState(node_id=ids[i], sequence_id=2 * i, released=i <= plan.released_edges)
                    for i in range(at.node + 1, len(ids))
                )
                edges = tuple(
                    EdgeState(edge_id=edge, sequence_id=2 * i + 1, released=i < plan.released_edges)
                    for i, edge in enumerate(plan.route.edges)
                    if i >= at.node
                )
        return State(
            header_id=next(self._ids),
            timestamp=datetime.now(UTC),
            serial_number=self.id,
            order_id=plan.order_id if plan else "",
            order_update_id=plan.order_update_id if plan else 0,
            last_node_id=last,
            last_node_sequence_id=sequence_id,
            distance_since_last_node=since_m,
            node_states=nodes,
            edge_states=edges,
            mobile_robot_position=MobileRobotPosition(
                x=pose.x_m,
                y=pose.y_m,
                theta=pose.heading_rad,
                map_id=self.city.name,
                localized=self.localized,
            ),
            driving=self.driving and not self.finished,
            paused=self.paused,
            safety_state=SafetyState(
                active_emergency_stop="REMOTE" if self.stopped else "NONE", field_violation=False
            ),
            power_supply=PowerSupply(state_of_charge=90.0),
            instant_action_states=self._answered,
            errors=self._errors(),
            information=(Info(info_type=INFO_VIDEO, info_descriptor=f"http://{self.id}/video"),),
        )

    def _errors(self) -> tuple[StateError, ...]:
        errors = [self._rejection] if self._rejection else []
        if self.stands_blocked and not self.driving:
            errors.append(
                StateError(
                    error_type=ErrorType.BLOCKED_BY_CAR,
                    error_level=ErrorLevel.WARNING,
                    error_references=(
                        Reference(reference_key="edgeId", reference_value=self.blocked),
                    ),
                )
            )
        return tuple(errors)
