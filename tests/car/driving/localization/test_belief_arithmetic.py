"""The belief's arithmetic with its numbers, on the streets of the original city.

Edge 9 is a straight of 1.2 m; edge 5 bends to the left (1/0.3 m) from 1.19 m on.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from car.driving.localization.bearing_range import signs_now
from car.driving.localization.belief import Belief
from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.sign_model import SignModel
from car.driving.types import Sighting, Sightings, WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.camera import Camera
from sim.camera.simulated_detector import SimulatedDetector

TOWN = load_city("pixelopolis")
BASE_M, RADIUS_M = 0.12518, 0.0315
STEP_M = 0.02
NOTHING = Sightings(0.0, ())


@cache
def sign_model() -> SignModel:
    return SignModel(LaneGrid(TOWN), Camera())


def lost() -> Belief:
    return Belief(sign_model())


def at(edge: str, s_m: float) -> Belief:
    return Belief(sign_model(), Place(edge, s_m))


def cell_at(edge: str | tuple[str, str], s_m: float) -> int:
    grid = sign_model().grid
    lane = grid.lanes[grid.index[edge]]
    return lane.first + min(int(s_m / lane.length_m * lane.count), lane.count - 1)


def with_mass(masses: dict[int, float], nowhere: float = 0.0) -> Belief:
    """A belief with these probabilities of cells; all others are nearly 0."""
    belief = lost()
    belief.probabilities = np.zeros(belief.grid.count)
    for cell, mass in masses.items():
        belief.probabilities[cell] = mass
    belief.nowhere = nowhere
    belief._best = belief._find_best()
    return belief


class Wheels:
    """The wheels of a belief's car."""

    def __init__(self, belief: Belief, mismatch: float = 0.0) -> None:
        self.belief, self.mismatch = belief, mismatch
        self.left = self.right = self.now_s = 0.0
        belief.move(WheelReading(0.0, 0.0, 0.0))

    def drive(
        self, way_m: float, bend: float = 0.0, command: Turn | None = None, pieces: int = 1
    ) -> None:
        for _ in range(pieces):
            turn = way_m / pieces * bend
            self.left += (way_m / pieces - turn * BASE_M / 2) / RADIUS_M
            self.right += (way_m / pieces + turn * BASE_M / 2) / RADIUS_M
            self.now_s += 0.05
            self.belief.move(WheelReading(self.left, self.right, self.now_s), command)


def lane_mass(belief: Belief, key: str | tuple[str, str]) -> float:
    return float(belief.probabilities[belief.grid.lane_of == belief.grid.index[key]].sum())


# --- initial belief -------------------------------------------------------------------------------


def test_a_car_that_knows_nothing_may_be_anywhere_by_length() -> None:
    belief = lost()
    assert not belief.is_located
    assert belief.nowhere == 0.0
    whole_m = sum(lane.length_m for lane in belief.grid.lanes)
    for key in ("9", "2", ("9", "11")):
        length_m = belief.grid.lanes[belief.grid.index[key]].length_m
        assert lane_mass(belief, key) == pytest.approx(length_m / whole_m)


def test_put_down_it_is_there_within_five_centimetres_but_for_one_in_a_hundred() -> None:
    belief, anywhere = at("9", 0.6), lost().probabilities
    assert belief.is_located
    assert belief.nowhere == 0.0
    lane = belief.grid.lanes[belief.grid.index["9"]]
    here = slice(lane.first, lane.first + lane.count)
    off = (belief.grid.s_m[here] - 0.6) / 0.05
    bell = np.exp(-(off**2) / 2)
    expected = 0.99 * bell / bell.sum() + 0.01 * anywhere[here]
    assert belief.probabilities[here] == pytest.approx(expected)
    other = slice(0, lane.first)
    assert belief.probabilities[other] == pytest.approx(0.01 * anywhere[other])
    assert belief.best.place.edge == "9"
    assert belief.best.place.s_m == pytest.approx(0.6, abs=0.011)


def test_put_down_beyond_an_edge_s_end_it_is_on_any_way_through_the_junction() -> None:
    belief = at("9", TOWN.edges["9"].length_m + 0.2)
    for key in (("9", "10"), ("9", "11")):
        assert lane_mass(belief, key) == pytest.approx(0.495, abs=0.005)
        s_m = belief.grid.s_m[belief.grid.lane_of == belief.grid.index[key]]
        mass = belief.probabilities[belief.grid.lane_of == belief.grid.index[key]]
        assert float(s_m @ mass) / float(mass.sum()) == pytest.approx(0.2, abs=0.01)
    assert belief.best.in_junction
    assert not at("9", TOWN.edges["9"].length_m).best.in_junction


def test_put_down_anew_it_forgets_its_doubts_and_its_heading() -> None:
    belief = with_mass({3: 0.5}, nowhere=0.5)
    belief._heading_rad[:] = 0.3
    belief.put_down(Place("9", 0.6))
    assert belief.nowhere == 0.0
    assert not belief._heading_rad.any()
    assert belief.probabilities.sum() == pytest.approx(1.0)


# --- motion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way_m", "driven_m"), [(0.49, 0.49), (0.51, 0.0), (-0.49, -0.49)])
def test_wheels_that_jump_half_a_metre_count_anew(way_m: float, driven_m: float) -> None:
    belief = at("9", 0.1)
    wheels = Wheels(belief)
    wheels.drive(way_m)
    assert belief.driven_m == pytest.approx(driven_m)
    wheels.drive(0.1)
    assert belief.driven_m == pytest.approx(driven_m + 0.1)


def test_one_wheel_alone_may_jump() -> None:
    for left, right in ((20.0, 0.0), (0.0, 20.0), (-20.0, 0.0)):
        belief = at("9", 0.1)
        belief.move(WheelReading(0.0, 0.0, 0.0))
        belief.move(WheelReading(left, right, 0.1))
        assert belief.driven_m == 0.0


@pytest.mark.parametrize("way_m", [0.021, 0.05, 0.059, 0.2, 0.33])
def test_it_is_as_much_farther_on_as_its_wheels_say(way_m: float) -> None:
    belief = with_mass({cell_at("9", 0.4): 1.0})
    before = belief.best.place.s_m
    assert before == pytest.approx(belief.grid.s_m[cell_at("9", 0.4)])
    Wheels(belief).drive(way_m)
    assert belief.driven_m == pytest.approx(way_m)
    assert belief.best.place.edge == "9"
    assert belief.best.place.s_m == pytest.approx(before + way_m, abs=0.008)


def test_what_is_less_than_a_cell_counts_too_for_place_and_pose() -> None:
    belief = with_mass({cell_at("9", 0.4): 1.0})
    before = belief.best
    belief._way_m = 0.013
    belief._note()
    assert belief.best.place.s_m == pytest.approx(before.place.s_m + 0.013)
    assert before.pose.distance_m(belief.best.pose) == pytest.approx(0.013)


def test_backwards_it_waits_until_it_is_forward_again() -> None:
    belief = with_mass({cell_at("9", 0.4): 1.0})
    wheels = Wheels(belief)
    wheels.drive(-0.1)
    assert belief.probabilities[cell_at("9", 0.4)] == pytest.approx(1.0)
    wheels.drive(0.11)
    assert belief.probabilities[cell_at("9", 0.4)] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("command", "left"), [(Turn.LEFT, 0.95), (Turn.STRAIGHT, 0.05), (None, 0.5), (Turn.RIGHT, 0.5)]
)
def test_a_command_is_nine_times_in_ten_what_the_car_does(
    command: Turn | None, left: float
) -> None:
    """9 leads straight to 10 and left to 11; another command has no effect."""
    lane = sign_model().grid.lanes[sign_model().grid.index["9"]]
    belief = with_mass({lane.first + lane.count - 1: 1.0})
    Wheels(belief).drive(0.0201, command=command)
    masses = [lane_mass(belief, ("9", to)) for to in ("11", "10")]
    assert masses[0] / sum(masses) == pytest.approx(left, abs=0.01)


def test_each_step_is_one_in_ten_thousand_wrong_and_a_twentieth_of_that_comes_back() -> None:
    """On a straight with a matching heading; "nowhere" explains headings badly."""
    power = 0.02 / 0.15
    fits, nowhere_fits = (1 + 1e-3) ** power, math.exp(-3.0 * power)
    for before in (0.0, 0.4):
        belief = with_mass({cell_at("9", 0.4): 1 - before}, nowhere=before)
        Wheels(belief).drive(0.0201)
        gone = before + 1e-4 - before * 0.05
        kept = (1 - before) * (1 - 1e-4) + before * 0.05
        odds = gone * nowhere_fits / (kept * fits)
        assert belief.nowhere == pytest.approx(odds / (1 + odds), rel=2e-5)
        far = lane_mass(belief, "14")
        anywhere = lane_mass(lost(), "14")
        share = before * 0.05 * anywhere * fits / (gone * nowhere_fits + kept * fits)
        assert far == pytest.approx(share, rel=0.02, abs=1e-12)


def headings(turn_rad: float, lane_rad: float, steps: int) -> tuple[float, float]:
    """Return a lane's weight and the heading in it, after steps with this turn."""
    heading, weight = 0.0, 1.0
    for _ in range(steps):
        heading += turn_rad - lane_rad
        weight *= (math.exp(-((heading / 0.15) ** 2) / 2) + 1e-3) ** (0.02 / 0.15)
        heading *= 1 - 0.06
    return weight, heading


@pytest.mark.parametrize("bend", [0.0, 1 / 0.3])
def test_a_bend_tells_which_street_it_is(bend: float) -> None:
    """One cell on the straight 9, one in the bend of 5: the wheels' turn decides."""
    straight, bent = cell_at("9", 0.3), cell_at("5", 1.25)
    belief = with_mass({straight: 0.5, bent: 0.5})
    Wheels(belief).drive(0.2001, bend, pieces=10)
    turn = 0.02 * bend
    expected = headings(turn, 0.0, 10)[0] / headings(turn, 0.02 / 0.3, 10)[0]
    odds = lane_mass(belief, "9") / lane_mass(belief, "5")
    assert math.log(odds) == pytest.approx(math.log(expected), rel=0.12)
    assert (odds > 1) is (bend == 0.0)


def test_unequal_wheels_are_learnt() -> None:
    """If the car drives straight, wheels that report 0.2 rad per meter are unequal by that."""
    belief = with_mass({cell_at("5", 0.05): 1.0})
    wheels = Wheels(belief)
    wheels.drive(0.02001, 0.2)
    first = belief._mismatch_rad_m
    assert first == pytest.approx(-0.03 * 0.2 * 0.02, rel=1e-3)
    wheels.drive(0.9, 0.2, pieces=45)
    heading = mismatch = 0.0
    for _ in range(46):
        heading += 0.2 * 0.02 + mismatch * 0.02
        mismatch -= 0.03 * heading
        heading *= 1 - 0.06
    assert belief._mismatch_rad_m == pytest.approx(mismatch, rel=0.02)


def test_a_heading_far_off_teaches_no_more_than_one_of_0_3_rad() -> None:
    for turned in (0.4, -0.4):
        belief = with_mass({cell_at("9", 0.3): 1.0})
        Wheels(belief).drive(0.02001, turned / 0.02)
        limit = math.copysign(0.3, turned)
        assert belief._mismatch_rad_m == pytest.approx(-0.03 * limit, rel=1e-3)


def test_a_heading_error_is_forgotten_by_six_percent_a_step() -> None:
    belief = with_mass({cell_at("9", 0.3): 1.0})
    wheels = Wheels(belief)
    wheels.drive(0.02001, 5.0)
    top = int(belief.probabilities.argmax())
    assert belief._heading_rad[top] == pytest.approx(0.1 * 0.94, rel=1e-3)


# --- correction -----------------------------------------------------------------------------------


def seen_at(edge: str, s_m: float, captured_s: float = 0.0) -> Sightings:
    seer = SimulatedDetector(TOWN, Camera(), np.random.default_rng(4))
    pose = TOWN.edges[edge].curve.pose_at(s_m)
    for _ in range(20):
        seen = tuple(s for s in seer(pose) if s.class_name != "Car")
        if seen:
            return Sightings(captured_s, seen)
    raise AssertionError("nothing to see there")


def log_odds(belief: Belief, one: int, other: int) -> float:
    return math.log(belief.probabilities[one] / belief.probabilities[other])


def test_a_frame_weighs_three_tenths_and_all_of_a_standing_car_s_weigh_one() -> None:
    one, other = cell_at("9", 0.7), cell_at("13", 0.7)
    seen = seen_at("9", 0.7)
    likely, nowhere = sign_model().log_likelihood(signs_now(seen, Camera(), 0.0))
    belief = with_mass({one: 0.4, other: 0.4}, nowhere=0.2)
    assert likely[one] - likely[other] > 1.0
    total = 0.0
    for weight in (0.3, 0.3, 0.3, 0.1, 0.0, 0.0):
        before = log_odds(belief, one, other)
        doubt = belief.nowhere / belief.probabilities[other]
        belief.see(seen)
        total += weight
        gained = weight * (likely[one] - likely[other])
        assert log_odds(belief, one, other) - before == pytest.approx(gained, rel=0.01, abs=1e-9)
        if total == 0.3:  # later it is hardly more than each frame's own doubt
            after = belief.nowhere / belief.probabilities[other]
            expected = math.exp(weight * (nowhere - likely[other]))
            assert after / doubt == pytest.approx(expected, rel=0.03)
    assert total == pytest.approx(1.0)


def test_each_frame_s_weight_is_also_that_of_its_doubt() -> None:
    belief = with_mass({cell_at("9", 0.3): 1.0})
    belief._apply_likelihood = lambda likely, nowhere: None  # sightings have no effect
    belief.see(NOTHING)
    assert belief.nowhere == pytest.approx(0.3 * 1e-4, rel=1e-3)


def test_two_centimetres_make_four_tenths_of_a_frame_new_and_no_more_than_one_whole() -> None:
    belief = with_mass({cell_at("9", 0.3): 1.0})
    wheels = Wheels(belief)
    for _ in range(10):
        belief.see(NOTHING)
    assert belief._new_frames == pytest.approx(0.0)
    wheels.drive(0.0201)
    assert belief._new_frames == pytest.approx(0.4)
    wheels.drive(0.2, pieces=5)
    assert belief._new_frames == 1.0


def test_a_standing_car_that_sees_another_class_of_thing_looks_half_anew() -> None:
    belief = with_mass({cell_at("9", 0.7): 1.0})
    seen = seen_at("9", 0.7)
    for _ in range(10):
        belief.see(seen)
    assert belief._new_frames == pytest.approx(0.0)
    belief.see(seen)
    assert belief._new_frames == pytest.approx(0.0)
    more = Sightings(0.0, (*seen.seen, Sighting("Museum", 0.9, (0.4, 0.4, 0.5, 0.5))))
    belief.see(more)
    assert belief._new_frames == pytest.approx(0.2)  # a half, less this frame's weight
    belief.see(more)
    assert belief._new_frames == pytest.approx(0.0)
    # after driving on, sightings are new again
    Wheels(belief).drive(0.0201)
    belief.see(more)
    assert belief._new_frames == pytest.approx(0.1)


def test_who_has_seen_nothing_before_has_nothing_half_new() -> None:
    belief = with_mass({cell_at("9", 0.7): 1.0})
    for _ in range(10):
        belief.see(NOTHING)
    belief.see(seen_at("9", 0.7))
    assert belief._new_frames == pytest.approx(0.0)


def test_signs_are_taken_as_they_are_now() -> None:
    """The frame was captured three readings ago: 0.15 m."""
    belief = with_mass({cell_at("9", 0.4): 1.0})
    wheels = Wheels(belief)
    wheels.drive(0.25, pieces=5)
    for then_s, driven_m in ((0.10, 0.15), (0.11, 0.15), (0.25, 0.0), (-1.0, 0.0)):
        seen = seen_at("9", 0.5, captured_s=then_s)
        told, known = belief.see(seen)[0], signs_now(seen, Camera(), driven_m)[0]
        assert told.range_m == pytest.approx(known.range_m)
        assert told.bearing_rad == pytest.approx(known.bearing_rad)


def test_what_nothing_explains_makes_it_begin_anew() -> None:
    belief = with_mass({cell_at("9", 0.4): 1.0})
    belief._apply_likelihood(np.full(belief.grid.count, 1e-250), 1e-250)
    assert belief.probabilities == pytest.approx(lost().probabilities)
    assert belief.nowhere == 0.0
    belief = with_mass({cell_at("9", 0.4): 0.5}, nowhere=0.5)
    belief._apply_likelihood(np.full(belief.grid.count, 3e-180), 1e-180)
    assert belief.nowhere == pytest.approx(0.25)


# --- certainty ------------------------------------------------------------------------------------


def spread(cell: int, certain: float) -> dict[int, float]:
    """A probability in one cell, the rest in a distant one."""
    return {cell: certain, cell_at("13", 0.6): 1 - certain}


def looking(masses: dict[int, float], frames: int) -> Belief:
    """A standing car without new sightings."""
    belief = with_mass(masses)
    belief._new_frames = 0.0
    for _ in range(frames):
        belief.see(NOTHING)
        belief._new_frames = 0.0
    return belief


@pytest.mark.parametrize(
    ("certain", "frames", "located"),
    [(0.951, 14, False), (0.951, 15, True), (0.949, 30, False), (1.0, 15, True)],
)
def test_standing_it_is_located_after_15_frames_of_95_percent(
    certain: float, frames: int, located: bool
) -> None:
    assert looking(spread(cell_at("9", 0.6), certain), frames).is_located is located


@pytest.mark.parametrize(("apart", "located"), [(4, True), (5, False)])
def test_it_is_located_only_within_four_and_a_half_centimetres(apart: int, located: bool) -> None:
    """Two cells of 2 cm, equally probable."""
    cell = cell_at("9", 0.6)
    assert looking({cell: 0.5, cell + apart: 0.5}, 20).is_located is located


def test_driving_it_is_located_after_ten_centimetres() -> None:
    belief = looking({cell_at("9", 0.3): 1.0}, 10)
    wheels = Wheels(belief)
    for _ in range(4):
        wheels.drive(0.02001)
        assert not belief.is_located
    for _ in range(14):  # frames while standing add nothing
        belief.see(NOTHING)
    assert not belief.is_located
    wheels.drive(0.0201)
    assert belief.is_located


def test_frames_are_counted_from_where_the_car_stopped() -> None:
    belief = looking({cell_at("9", 0.3): 1.0}, 14)
    Wheels(belief).drive(0.02001)
    for _ in range(14):
        belief._new_frames = 0.0
        belief.see(NOTHING)
    assert not belief.is_located
    belief._new_frames = 0.0
    belief.see(NOTHING)
    assert belief.is_located


@pytest.mark.parametrize(("left", "kept"), [(0.605, True), (0.595, False)])
def test_a_place_is_kept_as_long_as_it_has_60_percent(left: float, kept: bool) -> None:
    belief = looking(spread(cell_at("9", 0.6), 1.0), 15)
    assert belief.is_located
    belief.probabilities[cell_at("9", 0.6)] = left
    belief.probabilities[cell_at("13", 0.6)] = 1 - left
    belief.see(NOTHING)
    assert belief.is_located is kept


@pytest.mark.parametrize(("hop_m", "kept"), [(0.14, True), (0.17, False)])
def test_who_is_suddenly_elsewhere_is_not_located(hop_m: float, kept: bool) -> None:
    belief = looking({cell_at("9", 0.4): 1.0}, 15)
    belief.probabilities = with_mass({cell_at("9", 0.4 + hop_m): 1.0}).probabilities
    belief._new_frames = 0.0
    belief.see(NOTHING)
    assert belief.is_located is kept
    # and it must last for as long again
    for _ in range(13):
        belief.see(NOTHING)
        belief._new_frames = 0.0
    assert belief.is_located is kept
    belief.see(NOTHING)
    assert belief.is_located


def test_doubt_begins_the_count_again() -> None:
    cell = cell_at("9", 0.6)
    belief = looking(spread(cell, 1.0), 14)
    belief.probabilities = with_mass(spread(cell, 0.9)).probabilities
    belief.see(NOTHING)
    belief.probabilities = with_mass(spread(cell, 1.0)).probabilities
    for _ in range(14):
        belief._new_frames = 0.0
        belief.see(NOTHING)
    assert not belief.is_located
    belief._new_frames = 0.0
    belief.see(NOTHING)
    assert belief.is_located


def test_the_best_place_is_all_that_is_within_15_centimetres() -> None:
    cell = cell_at("9", 0.5)
    belief = with_mass({cell: 0.4, cell + 7: 0.2, cell + 9: 0.3, cell_at("13", 0.5): 0.1})
    assert belief.best.probability == pytest.approx(0.6)
    assert belief.probability_near(belief.grid.pose_of(cell), 0.15) == pytest.approx(0.6)
    assert belief.probability_near(belief.grid.pose_of(cell), 0.19) == pytest.approx(0.9)
    assert belief.probability_near(belief.grid.pose_of(cell), 0.01) == pytest.approx(0.4)


@pytest.mark.parametrize(("edge", "s_m"), [("9", 0.5), ("11", 0.08), ("5", 0.5), ("12", 0.08)])
def test_its_exactness_is_that_of_the_mass_around_and_of_the_cells(edge: str, s_m: float) -> None:
    """In streets to the east, north and west."""
    cell = cell_at(edge, s_m)
    size_m = float(belief_cells_apart(cell, cell + 1))
    belief = with_mass({cell: 0.5, cell + 2: 0.5})
    assert belief.best.sigma_m == pytest.approx(math.hypot(size_m, 0.02 / math.sqrt(12)))
    assert with_mass({cell: 1.0}).best.sigma_m == pytest.approx(0.02 / math.sqrt(12))
    # the place is their mean, not the first of them
    middle = (belief.grid.s_m[cell] + belief.grid.s_m[cell + 2]) / 2
    assert belief.best.place.s_m == pytest.approx(float(middle))
    doubted = with_mass({cell: 0.35, cell + 2: 0.35, cell_at("15", 0.6): 0.3})
    assert doubted.best.place.s_m == pytest.approx(float(middle))
    assert doubted.best.sigma_m == pytest.approx(belief.best.sigma_m)
    assert not belief.best.in_junction


def test_in_a_bend_what_lies_ahead_is_measured_along_the_lane() -> None:
    """At 45 degrees between east and north."""
    cell = cell_at("5", 1.19 + 0.3 * math.pi / 4)
    size_m = belief_cells_apart(cell, cell + 1)
    belief = with_mass({cell: 0.5, cell + 2: 0.5})
    exact = math.hypot(size_m, 0.02 / math.sqrt(12))
    assert belief.best.sigma_m == pytest.approx(exact, rel=0.01)


def belief_cells_apart(one: int, other: int) -> float:
    return float(sign_model().grid.s_m[other] - sign_model().grid.s_m[one])


def test_mass_beside_the_lane_does_not_pull_the_place() -> None:
    """Two ways through a junction are side by side: the place is on one of them."""
    belief = with_mass({cell_at(("9", "10"), 0.05): 0.6, cell_at(("9", "11"), 0.05): 0.4})
    assert belief.best.in_junction
    assert belief.best.probability == pytest.approx(1.0)


def test_the_lane_is_that_of_the_cell_nearest_to_the_mean_not_of_the_most_probable() -> None:
    """The last cell of 9 is the most probable one, but most of the mass is in the junction."""
    grid = sign_model().grid
    last = grid.lanes[grid.index["9"]]
    first = grid.lanes[grid.index["9", "10"]].first
    masses = {last.first + last.count - 1: 0.3, first: 0.25, first + 1: 0.25, first + 2: 0.2}
    belief = with_mass(masses)
    assert belief.best.probability == pytest.approx(1.0)
    assert belief.best.in_junction
    assert not with_mass({**masses, last.first + last.count - 2: 0.9}).best.in_junction


def test_without_any_mass_nothing_is_known() -> None:
    belief = with_mass({}, nowhere=1.0)
    assert belief.best.probability == 0.0
    assert belief.best.sigma_m == math.inf
    assert not belief.best.in_junction


@pytest.mark.parametrize("named", [True, False])
def test_a_command_changes_nothing_where_no_junction_is(named: bool) -> None:
    """In a city whose ways all have alternatives; on a straight only steps are made."""
    town = load_city("grid:3x2:5")
    grid = LaneGrid(town)
    belief = Belief(SignModel(grid, Camera()))
    edge, exits = next((e, x) for e, x in town.exits.items() if len(x) == 3)
    lane = grid.lanes[grid.index[edge]]
    last, middle = lane.first + lane.count - 1, lane.first + lane.count // 2
    belief.probabilities = np.zeros(grid.count)
    belief.probabilities[[last, middle]] = 0.5
    Wheels(belief).drive(0.0201, command=exits[0].turn if named else None)
    gone = [
        float(belief.probabilities[grid.lane_of == grid.index[edge, m.to_edge]].sum())
        for m in exits
    ]
    on_edge = belief.probabilities[lane.first : lane.first + lane.count]
    stayed_middle = float(on_edge[: lane.count - 4].sum())
    stayed_last = float(on_edge[lane.count - 4 :].sum())
    assert stayed_middle == pytest.approx(sum(gone) + stayed_last, rel=0.05)
    assert gone[0] / sum(gone) == pytest.approx(0.9 + 0.1 / 3 if named else 1 / 3, abs=0.02)
