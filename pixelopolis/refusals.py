"""What an HTTP server of ours answers where it does not do what was asked."""

from __future__ import annotations

from pixelopolis.errors import PixelopolisError


class RequestRefusedError(PixelopolisError):
    """A refused HTTP request.

    Args:
        status: HTTP status.
        word: stable code for programs.
        message: field and value.
        next_step: what the client can do.
    """

    code = "PX403"

    def __init__(self, status: int, word: str, message: str, next_step: str) -> None:
        super().__init__(message, next_step)
        self.status = status
        self.word = word
