"""Errors and information have at most 50 references, however many a peer's frame has."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pixelopolis.vda5050.state import Info, StateError

REFERENCE = {"reference_key": "edgeId", "reference_value": "1"}
ERROR = {"error_type": "BLOCKED_BY_CAR", "error_level": "WARNING"}


@pytest.mark.parametrize(
    ("part", "fields", "name"),
    [
        (StateError, ERROR, "error_references"),
        (Info, {"info_type": "waiting"}, "info_references"),
    ],
)
def test_fifty_references_are_read_and_one_more_is_refused(
    part: type[StateError] | type[Info], fields: dict[str, Any], name: str
) -> None:
    made = part.model_validate({**fields, name: (REFERENCE,) * 50})
    assert len(getattr(made, name)) == 50
    with pytest.raises(ValidationError, match="50"):
        part.model_validate({**fields, name: (REFERENCE,) * 51})
