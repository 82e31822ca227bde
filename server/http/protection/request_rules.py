"""Which requests are answered at all, by host, origin and rate. Pure."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from pixelopolis.refusals import RequestRefusedError
from server.identity.logins import too_many
from server.identity.rate_limit import Rate, RateLimit

REQUESTS: Final = Rate(burst=1000, per_s=200)
"""Requests from one address, under which a hall of pages may stand behind one proxy."""


class RequestRules:
    """Checks every request before anything reads it.

    Args:
        names: host names by which browsers may reach this server, beside `localhost` and this
            machine's. Addresses are always right: a page of a stranger's can make a browser take
            a stranger's name for ours (DNS rebinding), but not an address.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", *(name.lower() for name in names)}
        self._rates = RateLimit(REQUESTS)

    def check(
        self, headers: Mapping[str, str], address: str, now_s: float, counts: bool = True
    ) -> None:
        """Check one request; `counts`: it is one of those whose rate is limited.

        Raises:
            RequestRefusedError: too many came from its address (429), its host is not ours (421),
                or it is of a page from elsewhere (403).
        """
        if counts and (wait_s := self._rates.take(address, now_s)):
            raise too_many("requests", wait_s)
        host = headers.get("Host", "")
        if not self._is_ours(host):
            raise RequestRefusedError(
                421,
                "unknown_host",
                f"Host: {host[:100]!r} is not a name of this server.",
                "Use its address, or start it with --name NAME.",
            )
        origin = headers.get("Origin")
        if origin is not None and place_of(origin) != host.lower():
            raise RequestRefusedError(
                403,
                "foreign_origin",
                f"Origin: {origin[:100]!r} is not this server.",
                "Open the page of this server.",
            )

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            _ = urlsplit(f"//{host}").port
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def place_of(origin: str) -> str:
    """Return host and port of an origin; empty for `null` and what is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""
