"""Checks whether a text is a web address that every browser accepts."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")


def is_web_address(text: str) -> bool:
    """Return whether every browser accepts a text as an http or https address.

    IPv6 addresses with a zone are not accepted: browsers have no zones (WHATWG URL, 3.5). Nor are
    addresses with a user name, from which they fetch nothing.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # invalid port or brackets
        return False
    is_plain = text.isascii() and text.isprintable() and "@" not in parts.netloc
    return is_plain and parts.scheme in ("http", "https") and _is_host(host)


def _is_host(host: str) -> bool:
    last = host.rstrip(".").rpartition(".")[2]
    # browsers take a name whose last part is a number for an IPv4 address
    if ":" not in host and not last[:1].isdigit():
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host
