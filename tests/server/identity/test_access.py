"""Who may do what."""

from __future__ import annotations

import pytest

from server.identity.access import NOBODY, ApiAccess, Caller, Role, may

ALLOWED: dict[ApiAccess | Role, set[ApiAccess | Role]] = {
    ApiAccess.STATION: {ApiAccess.STATION},
    ApiAccess.RIDE: {ApiAccess.STATION, ApiAccess.RIDE},
    ApiAccess.CAR: {ApiAccess.CAR},
    Role.VIEWER: {Role.VIEWER, Role.OPERATOR, Role.ADMIN},
    Role.OPERATOR: {Role.OPERATOR, Role.ADMIN},
    Role.ADMIN: {Role.ADMIN},
}


@pytest.mark.parametrize("needed", ALLOWED)
def test_nobody_has_more_access_than_was_shown(needed: ApiAccess | Role) -> None:
    shown = {each for each in (*ApiAccess, *Role) if may(Caller("somebody", each), needed)}
    assert shown == ALLOWED[needed]


def test_what_is_public_is_open_to_all_and_nothing_else_to_nobody() -> None:
    assert all(may(Caller("somebody", each), ApiAccess.PUBLIC) for each in (*ApiAccess, *Role))
    assert [each for each in (*ApiAccess, *Role) if may(NOBODY, each)] == [ApiAccess.PUBLIC]
