"""Sessions end."""

from __future__ import annotations

from pixelopolis.city.sources import load_city
from server.identity.access import Role
from server.identity.logins import SESSION_S, Logins
from server.identity.operator_store import OperatorStore
from server.storage.mongo import Store
from tests.support.operators import PASSWORD, add_operator

CITY = load_city("pixelopolis")


async def test_a_session_ends_by_itself_and_with_its_operator(
    mongodb_uri: str, database: str
) -> None:
    now_s = 1000.0
    async with Store(mongodb_uri, CITY.name, database) as store:
        operators = OperatorStore(store.database)
        held = Logins(operators, lambda: now_s, lambda: now_s)
        await add_operator(mongodb_uri, database, Role.VIEWER, "ada")
        token, _ = await held.log_in("ada", PASSWORD, "here")
        now_s += SESSION_S - 1
        assert (await held.operator(token)) is not None
        now_s += 1
        assert await held.operator(token) is None
        token, _ = await held.log_in("ada", PASSWORD, "here")
        assert await operators.remove("ada")
        assert await held.operator(token) is None
        await add_operator(mongodb_uri, database, Role.VIEWER, "ada")
        assert await held.operator(token) is None, "an old session came back with the name"
