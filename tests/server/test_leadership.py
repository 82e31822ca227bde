"""Several servers on one database: one serves the town, the others wait and follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import WSCloseCode
from pymongo.errors import AutoReconnect, PyMongoError

from pixelopolis.city.route import Place
from server import leadership as leadership_module
from server.http.keys import LEADERSHIP
from server.leadership import CUT_OFF_S, RENEW_S, Leadership
from server.storage.mongo import Store
from tests.support.credentials import event_socket
from tests.support.desktop import CITY, PATIENCE_S, Desktop, running, until
from tests.support.fake_car import FakeCar


@pytest.fixture
async def store(mongodb_uri: str, database: str) -> AsyncIterator[Store]:
    async with Store(mongodb_uri, CITY.name, database) as opened:
        yield opened


# --- the lease in the database ------------------------------------------------------------------


async def test_one_server_has_the_lease_until_it_gives_it_up(store: Store) -> None:
    assert await store.acquire_lease("one", 60.0)
    assert await store.acquire_lease("one", 60.0), "it renews"
    assert not await store.acquire_lease("two", 60.0)
    await store.release_lease("two")
    assert not await store.acquire_lease("two", 60.0), "nobody ends the lease of another"
    await store.release_lease("one")
    assert await store.acquire_lease("two", 60.0)
    assert not await store.acquire_lease("one", 60.0)


async def test_a_lease_that_is_not_renewed_ends(store: Store) -> None:
    assert await store.acquire_lease("one", 0.05)
    async with asyncio.timeout(PATIENCE_S):
        while not await store.acquire_lease("two", 60.0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not await store.acquire_lease("one", 60.0)


async def test_of_many_that_ask_at_once_one_gets_it(store: Store) -> None:
    answers = await asyncio.gather(*(store.acquire_lease(f"server{i}", 60.0) for i in range(20)))
    assert answers.count(True) == 1


async def test_every_town_has_its_own(mongodb_uri: str, database: str, store: Store) -> None:
    assert await store.acquire_lease("one", 60.0)
    async with Store(mongodb_uri, "square", database) as other:
        assert await other.acquire_lease("two", 60.0)


# --- one server's part --------------------------------------------------------------------------


class PaperStore:
    """Answers with `has_lease`, or fails of it; counts the questions."""

    city = "town"

    def __init__(self) -> None:
        self.has_lease: bool | Exception = True
        self.asked = 0

    async def acquire_lease(self, server: str, duration_s: float) -> bool:
        assert duration_s > 2 * RENEW_S
        self.asked += 1
        if isinstance(self.has_lease, Exception):
            raise self.has_lease
        return self.has_lease

    async def release_lease(self, server: str) -> None:
        if isinstance(self.has_lease, Exception):
            raise self.has_lease


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def nothing() -> None:
    return


def paper() -> tuple[Leadership, PaperStore, Clock]:
    store, clock = PaperStore(), Clock()
    return Leadership(store, clock), store, clock  # type: ignore[arg-type]


async def test_it_leads_only_when_all_is_prepared() -> None:
    lead, _, _ = paper()
    seen = []

    async def prepare() -> None:
        seen.append(lead.is_leader)

    assert await lead.begin(prepare)
    assert seen == [False]
    assert lead.is_leader


async def test_what_cannot_be_prepared_does_not_lead_and_is_tried_again() -> None:
    lead, _, _ = paper()

    async def fail() -> None:
        raise AutoReconnect("down")

    with pytest.raises(PyMongoError):
        await lead.begin(fail)
    assert not lead.is_leader
    assert await lead.begin(nothing)


async def test_the_lease_is_renewed_when_it_is_due_and_not_before() -> None:
    lead, store, clock = paper()
    await lead.begin(nothing)
    clock.now_s += 0.9 * RENEW_S
    assert await lead.renew()
    assert store.asked == 1
    clock.now_s += 0.2 * RENEW_S
    assert await lead.renew()
    assert store.asked == 2


async def test_it_ends_when_another_has_the_lease_but_not_while_nobody_can_know() -> None:
    lead, store, clock = paper()
    await lead.begin(nothing)
    clock.now_s += RENEW_S
    store.has_lease = AutoReconnect("down")
    with pytest.raises(PyMongoError):
        await lead.renew()
    assert lead.is_leader, "its sockets stay open while the database is away"
    store.has_lease = False
    assert not await lead.renew()
    await lead.ended()
    assert not lead.is_leader


@pytest.mark.usefixtures("soon")
async def test_work_that_takes_longer_than_a_lease_keeps_it() -> None:
    """On a busy machine one step of a large town took four seconds, and the servers took turns."""
    lead, store, clock = paper()
    enough = asyncio.Event()

    async def slow_work() -> None:
        while store.asked < 10:
            clock.now_s += 1.0
            await asyncio.sleep(0.001)
        enough.set()
        await asyncio.sleep(3600.0)

    tasks = [
        asyncio.create_task(each) for each in (lead.run(nothing, slow_work), lead.keep_renewing())
    ]
    async with asyncio.timeout(PATIENCE_S):
        await enough.wait()
        assert lead.is_leader
        store.has_lease = AutoReconnect("down")
        asked = store.asked
        clock.now_s += 2.0
        while store.asked < asked + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert lead.is_leader, "nobody can take it meanwhile"
        store.has_lease = False
        while lead.is_leader:
            clock.now_s += 1.0
            await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_database_that_is_gone_keeps_nobody_from_resigning() -> None:
    lead, store, _ = paper()
    await lead.begin(nothing)
    store.has_lease = AutoReconnect("down")
    await lead.resign()
    assert not lead.is_leader


# --- whole servers ------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leadership_module, "RENEW_S", 0.02)


async def status_of(desktop: Desktop, path: str) -> int:
    return (await desktop.client.get(path)).status


async def leads(desktop: Desktop) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await status_of(desktop, "/readyz") != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("soon")
async def test_the_one_that_waits_is_well_and_answers_nothing_of_the_town(
    mongodb_uri: str, database: str
) -> None:
    async with running(mongodb_uri, database) as first, running(mongodb_uri, database) as second:
        for path, of_first, of_second in (
            ("/healthz", 200, 200),
            ("/readyz", 200, 503),
            ("/api/city", 200, 503),
            ("/api/bookings/none", 401, 503),
        ):
            assert (await status_of(first, path), await status_of(second, path)) == (
                of_first,
                of_second,
            )
        for path in ("/api/cars/car1/link", "/api/events"):
            answer = await second.client.get(path)
            assert answer.status == 503
            assert (await answer.json())["error"]["code"] == "standby"


@pytest.mark.usefixtures("soon")
async def test_a_server_that_waits_harms_no_car_of_the_one_that_serves(
    mongodb_uri: str, database: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    plain = Store.acquire_lease

    async def counted(self: Store, *args: Any) -> bool:
        nonlocal asked
        answer = await plain(self, *args)
        asked += not answer
        return answer

    monkeypatch.setattr(Store, "acquire_lease", counted)
    async with running(mongodb_uri, database) as first:
        await first.drive_in(FakeCar(CITY, "car1", Place("1", 0.8), step_m=0.0))
        await until(lambda: first.fleet.cars()[0].state == "ready")
        async with running(mongodb_uri, database):
            await until(lambda: asked > 5)
            stored = (await store.load_traffic()).cars
            assert stored.keys() == {"car1"}
            assert stored["car1"].frozen is None
            assert first.fleet.cars()[0].state == "ready"


@pytest.mark.usefixtures("soon")
async def test_a_server_follows_one_that_stops_and_its_rides_go_on(
    mongodb_uri: str, database: str
) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.01)
    async with AsyncExitStack() as life_of_first:
        first = await life_of_first.enter_async_context(running(mongodb_uri, database))
        async with running(mongodb_uri, database) as second:
            await first.drive_in(car)
            booking = await first.book("kiosk-1", "planetarium")
            await until(lambda: car.distance_m > 0.6)
            await life_of_first.aclose()
            car.step_m = 0.1
            await leads(second)
            await second.drive_in(car)
            arrived = await second.ends(booking["id"])
    assert arrived["car_id"] == "car1"
    assert len({order.order_id for order in car.orders}) == 1
    assert (car.cancels, car.rejections) == (0, [])


async def test_a_server_that_stops_keeps_nobody_waiting(
    mongodb_uri: str, database: str, store: Store
) -> None:
    async with running(mongodb_uri, database):
        assert not await store.acquire_lease("next", 60.0)
    assert await store.acquire_lease("next", 60.0)


@pytest.mark.usefixtures("soon")
async def test_a_server_that_is_no_longer_asked_lets_everybody_go_and_may_serve_again(
    desktop: Desktop, store: Store
) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.01)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk-1", "planetarium")
    page = await event_socket(desktop.client, "kiosk-1")
    lead = desktop.client.app[LEADERSHIP]  # type: ignore[index]
    async with asyncio.timeout(PATIENCE_S):
        while not await store.acquire_lease("another", 60.0):
            await store.release_lease(lead._server)
        while not page.closed:
            await page.receive()
    assert page.close_code == WSCloseCode.GOING_AWAY
    await until(lambda: not desktop.fleet.links)
    assert await status_of(desktop, "/readyz") == 503
    await car.disconnect()
    await store.release_lease("another")
    await leads(desktop)
    car.step_m = 0.1
    await desktop.drive_in(car)
    await desktop.ends(booking["id"])
    assert (car.cancels, car.rejections) == (0, [])


@pytest.mark.usefixtures("soon")
async def test_a_server_that_is_cut_off_from_the_database_leads_no_more() -> None:
    lead, store, clock = paper()
    await lead.begin(nothing)
    task = asyncio.create_task(lead.keep_renewing())
    store.has_lease = AutoReconnect("cut off")
    async with asyncio.timeout(PATIENCE_S):
        clock.now_s += 1.0
        asked = store.asked
        while store.asked < asked + 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        clock.now_s += CUT_OFF_S - 1.0
        asked = store.asked
        while store.asked < asked + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert lead.is_leader, "a database may be started again"
        clock.now_s += 2.0
        await lead.ended()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("soon")
async def test_a_server_that_was_only_busy_leads_on() -> None:
    """Its loop hangs for longer than a lease in the middle of a request; the next one succeeds."""
    lead, store, clock = paper()
    await lead.begin(nothing)
    task = asyncio.create_task(lead.keep_renewing())
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(3):
            store.has_lease = AutoReconnect("too late")
            clock.now_s += 2 * CUT_OFF_S
            asked = store.asked
            while store.asked == asked:  # noqa: ASYNC110
                await asyncio.sleep(0)
            store.has_lease = True
            clock.now_s += 1.0
            asked = store.asked
            while store.asked < asked + 2:
                clock.now_s += 1.0
                await asyncio.sleep(0.001)
            assert lead.is_leader
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
