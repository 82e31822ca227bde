"""What the car says of its pictures: what it sees, its lane, and which sign it has read."""

from __future__ import annotations

import json

import pytest

from car.driving.types import CarAhead, Decision, DriveState, LaneAhead, Sighting, Sightings
from car.live_view.thoughts import LOOKS, PASSED_S, SignReader, thought_of
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.camera import Camera

CITY = load_city("pixelopolis")
SIGN = CITY.signs[0]
HERE = Decision(1, 1, DriveState.DRIVING, place=Place(SIGN.edge, 0.1))
BOX = (0.6, 0.3, 0.7, 0.4)


def looks(reader: SignReader, decision: Decision, count: int, start_s: float = 1.0) -> float:
    """Let the reader see the sign in pictures 0.1 s apart, then none; return the last time."""
    for i in range(count):
        seen = (Sighting(SIGN.sign_class, 0.9, BOX),)
        reader.take(Sightings(start_s + i / 10, seen), decision)
    last_s = start_s + (count - 1) / 10
    reader.take(Sightings(last_s + PASSED_S + 0.1, ()), decision)
    return last_s


def test_a_sign_is_read_once_it_is_passed() -> None:
    reader = SignReader(CITY)
    for i in range(LOOKS):
        seen = (Sighting(SIGN.sign_class, 0.9, BOX),)
        reader.take(Sightings(1.0 + i / 10, seen), HERE)
        assert reader.read is None, "it is still ahead"
    reader.take(Sightings(3.0, ()), HERE)
    assert reader.read == (SIGN.sign_class, pytest.approx(1.0 + (LOOKS - 1) / 10))


def test_what_was_hardly_seen_or_is_not_on_the_map_there_is_not_read() -> None:
    elsewhere = next(
        edge
        for edge in CITY.edges
        if SIGN.sign_class not in {s.sign_class for s in CITY.signs if s.edge == edge}
    )
    for decision, count in (
        (HERE, LOOKS - 1),
        (Decision(1, 1, DriveState.DRIVING, place=Place(elsewhere, 0.1)), LOOKS + 2),
        (Decision(0, 0, DriveState.LOST, located=False, place=HERE.place), LOOKS + 2),
        (Decision(0, 0, DriveState.IDLE), LOOKS + 2),
    ):
        reader = SignReader(CITY)
        looks(reader, decision, count)
        assert reader.read is None, decision


def test_the_same_detections_taken_twice_count_once() -> None:
    reader = SignReader(CITY)
    once = Sightings(1.0, (Sighting(SIGN.sign_class, 0.9, BOX),))
    for _ in range(LOOKS + 2):
        reader.take(once, HERE)
    reader.take(Sightings(3.0, ()), HERE)
    assert reader.read is None


def test_a_thought_is_one_line_that_says_what_is_seen() -> None:
    ahead = (0.3, 0.4, 0.6, 0.6)
    decision = Decision(
        0,
        0,
        DriveState.STOPPED_FOR_CAR,
        car_ahead=CarAhead(0.1, 0.0, ahead),
        lane=LaneAhead((0.0, 0.0, 0.01, 0.03, 0.06), 0.02),
    )
    seen = (Sighting("Museum", 0.9, BOX), Sighting("Car", 0.3, ahead), Sighting("Car", 0.2, BOX))
    said = thought_of(decision, Camera(), Sightings(5.0, seen), ("Museum", 4.0), 5.5)
    assert said.isascii()
    assert "\n" not in said
    thought = json.loads(said)
    assert [(each["sign"], each["ahead"]) for each in thought["seen"]] == [
        ("Museum", False),
        ("Car", True),
    ], "an unsure car counts only where it matters"
    assert thought["read"] == {"sign": "Museum", "age_s": 1.5}
    assert thought["spread_m"] == 0.02
    assert thought["way"] == [], "it stands"


def test_the_lane_is_drawn_where_the_model_sees_it_and_as_wide_as_it_is_unsure() -> None:
    def outline(left_m: float, spread_m: float) -> list[tuple[float, float]]:
        lane = LaneAhead((left_m,) * 5, spread_m)
        decision = Decision(1, 1, DriveState.DRIVING, lane=lane)
        points = json.loads(thought_of(decision, Camera(), None, None, 0.0))["lane"]
        return [(x, y) for x, y in points if 0 <= x <= 1 and 0 <= y <= 1]

    def width(points: list[tuple[float, float]]) -> float:
        top = min(y for _, y in points)
        row = [x for x, y in points if y == pytest.approx(top, abs=0.002)]
        return max(row) - min(row)

    straight, left = outline(0.0, 0.02), outline(0.08, 0.02)
    assert sum(x for x, _ in left) / len(left) < sum(x for x, _ in straight) / len(straight) - 0.05
    assert width(outline(0.0, 0.06)) > 1.8 * width(straight)
    assert all(y > 0.5 for _, y in straight), "the road is below the horizon"
