"""The faults that a car reports, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from car.driving.types import CarAhead, Decision, DriveState, Mission
from car.orders.faults import Faults, blocked_by_car
from pixelopolis.city.route_path import RoutePath
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vda5050.frames import MalformedMessageError, Refusal
from pixelopolis.vehicle.dimensions import CAR_LENGTH_M
from tests.support.vda5050_car import CITY, WAY, about

PATH = RoutePath(CITY, WAY)


@pytest.mark.parametrize(
    ("topic", "mended_by"), [("order", "order"), ("", "order"), ("instantActions", "action")]
)
def test_a_malformed_message_is_said_until_a_right_one_is_accepted(
    topic: str, mended_by: str
) -> None:
    faults = Faults()
    faults.malformed(MalformedMessageError("nodes: missing", topic, {"orderId": "o1"}))
    (error,) = faults.all
    assert (error.error_type, error.error_level) == ("VALIDATION_FAILURE", "WARNING")
    assert error.error_description == "nodes: missing"
    assert about(error) == {"topic": topic, "orderId": "o1"}
    mend, other = faults.accepted_order, faults.accepted_action
    if mended_by == "action":
        mend, other = other, mend
    other()
    assert faults.all == (error,)
    mend()
    assert faults.all == ()


@pytest.mark.parametrize("header_id", [None, 0, 7])
def test_what_the_server_refused_is_said(header_id: int | None) -> None:
    faults = Faults()
    faults.refused(
        Refusal(
            header_id=0,
            timestamp=datetime.now(UTC),
            serial_number="car1",
            refused_topic="state",
            refused_header_id=header_id,
            description="driving: missing",
        )
    )
    (error,) = faults.all
    assert (error.error_type, error.error_description) == ("MESSAGE_REFUSED", "driving: missing")
    number = {} if header_id is None else {"headerId": str(header_id)}
    assert about(error) == {"topic": "state", **number}


@pytest.mark.parametrize("gap_m", [None, 0.3])
def test_the_blocked_edge_is_where_the_nearest_car_stands(gap_m: float | None) -> None:
    reach_m = CAR_LENGTH_M + (gap_m or 0.0)
    ahead = None if gap_m is None else CarAhead(gap_m, 0.0, (0.3, 0.4, 0.7, 0.75))
    why = reason(ReasonCode.CAR_AHEAD, gap_m=0.1)
    for beyond_m, edge in ((-0.01, "15"), (0.01, "14")):
        decision = Decision(
            0.0,
            0.0,
            DriveState.STOPPED_FOR_CAR,
            why,
            PATH.legs[0].end_m - reach_m + beyond_m,
            car_ahead=ahead,
        )
        error = blocked_by_car(Mission("o1", PATH, PATH.length_m), decision)
        assert about(error) == {"edgeId": edge}
        assert error.error_description == why.words
