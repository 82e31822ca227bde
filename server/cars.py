"""The cars' WebSocket: text frames in, text frames out, a queue between them and the desk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import ValidationError

from pixelopolis.messages import decode_from_car, encode
from pixelopolis.order_messages import InstantActions, Order
from pixelopolis.state_messages import ConnectionState, State
from server.desk import Desk
from server.fleet import CarLink
from server.keys import DESK, SOCKETS
from server.requests import RefusedError, describe

log = logging.getLogger(__name__)

SERIAL = re.compile(r"[A-Za-z0-9_.-]{1,50}")
MAX_FRAME_BYTES = 1 << 20
HEARTBEAT_S = 2.0
QUEUE_LIMIT = 200
"""A car that lets so many messages wait is not reading: its connection is closed."""


async def link(request: web.Request) -> web.WebSocketResponse:
    """Serve `GET /api/cars/{serial}/link`."""
    car = request.match_info["serial"]
    if not SERIAL.fullmatch(car):
        raise RefusedError(
            400,
            "invalid_serial",
            f"serial: {car!r} is not 1 to 50 letters, digits, '_', '.' or '-'.",
            "Give the car another id.",
        )
    desk = request.app[DESK]
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES)
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    outbox: asyncio.Queue[Order | InstantActions] = asyncio.Queue(QUEUE_LIMIT)

    def send(message: Order | InstantActions) -> None:
        try:
            outbox.put_nowait(message)
        except asyncio.QueueFull:
            log.warning("%s does not read; closing its connection.", car)
            writer.cancel()

    writer = asyncio.create_task(_write(socket, outbox))
    car_link = desk.car_connected(car, send)
    log.info("%s connected from %s.", car, request.remote)
    try:
        await _read(socket, car, desk, car_link, writer)
    finally:
        desk.car_gone(car_link)
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await writer
        request.app[SOCKETS].discard(socket)
        log.info("%s disconnected.", car)
    return socket


async def _write(
    socket: web.WebSocketResponse, outbox: asyncio.Queue[Order | InstantActions]
) -> None:
    try:
        while True:
            await socket.send_str(encode(await outbox.get()))
    finally:
        # wakes the reader, whatever ended the writer
        with contextlib.suppress(ConnectionError):
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)


async def _read(
    socket: web.WebSocketResponse,
    car: str,
    desk: Desk,
    car_link: CarLink,
    writer: asyncio.Task[None],
) -> None:
    async for frame in socket:
        if writer.done():
            return
        if frame.type is not WSMsgType.TEXT:
            continue
        try:
            message = decode_from_car(frame.data)
        except ValidationError as error:
            log.warning("%s sent a message that is not valid: %s", car, describe(error))
            continue
        if message.serial_number != car:
            log.warning("%s sent a message of %r.", car, message.serial_number)
        elif isinstance(message, State):
            desk.car_said(car_link, message)
        elif message.connection_state is ConnectionState.OFFLINE:
            log.info("%s says goodbye.", car)
