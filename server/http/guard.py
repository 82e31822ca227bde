"""Finds out who sends a request, and refuses what the caller may not do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web

from pixelopolis.refusals import RequestRefusedError
from server.http.keys import CALLER, LOGINS
from server.identity.access import NOBODY, ApiAccess, Caller, Role, may
from server.identity.tokens import TokenKind, kind_of

BEARER: Final = "Bearer "

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guarded(handler: Handler, needed: ApiAccess | Role) -> Handler:
    """Return a handler that runs only for callers with the needed access.

    It finds the caller in `request[CALLER]`. Others are refused: 401 `unauthenticated` without
    valid credentials, 403 `forbidden` with those of somebody who may not.
    """

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        request[CALLER] = caller = NOBODY if needed is ApiAccess.PUBLIC else await _caller(request)
        if caller is NOBODY and needed is not ApiAccess.PUBLIC:
            raise RequestRefusedError(
                401,
                "unauthenticated",
                f"{request.method} {request.path}: no valid credentials of {_whom(needed)}.",
                _NEXT_STEPS.get(needed, "Log in with POST /api/operator/login."),
            )
        if not may(caller, needed):
            raise RequestRefusedError(
                403,
                "forbidden",
                f"{request.method} {request.path} needs {_whom(needed)}; these credentials are of "
                f"{_whom(caller.shown)}.",
                "Use other credentials.",
            )
        return await handler(request)

    return answer


def bearer_of(request: web.Request) -> str:
    """Return the token of a request, empty if it has none."""
    said = request.headers.get("Authorization", "")
    return said.removeprefix(BEARER) if said.startswith(BEARER) else ""


async def _caller(request: web.Request) -> Caller:
    """Return who a request's credentials are of; `NOBODY` if they are missing or not valid."""
    token = bearer_of(request)
    if kind_of(token) is TokenKind.OPERATOR:
        operator = await request.app[LOGINS].operator(token)
        return Caller(operator.name, operator.role) if operator else NOBODY
    return NOBODY


def _whom(access: ApiAccess | Role) -> str:
    if isinstance(access, Role):
        return f"an operator with the role {access}"
    return f"a {access}"


_NEXT_STEPS: Final[dict[ApiAccess | Role, str]] = {
    ApiAccess.STATION: "Register the station with POST /api/stations, and send its token.",
    ApiAccess.RIDE: "Send the token of the ride, or of its station.",
    ApiAccess.CAR: "Enroll it: `pixelopolis server enroll`, then `pixelopolis car enroll CODE`.",
}
