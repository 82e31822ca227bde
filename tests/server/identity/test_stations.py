"""Stations: whoever registers a name first has it, until it was not used for long."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pixelopolis.refusals import RequestRefusedError
from server.identity.stations import REGISTRATIONS, SEEN_S, UNUSED_S, Stations
from server.identity.tokens import TokenKind, new_token
from server.storage.mongo import Store


class At:
    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def store(mongodb_uri: str, database: str) -> AsyncIterator[Store]:
    async with Store(mongodb_uri, "town", database) as opened:
        yield opened


async def test_a_name_belongs_to_the_first_and_every_server_knows_its_token(store: Store) -> None:
    clock = At()
    one, two = (Stations(store.database, clock, clock) for _ in range(2))
    token = await one.register("kiosk", "here")
    assert await two.station(token) == "kiosk"
    for stations in (one, two):
        with pytest.raises(RequestRefusedError) as refused:
            await stations.register("kiosk", "there")
        assert (refused.value.status, refused.value.word) == (409, "station_taken")
    assert await one.station(new_token(TokenKind.STATION)) is None
    stored = await store.database["stations"].find_one({"_id": "kiosk"})
    assert token not in str(stored)


async def test_a_token_ends_when_it_was_not_used_for_long_and_not_before(store: Store) -> None:
    clock = At()
    stations = Stations(store.database, clock, clock)
    await stations.make_indexes()
    token = await stations.register("kiosk", "here")
    for _ in range(3):
        clock.now_s += UNUSED_S - SEEN_S
        assert await stations.station(token) == "kiosk"
    clock.now_s += UNUSED_S + 1
    assert await stations.station(token) is None
    new = await stations.register("kiosk", "here")
    assert await stations.station(token) is None
    assert await stations.station(new) == "kiosk"


async def test_new_stations_of_one_address_are_slowed_down(store: Store) -> None:
    clock = At()
    stations = Stations(store.database, clock, clock)
    for _ in range(int(REGISTRATIONS.burst)):
        stations._of_address.take("crowd", clock())
    with pytest.raises(RequestRefusedError) as refused:
        await stations.register("kiosk", "crowd")
    assert refused.value.status == 429
    await stations.register("kiosk", "elsewhere")
