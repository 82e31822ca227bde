"""The cars' WebSocket: text frames in, text frames out, a queue between them and the desk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time

from aiohttp import WSCloseCode, WSMsgType, web

from pixelopolis.factsheet import Factsheet
from pixelopolis.message_parts import MOST_FRAME_BYTES
from pixelopolis.messages import FromServer, MalformedMessageError, decode_from_car, encode
from pixelopolis.state_messages import ConnectionState, State
from server.desk import Desk
from server.fleet import CarLink
from server.keys import DESK, SOCKETS
from server.requests import RefusedError

log = logging.getLogger(__name__)

SERIAL = re.compile(r"[A-Za-z0-9_.-]{1,50}")
HEARTBEAT_S = 2.0
QUEUE_LIMIT = 200
"""A car that lets so many messages wait is not reading: its connection is closed."""
LOG_EVERY_S = 1.0
"""A car's messages that cannot be used are logged no more often than this."""


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
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MOST_FRAME_BYTES)
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    outbox: asyncio.Queue[FromServer] = asyncio.Queue(QUEUE_LIMIT)

    def send(message: FromServer) -> None:
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


async def _write(socket: web.WebSocketResponse, outbox: asyncio.Queue[FromServer]) -> None:
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
    refuser = _Refuser(car_link)
    async for frame in socket:
        if writer.done():
            return
        if frame.type is WSMsgType.BINARY:
            refuser.refuse("", None, "body: a frame of bytes, not text")
        if frame.type is not WSMsgType.TEXT:
            continue
        try:
            message = decode_from_car(frame.data)
        except MalformedMessageError as error:
            refuser.refuse(error.topic, error.header_id, error.description)
            continue
        if fault := message.header_fault(car):
            refuser.refuse(message.topic, message.header_id, fault)
        elif isinstance(message, State):
            desk.car_said(car_link, message)
        elif isinstance(message, Factsheet):
            log.info("%s is a %s.", car, message.type_specification.series_name)
        elif message.connection_state is ConnectionState.OFFLINE:
            log.info("%s says goodbye.", car)


class _Refuser:
    """Answers what a car sent and nobody can use; logs it, with the car's name."""

    def __init__(self, car_link: CarLink) -> None:
        self._link = car_link
        self._log_after_s = 0.0
        self._not_logged = 0

    def refuse(self, topic: str, header_id: int | None, fault: str) -> None:
        self._link.refuse(topic, header_id, fault)
        self._not_logged += 1
        if time.monotonic() < self._log_after_s:
            return
        self._log_after_s = time.monotonic() + LOG_EVERY_S
        count, self._not_logged = self._not_logged, 0
        which = "a message" if count == 1 else f"{count} messages, the last of them one"
        log.warning("%s sent %s that cannot be used: %s", self._link.car, which, fault)
