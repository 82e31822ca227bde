from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

import car.orders.server_link
from car.orders.executor import OrderExecutor
from car.orders.server_link import BACKOFF_S, MAX_LOGGED, ServerLink, backoff_s
from car.orders.state_report import Health
from car.shared_state import SharedState
from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.base import Message
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import FromCar, Refusal, decode_from_car, encode
from pixelopolis.vda5050.order import InstantAction, InstantActions
from pixelopolis.vda5050.order_progress import make_order
from pixelopolis.vda5050.state import Connection, ConnectionState, State
from tests.support.credentials import identity_of, signed_by

CITY = load_city("pixelopolis")
WAIT_S = 10.0


class FakeServer:
    """The other end of the link; stores the car's messages."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[FromCar] = asyncio.Queue()
        self.socket: web.WebSocketResponse | None = None
        self.answers = True
        self.connections = 0
        app = web.Application()
        app.router.add_get("/api/cars/{serial}/link", self.link)
        app.router.add_post("/api/cars/{serial}/challenge", self.challenge)
        self.server = TestServer(app)

    async def challenge(self, _: web.Request) -> web.Response:
        self.nonce = f"nonce-{self.connections}"
        return web.json_response({"nonce": self.nonce, "server_time_s": time.time()})

    async def link(self, request: web.Request) -> web.StreamResponse:
        if not self.answers:
            raise web.HTTPServiceUnavailable
        assert request.headers["Authorization"] == signed_by("car1", self.nonce)["Authorization"]
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.socket = socket
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                await self.received.put(decode_from_car(frame.data))
        return socket

    async def next(self) -> FromCar:
        async with asyncio.timeout(WAIT_S):
            return await self.received.get()

    async def next_state(self) -> State:
        while not isinstance(message := await self.next(), State):
            continue
        return message

    async def send(self, text: str | Message) -> None:
        assert self.socket is not None
        await self.socket.send_str(text if isinstance(text, str) else encode(text))  # type: ignore[arg-type]


async def unknown(*_: object) -> dict[str, str]:
    return {}


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    server = FakeServer()
    await server.server.start_server()
    yield server
    await server.server.close()


@pytest.fixture
def shared_state() -> SharedState:
    return SharedState(OrderExecutor(CITY, "car1", Place("13", 0.6)), Health)


@contextlib.asynccontextmanager
async def running(server: FakeServer, shared_state: SharedState) -> AsyncIterator[ServerLink]:
    url = str(server.server.make_url("")).replace("http", "ws")
    link = ServerLink([url], "car1", shared_state, identity_of("car1").authorize)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_car_calls_the_servers_of_its_town_in_turn(
    server: FakeServer, shared_state: SharedState
) -> None:
    """The first is dead: nothing listens there."""
    alive = str(server.server.make_url("")).replace("http", "ws")
    identity = identity_of("car1")
    link = ServerLink(["ws://127.0.0.1:9", alive], "car1", shared_state, identity.authorize)
    task = asyncio.create_task(link.run())
    try:
        await server.next_state()
        assert link.url.startswith(alive.rstrip("/"))
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def order(update: int = 0, serial: str = "car1") -> Message:
    return make_order(
        CITY,
        find_route(CITY, Place("13", 0.6), Place("6", 0.2)),
        order_id="o1",
        order_update_id=update,
        released_edges=1 + update,
        first_node=update,
        header_id=update,
        serial_number=serial,
        timestamp=datetime.now(UTC),
    )


async def test_says_hello_reports_and_says_goodbye(
    server: FakeServer, shared_state: SharedState
) -> None:
    async with running(server, shared_state) as link:
        hello = await server.next()
        assert isinstance(hello, Connection)
        assert hello.connection_state is ConnectionState.ONLINE
        states = [await server.next_state() for _ in range(3)]
        assert [state.header_id for state in states] == [0, 1, 2]
        assert states[0].last_node_id == "at:13:600"
        assert link.connected
        assert shared_state.orders()[1] == pytest.approx(time.monotonic(), abs=WAIT_S)
    while not isinstance(goodbye := await server.next(), Connection):
        pass
    assert goodbye.connection_state is ConnectionState.OFFLINE


async def test_an_order_is_taken_and_answered_at_once(
    server: FakeServer, shared_state: SharedState
) -> None:
    async with running(server, shared_state):
        assert (await server.next_state()).order_id == ""
        await server.send(order())
        while (state := await server.next_state()).order_id != "o1":
            pass
        assert [edge.released for edge in state.edge_states].count(True) == 1
        mission, _ = shared_state.orders()
        assert mission is not None
        await server.send(order(1))
        while (state := await server.next_state()).order_update_id != 1:
            pass
        assert [edge.released for edge in state.edge_states].count(True) == 2
        action = InstantAction(action_type="cancelOrder", action_id="a1")
        await server.send(
            InstantActions(
                header_id=0, timestamp=datetime.now(UTC), serial_number="car1", actions=(action,)
            )
        )
        while not (state := await server.next_state()).instant_action_states:
            pass
        assert state.instant_action_states[0].action_status == "RUNNING"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "JSON"),
        ('{"topic": "order", "message": {}}', "message.headerId"),
        ('{"topic": "hello", "message": {}}', "topic"),
        (encode(order(serial="car2")), "'car2' is another car"),  # type: ignore[arg-type]
    ],
)
async def test_what_cannot_be_understood_is_reported(
    server: FakeServer, shared_state: SharedState, text: str, said: str
) -> None:
    async with running(server, shared_state):
        await server.next_state()
        await server.send(text)
        while not (state := await server.next_state()).errors:
            pass
        assert state.errors[0].error_type == "VALIDATION_FAILURE"
        assert said in (state.errors[0].error_description or "")
        assert shared_state.orders()[0] is None
        assert server.connections == 1


async def test_an_answer_names_what_could_be_read_of_a_message(
    server: FakeServer, shared_state: SharedState
) -> None:
    broken = json.loads(encode(order()))  # type: ignore[arg-type]
    broken["message"]["nodes"][0]["released"] = "yes"
    async with running(server, shared_state):
        await server.next_state()
        await server.send(json.dumps(broken))
        while not (state := await server.next_state()).errors:
            pass
        about = {r.reference_key: r.reference_value for r in state.errors[0].error_references}
        assert about == {"topic": "order", "headerId": "0", "orderId": "o1", "orderUpdateId": "0"}
        assert "released" in (state.errors[0].error_description or "")


def actions(*kinds: str) -> InstantActions:
    return InstantActions(
        header_id=0,
        timestamp=datetime.now(UTC),
        serial_number="car1",
        actions=tuple(InstantAction(action_type=kind, action_id=kind) for kind in kinds),
    )


async def test_the_factsheet_is_sent_when_it_is_asked_for(
    server: FakeServer, shared_state: SharedState
) -> None:
    async with running(server, shared_state):
        await server.next_state()
        await server.send(actions("factsheetRequest"))
        while not isinstance(message := await server.next(), Factsheet):
            assert not isinstance(message, State) or not message.instant_action_states
        assert message.physical_parameters.maximum_speed == pytest.approx(0.136)
        assert (await server.next_state()).instant_action_states[0].action_status == "FINISHED"


async def test_a_state_is_sent_at_once_when_it_is_asked_for(
    server: FakeServer, shared_state: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(car.orders.server_link, "REPORT_S", 1000.0)
    async with running(server, shared_state):
        assert (await server.next_state()).header_id == 0
        await server.send(actions("stateRequest"))
        state = await server.next_state()
        assert (state.header_id, state.instant_action_states[0].action_status) == (1, "FINISHED")


async def test_what_the_server_could_not_use_shows_in_the_state(
    server: FakeServer, shared_state: SharedState
) -> None:
    async with running(server, shared_state):
        await server.next_state()
        await server.send(
            Refusal(
                header_id=0,
                timestamp=datetime.now(UTC),
                serial_number="car1",
                refused_topic="state",
                refused_header_id=7,
                description="message.driving: Field required",
            )
        )
        while not (state := await server.next_state()).errors:
            pass
        (error,) = state.errors
        assert (error.error_type, error.error_level) == ("MESSAGE_REFUSED", "WARNING")
        assert error.error_description == "message.driving: Field required"
        about = {r.reference_key: r.reference_value for r in error.error_references}
        assert about == {"topic": "state", "headerId": "7"}


def refusal(header_id: int, description: str = "message.driving: Field required") -> Refusal:
    return Refusal(
        header_id=header_id,
        timestamp=datetime.now(UTC),
        serial_number="car1",
        refused_topic="state",
        description=description,
    )


async def test_a_refusal_is_no_reason_for_another_state(
    server: FakeServer,
    shared_state: SharedState,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(car.orders.server_link, "REPORT_S", 1000.0)
    heard = asyncio.Event()
    take_refusal = shared_state.take_refusal

    def take(message: Refusal) -> None:
        take_refusal(message)
        if message.header_id == 9:
            heard.set()

    monkeypatch.setattr(shared_state, "take_refusal", take)
    async with running(server, shared_state):
        assert (await server.next_state()).header_id == 0
        for i in range(10):
            await server.send('{"topic": "refusal", "message": {}}')
            await server.send(refusal(i))
        async with asyncio.timeout(WAIT_S):
            await heard.wait()
        # the next state is the requested one, and reports the refusal
        await server.send(actions("stateRequest"))
        state = await server.next_state()
        assert (state.header_id, len(state.instant_action_states)) == (1, 1)
        assert "MESSAGE_REFUSED" in [error.error_type for error in state.errors]
    said = [r for r in caplog.records if "could not use a message" in r.getMessage()]
    assert len(said) == 1


def test_refusals_are_logged_once_a_minute_each_and_few_in_all(
    shared_state: SharedState, caplog: pytest.LogCaptureFixture
) -> None:
    link = ServerLink(["ws://nowhere"], "car1", shared_state, unknown)
    for second in range(120):
        link._take_refusal(refusal(second), float(second))
        link._take_refusal(refusal(second, "version: '2.0' is not '3.0.0'"), float(second))
    assert len(caplog.records) == 4
    for i in range(1000):
        link._take_refusal(refusal(i, f"nonsense {i}"), 200.0)
    assert len(caplog.records) == 4 + MAX_LOGGED


async def test_a_frame_of_bytes_is_answered(server: FakeServer, shared_state: SharedState) -> None:
    async with running(server, shared_state):
        await server.next_state()
        assert server.socket is not None
        await server.socket.send_bytes(b"{}")
        while not (state := await server.next_state()).errors:
            pass
        assert state.errors[0].error_type == "VALIDATION_FAILURE"


async def test_a_lost_link_comes_back_and_the_order_is_kept(
    server: FakeServer, shared_state: SharedState
) -> None:
    async with running(server, shared_state):
        await server.next_state()
        await server.send(order())
        while (await server.next_state()).order_id != "o1":
            pass
        assert server.socket is not None
        server.answers = False
        await server.socket.close()
        mission, _ = shared_state.orders()
        server.answers = True
        while not isinstance(hello := await server.next(), Connection):
            pass
        assert hello.connection_state is ConnectionState.ONLINE
        assert (await server.next_state()).order_id == "o1"
        assert shared_state.orders()[0] is mission
        assert server.connections == 2


async def test_a_server_that_hangs_is_called_again(
    shared_state: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(car.orders.server_link, "SILENCE_S", 0.3)
    monkeypatch.setattr(car.orders.server_link, "REPORT_S", 0.05)
    calls: asyncio.Queue[None] = asyncio.Queue()

    async def hang(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await calls.put(None)
        await asyncio.sleep(WAIT_S)
        return socket

    app = web.Application()
    app.router.add_get("/api/cars/{serial}/link", hang)
    hanging = TestServer(app)
    await hanging.start_server()
    link = ServerLink([str(hanging.make_url(""))], "car1", shared_state, unknown)
    task = asyncio.create_task(link.run())
    async with asyncio.timeout(WAIT_S):
        await calls.get()
        await calls.get()
    assert shared_state.orders()[1] is not None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await hanging.close()


@given(st.integers(0, 10_000), st.integers())
def test_pauses_grow_up_to_a_limit_and_never_vanish(attempt: int, seed: int) -> None:
    pause_s = backoff_s(attempt, random.Random(seed))
    whole_s = min(BACKOFF_S[0] * 2 ** min(attempt, 20), BACKOFF_S[1])
    assert whole_s / 2 <= pause_s <= whole_s
    assert pause_s == backoff_s(attempt, random.Random(seed))
