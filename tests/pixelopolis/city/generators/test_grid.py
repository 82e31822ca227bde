import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelopolis.city.generators.grid import grid_city_text
from pixelopolis.city.model import Turn
from pixelopolis.city.routing import edge_graph
from pixelopolis.city.sources import load_city
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import CityError

sizes = st.tuples(st.integers(1, 5), st.integers(1, 5)).filter(lambda size: size != (1, 1))
seeds = st.integers(0, 999_999_999)


@given(sizes, seeds)
@example((1, 2), 1545)  # all its blocks are short
@settings(max_examples=25, deadline=None)
def test_every_size_and_seed_is_a_valid_town_that_hangs_together(
    size: tuple[int, int], seed: int
) -> None:
    columns, rows = size
    city = load_city(f"grid:{columns}x{rows}:{seed}")
    assert len(city.nodes) == (columns + 1) * (rows + 1)
    assert len(city.edges) == 2 * (columns * (rows + 1) + rows * (columns + 1))
    assert len(city.destinations) == 5
    assert nx.is_strongly_connected(edge_graph(city))


@given(sizes, seeds)
@settings(max_examples=25, deadline=None)
def test_the_same_seed_is_the_same_town(size: tuple[int, int], seed: int) -> None:
    name = f"grid:{size[0]}x{size[1]}:{seed}"
    assert grid_city_text(name) == grid_city_text(name)


def test_another_seed_is_another_town() -> None:
    assert len({grid_city_text(f"grid:2x2:{seed}") for seed in range(20)}) == 20


def test_a_street_is_two_lanes_side_by_side() -> None:
    city = load_city("grid:2x2:1")
    for edge in city.edges.values():
        back = city.edges[f"{edge.to_node}-{edge.from_node}"]
        middle = edge.curve.pose_at(edge.length_m / 2)
        beside = back.curve.project(middle.x_m, middle.y_m)
        assert beside.left_m == pytest.approx(city.road.lane_width_m, abs=1e-6)


def test_an_inner_junction_offers_every_command() -> None:
    city = load_city("grid:2x2:1")
    assert {m.turn for m in city.exits["0.1-1.1"]} == set(Turn)


def test_a_generated_town_is_a_file_that_one_can_keep() -> None:
    text = grid_city_text("grid:3x2:5")
    kept = parse_city(text, "kept.toml")
    assert kept.name == "grid-3x2-5"
    assert list(kept.edges) == list(load_city("grid:3x2:5").edges)


@pytest.mark.parametrize(
    "name",
    [
        "grid:",
        "grid:3",
        "grid:0x2:1",
        "grid:2x0:1",
        "grid:21x2:1",
        "grid:2x999:1",
        "grid:2x2",
        "grid:2x2:-1",
        "grid:2x2:1:1",
        "grid:2x2:1.5",
        "grid:axb:c",
        "grid: 2x2:1",
        "grid:1x1:1",
    ],
)
def test_a_name_that_is_no_grid_says_how_to_write_one(name: str) -> None:
    with pytest.raises(CityError, match=r"grid:COLSxROWS:SEED") as caught:
        load_city(name)
    assert repr(name) in str(caught.value)
