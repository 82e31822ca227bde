"""Addresses where parts listen and are reached: names, IPv4 and IPv6."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Final

from pixelopolis.errors import SettingsError

LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = {"0.0.0.0": (LOOPBACK, "192.0.2.1"), "::": ("::1", "2001:db8::1")}
"""Hosts that mean all interfaces: their loopback address, and a documentation address (RFC 5737,
RFC 3849) whose route reveals our own address."""


def origin(host: str, port: int, scheme: str = "http") -> str:
    """Return `http://HOST:PORT`; IPv6 addresses are in brackets (RFC 3986), with escaped zone."""
    shown = f"[{host.replace('%', '%25')}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def public_host(host: str) -> str:
    """Return the address by which browsers reach what listens at `host`.

    For all interfaces it is the network card's address, or loopback if there is none.
    """
    if host not in EVERYWHERE:
        return host
    alone, far = EVERYWHERE[host]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # nothing is sent
        except OSError:
            return alone
        return str(probe.getsockname()[0])


def free_ports(host: str, count: int) -> list[int]:
    """Return TCP ports that are currently free at a host.

    Raises:
        SettingsError: nothing can listen there.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(_bound(host, 0)) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def check_port(host: str, port: int) -> None:
    """Check that a part may listen at an address.

    Raises:
        SettingsError: it may not, and why.
    """
    _bound(host, port).close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except BaseException:
            made.close()
            raise
        return made
    except (OSError, UnicodeError) as error:  # UnicodeError: not a valid name
        where = f"{host!r}, port {port}" if port else repr(host)
        raise cannot_listen(where, error) from error


def cannot_listen(where: str, error: Exception) -> SettingsError:
    """Return the error for an address where nothing can listen."""
    why = getattr(error, "strerror", None) or error
    return SettingsError(
        f"--host, --port: nothing can listen at {where} ({why}).",
        "Choose an address of this machine and a free port, or end what listens there.",
    )
