"""The cars' WebSocket: text frames in both directions, with a queue for outgoing messages."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Final

from aiohttp import WSMsgType, web

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.base import MAX_FRAME_BYTES
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import FromServer, MalformedMessageError, decode_from_car, encode
from pixelopolis.vda5050.state import State
from server.fleet_manager import FleetManager
from server.http.keys import FLEET
from server.http.sockets import serve_socket
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
    fleet = request.app[FLEET]
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES)
    await socket.prepare(request)
    outbox: asyncio.Queue[FromServer] = asyncio.Queue(QUEUE_LIMIT)
    overflow = asyncio.Event()

    def send(message: FromServer) -> None:
        try:
            outbox.put_nowait(message)
        except asyncio.QueueFull:
            overflow.set()

    car_link = fleet.car_connected(car, send)
    log.debug("%s connected from %s.", car, request.remote)
    try:
        return await serve_socket(
            request,
            socket,
            car,
            _read(socket, fleet, car_link),
            _write(socket, outbox),
            _hang_up(overflow, fleet, car),
        )
    finally:
        fleet.car_disconnected(car_link)
        log.debug("%s disconnected.", car)


async def _write(socket: web.WebSocketResponse, outbox: asyncio.Queue[FromServer]) -> None:
    while True:
        await socket.send_str(encode(await outbox.get()))


async def _hang_up(overflow: asyncio.Event, fleet: FleetManager, car: str) -> None:
    await overflow.wait()
    fleet.peer_faults.report(car, "does not read; its connection is closed.")


async def _read(socket: web.WebSocketResponse, fleet: FleetManager, car_link: CarLink) -> None:
    async for frame in socket:
        if frame.type is WSMsgType.BINARY:
            _refuse(fleet, car_link, "", None, "body: a binary frame, not text")
        elif frame.type is WSMsgType.TEXT:
            _take(frame.data, fleet, car_link)
        # let other tasks run, however many frames this car sent at once
        await asyncio.sleep(0)


def _take(text: str, fleet: FleetManager, car_link: CarLink) -> None:
    try:
        message = decode_from_car(text)
    except MalformedMessageError as error:
        _refuse(fleet, car_link, error.topic, error.header_id, error.description)
        return
    if fault := message.header_fault(car_link.car):
        _refuse(fleet, car_link, message.topic, message.header_id, fault)
    elif isinstance(message, State):
        fleet.car_reported(car_link, message)
    elif isinstance(message, Factsheet):
        log.debug("%s is a %s.", car_link.car, message.type_specification.series_name)


def _refuse(
    fleet: FleetManager, car_link: CarLink, topic: str, header_id: int | None, fault: str
) -> None:
    """Refuse a car's unusable message and log it with the car's name."""
    fleet.peer_faults.report(car_link.car, "sent a message that cannot be used: %s", fault)
    car_link.refuse(topic, header_id, fault)
