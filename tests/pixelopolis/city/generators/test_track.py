from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.generators.track import BEND_M, LANE_M, MIN_TURN_M, track_city_text
from pixelopolis.city.model import Turn
from pixelopolis.city.routing import edge_graph
from pixelopolis.city.sources import load_city
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import CityError

seeds = st.integers(0, 999_999_999)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_every_seed_is_a_valid_town_that_hangs_together(seed: int) -> None:
    city = load_city(f"track:{seed}")
    assert nx.is_strongly_connected(edge_graph(city))
    assert 1 <= sum(len(ways) == 2 for ways in city.exits.values()) <= 3
    assert LANE_M[0] <= city.road.lane_width_m <= LANE_M[1]
    for edge in city.edges.values():
        assert np.abs(edge.curve.curvatures_per_m).max() < 1.1 / BEND_M[0]
    for movement in city.movements.values():
        assert np.abs(movement.curve.curvatures_per_m).max() < 1.1 / MIN_TURN_M


def test_the_same_seed_is_the_same_town_and_another_seed_another() -> None:
    texts = {track_city_text(f"track:{seed}") for seed in range(20)}
    assert len(texts) == 20
    track_city_text.cache_clear()
    assert texts == {track_city_text(f"track:{seed}") for seed in range(20)}


def test_there_are_junctions_of_every_kind_and_about_as_many_lefts_as_rights() -> None:
    kinds: Counter[frozenset[Turn]] = Counter()
    styles = set()
    for seed in range(40):
        city = load_city(f"track:{seed}")
        styles.add(city.road.style)
        for ways in city.exits.values():
            if len(ways) > 1:
                kinds[frozenset(m.turn for m in ways)] += 1
    straight, left, right = Turn
    for pair in ((straight, left), (straight, right), (left, right)):
        assert kinds[frozenset(pair)] >= 15
    assert styles == {"white", "asphalt"}


def test_a_generated_track_is_a_file_that_one_can_keep() -> None:
    kept = parse_city(track_city_text("track:7"), "kept.toml")
    assert kept.name == "track-7"
    assert list(kept.edges) == list(load_city("track:7").edges)


@pytest.mark.parametrize("name", ["track:", "track:-1", "track:1.5", "track:1:2", "track:a"])
def test_a_name_that_is_no_track_says_how_to_write_one(name: str) -> None:
    with pytest.raises(CityError, match=r"track:SEED") as caught:
        load_city(name)
    assert repr(name) in str(caught.value)
