"""Operators log in and out, and ask who they are."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pixelopolis.web.request_body import body_of
from server.http.guard import bearer_of
from server.http.keys import CALLER, DESK, IDENTITY
from server.http.operations import Operation
from server.identity.access import ApiAccess, Role
from server.identity.logins import SESSION_S
from server.views.models import LoginRequest, OperatorView, SessionView, dump


async def post_login(request: web.Request) -> web.Response:
    body = await body_of(request, LoginRequest)
    token, operator = await request.app[IDENTITY].logins.log_in(
        body.name, body.password, request.remote or ""
    )
    async with request.app[DESK].written_down(operator.name, "login", request.remote or ""):
        pass  # only logins that succeed: strangers shall not fill the log
    view = SessionView(token=token, name=operator.name, role=operator.role, ends_in_s=SESSION_S)
    return web.json_response(dump(view))


async def post_logout(request: web.Request) -> web.Response:
    await request.app[IDENTITY].logins.log_out(bearer_of(request))
    return web.Response(status=204)


async def get_whoami(request: web.Request) -> web.Response:
    caller = request[CALLER]
    return web.json_response(dump(OperatorView(name=caller.name, role=Role(caller.shown))))


OPERATIONS: Final = (
    Operation(
        "POST",
        "/api/operator/login",
        post_login,
        ApiAccess.PUBLIC,
        "Log in; the answer has the session's token.",
        SessionView,
        body=LoginRequest,
        refusals=(401, 429),
    ),
    Operation(
        "POST",
        "/api/operator/logout",
        post_logout,
        Role.VIEWER,
        "End the session.",
        None,
        204,
    ),
    Operation(
        "GET",
        "/api/operator/whoami",
        get_whoami,
        Role.VIEWER,
        "Name and role of the session's operator.",
        OperatorView,
    ),
)
