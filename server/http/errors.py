"""Every error of a request as JSON with code, message and next step."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from pymongo.errors import PyMongoError

from pixelopolis.refusals import RequestRefusedError
from server.http.keys import FLEET

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as JSON with code, message and next step."""
    try:
        return await handler(request)
    except RequestRefusedError as error:
        return refusal(error)
    except PyMongoError as error:
        return refusal(
            RequestRefusedError(
                503,
                "database_down",
                f"the database does not answer ({error}).",
                "Try again shortly.",
            )
        )
    except web.HTTPException as error:
        if error.status < 400:
            raise
        word = re.sub(r"\W+", "_", error.reason.lower())
        message = f"{request.method} {request.path}: {error.reason}."
        step = "See /api/openapi.json for all endpoints."
        allowed = {"Allow": allow} if (allow := error.headers.get("Allow")) else {}
        return refusal(RequestRefusedError(error.status, word, message, step), allowed)
    except Exception as error:  # contained: other requests go on
        request.app[FLEET].peer_faults.report(
            f"{request.method} {request.path[:80]!r}", "cannot be answered: %s", error, error=error
        )
        why = f"{request.method} {request.path}: the server failed ({type(error).__name__})."
        step = "Try again; see the server's log for details."
        return refusal(RequestRefusedError(500, "internal_error", why, step))


def refusal(error: RequestRefusedError, headers: dict[str, str] | None = None) -> web.Response:
    """Return the answer to a refused request."""
    said = {"code": error.word, "message": error.message, "next_step": error.next_step}
    headers = dict(headers or {})
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return web.json_response({"error": said}, status=error.status, headers=headers)
