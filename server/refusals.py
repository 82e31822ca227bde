"""What the server answers where it does not do what was asked."""

from __future__ import annotations

from pixelopolis.errors import PixelopolisError


class RequestRefusedError(PixelopolisError):
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
