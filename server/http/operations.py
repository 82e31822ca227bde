"""The table of all that the server answers under `/api/`: handler, access, bodies and refusals.

A part of the API lists its operations beside their handlers, and `app.py` adds every list with
`add_operations`. Nothing under `/api/` is answered that is in no list, and the guard runs before
every handler, so that nothing can be forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from aiohttp import web
from pydantic import BaseModel

from pixelopolis.refusals import RequestRefusedError
from server.http.errors import refusal
from server.http.guard import guarded
from server.identity.access import ApiAccess, Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Operation(NamedTuple):
    """One operation.

    Attributes:
        access: who may ask for it. A `Role` is the least that an operator needs; the handler finds
            who it is in `request[CALLER].name`.
        answer: body of success; None for 204, and for a socket.
        refusals: statuses of its own refusals; those of the guard are known.
        says: for a WebSocket, the messages that the server sends. It is then in the AsyncAPI
            document, not in the OpenAPI document.
        hears: the messages that the server takes from it.
    """

    method: str
    path: str
    handler: Handler
    access: ApiAccess | Role
    summary: str
    answer: type[BaseModel] | None
    status: int = 200
    body: type[BaseModel] | None = None
    refusals: tuple[int, ...] = ()
    says: tuple[type[BaseModel], ...] = ()
    hears: tuple[type[BaseModel], ...] = ()

    @property
    def is_socket(self) -> bool:
        return bool(self.says)


def add_operations(app: web.Application, operations: Iterable[Operation]) -> None:
    """Serve operations, each behind the guard."""
    for op in operations:
        app.router.add_route(
            op.method, op.path, guarded(op.handler, op.access), expect_handler=refuse_expectation
        )


async def refuse_expectation(request: web.Request) -> web.Response:
    """Answer `Expect`, which is looked at before any rule: send the body at once."""
    return refusal(
        RequestRefusedError(
            417,
            "expectation_failed",
            f"Expect: {request.headers.get('Expect', '')[:100]!r} is not supported.",
            "Leave it out.",
        )
    )
