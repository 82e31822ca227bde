"""The WebSocket to the server: orders in, states out; it reconnects after every loss."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
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

MAX_TURN_S: Final = 0.5
"""Longest pause before the next of several servers is called."""

STABLE_S: Final = 5.0
"""After a connection that held this long, the next pause is short again."""

LOG_AGAIN_S: Final = 60.0
"""A refusal with the same text is logged again after this time."""

REFUSED: Final = {
    401: "the server does not know this car's key; was it revoked? (401)",
    409: "another connection with this car's key is open, so this one is refused (409)",
}
"""What a refused connection means, by its status."""

MAX_LOGGED: Final = 20
"""Maximum number of different refusals logged in that time."""


def backoff_s(attempt: int, jitter: random.Random) -> float:
    """Return the pause after failed attempt n (from 0): doubled each time, half of it random."""
    whole = min(BACKOFF_S[0] * 2.0 ** min(attempt, 32), BACKOFF_S[1])
    return whole * jitter.uniform(0.5, 1.0)


Authorize = Callable[[aiohttp.ClientSession, str], Awaitable[Mapping[str, str]]]
"""With the address of the server that is called."""


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
        urls: the addresses of the town's servers, `ws://HOST:PORT`; one of them serves.
        serial_number: the car's id.
        listener: receives messages and provides those to send.
        authorize: returns the headers that show a server who the car is, for one connection.
        seed: seed of the pauses' jitter.
        tls: how to check the server's certificate; None for the system's authorities.
    """

    def __init__(
        self,
        urls: Sequence[str],
        serial_number: str,
        listener: LinkListener,
        authorize: Authorize,
        seed: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self.url = self._urls[0]
        """The server that is called now."""
        self.connected = False
        self._serial_number = serial_number
        self._listener = listener
        self._authorize = authorize
        self._tls = tls if tls is not None else True
        self._jitter = random.Random(f"{serial_number}:{seed}")
        self._wake = asyncio.Event()
        self._connection_ids = count()
        self._state_ids = count()
        self._factsheet_ids = count()
        self._owes_factsheet = False
        self._seen_s = 0.0
        self._said = ""
        self._logged_s: dict[str, float] = {}
        """When each refusal of the last minute was logged, by its text."""

    def send_soon(self) -> None:
        """Send a state as soon as possible (call in the event loop's thread)."""
        self._wake.set()

    async def run(self) -> None:
        """Hold the connection until canceled, then announce the disconnect."""
        attempt, turn = 0, 0
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                began_s = time.monotonic()
                try:
                    self.url = self._urls[turn]
                    why = await self._hold(session)
                except aiohttp.WSServerHandshakeError as error:
                    why = REFUSED.get(error.status, str(error))
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    why = str(error) or type(error).__name__
                self.connected = False
                turn = (turn + 1) % len(self._urls)
                if time.monotonic() - began_s > STABLE_S:
                    attempt = 0
                elif turn == 0:  # all were called
                    attempt += 1
                pause_s = backoff_s(attempt, self._jitter)
                if len(self._urls) > 1:  # another one may serve within seconds
                    pause_s = min(pause_s, MAX_TURN_S)
                log.warning("Server link: %s; calling again in %.1f s.", why, pause_s)
                await asyncio.sleep(pause_s)

    async def _hold(self, session: aiohttp.ClientSession) -> str:
        """Hold one connection; return why the server has closed it."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            socket = await session.ws_connect(
                f"{self.url}/api/cars/{self._serial_number}/link",
                headers=await self._authorize(session, self.url),
                autoping=False,
                max_msg_size=MAX_FRAME_BYTES,
                timeout=_CLOSE_TIMEOUT,
                ssl=self._tls,
            )
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
            return f"the server closed the connection{self._said}"
        except asyncio.CancelledError:
            await self._announce_disconnect(socket)
            raise
        finally:
            await socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._said = ""
        while True:
            frame = await socket.receive()
            if frame.type is aiohttp.WSMsgType.CLOSE and frame.extra:
                self._said = f": {frame.extra}"
            if frame.type in _ENDS:
                return
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


_ENDS: Final = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)
_CLOSE_TIMEOUT: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
