"""Who has shown what, and the secrets that all servers of a database share."""

from __future__ import annotations

import asyncio
import time

import pytest

from pixelopolis.identity.signatures import public_key
from pixelopolis.identity.view_token import opens_view
from server.identity.access import NOBODY, ApiAccess, Caller
from server.identity.identity import Identity
from server.identity.secrets_store import ServerSecrets
from server.identity.tokens import TokenKind, new_token
from server.storage.mongo import Store


async def test_all_servers_of_a_database_have_the_same_secrets(
    mongodb_uri: str, database: str
) -> None:
    async with Store(mongodb_uri, "town", database) as store:
        loads = (ServerSecrets.load(store.database) for _ in range(5))
        secrets = await asyncio.gather(*loads)
    assert len({each.view_key for each in secrets}) == 1
    assert len({each.ride_token("r") for each in secrets}) == 1
    token = secrets[0].view_token("car1", 1000.0)
    assert opens_view(public_key(secrets[1].view_key), token, "car1", 1000.0)


async def test_a_token_shows_who_has_it_and_nothing_else(mongodb_uri: str, database: str) -> None:
    async with Store(mongodb_uri, "town", database) as store:
        identity = await Identity.open(store.database, time.monotonic, time.time)
        station = await identity.stations.register("kiosk", "here")
        ride = identity.secrets.ride_token("r1")
        assert await identity.caller(station, "") == Caller("kiosk", ApiAccess.STATION)
        assert await identity.caller(ride, "r1") == Caller("r1", ApiAccess.RIDE)
        for booking in ("r2", ""):
            assert await identity.caller(ride, booking) is NOBODY
        for kind in TokenKind:
            assert await identity.caller(new_token(kind), "r1") is NOBODY
        for text in ("", "r1", station[:-1], f"{TokenKind.RIDE}_{station[4:]}"):
            assert await identity.caller(text, "r1") is NOBODY


@pytest.mark.parametrize("text", ["", "é", "pxr_" + "A" * 43])
def test_what_is_no_ride_token_is_none(text: str) -> None:
    assert not ServerSecrets(bytes(32), bytes(32)).is_ride_token(text, "r1")
