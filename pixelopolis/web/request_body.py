"""Read and validate the JSON body of a request."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.frames import describe

Body = TypeVar("Body", bound=BaseModel)

JSON_KIND: Final = "application/json"

BODY_TIMEOUT_S: Final = 10.0
"""Give up on a body that has not arrived after this time."""


async def body_of(request: web.Request, model: type[Body]) -> Body:
    """Return a request's JSON body.

    Raises:
        RequestRefusedError: it is late (408), not said to be JSON (415), not JSON or not of this
            shape (400); names every wrong field.
    """
    said = request.headers.get("Content-Type", "")
    if not _is_json(request, said):
        raise RequestRefusedError(
            415,
            "unsupported_media_type",
            f"Content-Type: {said[:100]!r} is not application/json in UTF-8.",
            "Send Content-Type: application/json.",
        )
    if "Content-Encoding" in request.headers:
        raise RequestRefusedError(
            415,
            "unsupported_media_type",
            f"Content-Encoding: {request.headers['Content-Encoding'][:100]!r} is not taken.",
            "Send the body as it is.",
        )
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.read()
    except TimeoutError:
        raise RequestRefusedError(
            408, "body_late", f"no body came within {BODY_TIMEOUT_S:.0f} s.", "Send it at once."
        ) from None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fields = ", ".join(model.model_fields)
        raise RequestRefusedError(
            400, "invalid_body", describe(error), f"Send a JSON object with {fields}."
        ) from error


def _is_json(request: web.Request, said: str) -> bool:
    charset = (request.charset or "utf-8").lower()
    # a page elsewhere can send other kinds without asking its browser first (CORS)
    return bool(said) and request.content_type == JSON_KIND and charset in ("utf-8", "utf8")
