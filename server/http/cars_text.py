"""All cars as the text of one event, made once for all stations."""

from __future__ import annotations

import json

from server.fleet_manager import FleetManager
from server.views.models import CarsEvent, dump


class CarsText:
    """The newest event of all cars: of 200 stations, each would make the same text."""

    def __init__(self) -> None:
        self._turn = -1
        self._text = ""

    def of(self, fleet: FleetManager) -> str:
        """Return the event after the fleet's last turn."""
        if self._turn != fleet.turns:
            self._turn, self._text = fleet.turns, json.dumps(dump(CarsEvent(cars=fleet.cars())))
        return self._text
