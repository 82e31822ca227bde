from __future__ import annotations

import pytest

from pixelopolis.city.sources import load_city, shipped_cities
from pixelopolis.city.start_places import spawn_places
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_REAR_M

TOWNS = (*shipped_cities(), "grid:3x2:5", "grid:2x1:1")


@pytest.mark.parametrize("name", TOWNS)
def test_cars_stand_whole_on_an_edge_of_their_own(name: str) -> None:
    city = load_city(name)
    room = sum(edge.length_m > 0.5 for edge in city.edges.values())
    places = spawn_places(city, room)
    assert len({place.edge for place in places}) == room
    for place in places:
        assert CAR_REAR_M < place.s_m < city.edges[place.edge].length_m - CAR_FRONT_M


def test_few_cars_have_an_edge_between_them_and_block_nothing() -> None:
    city = load_city("pixelopolis")
    first, second = (city.edges[place.edge] for place in spawn_places(city, 2))
    assert not {first.from_node, first.to_node} & {second.from_node, second.to_node}
    assert {first.id, second.id} <= {"10", "13", "15", "12"}


@pytest.mark.parametrize("name", TOWNS)
def test_more_cars_leave_the_first_ones_where_they_were(name: str) -> None:
    city = load_city(name)
    room = sum(edge.length_m > 0.5 for edge in city.edges.values())
    most = spawn_places(city, room)
    assert all(spawn_places(city, n) == most[:n] for n in range(1, room))
    assert spawn_places(load_city(name), room) == most


def test_a_town_that_is_too_small_says_how_many_it_holds() -> None:
    with pytest.raises(SettingsError, match="room for 1 to 3") as caught:
        spawn_places(load_city("curvy"), 9)
    assert "fewer" in caught.value.next_step
    with pytest.raises(SettingsError):
        spawn_places(load_city("curvy"), 0)
