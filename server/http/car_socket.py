"""The cars' WebSocket: text frames in both directions, with a queue for outgoing messages."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.base import MAX_FRAME_BYTES
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import (
    FRAMES_FROM_CAR,
    FRAMES_FROM_SERVER,
    FromServer,
    MalformedMessageError,
    decode_from_car,
    encode,
)
from pixelopolis.vda5050.state import State
from server.fleet_manager import FleetManager
from server.http.keys import CALLER, CAR_SOCKETS, FLEET, IDENTITY, CarSocket
from server.http.operations import Operation
from server.http.sockets import EndSocketError, serve_socket
from server.identity.access import ApiAccess
from server.identity.nonces import VALID_S
from server.identity.rate_limit import Rate, RateLimit
from server.traffic.car_link import LEASE_S, CarLink
from server.views.models import ChallengeView, dump

log = logging.getLogger(__name__)

SERIAL: Final = re.compile(r"[A-Za-z0-9_.-]{1,50}")
HEARTBEAT_S: Final = 2.0
REVOKED, REPLACED = 4001, 4002
"""Codes with which a link is closed: the car's key is revoked; the car has connected again."""

REVOKED_WITHIN_S: Final = 1.0
"""A link ends within about this time after its key was revoked, by whichever server."""

MESSAGES: Final = Rate(burst=200, per_s=100)
"""Messages of one car; it sends a few a second."""

CHARACTERS: Final = Rate(burst=2_000_000, per_s=200_000)
"""Size of all messages of one car: reading them takes this server's time."""

UNUSABLE: Final = Rate(burst=20, per_s=0.5)
"""Messages of one car that cannot be used."""

QUEUE_LIMIT: Final = 200
"""A car with this many unread messages is not reading: its connection is closed."""


async def post_challenge(request: web.Request) -> web.Response:
    """Serve `POST /api/cars/{serial}/challenge`, for any serial."""
    check_serial(request.match_info["serial"])
    cars = request.app[IDENTITY].cars
    view = ChallengeView(nonce=cars.challenge(), ends_in_s=VALID_S, server_time_s=time.time())
    return web.json_response(dump(view))


async def link(request: web.Request) -> web.WebSocketResponse:
    """Serve `GET /api/cars/{serial}/link`.

    One rule for a second connection of a car: it is refused while the car is heard on the first,
    and replaces the first otherwise. Both are told.
    """
    car = request[CALLER].name
    fleet, sockets = request.app[FLEET], request.app[CAR_SOCKETS]
    enrolled = await request.app[IDENTITY].cars.store.find(car)
    address = request.remote or ""
    if enrolled is None:
        raise RequestRefusedError(
            401, "unauthenticated", f"serial: the key of {car!r} is revoked.", "Enroll it again."
        )
    if live := fleet.live_link(car):
        raise _refuse_second(fleet, car, live, address)
    outbox: asyncio.Queue[FromServer] = asyncio.Queue(QUEUE_LIMIT)
    overflow = asyncio.Event()

    def send(message: FromServer) -> None:
        try:
            outbox.put_nowait(message)
        except asyncio.QueueFull:
            overflow.set()

    # from here to `prepare` nothing waits, so that of two that come at once one is refused
    car_link = fleet.car_connected(car, send)
    if silent := sockets.get(car):
        silent.end(REPLACED, f"replaced by a connection from {address}")
        fleet.peer_faults.report(car, "connected again from %s; its silent link is closed", address)
    ending = asyncio.get_running_loop().create_future()
    mine = sockets[car] = CarSocket(address, enrolled.key, ending)
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S,
        max_msg_size=MAX_FRAME_BYTES,
        compress=False,  # else few bytes of a car could cost this server much work
    )
    try:
        await socket.prepare(request)
        log.debug("%s connected from %s.", car, address)
        return await serve_socket(
            request,
            socket,
            car,
            _read(socket, fleet, car_link),
            _write(socket, outbox),
            _hang_up(overflow, fleet, car),
            _end(ending),
        )
    finally:
        fleet.car_disconnected(car_link)
        if sockets.get(car) is mine:
            del sockets[car]
        log.debug("%s disconnected.", car)


def check_serial(serial: str) -> None:
    """Raise a refusal if a serial has not the form of one."""
    if not SERIAL.fullmatch(serial):
        raise RequestRefusedError(
            400,
            "invalid_serial",
            f"serial: {serial!r} is not 1 to 50 letters, digits, '_', '.' or '-'.",
            "Give the car another id.",
        )


def _refuse_second(
    fleet: FleetManager, car: str, first: CarLink, address: str
) -> RequestRefusedError:
    """Tell the first connection of a refused second one; return the second's refusal."""
    fleet.peer_faults.report(car, "has a link; another with its key, from %s, is refused", address)
    first.tell("connection", None, f"another connection with this car's key, from {address}")
    return RequestRefusedError(
        409,
        "car_connected",
        f"serial: {car!r} is connected, and was heard within {LEASE_S:.0f} s.",
        "End the other connection; if it is not this car's, revoke the key.",
        retry_after_s=math.ceil(LEASE_S),
    )


async def end_revoked(app: web.Application) -> None:
    """End the links of cars whose key is revoked or another; runs until canceled."""
    while True:
        if sockets := app[CAR_SOCKETS]:
            keys = {car.serial: car.key for car in await app[IDENTITY].cars.store.all()}
            for serial, socket in list(sockets.items()):
                if keys.get(serial) != socket.key:
                    socket.end(REVOKED, "the key of this car is revoked")
        await asyncio.sleep(REVOKED_WITHIN_S)


async def _end(ending: asyncio.Future[tuple[int, str]]) -> None:
    raise EndSocketError(*await ending)


async def _write(socket: web.WebSocketResponse, outbox: asyncio.Queue[FromServer]) -> None:
    while True:
        await socket.send_str(encode(await outbox.get()))


async def _hang_up(overflow: asyncio.Event, fleet: FleetManager, car: str) -> None:
    await overflow.wait()
    fleet.peer_faults.report(car, "does not read; its connection is closed.")


async def _read(socket: web.WebSocketResponse, fleet: FleetManager, car_link: CarLink) -> None:
    messages, size, unusable = RateLimit(MESSAGES), RateLimit(CHARACTERS), RateLimit(UNUSABLE)
    try:
        async for frame in socket:
            now_s = time.monotonic()
            length = len(frame.data) if isinstance(frame.data, str | bytes) else 0
            if messages.take("", now_s) or size.take("", now_s, length):
                raise EndSocketError(WSCloseCode.POLICY_VIOLATION, "too many messages")
            is_used = frame.type is WSMsgType.TEXT and _take(frame.data, fleet, car_link)
            if frame.type is WSMsgType.BINARY:
                _refuse(fleet, car_link, "", None, "body: a binary frame, not text")
            if not is_used and unusable.take("", now_s):
                raise EndSocketError(
                    WSCloseCode.POLICY_VIOLATION, "too many messages that cannot be used"
                )
            # let other tasks run, however many frames this car sent at once
            await asyncio.sleep(0)
    finally:
        fleet.car_disconnected(car_link)  # at once: closing takes its time


def _take(text: str, fleet: FleetManager, car_link: CarLink) -> bool:
    """Use a car's message; return whether it can be used."""
    try:
        message = decode_from_car(text)
    except MalformedMessageError as error:
        _refuse(fleet, car_link, error.topic, error.header_id, error.description)
        return False
    if fault := message.header_fault(car_link.car):
        _refuse(fleet, car_link, message.topic, message.header_id, fault)
        return False
    if isinstance(message, State):
        fleet.car_reported(car_link, message)
    elif isinstance(message, Factsheet):
        log.debug("%s is a %s.", car_link.car, message.type_specification.series_name)
    return True


def _refuse(
    fleet: FleetManager, car_link: CarLink, topic: str, header_id: int | None, fault: str
) -> None:
    """Refuse a car's unusable message and log it with the car's name."""
    fleet.peer_faults.report(car_link.car, "sent a message that cannot be used: %s", fault)
    car_link.refuse(topic, header_id, fault)


OPERATIONS: Final = (
    Operation(
        "POST",
        "/api/cars/{serial}/challenge",
        post_challenge,
        ApiAccess.PUBLIC,
        "A nonce, which the car signs to open its link.",
        ChallengeView,
        refusals=(400,),
    ),
    Operation(
        "GET",
        "/api/cars/{serial}/link",
        link,
        ApiAccess.CAR,
        "A car's link: VDA 5050 messages in both directions.",
        None,
        refusals=(409,),
        says=FRAMES_FROM_SERVER,
        hears=FRAMES_FROM_CAR,
    ),
)
