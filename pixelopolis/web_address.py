"""Whether a text is an address that every browser takes."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")


def is_web_address(text: str) -> bool:
    """Tell whether every browser takes a text for an address: http or https, host and port valid.

    An IPv6 address with a zone is none: browsers know no zones (WHATWG URL, 3.5). Nor is one with
    a user's name, from which they fetch nothing.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # the port, or what is in brackets
        return False
    is_plain = text.isascii() and text.isprintable() and "@" not in parts.netloc
    return is_plain and parts.scheme in ("http", "https") and _is_host(host)


def _is_host(host: str) -> bool:
    last = host.rstrip(".").rpartition(".")[2]
    # a browser takes a name whose last part is a number for an IPv4 address
    if ":" not in host and not last[:1].isdigit():
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host
