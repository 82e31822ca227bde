"""How cars and the server talk: VDA 5050 3.0 in the shape that we use.

One WebSocket a car carries text frames `{"topic": "...", "message": {...}}`. Topics: the car sends
`connection` and `state` (`state_messages`), the server sends `order` and `instantActions`
(`order_messages`). Names are camelCase on the wire and snake_case here; unknown fields are ignored,
as the standard asks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from pixelopolis.message_parts import Message, Part
from pixelopolis.order_messages import InstantActions, Order
from pixelopolis.state_messages import Connection, State


class ConnectionFrame(Part):
    topic: Literal["connection"] = "connection"
    message: Connection


class StateFrame(Part):
    topic: Literal["state"] = "state"
    message: State


class OrderFrame(Part):
    topic: Literal["order"] = "order"
    message: Order


class InstantActionsFrame(Part):
    topic: Literal["instantActions"] = "instantActions"
    message: InstantActions


FromCar = Annotated[ConnectionFrame | StateFrame, Field(discriminator="topic")]
FromServer = Annotated[OrderFrame | InstantActionsFrame, Field(discriminator="topic")]
_from_car: TypeAdapter[ConnectionFrame | StateFrame] = TypeAdapter(FromCar)
_from_server: TypeAdapter[OrderFrame | InstantActionsFrame] = TypeAdapter(FromServer)


def encode(message: Connection | State | Order | InstantActions) -> str:
    """Return the text frame that carries a message."""
    frames: dict[type[Message], Any] = {
        Connection: ConnectionFrame,
        State: StateFrame,
        Order: OrderFrame,
        InstantActions: InstantActionsFrame,
    }
    frame: BaseModel = frames[type(message)](message=message)
    return frame.model_dump_json(by_alias=True, exclude_none=True)


def decode_from_car(text: str) -> Connection | State:
    """Return the message in a text frame that a car sent.

    Raises:
        pydantic.ValidationError: for anything else.
    """
    return _from_car.validate_json(text).message


def decode_from_server(text: str) -> Order | InstantActions:
    """Return the message in a text frame that the server sent.

    Raises:
        pydantic.ValidationError: for anything else.
    """
    return _from_server.validate_json(text).message
