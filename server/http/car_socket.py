"""The cars' WebSocket: text frames in both directions, with a queue for outgoing messages."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Final

from aiohttp import WSMsgType, web

from pixelopolis.errors import RequestRefusedError
from pixelopolis.vda5050.base import MOST_FRAME_BYTES
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import FromServer, MalformedMessageError, decode_from_car, encode
from pixelopolis.vda5050.state import State
from server.fleet_manager import FleetManager
from server.http.keys import DESK
from server.http.sockets import attend
from server.traffic.car_link import CarLink

log = logging.getLogger(__name__)

SERIAL: Final = re.compile(r"[A-Za-z0-9_.-]{1,50}")
HEARTBEAT_S: Final = 2.0
QUEUE_LIMIT: Final = 200
"""A car with this many unread messages is not reading: its connection is closed."""


async def link(request: web.Request) -> web.WebSocketResponse:
    """Serve `GET /api/cars/{serial}/link`."""
    car = request.match_info["serial"]
    if not SERIAL.fullmatch(car):
        raise RequestRefusedError(
            400,
            "invalid_serial",
            f"serial: {car!r} is not 1 to 50 letters, digits, '_', '.' or '-'.",
            "Give the car another id.",
        )
    desk = request.app[DESK]
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MOST_FRAME_BYTES)
    await socket.prepare(request)
    outbox: asyncio.Queue[FromServer] = asyncio.Queue(QUEUE_LIMIT)
    overflow = asyncio.Event()

    def send(message: FromServer) -> None:
        try:
            outbox.put_nowait(message)
        except asyncio.QueueFull:
            overflow.set()

    car_link = desk.car_connected(car, send)
    log.debug("%s connected from %s.", car, request.remote)
    try:
        return await attend(
            request,
            socket,
            car,
            _read(socket, desk, car_link),
            _write(socket, outbox),
            _hang_up(overflow, desk, car),
        )
    finally:
        desk.car_gone(car_link)
        log.debug("%s disconnected.", car)


async def _write(socket: web.WebSocketResponse, outbox: asyncio.Queue[FromServer]) -> None:
    while True:
        await socket.send_str(encode(await outbox.get()))


async def _hang_up(overflow: asyncio.Event, desk: FleetManager, car: str) -> None:
    await overflow.wait()
    desk.complaints.say(car, "does not read; its connection is closed.")


async def _read(socket: web.WebSocketResponse, desk: FleetManager, car_link: CarLink) -> None:
    async for frame in socket:
        if frame.type is WSMsgType.BINARY:
            _refuse(desk, car_link, "", None, "body: a binary frame, not text")
        elif frame.type is WSMsgType.TEXT:
            _take(frame.data, desk, car_link)
        # let other tasks run, however many frames this car sent at once
        await asyncio.sleep(0)


def _take(text: str, desk: FleetManager, car_link: CarLink) -> None:
    try:
        message = decode_from_car(text)
    except MalformedMessageError as error:
        _refuse(desk, car_link, error.topic, error.header_id, error.description)
        return
    if fault := message.header_fault(car_link.car):
        _refuse(desk, car_link, message.topic, message.header_id, fault)
    elif isinstance(message, State):
        desk.car_said(car_link, message)
    elif isinstance(message, Factsheet):
        log.debug("%s is a %s.", car_link.car, message.type_specification.series_name)


def _refuse(
    desk: FleetManager, car_link: CarLink, topic: str, header_id: int | None, fault: str
) -> None:
    """Refuse a car's unusable message and log it with the car's name."""
    desk.complaints.say(car_link.car, "sent a message that cannot be used: %s", fault)
    car_link.refuse(topic, header_id, fault)
