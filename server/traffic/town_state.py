"""What is known of a town at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from server.traffic.car_link import CarLink
from server.traffic.granting import Wait
from server.traffic.reservations import Traffic
from server.traffic.street_graph import StreetGraph


class TownState(NamedTuple):
    """The traffic, who is connected, and who waits for a grant."""

    streets: StreetGraph
    traffic: Traffic
    links: Mapping[str, CarLink]
    waits: Mapping[str, Wait]
