"""What all messages have in common: names, timestamps, bounded numbers, and the header."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

VERSION = "3.0.0"
MANUFACTURER = "Pixelopolis"


def _to_utc_ms(value: datetime) -> datetime:
    utc = value.astimezone(UTC)
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
# pi, with the standard's own rounding
Angle = Annotated[float, Field(ge=-3.14159265359, le=3.14159265359)]
SequenceId = Annotated[int, Field(ge=0, le=1_000_000)]


class Part(BaseModel):
    """A value of the wire: camelCase there, frozen here. Fields unknown to it are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class Message(Part):
    """The header that every message carries; `header_id` counts up per topic."""

    header_id: Annotated[int, Field(ge=0)]
    timestamp: Timestamp
    version: Id = VERSION
    manufacturer: Id = MANUFACTURER
    serial_number: Id
