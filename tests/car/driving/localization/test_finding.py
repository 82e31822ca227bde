"""Belief and tracker combined: every limit, with a scripted belief."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from car.driving.localization.belief import PlaceEstimate
from car.driving.localization.path_tracker import PathTracker
from car.driving.localization.route_monitor import RouteFinding, RouteMonitor
from car.driving.types import Mission, Sightings, WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, find_route(TOWN, Place("9", 0.1), Place("10", 1.1)))
MISSION = Mission("a", PATH, PATH.length_m)
AT_M = 0.5
"""The tracker's position: 0.6 m along edge 9, a straight."""
NOTHING = RouteFinding()


class Camera:
    """A stand-in for a camera."""


@dataclass
class Expectation:
    camera: Camera = field(default_factory=Camera)


@dataclass
class Believed:
    """A scripted belief that stores its inputs."""

    best: PlaceEstimate
    is_located: bool = True
    near: float = 1.0
    driven_m: float = 0.0
    sign_model: Expectation = field(default_factory=Expectation)
    moved: list[object] = field(default_factory=list)
    seen: list[object] = field(default_factory=list)
    asked: list[tuple[Pose, float]] = field(default_factory=list)

    def move(self, wheels: WheelReading, command: Turn | None) -> None:
        self.moved.append((wheels, command))

    def see(self, sightings: Sightings) -> list[str]:
        self.seen.append(sightings)
        return ["signs"]

    def probability_near(self, pose: Pose, within_m: float) -> float:
        self.asked.append((pose, within_m))
        return self.near


def best_at(distance_m: float, left_m: float = 0.0, turn_rad: float = 0.0) -> PlaceEstimate:
    place = PATH.place_at(distance_m)
    pose = PATH.pose_at(distance_m).ahead(0.0, left_m, turn_rad)
    return PlaceEstimate(place, pose, 0.99, 0.01, False)


def tracker_at(distance_m: float, sigma_m: float = 0.02) -> PathTracker:
    tracker = PathTracker(PATH, distance_m)
    tracker._cov[0, 0] = sigma_m**2
    return tracker


def compare(best: PlaceEstimate, tracker: PathTracker, mission: Mission = MISSION) -> RouteFinding:
    return RouteMonitor(Believed(best)).compare(mission, tracker)


# --- located --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off_m", "moved"), [(0.149, False), (0.151, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_fifteen_centimetres_apart_the_tracker_is_put_right(
    off_m: float, moved: bool, sign: int
) -> None:
    finding = compare(best_at(AT_M + sign * off_m), tracker_at(AT_M))
    expected = RouteFinding(distance_m=pytest.approx(AT_M + sign * off_m)) if moved else NOTHING
    assert finding == expected


@pytest.mark.parametrize(("off_m", "moved"), [(0.29, False), (0.31, True)])
def test_an_unsure_tracker_may_be_three_of_its_sigmas_off(off_m: float, moved: bool) -> None:
    finding = compare(best_at(AT_M + off_m), tracker_at(AT_M, sigma_m=0.1))
    assert (finding.distance_m is not None) is moved


@pytest.mark.parametrize(("aside_m", "elsewhere"), [(0.249, False), (0.251, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_quarter_of_a_metre_beside_its_path_it_is_off_its_route(
    aside_m: float, elsewhere: bool, sign: int
) -> None:
    best = best_at(AT_M, left_m=sign * aside_m)
    expected = RouteFinding(elsewhere=best.place) if elsewhere else NOTHING
    assert compare(best, tracker_at(AT_M)) == expected


@pytest.mark.parametrize(("along_m", "elsewhere"), [(0.59, False), (0.86, True)])
def test_it_looks_for_the_car_sixty_centimetres_along_its_path(
    along_m: float, elsewhere: bool
) -> None:
    """0.86 m ahead is 0.26 m beyond the search range."""
    for there_m in (AT_M + along_m, AT_M - along_m):
        if there_m < -PATH.route.start_s_m:
            continue
        best = best_at(there_m)
        finding = compare(best, tracker_at(AT_M))
        if elsewhere:
            assert finding == RouteFinding(elsewhere=best.place)
        else:
            assert finding.distance_m == pytest.approx(there_m)


@pytest.mark.parametrize(("turned_deg", "elsewhere"), [(44, False), (46, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_who_looks_45_degrees_aside_is_on_another_street(
    turned_deg: float, elsewhere: bool, sign: int
) -> None:
    best = best_at(AT_M, turn_rad=sign * math.radians(turned_deg))
    assert (compare(best, tracker_at(AT_M)).elsewhere is not None) is elsewhere


def test_a_street_to_the_north_is_no_other_street() -> None:
    north = RoutePath(TOWN, find_route(TOWN, Place("4", 0.05), Place("4", 0.3)))
    assert north.pose_at(0.05).heading_rad == pytest.approx(math.pi / 2, abs=0.1)
    best = PlaceEstimate(Place("4", 0.1), north.pose_at(0.05), 0.99, 0.01, False)
    tracker = PathTracker(north, 0.05)
    assert compare(best, tracker, Mission("b", north, north.length_m)) == NOTHING


@pytest.mark.parametrize(("beyond_m", "elsewhere"), [(0.149, False), (0.151, True)])
def test_fifteen_centimetres_beyond_its_grant_it_is_where_it_must_not_be(
    beyond_m: float, elsewhere: bool
) -> None:
    mission = replace(MISSION, granted_m=AT_M)
    best = best_at(AT_M + beyond_m)
    finding = compare(best, tracker_at(AT_M + 0.1), mission)
    assert finding == (RouteFinding(elsewhere=best.place) if elsewhere else NOTHING)


def test_in_a_junction_it_is_left_to_what_comes_behind_it() -> None:
    best = replace(best_at(AT_M, left_m=1.0), in_junction=True)
    assert compare(best, tracker_at(AT_M)) == NOTHING


# --- not located ----------------------------------------------------------------------------------


def unlikely(
    near: float, driven_m: float, probability: float = 0.9, in_junction: bool = False
) -> RouteFinding:
    """A car that has driven this far since its path became improbable."""
    best = replace(best_at(2.0), probability=probability, in_junction=in_junction)
    belief = Believed(best, is_located=False, near=near)
    orientation = RouteMonitor(belief)
    first = orientation.compare(MISSION, tracker_at(AT_M))
    assert first == NOTHING
    belief.driven_m += driven_m
    return orientation.compare(MISSION, tracker_at(AT_M))


@pytest.mark.parametrize(
    ("near", "driven_m", "found"),
    [
        (0.019, 0.301, True),
        (0.019, 0.3, True),
        (0.019, 0.299, False),
        (0.021, 0.9, False),
        (0.02, 0.9, False),
    ],
)
def test_after_thirty_centimetres_of_disbelief_it_is_where_it_most_probably_is(
    near: float, driven_m: float, found: bool
) -> None:
    expected = RouteFinding(elsewhere=best_at(2.0).place) if found else NOTHING
    assert unlikely(near, driven_m) == expected


@pytest.mark.parametrize(("probability", "found"), [(0.59, False), (0.6, True)])
def test_a_place_is_taken_that_is_more_probable_than_not(probability: float, found: bool) -> None:
    assert (unlikely(0.0, 0.5, probability).elsewhere is not None) is found
    assert unlikely(0.0, 0.5, probability, in_junction=True) == NOTHING


@pytest.mark.parametrize(("driven_m", "lost"), [(0.999, False), (1.0, True)])
def test_after_a_metre_without_any_place_it_is_lost(driven_m: float, lost: bool) -> None:
    assert unlikely(0.0, driven_m, probability=0.3) == RouteFinding(lost=lost)


def test_belief_in_the_path_begins_the_count_again() -> None:
    for how in ("near", "located"):
        belief = Believed(replace(best_at(2.0), probability=0.3), is_located=False, near=0.0)
        orientation = RouteMonitor(belief)
        orientation.compare(MISSION, tracker_at(AT_M))
        belief.driven_m = 0.9
        if how == "near":
            belief.near = 0.5
        else:
            belief.is_located, belief.best = True, best_at(AT_M)
        assert orientation.compare(MISSION, tracker_at(AT_M)) == NOTHING
        belief.near, belief.is_located = 0.0, False
        belief.best = replace(best_at(2.0), probability=0.3)
        for driven_m, lost in ((1.5, False), (2.4, False), (2.6, True)):
            belief.driven_m = driven_m
            assert orientation.compare(MISSION, tracker_at(AT_M)) == RouteFinding(lost=lost)


def test_belief_in_the_path_is_that_within_thirty_centimetres_of_the_tracker() -> None:
    belief = Believed(best_at(2.0), is_located=False)
    RouteMonitor(belief).compare(MISSION, tracker_at(AT_M))
    pose, within_m = belief.asked[0]
    assert pose.distance_m(PATH.pose_at(AT_M)) < 1e-9
    assert within_m == pytest.approx(0.3)


# --- without a mission, and inputs ----------------------------------------------------------------


def test_without_a_mission_it_is_where_it_is_sure_to_be_on_a_street() -> None:
    best = best_at(AT_M)
    assert RouteMonitor(Believed(best)).find() == RouteFinding(elsewhere=best.place)
    assert RouteMonitor(Believed(best, is_located=False)).find() == RouteFinding(lost=True)
    junction = replace(best, in_junction=True)
    assert RouteMonitor(Believed(junction)).find() == RouteFinding(lost=True)


class Tracked:
    """A tracker that stores its sightings."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def see(self, signs: object, camera: object) -> None:
        self.seen.append((signs, camera))


def test_belief_and_tracker_hear_of_every_reading_and_of_each_frame_once() -> None:
    belief, tracker = Believed(best_at(AT_M)), Tracked()
    orientation = RouteMonitor(belief)
    wheels, frame = WheelReading(1.0, 2.0, 3.0), Sightings(1.0, ())
    orientation.update(wheels, frame, Turn.LEFT, tracker)
    orientation.update(wheels, frame, None, tracker)
    orientation.update(None, None, None, tracker)
    assert belief.moved == [(wheels, Turn.LEFT), (wheels, None)]
    assert belief.seen == [frame]
    assert tracker.seen == [(["signs"], belief.sign_model.camera)]
    later = Sightings(2.0, ())
    orientation.update(None, later, None, None)
    assert belief.seen == [frame, later]
    assert len(tracker.seen) == 1
