"""All that tells who is who: one object for each server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from pymongo.asynchronous.database import AsyncDatabase

from server.identity.access import NOBODY, ApiAccess, Caller
from server.identity.car_store import CarStore
from server.identity.cars import Cars
from server.identity.logins import Logins
from server.identity.operator_store import OperatorStore
from server.identity.secrets_store import ServerSecrets
from server.identity.stations import Stations
from server.identity.tokens import TokenKind, kind_of


@dataclass(frozen=True, slots=True)
class Identity:
    """Operators, cars, stations, and the secrets that sign for rides and views."""

    logins: Logins
    cars: Cars
    stations: Stations
    secrets: ServerSecrets

    @classmethod
    async def open(
        cls,
        database: AsyncDatabase[dict[str, Any]],
        monotonic: Callable[[], float],
        epoch: Callable[[], float],
    ) -> Self:
        """Return the identities of an open database."""
        operators, stations = OperatorStore(database), Stations(database, monotonic, epoch)
        await operators.make_indexes()
        await stations.make_indexes()
        return cls(
            Logins(operators, monotonic, epoch),
            Cars(CarStore(database), monotonic, epoch),
            stations,
            await ServerSecrets.load(database),
        )

    async def caller(self, token: str, booking: str) -> Caller:
        """Return who has shown a token; `NOBODY` if it is missing, unknown or has ended.

        Args:
            token: as sent.
            booking: id of the booking that is asked about, if any.
        """
        kind = kind_of(token)
        if kind is TokenKind.OPERATOR and (operator := await self.logins.operator(token)):
            return Caller(operator.name, operator.role)
        if kind is TokenKind.STATION and (station := await self.stations.station(token)):
            return Caller(station, ApiAccess.STATION)
        if kind is TokenKind.RIDE and booking and self.secrets.is_ride_token(token, booking):
            return Caller(booking, ApiAccess.RIDE)
        return NOBODY
