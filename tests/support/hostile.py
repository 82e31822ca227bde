"""Hostile or malformed messages of cars, stations and viewers, random by seed."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pixelopolis.city.model import City
from pixelopolis.reasons import ReasonCode
from pixelopolis.vda5050.base import Message
from pixelopolis.vda5050.frames import encode
from pixelopolis.vda5050.order import Order
from pixelopolis.vda5050.state import (
    INFO_VIDEO,
    INFO_WAITING,
    REASON_CODE,
    Connection,
    ConnectionState,
    EdgeState,
    ErrorLevel,
    ErrorType,
    Info,
    MobileRobotPosition,
    NodeState,
    OperatingMode,
    PowerSupply,
    Reference,
    SafetyState,
    State,
    StateError,
)

TEXTS = ("", "x", "at:1:5", "at:nowhere:7", "at:1:9999999", "\x00", "$ne", "a\nb", "é" * 100, "{0}")
NUMBERS = (0.0, 0.1, -1.0, 3.0, 1e6, -1e6, 1e-300)
SEQUENCES = (0, 1, 2, 3, 4, 6, 999, 5000, 1_000_000)


def valid_state(rng: random.Random, city: City, car: str, order: Order | None) -> State:
    """Return a state that is valid in form, whatever its meaning.

    Args:
        rng: chooses.
        city: the city.
        car: the sender.
        order: the car's newest order, to which most states refer.
    """
    edges = sorted(city.edges)
    ids = [n.node_id for n in order.nodes] if order else []
    node_ids = [*ids, *TEXTS[1:], f"at:{rng.choice(edges)}:{rng.randrange(2000)}"]
    order_ids = [order.order_id] * 4 if order else []
    steps = rng.choice((0, 0, 1, 2, 5))
    references = tuple(
        Reference(reference_key=key, reference_value=rng.choice([*order_ids, *edges, *TEXTS]))
        for key in ("orderId", "edgeId", rng.choice(TEXTS))
    )
    return State(
        header_id=rng.randrange(2**32),
        timestamp=datetime.now(UTC),
        serial_number=car,
        order_id=rng.choice([*order_ids, "", "x" * 100]),
        order_update_id=rng.choice((0, 1, 2, 2**32 - 1)),
        last_node_id=rng.choice([*node_ids, ""]),
        last_node_sequence_id=rng.choice(SEQUENCES),
        distance_since_last_node=rng.choice(NUMBERS),
        node_states=tuple(
            NodeState(
                node_id=rng.choice(node_ids),
                sequence_id=rng.choice(SEQUENCES),
                released=rng.random() < 0.7,
            )
            for _ in range(steps)
        ),
        edge_states=tuple(
            EdgeState(
                edge_id=rng.choice([*edges, "nowhere"]),
                sequence_id=rng.choice(SEQUENCES),
                released=rng.random() < 0.7,
            )
            for _ in range(rng.choice((0, steps)))
        ),
        mobile_robot_position=_position(rng, city),
        driving=rng.random() < 0.5,
        paused=rng.random() < 0.1,
        power_supply=PowerSupply(state_of_charge=rng.choice((0, 50, 100))),
        operating_mode=rng.choice((OperatingMode.AUTOMATIC,) * 9 + tuple(OperatingMode)),
        errors=tuple(
            StateError(
                error_type=rng.choice([*ErrorType, "x" * 100]),
                error_level=rng.choice((ErrorLevel.WARNING,) * 9 + tuple(ErrorLevel)),
                error_references=references,
                error_description=rng.choice(TEXTS),
            )
            for _ in range(rng.choice((0, 0, 0, 1, 3)))
        ),
        information=(
            _waiting(rng),
            Info(info_type=INFO_VIDEO, info_descriptor=rng.choice([*TEXTS, "http://x/" * 500])),
        ),
        safety_state=SafetyState(
            active_emergency_stop="MANUAL" if rng.random() < 0.05 else "NONE",
        ),
    )


def _position(rng: random.Random, city: City) -> MobileRobotPosition | None:
    if rng.random() < 0.2:
        return None
    x_min, y_min, x_max, y_max = city.bounds_m
    return MobileRobotPosition(
        x=rng.choice((rng.uniform(x_min, x_max), *NUMBERS)),
        y=rng.choice((rng.uniform(y_min, y_max), *NUMBERS)),
        theta=rng.uniform(-3.1, 3.1),
        map_id=rng.choice((city.name,) * 9 + ("another town",)),
        localized=rng.random() < 0.9,
    )


def _waiting(rng: random.Random) -> Info:
    parts = {
        REASON_CODE: rng.choice([*ReasonCode, *TEXTS]),
        **{
            rng.choice(("car", "edge", "age_s", "gap_m", "cause", "\x00", "$a.b")): rng.choice(
                ("nan", "inf", "1e999", "edge_held_by_stopped", *TEXTS)
            )
            for _ in range(rng.randrange(12))
        },
    }
    return Info(
        info_type=INFO_WAITING,
        info_references=tuple(
            Reference(reference_key=k, reference_value=v) for k, v in parts.items()
        ),
        info_descriptor=rng.choice(TEXTS),
    )


def valid_message(rng: random.Random, city: City, car: str, order: Order | None) -> Message:
    """Return a state or, rarely, a connection message."""
    if rng.random() < 0.03:
        return Connection(
            header_id=0,
            timestamp=datetime.now(UTC),
            serial_number=car,
            connection_state=rng.choice(list(ConnectionState)),
        )
    return valid_state(rng, city, car, order)


def invalid_text(rng: random.Random, city: City, car: str) -> str:
    """Return a text frame that the protocol does not allow."""
    text = encode(valid_state(rng, city, car, None))
    frame: dict[str, Any] = json.loads(text)
    kind = rng.randrange(9)
    if kind == 0:
        return text[: rng.randrange(len(text))]
    if kind == 1:
        return "[" * rng.choice((1, 100, 100_000))
    if kind == 2:
        return '{"topic": "' + rng.choice(("", "order", "x" * 50_000)) + '", "message": {}}'
    if kind == 3:
        frame["message"]["serialNumber"] = rng.choice(("another", "", "x" * 99))
    elif kind == 4:
        frame["message"][rng.choice(sorted(frame["message"]))] = rng.choice(WRONG)
    elif kind == 5:
        wrong = rng.choice(WRONG)
        many = 1 if isinstance(wrong, str) and wrong else 5000
        frame["message"]["nodeStates"] = [wrong] * rng.choice((1, many))
    elif kind == 6:
        frame["message"]["headerId"] = 10 ** rng.choice((20, 4000))
    elif kind == 7:
        frame["message"]["timestamp"] = rng.choice(WRONG_TIMES)
    else:
        return rng.choice(("", "null", "NaN", "\x00", '"\\ud800"', "{}", "ping"))
    return json.dumps(frame)


WRONG: Sequence[Any] = (None, -1, 1e400, float("nan"), "", "x" * 10_000, [], {}, True, {"a": [{}]})
WRONG_TIMES = ("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00Z")

PATHS = (
    "/",
    "/api/city",
    "/api/nothing",
    "/%00",
    "/%ff%fe",
    "/" + "a" * 5000,
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/api/bookings/%00",
    "/api/bookings/%ED%A0%80",
    "/api/bookings/$ne",
    "/api/events?token=%00",
    "/api/cars/%00/link",
    "/api/cars/car1/link",
    "/healthz?x=" + "y" * 4000,
)

BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"[" * 10_000,
    b'{"device_id": "\\ud800"}',
    b'{"device_id": {"$gt": ""}}',
    b'{"station_device_id": "k", "destination_id": "\\u0000"}',
    b'{"station_device_id": "k", "destination_id": "' + b"x" * 10_000 + b'"}',
    b"x" * 20_000,
)

RAW = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"GET",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: " + b"x" * 100_000,
    b"POST /api/stations HTTP/1.1\r\nContent-Length: 99999\r\n\r\n{",
    b"POST /api/stations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /api/events?station=k HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"\x00" * 1000,
)
"""Bytes that are no request, or half of one."""
