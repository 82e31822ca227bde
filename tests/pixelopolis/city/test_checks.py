"""A city that cannot be driven is refused; every fault is named with its line."""

from __future__ import annotations

import re

import pytest

from pixelopolis.city.sources import city_text, load_city, shipped_cities
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import CityError

RING = """\
name = "ring"
[road]
style = "white"
[[node]]
id = "a"
x_m = 0
y_m = 0
[[node]]
id = "b"
x_m = 2
y_m = 0
[[edge]]
id = "lower"
from = "a"
to = "b"
heading_deg = 270
pieces = [{straight_m = 0.4}, {arc_radius_m = 1.0, turn_deg = 180}, {straight_m = 0.4}]
[[edge]]
id = "upper"
from = "b"
to = "a"
heading_deg = 90
pieces = [{straight_m = 0.4}, {arc_radius_m = 1.0, turn_deg = 180}, {straight_m = 0.4}]
[[sign]]
class = "Go"
edge = "lower"
distance_m = -0.05
[[destination]]
id = "home"
edge = "upper"
distance_m = 1.5
name = {en = "Home"}
"""


def node(id_: str, x_m: float, y_m: float) -> str:
    return f'[[node]]\nid = "{id_}"\nx_m = {x_m}\ny_m = {y_m}\n'


def edge(id_: str, start: str, end: str, more: str = "") -> str:
    return f'[[edge]]\nid = "{id_}"\nfrom = "{start}"\nto = "{end}"\n{more}\n'


def bow(id_: str, start: str, end: str, heading_deg: float, radius_m: float = 1.0) -> str:
    pieces = f"{{straight_m = 0.4}}, {{arc_radius_m = {radius_m}, turn_deg = 180}}"
    more = f"heading_deg = {heading_deg}\npieces = [{pieces}, {{straight_m = 0.4}}]"
    return edge(id_, start, end, more)


def place(id_: str, edge_id: str, name: str = "Isle") -> str:
    return (
        f'[[destination]]\nid = "{id_}"\nedge = "{edge_id}"\ndistance_m = 0.5\n'
        f'name = {{en = "{name}"}}\n'
    )


def house(x_m: float, y_m: float, more: str = "") -> str:
    size = "width_m = 0.6\ndepth_m = 0.2\nheight_m = 1\n"
    return f"[[building]]\nx_m = {x_m}\ny_m = {y_m}\n{size}{more}\n"


ISLE = node("c", 1, 5) + node("d", 3, 5) + bow("west", "c", "d", 270) + bow("east", "d", "c", 90)
SPUR = node("c", 4, 0.4) + edge("out", "b", "c", "heading_deg = 90\npieces = [{bezier_m = "
                                "[[2, 0.6], [3.4, 0.4], [4, 0.4]]}]")  # fmt: skip
PARALLEL = node("c", -0.5, -1.55) + node("d", 2.5, -1.55)


def faults_of(text: str) -> list[str]:
    with pytest.raises(CityError) as caught:
        parse_city(text, "t.toml")
    return [str(fault) for fault in caught.value.faults]


def test_the_ring_is_sound() -> None:
    assert len(parse_city(RING, "t.toml").edges) == 2


@pytest.mark.parametrize("name", [*shipped_cities(), "grid:2x1:3", "grid:4x4:9", "grid:1x3:5"])
def test_what_ships_is_sound(name: str) -> None:
    assert load_city(name).edges


@pytest.mark.parametrize("seed", [*range(20), *range(9000, 9004)])
def test_tracks_are_sound(seed: int) -> None:
    assert load_city(f"track:{seed}").edges


REACH = [
    # (added text, line of the fault, message)
    (edge("spur", "c", "d") + node("c", 5, 5) + node("d", 7, 5), 'to = "d"', "no car can leave edge"
     " 'spur': no edge begins at node 'd'"),
    (ISLE, 'id = "west"', "edges 'west', 'east': it is an island"),
    (ISLE + place("isle", "east"), 'edge = "east"', "destination 'isle' is on edge 'east', and it "
     "is an island: no way leads there from edge 'lower', and none back"),
    (SPUR, 'id = "out"', "edge 'out': no way leads from there back to edge 'lower'"),
    (SPUR + place("end", "out"), 'edge = "out"', "destination 'end' is on edge 'out', and "
     "no way leads from there back"),
    (SPUR.replace('from = "b"\nto = "c"', 'from = "c"\nto = "b"').replace("heading_deg = 90\n", "")
     .split("pieces")[0], 'id = "out"', "no way leads there from edge 'lower'"),
    (node("spare", 9, 9), 'id = "spare"', "no edge begins or ends at node 'spare'"),
    ('[[turn_ban]]\nfrom = "lower"\nto = "upper"\n', 'to = "b"',
     "at node 'b' [[turn_ban]] forbids edge 'upper', and nothing else is left"),
]  # fmt: skip


CLEARANCE = [
    # an edge that crosses another 0.1 m from its own end, where it has no lane yet
    (node("c", 1, -1.5) + node("d", 1, 0.3) + edge("cross", "c", "d"), 'id = "cross"',
     "within 0.2 m of edge 'lower' near (1.00, -1.50), where no node joins them"),
    # two adjacent lanes without a common node
    (PARALLEL + edge("beside", "c", "d"), 'id = "beside"', "within 0.2 m of edge 'lower'"),
    # a lane through another junction
    (node("c", -1, 0) + node("d", 1, 0) + edge("through", "c", "d"), 'id = "through"',
     "within 0.2 m of edge '"),
    (house(1, -1.4), "x_m = 1\ny_m = -1.4", "it stands on the lane of edge 'lower' near ("),
    (house(2, 0, "heading_deg = 45"), "x_m = 2\ny_m = 0\nwidth", "it stands on the way from edge "
     "'lower' to edge 'upper'"),
    (house(1.8, 0.9), "x_m = 1.8", "it stands on the lane of edge 'upper'"),
]  # fmt: skip


@pytest.mark.parametrize(("added", "line", "says"), REACH + CLEARANCE)
def test_what_cannot_be_driven_is_named_at_its_line(added: str, line: str, says: str) -> None:
    text = RING + added
    assert line in text
    fault = next((fault for fault in faults_of(text) if says in fault), None)
    assert fault is not None, faults_of(text)
    at = int(re.match(r"t\.toml:(\d+) ", fault)[1])  # type: ignore[index]
    table = text[: text.index(line, len(RING) if line in added else 0)].rfind("[[")
    first = text.count("\n", 0, table) + 1
    assert first <= at <= text.count("\n", 0, text.index(line)) + 1


def test_a_dead_end_is_named_alone() -> None:
    lower = RING[: RING.index('[[edge]]\nid = "upper"')] + place("home", "lower")
    (fault,) = faults_of(lower)
    assert fault == (
        "t.toml:15 edge[0].to: no car can leave edge 'lower': no edge begins at node 'b'; add one, "
        "or one back"
    )


def test_a_street_that_only_goes_there_and_back_needs_a_u_turn() -> None:
    lane = "offset_right_m = 0.14"
    text = (
        'name = "street"\nroad = {style = "asphalt"}\n'
        + node("a", 0, 0) + node("b", 2, 0) + edge("to", "a", "b", lane)
        + edge("fro", "b", "a", lane)
    )  # fmt: skip
    first, *_ = faults_of(text)
    assert "no car can leave edge 'to': at node 'b' only a U-turn leads on, to edge 'fro'" in first


def test_both_directions_on_one_line_run_against_each_other() -> None:
    # between the junctions both have the distance that lanes of one node may have
    text = city_text("grid:2x1:3")[0].replace("offset_right_m = 0.14", "offset_right_m = 0.05")
    assert any("run against each other" in fault for fault in faults_of(text))


def test_a_sign_on_the_lane_of_the_other_direction_is_named() -> None:
    text = city_text("grid:2x1:3")[0]
    left = text.replace("distance_m = -0.03\n", 'distance_m = -0.2\nside = "left"\n', 1)
    (fault,) = faults_of(left)
    assert " sign[0].distance_m: it would stand on the lane of edge '0.0-1.0'" in fault or (
        " sign[0].distance_m: it would stand on the lane of edge '1.0-0.0'" in fault
    )
    assert "or put it on the other side" in fault


def test_a_town_without_room_for_a_car_is_named() -> None:
    corners = ((0, 0), (0.9, 0), (0.9, 0.9), (0, 0.9))
    text = 'name = "block"\nroad = {style = "white"}\n'
    text += "".join(node(f"n{k}", *corner) for k, corner in enumerate(corners))
    text += "".join(edge(f"e{k}", f"n{k}", f"n{(k + 1) % 4}") for k in range(4))
    (fault,) = faults_of(text)
    assert "no edge has room for a car: the longest lane, of edge 'e" in fault
    assert fault.endswith("has 0.30 m between its mouths, and 0.38 m are needed")


def test_an_open_ended_town_says_so() -> None:
    text = RING.replace("[road]", "open_ended = true\n[road]") + SPUR
    assert "out" in parse_city(text, "t.toml").edges


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('from = "a"', 'speed_limit_mps = 0\nfrom = "a"', "edge[0].speed_limit_mps"),
        ('from = "a"', 'speed_limit_mps = 1e-9\nfrom = "a"', "edge[0].speed_limit_mps"),
        ('from = "a"', 'speed_limit_mps = nan\nfrom = "a"', "edge[0].speed_limit_mps"),
        ('from = "a"', 'speed_limit_mps = inf\nfrom = "a"', "edge[0].speed_limit_mps"),
        ('from = "a"', 'speed_limit_mps = true\nfrom = "a"', "edge[0].speed_limit_mps"),
        ('from = "a"', 'priority = true\nfrom = "a"', "edge[0].priority"),
        ('style = "white"', 'style = "white"\nlane_width_m = -0.28', "road.lane_width_m"),
        ('style = "white"', 'style = "white"\nline_width_m = nan', "road.line_width_m"),
        ("arc_radius_m = 1.0", "arc_radius_m = inf", "edge[0].pieces[1].arc_radius_m"),
        ("turn_deg = 180", "turn_deg = nan", "edge[0].pieces[1].turn_deg"),
        ("distance_m = 1.5", "distance_m = nan", "destination[0].distance_m"),
        ('en = "Home"', 'en = "Ho\\nme"', "destination[0].name.en"),
        ('en = "Home"', 'en = "Ho\u2028me"', "destination[0].name.en"),
        ('en = "Home"', 'en = "   "', "destination[0].name.en"),
        ('en = "Home"', f'en = "{"x" * 81}"', "destination[0].name.en"),
        ('name = {en = "Home"}', 'kind = "a\\u0007b"\nname = {en = "Home"}', "destination[0].kind"),
    ],
)
def test_values_that_no_town_can_have_are_named(old: str, new: str, field: str) -> None:
    text = RING.replace(old, new, 1)
    assert text != RING
    assert [f" {field}: " in fault for fault in faults_of(text)] == [True], faults_of(text)


def test_what_would_take_hours_to_build_is_refused_at_once() -> None:
    coil = "{arc_radius_m = 100, turn_deg = 360}, " * 30
    (fault,) = faults_of(RING.replace("pieces = [", f"pieces = [{coil}", 1))
    assert "edge[0].pieces: the lanes up to this one have more than 10000 m" in fault
    star = "".join(edge(f"e{n}", "a", "b") for n in range(1000))
    (fault,) = faults_of(RING + star)
    assert "1001 edges at node 'a'; more than 12 have no room" in fault


def test_of_many_faults_the_first_are_shown_and_all_are_kept() -> None:
    text = RING + "".join(node(f"n{number}", 9, number) for number in range(120))
    with pytest.raises(CityError) as caught:
        parse_city(text, "t.toml")
    assert len(caught.value.faults) == 120
    shown = str(caught.value).splitlines()
    assert len(shown) == 52
    assert shown[-1] == "  ... and 70 more."
