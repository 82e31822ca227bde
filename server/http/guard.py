"""Finds out who sends a request, and refuses what the caller may not do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web

from pixelopolis.identity.signatures import LINK_SCHEME
from pixelopolis.refusals import RequestRefusedError
from server.http.keys import CALLER, IDENTITY
from server.identity.access import NOBODY, ApiAccess, Caller, Role, may

BEARER: Final = "Bearer "
BEARER_PROTOCOL: Final = "bearer."
"""The second of the two subprotocols that a page offers; the server takes the first."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guarded(handler: Handler, needed: ApiAccess | Role) -> Handler:
    """Return a handler that runs only for callers with the needed access.

    It finds the caller in `request[CALLER]`. Others are refused: 401 `unauthenticated` without
    valid credentials, 403 `forbidden` with those of somebody who may not.
    """

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        request[CALLER] = caller = (
            NOBODY if needed is ApiAccess.PUBLIC else await _caller(request, needed)
        )
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
    """Return the token of a request, empty if it has none.

    A page cannot set headers of a WebSocket, so it offers the token as a subprotocol.
    """
    said = request.headers.get("Authorization", "")
    if said.startswith(BEARER):
        return said.removeprefix(BEARER)
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    tokens = [each.strip() for each in offered if each.strip().startswith(BEARER_PROTOCOL)]
    return tokens[0].removeprefix(BEARER_PROTOCOL) if tokens else ""


async def _caller(request: web.Request, needed: ApiAccess | Role) -> Caller:
    """Return who a request's credentials are of; `NOBODY` if they are missing or not valid."""
    identity = request.app[IDENTITY]
    if needed is ApiAccess.CAR:
        if "Origin" in request.headers:
            raise RequestRefusedError(
                403, "foreign_origin", "Origin: a page of a browser is no car.", "Use a car."
            )
        serial = request.match_info["serial"]
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        car = await identity.cars.shown_by(serial, shown) if scheme == LINK_SCHEME else None
        return Caller(serial, ApiAccess.CAR) if car else NOBODY
    return await identity.caller(bearer_of(request), request.match_info.get("id", ""))


def _whom(access: ApiAccess | Role) -> str:
    if isinstance(access, Role):
        return f"an operator with the role {access}"
    return f"a {access}"


_NEXT_STEPS: Final[dict[ApiAccess | Role, str]] = {
    ApiAccess.STATION: "Register the station with POST /api/stations, and send its token.",
    ApiAccess.RIDE: "Send the token of the ride, or of its station.",
    ApiAccess.CAR: "Enroll it: `pixelopolis server enroll`, then `pixelopolis car enroll CODE`.",
}
