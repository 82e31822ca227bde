"""Checking requests, and refusing them in words that a program and a person understand."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from pixelopolis.errors import PixelopolisError
from pixelopolis.messages import describe


class RefusedError(PixelopolisError):
    """An answer other than yes.

    Args:
        status: HTTP status.
        word: stable code for programs.
        message: field and value.
        next_step: what to do about it.
    """

    code = "PX403"

    def __init__(self, status: int, word: str, message: str, next_step: str) -> None:
        super().__init__(message, next_step)
        self.status = status
        self.word = word


Body = TypeVar("Body", bound=BaseModel)

MOST_FAULTS: Final = 5
"""Named in one answer."""

BODY_TIMEOUT_S: Final = 10.0
"""A body that has not come by then is not waited for."""


async def body_of(request: web.Request, model: type[Body]) -> Body:
    """Return a request's JSON body.

    Raises:
        RefusedError: when it is not JSON, or not of this shape; names every field.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.read()
    except TimeoutError:
        raise RefusedError(
            408, "body_late", f"no body came within {BODY_TIMEOUT_S:.0f} s.", "Send it at once."
        ) from None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fields = ", ".join(model.model_fields)
        raise RefusedError(
            400, "invalid_body", describe(error), f"Send a JSON object with {fields}."
        ) from error
