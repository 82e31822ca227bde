"""The limits that documents promise, as they are promised: changing one is a decision."""

from __future__ import annotations

from importlib import import_module

import pytest

from server.http.car_socket import CHARACTERS, MESSAGES, UNUSABLE
from server.http.protection.request_rules import REQUESTS
from server.http.station_socket import WISHES
from server.identity.logins import SESSION_S
from server.identity.rate_limit import Rate

PROMISED = {
    "server.traffic.ride_watch.GIVE_UP_S": 60.0,
    "server.traffic.ride_watch.NO_PROGRESS_S": 120.0,
    "server.traffic.ride_watch.LONGEST_RIDE_S": 1800.0,
    "server.traffic.ride_watch.MAX_ORDERS": 20,
    "server.traffic.ride_watch.MOVED_M": 0.01,
    "server.traffic.waiting_line.AWAY_S": 60.0,
    "server.traffic.waiting_line.NO_CAR_S": 300.0,
    "server.traffic.car_link.LEASE_S": 3.0,
    "server.operator_desk.READ_BACK_S": 3.0,
    "server.identity.nonces.VALID_S": 10.0,
    "server.identity.codes.VALID_S": 600.0,
    "server.identity.codes.LENGTH": 10,
    "server.identity.tokens.BYTES": 32,
    "server.identity.stations.UNUSED_S": 30 * 86400.0,
    "server.identity.passwords.MIN_CHARS": 12,
    "server.http.car_socket.REVOKED_WITHIN_S": 1.0,
    "server.http.health.ANSWER_S": 1.0,
    "pixelopolis.web.connection_limit.IDLE_S": 15.0,
    "server.leadership.LEASE_S": 3.0,
    "server.leadership.CUT_OFF_S": 10.0,
    "server.booking_service.MAX_IN_LINE": 1000,
    "server.identity.logins.MAX_WAITING": 10,
    "server.http.station_socket.MAX_SOCKETS": 5,
    "server.http.app.HANDSHAKE_S": 5.0,
    "pixelopolis.identity.view_token.VALID_S": 60.0,
    "pixelopolis.identity.view_token.MAX_VIEW_S": 600.0,
}


@pytest.mark.parametrize("name", PROMISED)
def test_a_limit_is_as_promised(name: str) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(import_module(module), constant) == PROMISED[name]


def test_rates_are_as_promised() -> None:
    assert Rate(burst=200, per_s=100) == MESSAGES
    assert Rate(burst=20, per_s=0.5) == UNUSABLE
    assert Rate(burst=2_000_000, per_s=200_000) == CHARACTERS
    assert Rate(burst=10, per_s=0.5) == WISHES
    assert Rate(burst=1000, per_s=200) == REQUESTS
    assert SESSION_S == 8 * 3600
