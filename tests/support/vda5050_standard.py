"""Validation against the published schemas of VDA 5050 3.0."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs

from pixelopolis.vda5050.base import Message
from tests.support.paths import ROOT

SCHEMAS = ROOT / "tests" / "vda5050" / "schemas"
OWN_TOPICS = {"refusal"}
"""Topics outside the standard."""


def schema(topic: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((SCHEMAS / f"{topic}.schema").read_text(encoding="utf-8"))
    return parsed


@cache
def _validator(topic: str) -> Any:
    return jsonschema_rs.validator_for(schema(topic), validate_formats=True)


def check(topic: str, body: Any) -> None:
    """Raise a `jsonschema_rs.ValidationError` if a message does not match its topic's schema."""
    if topic not in OWN_TOPICS:
        _validator(topic).validate(body)


def check_message(message: Message) -> None:
    check(message.topic, json.loads(message.model_dump_json(by_alias=True, exclude_none=True)))
