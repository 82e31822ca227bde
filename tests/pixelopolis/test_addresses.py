from __future__ import annotations

import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from pixelopolis.addresses import check_port, free_ports, origin, public_host
from pixelopolis.errors import SettingsError

ports = st.integers(1, 65535)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@given(st.ip_addresses().map(str) | st.sampled_from(["localhost", "desk.local"]), ports)
def test_an_origin_is_an_address_whose_parts_are_found_again(host: str, port: int) -> None:
    url = URL(origin(host, port, "ws"))
    assert (url.scheme, url.host, url.port) == ("ws", host, port)


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert origin("::1", 8080) == "http://[::1]:8080"
    assert origin("fe80::1%eth0", 80) == "http://[fe80::1%25eth0]:80"
    assert origin("127.0.0.1", 80, "ws") == "ws://127.0.0.1:80"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", pytest.param("::1", marks=needs_ipv6)])
def test_free_ports_are_different_and_free(host: str) -> None:
    found = free_ports(host, 3)
    assert len(set(found)) == 3
    for port in found:
        check_port(host, port)


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_port_that_is_taken_is_named(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = f"nothing can listen at '{host}', port {port} (Address already in use)"
        with pytest.raises(SettingsError, match=re.escape(said)):
            check_port(host, port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "a" * 300, "ü" * 80])
def test_where_nothing_can_listen_is_named(host: str) -> None:
    with pytest.raises(SettingsError, match="nothing can listen at"):
        free_ports(host, 1)


def test_every_network_means_an_address_that_others_can_use() -> None:
    assert public_host("::1") == "::1"
    assert public_host("127.0.0.1") == "127.0.0.1"
    assert public_host("0.0.0.0") not in ("", "0.0.0.0")
    if has_ipv6():
        assert public_host("::") not in ("", "::")
