"""Who may do what: the access that each operation needs, and who a caller has shown to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ApiAccess(StrEnum):
    """What an operation needs, other than an operator's role."""

    PUBLIC = "public"
    """Anybody."""
    STATION = "station"
    """The token of a station."""
    RIDE = "ride"
    """The token of the ride, or of the station that booked it."""
    CAR = "car"
    """A signature with the key of the car that the path names."""


class Role(StrEnum):
    """What an operator may do; each role includes those before it."""

    VIEWER = "viewer"
    """Sees everything, changes nothing."""
    OPERATOR = "operator"
    """Moves cars and ends rides."""
    ADMIN = "admin"
    """Enrolls and revokes cars too."""

    def includes(self, needed: Role) -> bool:
        return _RANK[self] >= _RANK[needed]


_RANK: Final = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as its credentials have shown.

    Attributes:
        name: a station's device id, an operator's name, a car's serial or a booking's id.
        shown: what the credentials are for.
    """

    name: str
    shown: ApiAccess | Role


NOBODY: Final = Caller("", ApiAccess.PUBLIC)


def may(caller: Caller, needed: ApiAccess | Role) -> bool:
    """Return whether a caller has the access that an operation needs.

    A ride's operation is open to stations too; its handler compares the station with the ride's.
    """
    if needed is ApiAccess.PUBLIC:
        return True
    if isinstance(needed, Role):
        return isinstance(caller.shown, Role) and caller.shown.includes(needed)
    return caller.shown is needed or (
        needed is ApiAccess.RIDE and caller.shown is ApiAccess.STATION
    )
