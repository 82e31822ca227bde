"""Distances at which a car has left an edge or junction, for server and simulator."""

from __future__ import annotations

from typing import Final

from pixelopolis.vehicle.dimensions import CAR_LENGTH_M, CAR_REAR_M

EDGE_MARGIN_M: Final = 0.08
JUNCTION_MARGIN_M: Final = 0.03
"""Extra distance past something at which a car counts as having left it. The second is small
because a car waiting on the shortest edges stands 0.10 m along them."""

CLEAR_OF_EDGE_M: Final = CAR_LENGTH_M + EDGE_MARGIN_M
"""An edge is free once the axle is this far past its end: the next car, waiting there with its
front over the stop line, would not touch the body."""

CLEAR_OF_JUNCTION_M: Final = CAR_REAR_M + JUNCTION_MARGIN_M
"""A movement is free once the axle is this far along the edge after it."""
