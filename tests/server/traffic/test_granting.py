"""Grants, one rule at a time, on the streets of the original city.

7 leads to 8 and 9; 9 to 10 and 11; 11 to 12 and 13; 13 and 6 to 7; 8 to 1; 1 and 10 to 2; 2 to 3;
3 to 4 and 15; 4 to 5; 5 and 14 to 6; 15 and 12 to 14.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelopolis.city.route import Place, Route
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.reasons import ReasonCode, reason
from server.traffic.granting import Wait, advance
from server.traffic.operator_rules import OperatorRules
from server.traffic.reservations import Car, Ride, Traffic, freeze, start_ride, stop_ride
from server.traffic.street_graph import StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
GRID = StreetGraph(load_city("grid:3x2:5"))
SILENT = reason(ReasonCode.SILENT)
NOW_S = 1000.0


def before_end(edge: str, left_m: float, streets: StreetGraph = STREETS) -> Place:
    return Place(edge, streets.city.edges[edge].length_m - left_m)


def standing(streets: StreetGraph = STREETS, **edges: str) -> Traffic:
    """Cars standing 0.1 m before the end of their edges."""
    return Traffic().put(*(Car(car, before_end(e, 0.1, streets)) for car, e in edges.items()))


def ride_to(
    traffic: Traffic, car: str, edge: str, sequence: float = 0.0, streets: StreetGraph = STREETS
) -> Traffic:
    route = find_route(streets.city, traffic.cars[car].place, Place(edge, 0.1))
    return start_ride(traffic, car, Ride(f"o-{car}", f"b-{car}", route, sequence, taken=True))


def ride_of(traffic: Traffic, car: str) -> Ride:
    ride = traffic.cars[car].ride
    assert ride is not None
    return ride


def base_of(traffic: Traffic, car: str) -> tuple[str, ...]:
    ride = ride_of(traffic, car)
    return ride.route.edges[: ride.released]


def along(
    traffic: Traffic, car: str, *edges: str, released: int = 1, sequence: float = 0.0
) -> Traffic:
    """A car on a given route, to 0.1 m of the last edge."""
    route = Route(edges, traffic.cars[car].place.s_m, 0.1)
    ride = Ride(f"o-{car}", f"b-{car}", route, sequence, released, taken=True)
    return start_ride(traffic, car, ride)


# --- ordinary grants ------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_m", "asks"), [(0.5999, True), (0.6001, False)])
def test_a_car_asks_for_the_next_edge_60_centimetres_before_the_end_of_its_base(
    left_m: float, asks: bool
) -> None:
    traffic = ride_to(Traffic().put(Car("car1", before_end("9", left_m))), "car1", "10")
    after, waits = advance(STREETS, traffic, NOW_S)
    assert base_of(after, "car1") == (("9", "10") if asks else ("9",))
    assert waits == {}


def test_a_grant_is_one_edge_more_and_a_new_update() -> None:
    traffic = ride_to(standing(car1="9"), "car1", "10")
    before = ride_of(traffic, "car1")
    waiting = traffic.put(
        replace(traffic.cars["car1"], ride=replace(before, stands_since_s=NOW_S - 1, update_id=4))
    )
    after, _ = advance(STREETS, waiting, NOW_S)
    assert ride_of(after, "car1") == replace(before, released=2, update_id=5)


def test_short_edges_are_granted_together() -> None:
    """Edges 2 and 3 are 0.2 m long: with them the base reaches only 0.6 m beyond 3."""
    traffic = along(standing(car1="1"), "car1", "1", "2", "3", "4")
    assert base_of(advance(STREETS, traffic, NOW_S)[0], "car1") == ("1", "2")


def test_nothing_is_granted_beyond_the_destination_or_to_who_cannot_or_must_not_go_on() -> None:
    there = along(standing(car1="9"), "car1", "9")
    assert advance(STREETS, there, NOW_S) == (there, {})
    stopped = stop_ride(ride_to(standing(car1="9"), "car1", "10"), "car1")
    assert advance(STREETS, stopped, NOW_S) == (stopped, {})
    silent = freeze(ride_to(standing(car1="9"), "car1", "10"), "car1", SILENT)
    assert advance(STREETS, silent, NOW_S) == (silent, {})


@pytest.mark.parametrize(("one_s", "other_s", "first"), [(1.0, 2.0, "one"), (2.0, 1.0, "other")])
def test_of_two_that_want_an_edge_the_older_ride_gets_it(
    one_s: float, other_s: float, first: str
) -> None:
    traffic = standing(one="1", other="10")
    traffic = ride_to(ride_to(traffic, "one", "3", one_s), "other", "3", other_s)
    traffic = traffic.put(Car("driver", Place("5", 0.2)))
    traffic = ride_to(traffic, "driver", "6", 9.0)
    after, waits = advance(STREETS, traffic, NOW_S)
    second = {"one": "other", "other": "one"}[first]
    assert "2" in base_of(after, first)
    assert len(base_of(after, second)) == 1
    assert waits[second].cars == (first,)


def test_of_equal_age_who_makes_way_goes_first_then_the_smaller_name() -> None:
    traffic = standing(b="1", a="10")
    traffic = ride_to(ride_to(traffic, "b", "3"), "a", "3")
    assert "2" in base_of(advance(STREETS, traffic, NOW_S)[0], "a")
    car = traffic.cars["b"]
    giving = traffic.put(replace(car, ride=replace(ride_of(traffic, "b"), booking_id=None)))
    assert "2" in base_of(advance(STREETS, giving, NOW_S)[0], "b")


def test_who_holds_the_edge_is_named_with_why_it_does_not_move() -> None:
    traffic = ride_to(standing(car1="9", car2="10"), "car1", "10")
    traffic = along(traffic, "car2", "10", "2", released=1, sequence=1.0)
    held = freeze(traffic, "car2", SILENT)
    _, waits = advance(STREETS, held, NOW_S)
    assert waits["car1"] == Wait(
        ("car2",),
        reason(ReasonCode.EDGE_HELD_BY_STOPPED, edge="10", car="car2", **stopped_words(waits)),
    )


def stopped_words(waits: dict[str, Wait]) -> dict[str, object]:
    values = dict(waits["car1"].reason.values)
    return {k: v for k, v in values.items() if k not in ("edge", "car")}


def test_a_movement_that_is_being_crossed_is_waited_for() -> None:
    """Car2 has crossed into 2, seen 0.1 m into the junction; car1 wants another movement."""
    key, other = crossing_pair()
    traffic = standing(GRID, car1=key[0], car2=other[0])
    traffic = along_grid(traffic, "car1", *key)
    traffic = along_grid(traffic, "car2", *other, released=2, progress_m=0.11, sequence=5.0)
    after, waits = advance(GRID, traffic, NOW_S)
    assert base_of(after, "car1") == (key[0],)
    node = GRID.city.movements[key].node
    expected = reason(ReasonCode.JUNCTION_CROSSED, node=node, cars="car2")
    assert waits["car1"] == Wait(("car2",), expected)
    # seen behind the junction, it has freed it
    behind_m = 0.1 + GRID.city.movements[other].length_m + 0.1
    passed = along_grid(traffic, "car2", *other, released=2, progress_m=behind_m, sequence=5.0)
    after, _ = advance(GRID, passed, NOW_S)
    assert base_of(after, "car1") == key


def crossing_pair() -> tuple[tuple[str, str], tuple[str, str]]:
    """Return two crossing movements without a common edge."""
    return next(
        (key, other)
        for key in sorted(GRID.conflicts)
        for other in sorted(GRID.conflicts[key])
        if len({*key, *other}) == 4
    )


def along_grid(
    traffic: Traffic,
    car: str,
    *edges: str,
    released: int = 1,
    progress_m: float = 0.0,
    sequence: float = 0.0,
) -> Traffic:
    route = Route(edges, traffic.cars[car].place.s_m, GRID.city.edges[edges[-1]].length_m)
    ride = Ride(f"o-{car}", f"b-{car}", route, sequence, released, 0, progress_m, True)
    return start_ride(traffic, car, ride)


def test_an_edge_for_which_an_older_ride_waits_only_until_somebody_has_driven_on_is_kept() -> None:
    """Car2 is leaving edge 2; old waits for that, and young must not get it first."""
    traffic = standing(old="1", young="10").put(Car("car2", Place("2", 0.1)))
    traffic = along(traffic, "car2", "2", "3", released=2, sequence=9.0)
    traffic = along(traffic, "old", "1", "2", "3", "4", sequence=1.0)
    traffic = along(traffic, "young", "10", "2", "3", sequence=2.0)
    after, waits = advance(STREETS, traffic, NOW_S)
    assert waits["old"].cars == ("car2",)
    assert waits["young"].cars[0] in ("car2", "old")
    # car2 has left edge 2: the older ride gets it
    left = replace(ride_of(after, "car2"), progress_m=0.1 + 0.6 + 0.1)
    gone = after.put(replace(after.cars["car2"], ride=left))
    after, waits = advance(STREETS, gone, NOW_S)
    assert "2" in base_of(after, "old")
    assert waits["young"] == Wait(("old",), reason(ReasonCode.EDGE_HELD, edge="2", car="old"))


def test_a_junction_that_an_older_ride_waits_for_is_kept_too() -> None:
    """Old waits until car2 has crossed; young crosses old's route, not car2's."""
    key, other, crossing = next(
        (key, other, crossing)
        for key in sorted(GRID.conflicts)
        for other in sorted(GRID.conflicts[key])
        for crossing in sorted(GRID.conflicts[key])
        if len({*key, *other, *crossing}) == 6 and crossing not in GRID.conflicts[other]
    )
    traffic = standing(GRID, old=key[0], young=other[0])
    traffic = traffic.put(Car("car2", before_end(crossing[0], 0.05, GRID)))
    traffic = along_grid(traffic, "car2", *crossing, released=2, progress_m=0.06, sequence=9.0)
    traffic = along_grid(traffic, "old", *key, sequence=1.0)
    traffic = along_grid(traffic, "young", *other, sequence=2.0)
    after, waits = advance(GRID, traffic, NOW_S)
    assert waits["old"].cars == ("car2",)
    assert base_of(after, "young") == (other[0],)
    assert waits["young"] == Wait(("old",), reason(ReasonCode.LETS_GO_FIRST, car="old"))


def test_a_junction_is_not_kept_for_who_could_not_use_it_yet() -> None:
    """The edge behind it is still held, so young may cross meanwhile."""
    key, other = crossing_pair()
    traffic = standing(GRID, old=key[0], young=other[0])
    traffic = traffic.put(Car("car2", before_end(key[1], 0.05, GRID)))
    onward = GRID.city.exits[key[1]][0].to_edge
    traffic = along_grid(traffic, "car2", key[1], onward, released=2, sequence=9.0)
    traffic = along_grid(traffic, "old", *key, sequence=1.0)
    traffic = along_grid(traffic, "young", *other, sequence=2.0)
    after, waits = advance(GRID, traffic, NOW_S)
    assert base_of(after, "young") == other
    assert "car2" in waits["old"].cars


# --- deadlocks ------------------------------------------------------------------------------------


def pocket() -> Traffic:
    """With a silent car on 2, streets 8 and 1 are a dead end.

    A (the older ride) is bound for 8, B for 1 behind it: A must let B pass.
    """
    traffic = freeze(standing(dead="2", A="7", B="13"), "dead", SILENT)
    return ride_to(ride_to(traffic, "A", "8", 1.0), "B", "1", 2.0)


def driver_added(traffic: Traffic) -> Traffic:
    """Another car drives elsewhere, so that nothing is cleared yet."""
    return ride_to(traffic.put(Car("C", Place("5", 0.2))), "C", "6", 9.0)


def test_a_grant_that_would_shut_somebody_out_is_not_given() -> None:
    after, waits = advance(STREETS, driver_added(pocket()), NOW_S)
    assert base_of(after, "A") == ("7",)
    assert waits["A"] == Wait(("B", "C"), reason(ReasonCode.KEEPS_ROOM))


def test_when_nobody_drives_the_beginning_of_the_proof_is_driven() -> None:
    after, waits = advance(STREETS, pocket(), NOW_S)
    assert base_of(after, "A") == ("7", "9")
    assert ride_of(after, "A").route.edges == ("7", "9", "11", "13", "7", "8")
    assert waits.keys() == {"B"}
    assert waits["B"].cars == ("A",)


def test_where_nothing_can_be_proved_the_oldest_goes_on_all_the_same() -> None:
    """Two rides to the only place in a dead end."""
    traffic = freeze(standing(dead="1", A="7", B="13"), "dead", SILENT)
    traffic = ride_to(ride_to(traffic, "A", "8", 1.0), "B", "8", 2.0)
    after, _ = advance(STREETS, driver_added(traffic), NOW_S)
    assert base_of(after, "A") == ("7", "8")


# --- alternative routes ---------------------------------------------------------------------------


def test_a_horizon_that_leads_over_a_car_that_does_not_move_gets_another_way() -> None:
    traffic = freeze(standing(dead="15", car1="2"), "dead", SILENT)
    traffic = along(traffic, "car1", "2", "3", "15", "14", "6")
    after, _ = advance(STREETS, traffic, NOW_S)
    ride = ride_of(after, "car1")
    assert ride.route.edges == ("2", "3", "4", "5", "6")
    assert (ride.route.start_s_m, ride.route.end_s_m) == (traffic.cars["car1"].place.s_m, 0.1)
    assert (ride.update_id, ride.released) == (2, 2)


def test_without_another_way_the_horizon_stays() -> None:
    traffic = freeze(standing(dead="2", car1="10"), "dead", SILENT)
    traffic = along(traffic, "car1", "10", "2", "3")
    after, waits = advance(STREETS, traffic, NOW_S)
    assert ride_of(after, "car1").route.edges == ("10", "2", "3")
    assert ride_of(after, "car1").update_id == 0
    assert waits["car1"].cars == ("dead",)


@pytest.mark.parametrize(("edge", "sent"), [("2", True), ("3", True), ("4", False)])
def test_a_parked_car_on_one_of_the_next_two_edges_is_sent_away(edge: str, sent: bool) -> None:
    """Car1 is granted 10 first; 2 and 3 come next."""
    traffic = along(standing(car1="9", parked=edge), "car1", "9", "10", "2", "3", "4")
    after, _ = advance(STREETS, traffic, NOW_S)
    assert base_of(after, "car1") == ("9", "10")
    assert (after.cars["parked"].ride is not None) is sent
    if sent:
        ride = ride_of(after, "parked")
        assert ride.booking_id is None
        assert ride.sequence == ride_of(traffic, "car1").sequence
        assert ride.reason == reason(ReasonCode.MAKES_WAY, car="car1")
        assert ride.order_id == f"way-parked-{round(NOW_S * 1000)}"
        assert ride.route.edges[0] == edge
        assert ride.route.start_s_m == traffic.cars["parked"].place.s_m
        assert ride.released == 2, "it may go at once"


def test_who_makes_way_does_not_drive_through_others() -> None:
    """Of two parked cars, one behind the other, the front one moves first."""
    traffic = along(standing(car1="1", back="2", front="3"), "car1", "1", "2", "3", "4")
    traffic = ride_to(traffic.put(Car("driver", Place("13", 0.2))), "driver", "13", 9.0)
    after, _ = advance(STREETS, traffic, NOW_S)
    assert after.cars["back"].ride is None
    assert ride_of(after, "front").booking_id is None


def test_a_car_that_makes_way_parks_off_all_ways_and_destinations_if_it_can() -> None:
    """From 3 it can go to 4 (a destination) or 15, 14, 6; car1 is bound for 14."""
    traffic = along(standing(car1="1", parked="2"), "car1", "1", "2", "3", "15", "14")
    after, _ = advance(STREETS, traffic, NOW_S)
    ride = ride_of(after, "parked")
    destinations = {d.edge for d in STREETS.city.destinations.values()}
    assert ride.route.edges[-1] not in destinations
    assert ride.route.edges[-1] not in ride_of(after, "car1").route.edges
    assert ride.route.edges == ("2", "3", "4", "5")
    assert ride.route.end_s_m == STREETS.parking("5").s_m == 1.711


def test_silent_and_busy_cars_are_not_sent_away() -> None:
    traffic = along(standing(car1="1", parked="2"), "car1", "1", "2", "3", "4")
    silent = freeze(traffic, "parked", SILENT)
    assert advance(STREETS, silent, NOW_S)[0].cars["parked"].ride is None
    busy = along(traffic, "parked", "2", "3", "15", sequence=3.0)
    after, _ = advance(STREETS, busy, NOW_S)
    assert ride_of(after, "parked").booking_id == "b-parked"


def test_what_an_operator_closed_is_granted_to_nobody_and_named() -> None:
    traffic = along(standing(car1="10"), "car1", "10", "2", "3")
    shut = replace(traffic, rules=OperatorRules(closed_edges=frozenset({"2"})))
    after, waits = advance(STREETS, shut, NOW_S)
    assert base_of(after, "car1") == ("10",)
    assert waits["car1"] == Wait((), reason(ReasonCode.STREET_CLOSED, edge="2"))


# --- starvation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("waited_s", "cleared"), [(14.99, False), (15.0, False), (15.01, True)])
def test_after_15_seconds_at_a_line_the_streets_are_cleared(waited_s: float, cleared: bool) -> None:
    """A waits to let B pass, while another car drives elsewhere."""
    traffic = driver_added(pocket())
    ride = replace(ride_of(traffic, "A"), stands_since_s=NOW_S - waited_s)
    traffic = traffic.put(replace(traffic.cars["A"], ride=ride))
    after, _ = advance(STREETS, traffic, NOW_S)
    assert (base_of(after, "A") == ("7", "9")) is cleared


def test_a_cleared_car_waits_for_who_still_holds_its_edge_and_nobody_else_gets_it() -> None:
    """Old has waited long for edge 2, which car2 is leaving; young requests it too."""
    traffic = standing(old="1", young="10").put(Car("car2", Place("2", 0.1)))
    traffic = along(traffic, "car2", "2", "3", "4", released=2, sequence=0.5)
    traffic = along(traffic, "young", "10", "2", "3", sequence=1.0)
    traffic = along(traffic, "old", "1", "2", "3", sequence=2.0)
    ride = replace(ride_of(traffic, "old"), stands_since_s=NOW_S - 20)
    traffic = traffic.put(replace(traffic.cars["old"], ride=ride))
    _, waits = advance(STREETS, traffic, NOW_S)
    assert waits["old"].cars == ("car2",)
    assert waits["young"].cars == ("car2",)


@pytest.mark.parametrize(("left_m", "stands"), [(0.199, True), (0.2, True), (0.201, False)])
def test_standing_is_within_20_centimetres_of_the_line(left_m: float, stands: bool) -> None:
    traffic = freeze(standing(dead="2"), "dead", SILENT)
    traffic = traffic.put(Car("car1", before_end("10", left_m + (1e-9 if left_m == 0.2 else 0))))
    traffic = ride_to(traffic, "car1", "3")
    if left_m == 0.2:
        traffic = traffic.put(Car("car1", before_end("10", 0.2 - 1e-9), ride_of(traffic, "car1")))
    after, _ = advance(STREETS, traffic, NOW_S)
    since_s = ride_of(after, "car1").stands_since_s
    if left_m != 0.2:
        assert (since_s == NOW_S) is stands
    # and it stays reserved until the car gets a grant
    later, _ = advance(STREETS, after, NOW_S + 7)
    assert ride_of(later, "car1").stands_since_s == since_s or left_m > 0.2
    freed = freeze(later, "dead", None).without("dead")
    granted, _ = advance(STREETS, freed, NOW_S + 8)
    assert ride_of(granted, "car1").stands_since_s is None
    assert "2" in base_of(granted, "car1")


def test_who_has_arrived_or_only_drives_does_not_stand() -> None:
    there = along(standing(car1="9"), "car1", "9")
    assert ride_of(advance(STREETS, there, NOW_S)[0], "car1").stands_since_s is None


def test_what_is_left_of_a_base_is_what_lies_ahead() -> None:
    """0.55 m after half a meter of 1.1 m."""
    traffic = ride_to(Traffic().put(Car("car1", Place("9", 0.1))), "car1", "10")
    before, _ = advance(STREETS, traffic, NOW_S)
    assert base_of(before, "car1") == ("9",)
    ride = replace(ride_of(traffic, "car1"), progress_m=0.55)
    later = traffic.put(replace(traffic.cars["car1"], ride=ride))
    assert base_of(advance(STREETS, later, NOW_S)[0], "car1") == ("9", "10")


def test_who_waits_does_not_keep_the_others_from_being_granted() -> None:
    """Neither a car that keeps room nor one that lets another pass blocks other grants."""
    traffic = pocket().put(Car("late", before_end("3", 0.1)))
    traffic = ride_to(traffic, "late", "4", 9.0)
    after, waits = advance(STREETS, traffic, NOW_S)
    assert base_of(after, "late") == ("3", "4")
    assert waits["A"].reason == reason(ReasonCode.KEEPS_ROOM)


def ring() -> Traffic:
    """Silent cars leave only the ring 7, 9, 11, 13 and the way into it from 6.

    A on 9 is bound for 13, B stands on 13, P is parked on 11; C on 6 (the oldest ride) is bound for
    7.
    """
    traffic = standing(x="8", y="10", z="12", A="9", B="13", P="11", C="6")
    for car in "xyz":
        traffic = freeze(traffic, car, SILENT)
    traffic = ride_to(ride_to(traffic, "A", "13", 2.0), "C", "7", 1.0)
    return ride_to(traffic.put(Car("driver", Place("4", 0.2))), "driver", "4", 9.0)


def test_parked_cars_count_where_room_is_kept() -> None:
    """With C on 7 the ring would be full, and no car in it could move."""
    after, waits = advance(STREETS, ring(), NOW_S)
    assert base_of(after, "C") == ("6",)
    assert waits["C"].reason == reason(ReasonCode.KEEPS_ROOM)
    assert after.cars["B"].ride is None, "on its way to 7 it would be in the way of C"
    without = ring().without("P")
    assert base_of(advance(STREETS, without, NOW_S)[0], "C") == ("6", "7")


def test_of_two_blocked_within_their_base_each_gives_its_order_back() -> None:
    """Old is not blocked; car1 on 9 is, by a car on 11, and can go by 10."""
    traffic = standing(old="4").put(Car("car1", Place("7", 0.1), blocked=("11",)))
    traffic = ride_to(traffic, "old", "5", 0.0)
    way = ("7", "9", "11", "12", "14")
    traffic = along(traffic, "car1", *way, released=3, sequence=1.0)
    on_9 = replace(ride_of(traffic, "car1"), progress_m=0.1 + 0.47 + 0.3)
    traffic = traffic.put(replace(traffic.cars["car1"], ride=on_9))
    assert ride_of(advance(STREETS, traffic, NOW_S)[0], "car1").ending
    # if its destination is behind the blocking car, it waits
    stuck = along(traffic, "car1", "7", "9", "11", "13", released=3, sequence=1.0)
    on_9 = replace(ride_of(stuck, "car1"), progress_m=0.1 + 0.47 + 0.3)
    stuck = stuck.put(replace(stuck.cars["car1"], ride=on_9))
    assert not ride_of(advance(STREETS, stuck, NOW_S)[0], "car1").ending


def test_who_is_blocked_beyond_its_base_keeps_no_other_from_giving_its_order_back() -> None:
    """Old is blocked where it has no grant yet; car1 is blocked within its base."""
    traffic = standing(old="4").put(Car("car1", Place("7", 0.1), blocked=("11",)))
    traffic = ride_to(traffic, "old", "6", 0.0)
    traffic = traffic.put(replace(traffic.cars["old"], blocked=("6",)))
    traffic = along(traffic, "car1", "7", "9", "11", "12", "14", released=3, sequence=1.0)
    on_9 = replace(ride_of(traffic, "car1"), progress_m=0.1 + 0.47 + 0.3)
    after, _ = advance(STREETS, traffic.put(replace(traffic.cars["car1"], ride=on_9)), NOW_S)
    assert ride_of(after, "car1").ending
    assert not ride_of(after, "old").ending


def test_an_edge_is_reserved_for_who_waited_long_until_its_way_is_free() -> None:
    """Late has waited 20 s for an edge, and its movement is being crossed; old wants it too."""
    key, other, crossing = next(
        (key, other, crossing)
        for key in sorted(GRID.conflicts)
        for other in sorted(GRID.conflicts[key])
        for crossing in sorted(GRID.conflicts[key])
        if key[1] == other[1] != crossing[1]
        and len({key[0], other[0], crossing[0]}) == 3
        and crossing not in GRID.conflicts[other]
    )
    traffic = standing(GRID, late=key[0], old=other[0])
    traffic = traffic.put(Car("car2", before_end(crossing[0], 0.05, GRID)))
    traffic = along_grid(traffic, "car2", *crossing, released=2, progress_m=0.06, sequence=9.0)
    traffic = along_grid(traffic, "old", *other, sequence=1.0)
    traffic = along_grid(traffic, "late", *key, sequence=2.0)
    assert base_of(advance(GRID, traffic, NOW_S)[0], "old") == other
    waited = replace(ride_of(traffic, "late"), stands_since_s=NOW_S - 20)
    traffic = traffic.put(replace(traffic.cars["late"], ride=waited))
    after, waits = advance(GRID, traffic, NOW_S)
    assert base_of(after, "old") == (other[0],)
    assert waits["old"] == Wait(("late",), reason(ReasonCode.LETS_GO_FIRST, car="late"))
    assert waits["late"].cars == ("car2",)


def is_cleared(traffic: Traffic) -> bool:
    return base_of(advance(STREETS, traffic, NOW_S)[0], "A") == ("7", "9")


def test_streets_are_cleared_only_when_nobody_drives_any_more() -> None:
    assert is_cleared(pocket())
    assert is_cleared(pocket().put(Car("idle", Place("4", 0.3)))), "who wants nothing"
    lost = along(pocket().put(Car("lost", Place("4", 0.3))), "lost", "4", "5", sequence=9.0)
    assert is_cleared(freeze(lost, "lost", SILENT)), "who cannot"
    assert not is_cleared(lost), "it drives to the end of its base"
    stops = stop_ride(along(standing_in(pocket()), "C", "4", "5", sequence=9.0), "C")
    assert not is_cleared(stops), "it will end its order soon"
    arrives = along(standing_in(pocket()), "C", "4", sequence=9.0)
    assert not is_cleared(arrives), "it will arrive soon"


def standing_in(traffic: Traffic) -> Traffic:
    return traffic.put(Car("C", before_end("4", 0.1)))


def test_a_queue_of_parked_cars_is_pushed_on_from_its_front() -> None:
    """All streets ahead are occupied: 2, 3, and both continuations, 4 and 15."""
    traffic = standing(a="1", b="2", c="3", d="4", e="15")
    traffic = along(traffic, "a", "1", "2", "3")
    traffic = freeze(traffic.put(Car("dead", Place("14", 0.5))), "dead", SILENT)
    after, waits = advance(STREETS, traffic, NOW_S)
    assert waits["c"].cars == ("d",)
    assert ride_of(after, "d").route.edges == ("4", "5")
    assert base_of(after, "d") == ("4", "5")
    assert after.cars["e"].ride is None
    assert after.cars["b"].ride is None


def test_who_is_on_a_tour_back_to_its_own_street_is_not_there_yet() -> None:
    """As above, with A on its way around the ring, which would then be full."""
    traffic = ring()
    tour = along(traffic, "A", "9", "11", "13", "7", "9", sequence=2.0)
    after, waits = advance(STREETS, tour, NOW_S)
    assert base_of(after, "C") == ("6",)
    assert waits["C"].reason == reason(ReasonCode.KEEPS_ROOM)
    there = along(traffic, "A", "9", sequence=2.0)
    assert base_of(advance(STREETS, there, NOW_S)[0], "C") == ("6", "7")


def test_a_junction_is_not_kept_while_a_car_that_cannot_move_is_in_it() -> None:
    key, other, crossing = next(
        (key, other, crossing)
        for key in sorted(GRID.conflicts)
        for other in sorted(GRID.conflicts[key])
        for crossing in sorted(GRID.conflicts[key])
        if len({*key, *other, *crossing}) == 6 and crossing not in GRID.conflicts[other]
    )
    traffic = standing(GRID, old=key[0], young=other[0])
    traffic = traffic.put(Car("dead", before_end(crossing[0], 0.05, GRID)))
    traffic = along_grid(traffic, "dead", *crossing, released=2, progress_m=0.06, sequence=9.0)
    traffic = freeze(traffic, "dead", SILENT)
    traffic = along_grid(traffic, "old", *key, sequence=1.0)
    traffic = along_grid(traffic, "young", *other, sequence=2.0)
    after, _ = advance(GRID, traffic, NOW_S)
    assert base_of(after, "young") == other
