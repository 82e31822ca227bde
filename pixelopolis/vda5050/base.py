"""The common parts of all messages: names, timestamps, bounded numbers, and the header."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel

VERSION: Final = "3.0.0"
MANUFACTURER: Final = "Pixelopolis"
MAX_FRAME_BYTES: Final = 1 << 20
"""A longer frame ends its connection."""

_SAME_MAJOR: Final = re.compile(r"3\.\d+\.\d+")


def _to_utc_ms(value: datetime) -> datetime:
    try:
        utc = value.astimezone(UTC)
    except OverflowError as error:  # before year 1 or after 9999 in UTC
        raise ValueError("out of range in UTC") from error
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _iso_ms(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc_ms),
    PlainSerializer(_iso_ms, return_type=str, when_used="json"),
]
"""UTC, whole milliseconds, `2026-11-30T12:00:00.000Z` on the wire."""

Id = Annotated[str, Field(min_length=1, max_length=100)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
# pi, rounded as in the standard
Angle = Annotated[float, Field(ge=-3.14159265359, le=3.14159265359)]
SequenceId = Annotated[int, Field(ge=0, le=1_000_000)]
Uint32 = Annotated[int, Field(ge=0, le=2**32 - 1)]
_Item = TypeVar("_Item")
FailFastTuple = Annotated[tuple[_Item, ...], FailFast()]
"""A list parsed up to its first fault, so that a frame full of faults costs little."""


class WireValue(BaseModel):
    """A value on the wire: camelCase there, frozen here. Unknown fields are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class Message(WireValue):
    """The header of every message; `header_id` counts up per topic."""

    topic: ClassVar[str] = ""
    header_id: Uint32
    timestamp: Timestamp
    version: Id = VERSION
    manufacturer: Id = MANUFACTURER
    serial_number: Id

    def header_fault(self, serial_number: str) -> str:
        """Return why the header is not valid for a car, empty if it is.

        Args:
            serial_number: the car's id.
        """
        if not _SAME_MAJOR.fullmatch(self.version):
            return f"version: {self.version!r} is not {VERSION!r} or another of its major version."
        if self.manufacturer != MANUFACTURER:
            return f"manufacturer: {self.manufacturer!r} is not {MANUFACTURER!r}."
        if self.serial_number != serial_number:
            return f"serialNumber: {self.serial_number!r} is another car than {serial_number!r}."
        return ""
