"""The protocol between cars and server: VDA 5050 3.0 over WebSocket.

One WebSocket per car carries text frames `{"topic": "...", "message": {...}}`. The car sends
`connection`, `state` (`state`) and `factsheet`; the server sends `order`, `instantActions`
(`order`) and `refusal`, our own topic: the standard has no answer to a car's unusable message.
Names are camelCase on the wire and snake_case here; fields unknown to the standard are ignored;
types must be JSON's own.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import Field, SerializeAsAny, TypeAdapter, ValidationError

from pixelopolis.vda5050.base import Message, Uint32, WireValue
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.order import InstantActions, Order
from pixelopolis.vda5050.state import Connection, State

MAX_FAULTS: Final = 5
"""Maximum number of a message's faults named in an answer."""

MAX_CHARACTERS: Final = 1000
"""Maximum length of an answer."""


class Refusal(Message):
    """The server could not use a message of this car; `description` names fields and values."""

    topic: ClassVar[str] = "refusal"
    refused_topic: Annotated[str, Field(max_length=100)] = ""
    refused_header_id: Uint32 | None = None
    description: Annotated[str, Field(max_length=MAX_CHARACTERS)]


class ConnectionFrame(WireValue):
    topic: Literal["connection"]
    message: Connection


class StateFrame(WireValue):
    topic: Literal["state"]
    message: State


class FactsheetFrame(WireValue):
    topic: Literal["factsheet"]
    message: Factsheet


class OrderFrame(WireValue):
    topic: Literal["order"]
    message: Order


class InstantActionsFrame(WireValue):
    topic: Literal["instantActions"]
    message: InstantActions


class RefusalFrame(WireValue):
    topic: Literal["refusal"]
    message: Refusal


class _Frame(WireValue):
    """The content of one text frame."""

    topic: str
    message: SerializeAsAny[Message]


FromCar = Connection | State | Factsheet
FromServer = Order | InstantActions | Refusal
_FrameFromCar = ConnectionFrame | StateFrame | FactsheetFrame
_FrameFromServer = OrderFrame | InstantActionsFrame | RefusalFrame
FRAMES_FROM_CAR: Final = get_args(_FrameFromCar)
FRAMES_FROM_SERVER: Final = get_args(_FrameFromServer)
_from_car: TypeAdapter[_FrameFromCar] = TypeAdapter(
    Annotated[_FrameFromCar, Field(discriminator="topic")]
)
_from_server: TypeAdapter[_FrameFromServer] = TypeAdapter(
    Annotated[_FrameFromServer, Field(discriminator="topic")]
)


class MalformedMessageError(Exception):
    """A frame that is not a valid message.

    Attributes:
        description: every fault with its field and value.
        topic: the frame's topic, empty if it has none.
        about: readable references for the answer: `headerId`, `orderId`, `orderUpdateId`,
            `actionId`, as far as present.
    """

    def __init__(self, description: str, topic: str, about: dict[str, str]) -> None:
        super().__init__(description)
        self.description = description
        self.topic = topic
        self.about = about

    @property
    def header_id(self) -> int | None:
        """The message's header id, None if unreadable."""
        number = self.about.get("headerId", "")
        return int(number) if number.isdecimal() and int(number) < 2**32 else None


def encode(message: FromCar | FromServer) -> str:
    """Return the text frame that carries a message."""
    frame = _Frame(topic=message.topic, message=message)
    return frame.model_dump_json(by_alias=True, exclude_none=True)


def decode_from_car(text: str) -> FromCar:
    """Return the message in a text frame from a car.

    Raises:
        MalformedMessageError: for anything else.
    """
    try:
        return _from_car.validate_json(text, strict=True).message
    except ValidationError as error:
        raise _malformed(text, error) from error


def decode_from_server(text: str) -> FromServer:
    """Return the message in a text frame from the server.

    Raises:
        MalformedMessageError: for anything else.
    """
    try:
        return _from_server.validate_json(text, strict=True).message
    except ValidationError as error:
        raise _malformed(text, error) from error


def describe(error: ValidationError) -> str:
    """Return the first faults, each with its field and value."""
    faults = error.errors(include_url=False, include_context=False)
    said = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'body'}: {fault['msg']}"
        + ("" if isinstance(fault["input"], dict | list) else f" (got {fault['input']!r:.80})")
        for fault in faults[:MAX_FAULTS]
    ]
    if len(faults) > MAX_FAULTS:
        said.append(f"and {len(faults) - MAX_FAULTS} more")
    return "; ".join(said)[:MAX_CHARACTERS]


def _malformed(text: str, error: ValidationError) -> MalformedMessageError:
    frame = _json_object(text)
    message = frame.get("message")
    about = {}
    if isinstance(message, dict):
        about = {
            key: _short(message[key])
            for key, kind in (("headerId", int), ("orderId", str), ("orderUpdateId", int))
            if isinstance(message.get(key), kind)
        }
        actions = message.get("actions")
        if isinstance(actions, list) and actions and isinstance(actions[0], dict):
            about["actionId"] = _short(actions[0].get("actionId", ""))
    return MalformedMessageError(describe(error), _short(frame.get("topic", "")), about)


def _short(value: object) -> str:
    """Return a value as short text that can be sent."""
    return str(value)[:100].encode("utf-8", "replace").decode()


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
