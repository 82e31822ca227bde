"""Why a car stands, slows down or cannot be used: codes with values, and their English words.

Car and server decide by codes, and messages and the API carry codes; words are only for people. The
visitor's page has its own words in its languages (`station/reasons.js`).
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

MAX_TEXT: Final = 200
"""Maximum length of a text from a peer."""

MAX_VALUES: Final = 8
"""Maximum number of a reason's values from a peer."""

_NAME: Final = re.compile(r"[a-z][a-z_]{0,30}")


class ReasonCode(StrEnum):
    """Stable names: they are stored, sent, and compared."""

    # of the car's driver
    PART_UNHEARD = "part_unheard"
    PART_SILENT = "part_silent"
    PART_LATE = "part_late"
    PART_MISTIMED = "part_mistimed"
    PICTURE_FROZEN = "picture_frozen"
    MOTOR_REVERSED = "motor_reversed"
    MOTORS_REVERSED = "motors_reversed"
    MOTORS_SWAPPED = "motors_swapped"
    MOTORS_REVERSED_OR_SWAPPED = "motors_reversed_or_swapped"
    AT_GRANT_END = "at_grant_end"
    CAR_AHEAD = "car_ahead"
    FOLLOWS_CAR = "follows_car"
    CAR_AHEAD_UNSURE = "car_ahead_unsure"
    LOST = "lost"
    SEARCHING = "searching"
    OFF_ROUTE = "off_route"
    PAUSED = "paused"
    # of the server's traffic control
    EDGE_HELD = "edge_held"
    EDGE_HELD_BY_STOPPED = "edge_held_by_stopped"
    JUNCTION_CROSSED = "junction_crossed"
    LETS_GO_FIRST = "lets_go_first"
    KEEPS_ROOM = "keeps_room"
    MAKES_WAY = "makes_way"
    STREET_CLOSED = "street_closed"
    # why a car cannot be relied on, or used
    SILENT = "silent"
    EMERGENCY_STOP = "emergency_stop"
    NOT_AUTOMATIC = "not_automatic"
    BROKEN = "broken"
    NOT_CONNECTED = "not_connected"
    GONE = "gone"
    FOREIGN_ORDER = "foreign_order"
    BEYOND_ORDER = "beyond_order"
    NO_SENSE = "no_sense"
    ORDER_REFUSED = "order_refused"
    STUCK = "stuck"
    PLACE_UNSTATED = "place_unstated"
    EDGE_TAKEN = "edge_taken"
    ENDED_ELSEWHERE = "ended_elsewhere"
    OTHER_MAP = "other_map"
    MESSAGE_REFUSED = "message_refused"
    NOT_TAKEN = "not_taken"
    HALTED = "halted"
    PARKED = "parked"
    RETIRED = "retired"
    REMOVED = "removed"
    GOES_HOME = "goes_home"
    GOES_TO_PARK = "goes_to_park"
    # why a booking failed
    NO_ROUTE = "no_route"
    UNKNOWN_DESTINATION = "unknown_destination"
    DROPS_ORDERS = "drops_orders"
    TOO_LONG = "too_long"
    # why a booking is in line, or ended there or by an operator
    IN_LINE = "in_line"
    ANOTHER_CAR = "another_car"
    NO_CAR = "no_car"
    VISITOR_GONE = "visitor_gone"
    ENDED_BY_OPERATOR = "ended_by_operator"
    # reported by a peer or stored by an older version in unknown words
    OTHER = "other"


WORDS: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.PART_UNHEARD: "{part}: nothing received yet",
    ReasonCode.PART_SILENT: "{part}: silent for {age_s:.1f} s",
    ReasonCode.PART_LATE: "{part}: late by {age_s:.1f} s",
    ReasonCode.PART_MISTIMED: "{part}: its timestamps are impossible",
    ReasonCode.PICTURE_FROZEN: "camera: has shown the same picture for {age_s:.1f} s of driving",
    ReasonCode.MOTOR_REVERSED: "turns its {side} wheel backward, as the camera shows",
    ReasonCode.MOTORS_REVERSED: "turns both wheels backward, as the camera shows",
    ReasonCode.MOTORS_SWAPPED: "has its left and right wheels swapped, as the camera shows",
    ReasonCode.MOTORS_REVERSED_OR_SWAPPED: (
        "turns both wheels backward, or has them swapped, as the camera shows"
    ),
    ReasonCode.AT_GRANT_END: "waits until the way ahead is free",
    ReasonCode.CAR_AHEAD: "a car stands ahead, {gap_m:.2f} m",
    ReasonCode.FOLLOWS_CAR: "follows a car",
    ReasonCode.CAR_AHEAD_UNSURE: "checks whether a car is still ahead",
    ReasonCode.LOST: "does not know where it is",
    ReasonCode.SEARCHING: "looks for signs that tell where it is",
    ReasonCode.OFF_ROUTE: "is off its route, on edge {edge}",
    ReasonCode.PAUSED: "is paused",
    ReasonCode.EDGE_HELD: "edge {edge} is held by {car}",
    ReasonCode.EDGE_HELD_BY_STOPPED: "edge {edge} is held by {car}, which {cause}",
    ReasonCode.JUNCTION_CROSSED: "junction {node} is being crossed by {cars}",
    ReasonCode.LETS_GO_FIRST: "lets {car} go first",
    ReasonCode.KEEPS_ROOM: "waits: entering this street now could leave cars stuck",
    ReasonCode.MAKES_WAY: "makes way for {car}",
    ReasonCode.STREET_CLOSED: "edge {edge} is closed",
    ReasonCode.SILENT: "is silent",
    ReasonCode.EMERGENCY_STOP: "is stopped by its emergency stop",
    ReasonCode.NOT_AUTOMATIC: "is in mode {mode}",
    ReasonCode.BROKEN: "is broken ({error})",
    ReasonCode.NOT_CONNECTED: "is not connected",
    ReasonCode.GONE: "is gone",
    ReasonCode.FOREIGN_ORDER: "has an order that this server did not give ({order})",
    ReasonCode.BEYOND_ORDER: "reports node {sequence}, which its order does not release",
    ReasonCode.ORDER_REFUSED: "refuses the orders of this town ({error})",
    ReasonCode.NO_SENSE: "sent a report that the server cannot use ({error})",
    ReasonCode.STUCK: "does not move, although nothing holds it",
    ReasonCode.PLACE_UNSTATED: "does not say where it is (lastNodeId {node!r})",
    ReasonCode.EDGE_TAKEN: "says it is on edge {edge}, which {car} holds",
    ReasonCode.ENDED_ELSEWHERE: "ended its order where it must not be ({node})",
    ReasonCode.OTHER_MAP: "says it is on map {map!r}, which is not this town",
    ReasonCode.MESSAGE_REFUSED: "sent a message that cannot be used: {fault}",
    ReasonCode.NOT_TAKEN: "does not take its order",
    ReasonCode.HALTED: "is halted by an operator",
    ReasonCode.PARKED: "is parked by an operator",
    ReasonCode.RETIRED: "is retired by an operator",
    ReasonCode.REMOVED: "was removed from the streets by an operator",
    ReasonCode.GOES_HOME: "drives home",
    ReasonCode.GOES_TO_PARK: "drives to where it parks",
    ReasonCode.NO_ROUTE: "no way leads to {destination}",
    ReasonCode.UNKNOWN_DESTINATION: "destination {destination!r} no longer exists",
    ReasonCode.DROPS_ORDERS: "has dropped several orders in a row",
    ReasonCode.TOO_LONG: "did not arrive within {limit_s:.0f} s",
    ReasonCode.IN_LINE: "waits in line for a car",
    ReasonCode.ANOTHER_CAR: "waits in line for another car instead of {car}",
    ReasonCode.NO_CAR: "no car could come within {limit_s:.0f} s",
    ReasonCode.VISITOR_GONE: "the visitor was away for {limit_s:.0f} s",
    ReasonCode.ENDED_BY_OPERATOR: "was ended by an operator",
    ReasonCode.OTHER: "{text}",
}
"""English words for engineers."""

PREDICATES: Final = frozenset(ReasonCode) - {
    ReasonCode.PART_UNHEARD,
    ReasonCode.PART_SILENT,
    ReasonCode.PART_LATE,
    ReasonCode.PART_MISTIMED,
    ReasonCode.PICTURE_FROZEN,
    ReasonCode.CAR_AHEAD,
    ReasonCode.EDGE_HELD,
    ReasonCode.EDGE_HELD_BY_STOPPED,
    ReasonCode.JUNCTION_CROSSED,
    ReasonCode.STREET_CLOSED,
    ReasonCode.NO_ROUTE,
    ReasonCode.UNKNOWN_DESTINATION,
    ReasonCode.IN_LINE,
    ReasonCode.ANOTHER_CAR,
    ReasonCode.NO_CAR,
    ReasonCode.VISITOR_GONE,
    ReasonCode.ENDED_BY_OPERATOR,
    ReasonCode.OTHER,
}
"""Codes whose words follow a car's name."""

CAR_AHEAD_CODES: Final = frozenset(
    {ReasonCode.CAR_AHEAD, ReasonCode.FOLLOWS_CAR, ReasonCode.CAR_AHEAD_UNSURE}
)
"""A driver's reasons for which another car is responsible."""

CAUSE: Final = "cause"
"""The value that is itself a code; the other values also fill its words."""


def _fields(code: ReasonCode) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(WORDS[code]) if name)


@dataclass(frozen=True, slots=True)
class Reason:
    """A code and the values that its words need.

    `values` are texts, or numbers in the unit that their name ends with.

    Raises:
        ValueError: a value needed by the words is missing.
    """

    code: ReasonCode
    values: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := _fields(self.code) - self.values.keys():
            raise ValueError(f"reason {self.code} needs {', '.join(sorted(missing))}")

    @property
    def kind(self) -> tuple[object, ...]:
        """What identifies it: the code and all values except numbers, which change constantly."""
        texts = (item for item in self.values.items() if isinstance(item[1], str))
        return (self.code, *sorted(texts))

    @property
    def words(self) -> str:
        values: dict[str, Any] = dict(self.values)
        if CAUSE in values:
            others = {name: value for name, value in self.values.items() if name != CAUSE}
            values[CAUSE] = Reason(ReasonCode(values[CAUSE]), others).words
        return WORDS[self.code].format(**values)

    def of(self, car: str) -> str:
        """English words about a car, with its name where needed."""
        return f"{car} {self.words}" if self.code in PREDICATES else self.words

    def to_document(self) -> dict[str, Any]:
        return {"code": str(self.code), "values": dict(self.values)}


def reason(code: ReasonCode, **values: str | float) -> Reason:
    """Return a reason; see `WORDS` for the values that each code needs."""
    return Reason(code, values)


def other(text: str) -> Reason:
    """Return a reason for a text from outside."""
    return Reason(ReasonCode.OTHER, {"text": text[:MAX_TEXT]})


def held_by(edge: str, car: str, cause: Reason | None) -> Reason:
    """Return why an edge is not free: a car holds it, and perhaps cannot leave it (`cause`)."""
    if cause is None:
        return reason(ReasonCode.EDGE_HELD, edge=edge, car=car)
    values = {**cause.values, "edge": edge, "car": car, CAUSE: str(cause.code)}
    return Reason(ReasonCode.EDGE_HELD_BY_STOPPED, values)


def from_document(document: object) -> Reason | None:
    """Return a stored reason; None for none. Text of an older version is kept as `OTHER`."""
    if isinstance(document, str):
        return other(document) if document else None
    if not isinstance(document, Mapping):
        return None
    values = document.get("values")
    return from_parts(
        str(document.get("code", "")), values if isinstance(values, Mapping) else {}, ""
    )


def from_parts(code: str, values: Mapping[str, Any], text: str) -> Reason:
    """Return a reason that a peer sent as code and values, or else as text.

    Args:
        code: perhaps one of ours.
        values: texts and numbers; numbers may have become texts in transit.
        text: the peer's words.
    """
    try:
        known = Reason(ReasonCode(code), _values(values))
        _ = known.words
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return other(text or code)
    return known


def _values(values: Mapping[str, Any]) -> dict[str, str | float]:
    """Return a peer's values if they may be stored and sent on.

    Raises:
        ValueError: they may not.
    """
    if len(values) > MAX_VALUES or not all(_NAME.fullmatch(key) for key in values):
        raise ValueError("values must be few and have plain names")
    return {key: _value(key, value) for key, value in values.items()}


def _value(key: str, value: Any) -> str | float:
    if key.endswith(("_s", "_m", "_mps")):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{key} must be a finite number")
        return number
    return str(value)[:MAX_TEXT]
