"""The car's factsheet: VDA 5050 3.0, chapter 6.10."""

from __future__ import annotations

import json

from car.orders.factsheet import make_factsheet
from pixelopolis.vda5050.frames import decode_from_car, encode
from pixelopolis.vda5050.order import ACTION_PARAMETERS
from tests.support.vda5050_car import NOW
from tests.support.vda5050_standard import check

SHEET = make_factsheet(3, NOW, "car1", 0.1)


def test_it_matches_the_schema_and_comes_back_the_same() -> None:
    text = encode(SHEET)
    frame = json.loads(text)
    assert frame["topic"] == "factsheet"
    check("factsheet", frame["message"])
    assert decode_from_car(text) == SHEET


def test_it_lists_every_action_with_its_parameters() -> None:
    listed = {
        a.action_type: {p.key for p in a.action_parameters}
        for a in SHEET.protocol_features.mobile_robot_actions
    }
    assert listed == {kind: set(keys) for kind, keys in ACTION_PARAMETERS.items()}
    assert {"cancelOrder", "startPause", "stopPause"} <= set(listed), "every robot has these"


def test_it_tells_the_cars_own_size_and_speed() -> None:
    assert SHEET.physical_parameters.maximum_speed == 0.1
    assert SHEET.physical_parameters.length == 0.2
    (body,) = SHEET.mobile_robot_geometry.envelopes_2d
    assert len(body.vertices) == 4
    xs = [corner.x for corner in body.vertices]
    assert max(xs) - min(xs) == SHEET.physical_parameters.length
    left, right = SHEET.mobile_robot_geometry.wheel_definitions
    assert left.position.y == -right.position.y > 0


def test_limits_of_arrays_have_the_standards_names() -> None:
    limits = json.loads(encode(SHEET))["message"]["protocolLimits"]["maximumArrayLengths"]
    assert set(limits) == {
        "order.nodes",
        "order.edges",
        "instantActions",
        "state.instantActionStates",
    }
