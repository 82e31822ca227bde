"""The WebSocket to the server: orders in, states out; it reconnects after every loss."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime
from itertools import count
from typing import Final, Protocol

import aiohttp

from car.orders.state_report import REPORT_S
from pixelopolis.vda5050.base import MAX_FRAME_BYTES
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import (
    FromCar,
    MalformedMessageError,
    Refusal,
    decode_from_server,
    encode,
)
from pixelopolis.vda5050.order import InstantActions, Order
from pixelopolis.vda5050.state import Connection, ConnectionState, State

log = logging.getLogger(__name__)

SILENCE_S: Final = 3.0
"""Reconnect to a server that has not answered a ping for this long."""

SEND_TIMEOUT_S: Final = 3.0
CONNECT_TIMEOUT_S: Final = 5.0

BACKOFF_S: Final = (0.25, 5.0)
"""First and longest pause before reconnecting."""

STABLE_S: Final = 5.0
"""After a connection that held this long, the next pause is short again."""

LOG_AGAIN_S: Final = 60.0
"""A refusal with the same text is logged again after this time."""

MAX_LOGGED: Final = 20
"""Maximum number of different refusals logged in that time."""


def backoff_s(attempt: int, jitter: random.Random) -> float:
    """Return the pause after failed attempt n (from 0): doubled each time, half of it random."""
    whole = min(BACKOFF_S[0] * 2.0 ** min(attempt, 32), BACKOFF_S[1])
    return whole * jitter.uniform(0.5, 1.0)


class LinkListener(Protocol):
    """The car's side of the link; every method returns at once."""

    def take_order(self, order: Order) -> None: ...
    def take_actions(self, actions: InstantActions) -> bool:
        """Carry out instant actions; return whether the server wants the factsheet."""
        ...

    def refuse(self, error: MalformedMessageError) -> None:
        """Note a message that could not be understood."""
        ...

    def take_refusal(self, refusal: Refusal) -> None:
        """Note that the server could not use a message."""
        ...

    def heard(self, now_s: float) -> None:
        """Note that the server is alive."""
        ...

    def report(self, header_id: int, timestamp: datetime) -> State: ...
    def factsheet(self, header_id: int, timestamp: datetime) -> Factsheet: ...


class ServerLink:
    """Keeps one car connected to the server.

    Args:
        url: the server's address, `ws://HOST:PORT`.
        serial_number: the car's id.
        listener: receives messages and provides those to send.
        seed: seed of the pauses' jitter.
    """

    def __init__(self, url: str, serial_number: str, listener: LinkListener, seed: int = 0) -> None:
        self.url = f"{url.rstrip('/')}/api/cars/{serial_number}/link"
        self.connected = False
        self._serial_number = serial_number
        self._listener = listener
        self._jitter = random.Random(f"{serial_number}:{seed}")
        self._wake = asyncio.Event()
        self._connection_ids = count()
        self._state_ids = count()
        self._factsheet_ids = count()
        self._owes_factsheet = False
        self._seen_s = 0.0
        self._logged_s: dict[str, float] = {}
        """When each refusal of the last minute was logged, by its text."""

    def send_soon(self) -> None:
        """Send a state as soon as possible (call in the event loop's thread)."""
        self._wake.set()

    async def run(self) -> None:
        """Hold the connection until canceled, then announce the disconnect."""
        attempt = 0
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                began_s = time.monotonic()
                try:
                    await self._hold(session)
                    why = "the server closed the connection"
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    why = str(error) or type(error).__name__
                self.connected = False
                attempt = 0 if time.monotonic() - began_s > STABLE_S else attempt + 1
                pause_s = backoff_s(attempt, self._jitter)
                log.warning("Server link: %s; calling again in %.1f s.", why, pause_s)
                await asyncio.sleep(pause_s)

    async def _hold(self, session: aiohttp.ClientSession) -> None:
        connecting = session.ws_connect(
            self.url, autoping=False, max_msg_size=MAX_FRAME_BYTES, timeout=_CLOSE_TIMEOUT
        )
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            socket = await connecting
        try:
            self._note_server()
            await self._send(socket, self._connection(ConnectionState.ONLINE))
            self.connected = True
            log.info("Server link: connected to %s.", self.url)
            reader = asyncio.create_task(self._read(socket))
            writer = asyncio.create_task(self._write(socket))
            try:
                await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (reader, writer):
                    task.cancel()
                results = await asyncio.gather(reader, writer, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result
        except asyncio.CancelledError:
            await self._announce_disconnect(socket)
            raise
        finally:
            await socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            self._note_server()
            if frame.type is aiohttp.WSMsgType.PING:
                await socket.pong(frame.data)
            elif frame.type is aiohttp.WSMsgType.TEXT:
                self._take(frame.data)
            elif frame.type is aiohttp.WSMsgType.BINARY:
                self._listener.refuse(
                    MalformedMessageError("body: a binary frame, not text", "", {})
                )
                self.send_soon()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while time.monotonic() - self._seen_s < SILENCE_S:
            self._wake.clear()
            if self._owes_factsheet:
                self._owes_factsheet = False
                now = datetime.now(UTC)
                await self._send(socket, self._listener.factsheet(next(self._factsheet_ids), now))
            state = self._listener.report(next(self._state_ids), datetime.now(UTC))
            await self._send(socket, state)
            await socket.ping()
            try:
                async with asyncio.timeout(REPORT_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
        raise TimeoutError(f"the server was silent for {SILENCE_S} s")

    def _take(self, text: str) -> None:
        try:
            message = decode_from_server(text)
        except MalformedMessageError as error:
            self._listener.refuse(error)
            topic = error.topic
        else:
            topic = message.topic
            if isinstance(message, Order):
                self._listener.take_order(message)
            elif isinstance(message, InstantActions):
                self._owes_factsheet |= self._listener.take_actions(message)
            else:
                self._take_refusal(message, time.monotonic())
        # never answer a refusal of a state with a state: that might be refused again, endlessly
        if topic != Refusal.topic:
            self.send_soon()

    def _take_refusal(self, refusal: Refusal, now_s: float) -> None:
        self._listener.take_refusal(refusal)
        self._logged_s = {w: s for w, s in self._logged_s.items() if now_s - s < LOG_AGAIN_S}
        if refusal.description not in self._logged_s and len(self._logged_s) < MAX_LOGGED:
            self._logged_s[refusal.description] = now_s
            log.warning("The server could not use a message: %s", refusal.description)

    def _note_server(self) -> None:
        self._seen_s = time.monotonic()
        self._listener.heard(self._seen_s)

    async def _announce_disconnect(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            await self._send(socket, self._connection(ConnectionState.OFFLINE))
        except (OSError, TimeoutError) as error:
            log.info("Server link: disconnect not announced: %s", error)

    def _connection(self, state: ConnectionState) -> Connection:
        return Connection(
            header_id=next(self._connection_ids),
            timestamp=datetime.now(UTC),
            serial_number=self._serial_number,
            connection_state=state,
        )

    @staticmethod
    async def _send(socket: aiohttp.ClientWebSocketResponse, message: FromCar) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_str(encode(message))


_CLOSE_TIMEOUT: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
