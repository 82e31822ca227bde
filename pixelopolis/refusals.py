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
        retry_after_s: when to try again (RFC 9110, 10.2.3), if time alone helps.
    """

    code = "PX403"

    def __init__(
        self,
        status: int,
        word: str,
        message: str,
        next_step: str,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, next_step)
        self.status = status
        self.word = word
        self.retry_after_s = retry_after_s
