"""What an operator tells a town: who is in service, who must stand, which streets are closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

from pixelopolis.reasons import Reason, ReasonCode, reason


class Duty(StrEnum):
    """What a car is there for."""

    SERVICE = "service"
    """It takes visitors."""
    PARKED = "parked"
    """It takes none until it is back in service."""
    RETIRED = "retired"
    """It ends its ride, and takes no visitor any more."""
    REMOVED = "removed"
    """It is not on the streets, whatever it reports."""


class Errand(StrEnum):
    """A drive without a visitor, which begins when the car has no ride."""

    HOME = "home"
    """To a place where cars stand at the start."""
    PARK = "park"
    """Out of the way of others."""


OUT_OF_SERVICE: Final[Mapping[Duty, Reason]] = {
    Duty.PARKED: reason(ReasonCode.PARKED),
    Duty.RETIRED: reason(ReasonCode.RETIRED),
    Duty.REMOVED: reason(ReasonCode.REMOVED),
}


@dataclass(frozen=True)
class OperatorRules:
    """Rules that last until an operator changes them. Every change returns a new value."""

    duties: Mapping[str, Duty] = field(default_factory=dict)
    """Of the cars that are not in service."""
    paused: frozenset[str] = frozenset()
    """Cars that must stand where they are."""
    is_halted: bool = False
    """Every car must stand where it is."""
    closed_edges: frozenset[str] = frozenset()
    """Edges that no car may enter."""
    errands: Mapping[str, Errand] = field(default_factory=dict)
    """What cars do once they have no ride."""

    def duty_of(self, car: str) -> Duty:
        return self.duties.get(car, Duty.SERVICE)

    def must_stand(self, car: str) -> bool:
        return self.is_halted or car in self.paused

    def with_duty(self, car: str, duty: Duty) -> Self:
        others = {key: value for key, value in self.duties.items() if key != car}
        return replace(self, duties=others if duty is Duty.SERVICE else {**others, car: duty})

    def with_paused(self, car: str, is_paused: bool) -> Self:
        return replace(self, paused=self.paused | {car} if is_paused else self.paused - {car})

    def with_errand(self, car: str, errand: Errand | None) -> Self:
        others = {key: value for key, value in self.errands.items() if key != car}
        return replace(self, errands={**others, car: errand} if errand else others)

    def with_edge(self, edge: str, is_closed: bool) -> Self:
        closed = self.closed_edges | {edge} if is_closed else self.closed_edges - {edge}
        return replace(self, closed_edges=closed)

    def to_document(self) -> dict[str, Any]:
        return {
            "duties": [[car, str(duty)] for car, duty in self.duties.items()],
            "paused": sorted(self.paused),
            "is_halted": self.is_halted,
            "closed_edges": sorted(self.closed_edges),
            "errands": [[car, str(errand)] for car, errand in self.errands.items()],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return stored rules; the empty document of an older version is a town without any."""
        return cls(
            {car: Duty(duty) for car, duty in document.get("duties", ())},
            frozenset(document.get("paused", ())),
            document.get("is_halted", False),
            frozenset(document.get("closed_edges", ())),
            {car: Errand(errand) for car, errand in document.get("errands", ())},
        )
