"""Contents of a city file; all faults are named with their places."""

import datetime
import math
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city, shipped_cities
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import CityError, Fault

TEMPLATE = """\
name = "small"
open_ended = true

[road]
style = "white"

[[node]]
id = "a"
x_m = 0.0
y_m = 0.0
[[node]]
id = "b"
x_m = 2.0
y_m = 0.0
[[node]]
id = "c"
x_m = 4.0
y_m = 0.0

[[edge]]
id = "ab"
from = "a"
to = "b"
[[edge]]
id = "bc"
from = "b"
to = "c"
heading_deg = 0
pieces = [
    {straight_m = 0.5},
    {arc_radius_m = 0.5, turn_deg = 30},
    {bezier_m = [[1e9, 1e9], [3.5, 0.0], [4.0, 0.0]]},
]

[[sign]]
class = "Go"
edge = "ab"
distance_m = 0.5

[[destination]]
id = "tower"
edge = "ab"
distance_m = -0.1
kind = "landmark"
name = {en = "Tower"}

[[building]]
x_m = 1.0
y_m = 1.0
width_m = 0.3
depth_m = 0.2
height_m = 0.4
heading_deg = 90
"""
# the arc ends at (2 + .5 + .5 sin 30, .5 (1 - cos 30)), heading 30 degrees
SMALL = TEMPLATE.replace("[1e9, 1e9]", f"[{2.75 + 0.3 * math.cos(math.pi / 6)}, 0.217]")


def line_of(text: str, found: str, after: str = "") -> int:
    """Return the line number of the first `found` after the text `after`."""
    at = text.index(found, text.index(after))
    return text.count("\n", 0, at) + 1


def faults_of(text: str) -> list[str]:
    with pytest.raises(CityError) as caught:
        parse_city(text, "small.toml")
    assert str(caught.value).startswith("[PX101] city small.toml has")
    assert caught.value.faults
    return [str(fault) for fault in caught.value.faults]


def test_the_small_town_is_read_as_written() -> None:
    city = parse_city(SMALL, "small.toml")
    assert list(city.nodes) == ["a", "b", "c"]
    assert city.edges["ab"].length_m == pytest.approx(2 - 2 * 0.30)
    assert city.edges["bc"].curve.start.x_m == pytest.approx(2.3)
    assert city.edges["bc"].curve.end.x_m == pytest.approx(3.7, abs=1e-3)
    assert city.signs[0].s_m == 0.5
    assert city.destinations["tower"].s_m == pytest.approx(1.4 - 0.1)
    assert city.buildings[0].heading_rad == pytest.approx(math.pi / 2)
    assert set(city.movements) == {("ab", "bc")}


def test_an_offset_moves_the_lane_to_its_right() -> None:
    text = SMALL.replace('to = "b"\n', 'to = "b"\noffset_right_m = 0.14\n', 1)
    curve = parse_city(text, "small.toml").edges["ab"].curve
    assert curve.start.y_m == curve.end.y_m == pytest.approx(-0.14)


def test_a_banned_turn_is_no_movement() -> None:
    text = SMALL + '\n[[turn_ban]]\nfrom = "ab"\nto = "bc"\n'
    assert not parse_city(text, "small.toml").movements


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        # types and ranges
        ('style = "white"', 'style = "mud"', "style =", "road.style", "'white' or 'asphalt'"),
        ('style = "white"', "", "[road]", "road.style", "Field required"),
        ('style = "white"', 'style = "white"\nmouth_m = 0', "mouth_m", "road.mouth_m", "got 0"),
        ('name = "small"\n', "", "", "name", "Field required"),
        ('name = "small"\n', 'name = "a town"\n', "name =", "name", "'a town'"),
        ("x_m = 2.0", "x_m = inf", "x_m = inf", "node[1].x_m", "inf"),
        ("x_m = 2.0", "x_m = true", "x_m = true", "node[1].x_m", "True"),
        ("x_m = 2.0", 'x_m = "2"', 'x_m = "2"', "node[1].x_m", "'2'"),
        ('id = "c"', 'id = "c c"', 'id = "c c"', "node[2].id", "'c c'"),
        ('id = "c"', 'id = "at:ab:5"', 'id = "at', "node[2].id", "'at:ab:5'"),
        ('kind = "landmark"', "knid = 1", "knid", "destination[0].knid", "not permitted"),
        ("straight_m = 0.5}", "straight_m = -1}", "pieces", "edge[1].pieces[0].straight_m", "-1"),
        ("width_m = 0.3", "width_m = nan", "width_m", "building[0].width_m", "nan"),
        ("[4.0, 0.0]]", "[4.0, nan]]", "pieces", "edge[1].pieces[2].bezier_m[2][1]", "nan"),
        # references
        ('id = "c"', 'id = "b"', 'id = "b"\nx_m = 4', "node[2].id", "'b' exists already"),
        ('id = "bc"', 'id = "ab"', 'id = "ab"\nfrom = "b"', "edge[1].id", "'ab' exists already"),
        ('from = "a"', 'from = "z"', 'from = "z"', "edge[0].from", "no node 'z'"),
        ('to = "b"', 'to = "z"', 'to = "z"', "edge[0].to", "no node 'z'"),
        ('edge = "ab"\ndistance_m = 0.5', 'edge = "z"\ndistance_m = 0.5', 'edge = "z"',
         "sign[0].edge", "no edge 'z'"),
        ("distance_m = 0.5", "distance_m = 1.5", "distance_m = 1.5", "sign[0].distance_m",
         "1.5 m lies outside edge 'ab' (1.400 m long)"),
        ("distance_m = 0.5", "distance_m = -1.5", "distance_m = -1.5", "sign[0].distance_m",
         "-1.5 m lies outside"),
        ('class = "Go"', 'class = "Fly"', 'class = "Fly"', "sign[0].class", "no sign class 'Fly'"),
        ('name = {en = "Tower"}', 'name = {ja = "x"}', "name = {ja", "destination[0].name", "(en)"),
        # curves
        ("heading_deg = 0\n", "", "pieces", "edge[1].pieces", "need heading_deg"),
        ("straight_m = 0.5}", "straight_m = 0.6}", "pieces", "edge[1].pieces", "straight ahead"),
        ("[4.0, 0.0]]", "[3.9, 0.0]]", "pieces", "edge[1].pieces",
         "end at (3.900, 0.000), 0.100 m from node 'c' at (4.000, 0.000)"),
        ("turn_deg = 30", "turn_deg = 0", "pieces", "edge[1].pieces", "pieces[1]: an arc needs"),
        (", turn_deg = 30", "", "pieces", "edge[1].pieces", "pieces[1]: one of"),
        ("{straight_m = 0.5}", "{}", "pieces", "edge[1].pieces", "pieces[0]: one of"),
        ("[3.5, 0.0], ", "", "pieces", "edge[1].pieces", "pieces[2]: bezier_m takes"),
        ("x_m = 2.0", "x_m = 0.6", "[[edge]]", "edge[0].pieces", "0.600 m from node to node is"),
        ("x_m = 2.0", "x_m = 0.0", "[[edge]]", "edge[0].pieces", "at one place"),
        ("[3.5, 0.0]", "[2.6, 0.3]", "pieces", "edge[1].pieces", "less than the 0.16 m"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_line_field_and_value(
    old: str, new: str, line: str, field: str, says: str
) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    place = f"small.toml:{line_of(text, line)} {field}: "
    matching = [fault for fault in faults_of(text) if fault.startswith(place)]
    assert matching, faults_of(text)
    assert says in matching[0]


def grown(*tables: str) -> str:
    return SMALL + "".join("\n" + table for table in tables)


def test_two_ways_for_one_command_are_a_fault_at_the_edge_that_arrives() -> None:
    fork = grown(
        '[[node]]\nid = "d"\nx_m = 3.9\ny_m = -0.9\n',
        '[[edge]]\nid = "bd"\nfrom = "b"\nto = "d"\n',
    )
    (fault,) = faults_of(fork)
    at = line_of(fork, 'to = "b"')
    assert fault.startswith(f"small.toml:{at} edge[0].to: at node 'b'")
    assert "'bc'" in fault
    assert "'bd'" in fault
    assert "going straight" in fault
    assert parse_city(fork + '[[turn_ban]]\nfrom = "ab"\nto = "bd"\n', "small.toml").movements


def test_a_turn_ban_must_name_edges_that_follow_each_other() -> None:
    text = grown('[[turn_ban]]\nfrom = "bc"\nto = "ab"\n', '[[turn_ban]]\nfrom = "x"\nto = "ab"\n')
    first, second = faults_of(text)
    at = line_of(text, 'to = "ab"', "[[turn_ban]]")
    assert first == f"small.toml:{at} turn_ban[0].to: edge 'bc' does not lead to edge 'ab'"
    assert second.endswith("turn_ban[1].from: no edge 'x'; add it or correct the id")


def test_a_junction_too_tight_for_a_car_asks_for_a_larger_mouth() -> None:
    corner = """
name = "corner"
open_ended = true
road = {style = "white", mouth_m = 0.1}
node = [{id = "a", x_m = 0.0, y_m = 0.0}, {id = "b", x_m = 1.0, y_m = 0.0},
        {id = "c", x_m = 1.0, y_m = 1.0}]
edge = [{id = "ab", from = "a", to = "b"}, {id = "bc", from = "b", to = "c"}]
"""
    (fault,) = faults_of(corner)
    assert fault.startswith("small.toml:7 edge.to: the way from edge 'ab' to edge 'bc' bends with")
    assert fault.endswith(
        "0.100 m, less than the 0.16 m that a car can follow; enlarge road.mouth_m"
    )
    wider = corner.replace("mouth_m = 0.1", "mouth_m = 0.3")
    assert parse_city(wider, "corner.toml").movements


def test_a_bend_that_the_offset_makes_too_sharp_is_a_fault() -> None:
    text = """
name = "bend"
open_ended = true
road = {style = "asphalt"}
node = [{id = "a", x_m = 0.0, y_m = 0.0}, {id = "b", x_m = 0.7, y_m = -0.7}]
edge = [{id = "ab", from = "a", to = "b", heading_deg = 0, offset_right_m = 0.14, pieces = [
    {straight_m = 0.5}, {arc_radius_m = 0.2, turn_deg = -90}, {straight_m = 0.5}]}]
"""
    (fault,) = faults_of(text)
    assert "edge.pieces: the lane of edge 'ab' bends with 0.0" in fault
    assert parse_city(text.replace("offset_right_m = 0.14", "offset_right_m = 0.02"), "b.toml")


def test_lanes_that_cross_without_a_node_are_a_fault() -> None:
    crossing = grown(
        '[[node]]\nid = "s"\nx_m = 1.0\ny_m = -1.0\n[[node]]\nid = "n"\nx_m = 1.0\ny_m = 1.0\n',
        '[[edge]]\nid = "sn"\nfrom = "s"\nto = "n"\n',
    )
    (fault,) = faults_of(crossing)
    assert "edge[2].pieces: its lane comes within 0.2 m of edge 'ab' near (" in fault


def test_a_lane_that_crosses_itself_is_a_fault() -> None:
    text = """
name = "knot"
open_ended = true
road = {style = "white"}
node = [{id = "a", x_m = 0.0, y_m = 0.0}, {id = "b", x_m = 1.0, y_m = -1.0}]
edge = [{id = "ab", from = "a", to = "b", heading_deg = 0, pieces = [
    {straight_m = 1.5}, {arc_radius_m = 0.5, turn_deg = 270}, {straight_m = 1.5}]}]
"""
    (fault,) = faults_of(text)
    assert "of edge 'ab' near (1.0" in fault


def test_faults_are_reported_together_and_once_each() -> None:
    text = SMALL.replace('to = "b"', 'to = "z"', 1).replace('"Go"', '"Fly"')
    text = text.replace("distance_m = -0.1", "distance_m = -9").replace('id = "c"', 'id = "b"')
    fields = [fault.split()[1] for fault in faults_of(text)]
    # sign and destination are on the faulty edge, and not themselves faulty
    assert fields == ["node[2].id:", "edge[0].to:", "edge[1].to:", "sign[0].class:"]

    text = SMALL.replace("x_m = 2.0", "x_m = inf").replace("width_m = 0.3", "width_m = 0")
    assert len(faults_of(text)) == 2


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = SMALL.replace("[road]", "# one\u2028line\n[road]").replace(
        "width_m = 0.3", "width_m = 0"
    )
    assert faults_of(text)[0].startswith(f"small.toml:{line_of(text, 'width_m')} ")
    text = text.replace("\n", "\r\n")
    assert faults_of(text)[0].startswith(f"small.toml:{line_of(text, 'width_m')} ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "not TOML: Invalid value (at end of document)"),
        ("[road\n", "small.toml:1: not TOML: Expected ']'"),
        ("\n\na b\n", "small.toml:3: not TOML: "),
        ("x = " + "[" * 5000, "not TOML"),
        ("x = " + "9" * 5000, "not TOML"),
        ("", "name: Field required"),
        ("node = 5", "node: "),
        ("[[road]]\n[[name]]\n", "road"),
    ],
)
def test_what_is_no_city_at_all_is_a_city_error(text: str, says: str) -> None:
    assert any(says in fault for fault in faults_of(text))


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL, encoding="utf-8")
    assert load_city(str(path)).name == "small"
    path.write_text(SMALL.replace('"Go"', '"Fly"'), encoding="utf-8")
    with pytest.raises(CityError, match=re.escape(f"{path}:{line_of(SMALL, 'class =')} ")):
        load_city(str(path))


@pytest.mark.parametrize("name", ["atlantis", "", "no/such/town.toml", "nul\0byte", "."])
def test_an_unknown_city_names_what_there_is(name: str) -> None:
    with pytest.raises(CityError) as caught:
        load_city(name)
    assert repr(name) in caught.value.message
    assert all(shipped in caught.value.next_step for shipped in shipped_cities())


def test_a_file_that_is_not_utf8_is_a_city_error(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'# a town\nname = "caf\xe9"')
    with pytest.raises(CityError, match=r"not UTF-8 text: line 2, .*Save it as UTF-8"):
        load_city(str(path))


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_text(SMALL, encoding="utf-8-sig")
    assert load_city(str(path)).name == "small"


def test_a_file_without_end_is_a_city_error() -> None:
    with pytest.raises(CityError, match="more than 8 MiB"):
        load_city("/dev/zero")


def test_what_ships() -> None:
    assert shipped_cities() == ("curvy", "figure-eight", "pixelopolis", "square", "straight")
    for name in shipped_cities():
        assert load_city(name).name == name


# --- any content raises CityError only ----------------------------------------------------------

TOWN_TEXTS = [
    SMALL,
    *(
        files("pixelopolis.city").joinpath("cities", f"{name}.toml").read_text("utf-8")
        for name in ("curvy", "figure-eight")
    ),
]

toml_values = st.one_of(
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(["", "a", "b", "ab", "bc", "east", "west", "white", "Go", "\u2028", "x" * 50]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8),
    st.just(datetime.date(2020, 2, 1)),
    st.lists(st.floats(-3, 3), max_size=4),
    st.dictionaries(st.sampled_from(["en", "id", "x_m", "straight_m"]), st.floats(-1, 1)),
)


def as_toml(value: Any) -> str:
    """Return a value as TOML, with inline tables."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    return str(value)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [p for k, v in items for p in [(*path, k), *places_in(v, (*path, k))]]


@st.composite
def damaged_cities(draw: st.DrawFn) -> str:
    """A city with up to three values replaced, removed, changed slightly or repeated."""
    document = tomllib.loads(draw(st.sampled_from(TOWN_TEXTS)))
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(places_in(document)))
        holder = document
        for key in parents:
            holder = holder[key]
        how = draw(st.sampled_from(["replace", "remove", "nudge", "repeat"]))
        if how == "remove":
            del holder[last]
        elif how == "repeat" and isinstance(holder, list):
            holder.append(holder[last])
        elif how == "nudge" and isinstance(holder[last], float):
            holder[last] *= draw(st.sampled_from([-1, 0, 0.5, 1.01, 2, 10, 1e300]))
        else:
            holder[last] = draw(toml_values)
        if not document:
            break
    return "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in document.items())


def assert_every_place_is_reached_from_everywhere(city: City) -> None:
    for edge in city.edges.values():
        start = Place(edge.id, edge.length_m)
        for place in city.destinations.values():
            assert find_route(city, start, Place(place.edge, place.s_m)).edges


def assert_a_town_or_a_city_error(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        city = parse_city(text, "damaged.toml")
    except CityError as refused:
        faults = refused.faults
    else:
        if not tomllib.loads(text.removeprefix("\ufeff")).get("open_ended"):
            assert_every_place_is_reached_from_everywhere(city)
        return
    assert faults
    assert all(fault.place.startswith("damaged.toml") for fault in faults)


@given(damaged_cities())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_document_is_a_town_or_a_city_error(text: str) -> None:
    assert_a_town_or_a_city_error(text)


@given(st.sampled_from(TOWN_TEXTS), st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_text_is_a_town_or_a_city_error(text: str, data: st.DataObject) -> None:
    low = data.draw(st.integers(0, len(text)))
    high = data.draw(st.integers(low, min(low + 30, len(text))))
    put = data.draw(st.text("[]{}=\"'\n,.0-9abexm_# ", max_size=12))
    assert_a_town_or_a_city_error(text[:low] + put + text[high:])


@given(st.text(max_size=60))
def test_any_text_is_a_town_or_a_city_error(text: str) -> None:
    assert_a_town_or_a_city_error(text)
