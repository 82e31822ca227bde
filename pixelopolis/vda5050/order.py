"""Messages from the server to a car: orders and instant actions, as in VDA 5050 3.0.

`order_progress` defines what an order means on the road; this module defines only its shape.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from pixelopolis.city.route import Place
from pixelopolis.vda5050.base import (
    Angle,
    FailFastTuple,
    Id,
    Message,
    Number,
    SequenceId,
    Uint32,
    WireValue,
)

MAX_NODES: Final = 2000
MAX_ACTIONS: Final = 100
"""Per order, and per message, node or edge."""

_PLACE_NODE: Final = re.compile(r"at:(?P<edge>[A-Za-z0-9_.:-]{1,40}):(?P<mm>\d{1,7})")


def place_node_id(place: Place) -> str:
    """Return the node id of a stop place on an edge, `at:EDGE:MILLIMETRES`."""
    return f"at:{place.edge}:{max(0, round(place.s_m * 1000))}"


def parse_place(node_id: str) -> Place | None:
    """Return the place that a node id names, None for a junction's id."""
    match = _PLACE_NODE.fullmatch(node_id)
    return Place(match["edge"], int(match["mm"]) / 1000) if match else None


UNSUPPORTED_OF_POSITION: Final = frozenset({"allowedDeviationXY", "allowedDeviationTheta"})
UNSUPPORTED_OF_EDGE: Final = frozenset(
    {
        "maximumMobileRobotHeight",
        "minimumLoadHandlingDeviceHeight",
        "orientation",
        "orientationType",
        "direction",
        "reachOrientationBeforeEntering",
        "maxRotationSpeed",
        "maximumRotationSpeed",
        "trajectory",
        "length",
        "corridor",
    }
)
"""The standard's optional fields that our cars cannot act on. An order with one must be refused
(VDA 5050 3.0, 7.1.1); fields unknown to the standard are ignored."""


class _Optional(WireValue):
    """A value whose extra fields are kept, so that they can be refused by name."""

    model_config = ConfigDict(extra="allow")

    def beyond(self, names: frozenset[str]) -> tuple[str, ...]:
        """Return which of some fields are present."""
        extra = self.model_extra or {}
        return tuple(name for name in sorted(names) if extra.get(name) is not None)


class NodePosition(_Optional):
    x: Number
    y: Number
    theta: Angle | None = None
    map_id: Id


class ActionParameter(WireValue):
    key: Id
    value: JsonValue


class Action(WireValue):
    action_type: Id
    action_id: Id
    action_descriptor: str | None = None
    blocking_type: Literal["NONE", "SOFT", "SINGLE", "HARD"] = "NONE"
    action_parameters: Annotated[FailFastTuple[ActionParameter], Field(max_length=MAX_ACTIONS)] = ()


class OrderNode(WireValue):
    """A junction (the town's node id) or a stop place (`at:EDGE:MILLIMETRES`)."""

    node_id: Id
    sequence_id: SequenceId
    released: bool
    node_descriptor: str | None = None
    node_position: NodePosition | None = None
    actions: Annotated[FailFastTuple[Action], Field(max_length=MAX_ACTIONS)] = ()


class OrderEdge(_Optional):
    """One edge of the town; it joins the order's nodes before and after it."""

    edge_id: Id
    sequence_id: SequenceId
    released: bool
    edge_descriptor: str | None = None
    maximum_speed: Annotated[Number, Field(gt=0)] | None = None
    actions: Annotated[FailFastTuple[Action], Field(max_length=MAX_ACTIONS)] = ()


class Order(Message):
    """A route. The released prefix is the base, the rest is the horizon.

    Sequence ids count nodes and edges together; the base ends with a node. A first message starts
    at sequence 0 with the place where the car stands; an update starts with the last node of the
    previous base, resent unchanged.
    """

    topic: ClassVar[str] = "order"
    order_id: Id
    order_update_id: Uint32
    order_description: str | None = None
    nodes: Annotated[FailFastTuple[OrderNode], Field(min_length=1, max_length=MAX_NODES)]
    edges: Annotated[FailFastTuple[OrderEdge], Field(max_length=MAX_NODES)] = ()

    @model_validator(mode="after")
    def _check_sequence(self) -> Order:
        if len(self.edges) != len(self.nodes) - 1:
            raise ValueError(
                f"{len(self.nodes)} nodes need {len(self.nodes) - 1} edges, got {len(self.edges)}"
            )
        steps: list[OrderNode | OrderEdge] = [self.nodes[0]]
        for edge, node in zip(self.edges, self.nodes[1:], strict=True):
            steps += [edge, node]
        first = steps[0].sequence_id
        if first % 2:
            raise ValueError(f"the first node's sequenceId must be even, got {first}")
        for expected, step in enumerate(steps, start=first):
            if step.sequence_id != expected:
                raise ValueError(f"sequenceId {expected} expected, got {step.sequence_id}")
        released = [step.released for step in steps]
        count = sum(released)
        if released != [True] * count + [False] * (len(steps) - count):
            raise ValueError("released nodes and edges must come first, without a gap")
        if count % 2 == 0:
            raise ValueError("the base must begin and end with a node")
        return self

    @property
    def unsupported_fields(self) -> tuple[str, ...]:
        """The names of all optional fields that our cars cannot act on."""
        of_nodes = (
            f"nodes[{i}].nodePosition.{name}"
            for i, node in enumerate(self.nodes)
            if node.node_position is not None
            for name in node.node_position.beyond(UNSUPPORTED_OF_POSITION)
        )
        of_edges = (
            f"edges[{i}].{name}"
            for i, edge in enumerate(self.edges)
            for name in edge.beyond(UNSUPPORTED_OF_EDGE)
        )
        return (*of_nodes, *of_edges)


class InstantAction(Action):
    blocking_type: Literal["NONE"] = "NONE"


CANCEL_ORDER: Final = "cancelOrder"
ORDER_ID: Final = "orderId"
"""A parameter of `cancelOrder`: cancel only this order."""
START_PAUSE: Final = "startPause"
STOP_PAUSE: Final = "stopPause"
STATE_REQUEST: Final = "stateRequest"
FACTSHEET_REQUEST: Final = "factsheetRequest"
CLEAR_INSTANT_ACTIONS: Final = "clearInstantActions"
EMERGENCY_STOP: Final = "emergencyStop"
RELEASE_EMERGENCY_STOP: Final = "releaseEmergencyStop"
"""Our own: the standard has no instant action for it. Running until the car's board has confirmed
it, then finished or failed."""

ACTION_PARAMETERS: Final[dict[str, frozenset[str]]] = {
    CANCEL_ORDER: frozenset({ORDER_ID}),
    START_PAUSE: frozenset(),
    STOP_PAUSE: frozenset(),
    STATE_REQUEST: frozenset(),
    FACTSHEET_REQUEST: frozenset(),
    CLEAR_INSTANT_ACTIONS: frozenset(),
    EMERGENCY_STOP: frozenset(),
    RELEASE_EMERGENCY_STOP: frozenset(),
}
"""The instant actions that our cars support, with the allowed parameters of each."""


class InstantActions(Message):
    """What a car must do at once, whatever its order says."""

    topic: ClassVar[str] = "instantActions"
    actions: Annotated[FailFastTuple[InstantAction], Field(max_length=MAX_ACTIONS)]
