from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely import Point

from pixelopolis.city.model import City
from pixelopolis.city.road_layout import road_layout
from pixelopolis.city.sources import load_city
from pixelopolis.city.toml_file import parse_city
from sim.render.meshes.scenery import LANDMARKS, SETBACK_M, footprint, roadside_points, scenery_of


@pytest.fixture(params=["pixelopolis", "figure-eight", "grid:2x1:4"])
def city(request: pytest.FixtureRequest) -> City:
    return load_city(request.param)


def test_no_building_stands_in_the_way(city: City) -> None:
    layout = road_layout(city)
    prints = [footprint(b) for b in scenery_of(city).buildings]
    assert len(prints) > 10
    for number, ground in enumerate(prints):
        assert layout.area.distance(ground) > SETBACK_M
        assert layout.platform.covers(ground)
        for other in prints[:number]:
            assert ground.intersection(other).area < 1e-9
        for sign in city.signs:
            pose = city.sign_pose(sign)
            assert ground.distance(Point(pose.x_m, pose.y_m)) > 0.05


def test_plants_and_lamps_leave_road_and_boards_free(city: City) -> None:
    layout, scenery = road_layout(city), scenery_of(city)
    for plant in scenery.plants:
        assert layout.area.distance(Point(plant.x_m, plant.y_m)) > plant.radius_m
    for lamp in scenery.lamps:
        assert layout.area.distance(Point(lamp.x_m, lamp.y_m)) > 0.02


def test_every_destination_has_its_landmark_beside_it() -> None:
    city = load_city("pixelopolis")
    buildings = scenery_of(city).buildings
    for destination in city.destinations.values():
        at = city.edges[destination.edge].curve.pose_at(destination.s_m)
        kind = LANDMARKS[destination.kind][0]
        near = [np.hypot(b.x_m - at.x_m, b.y_m - at.y_m) for b in buildings if b.kind == kind]
        assert min(near) < 0.9


def test_a_landmark_looks_at_its_street() -> None:
    city = load_city("pixelopolis")
    area = road_layout(city).area
    for building in scenery_of(city).buildings[:5]:
        x, y = building.x_m, building.y_m
        sin, cos = np.sin(building.heading_rad), np.cos(building.heading_rad)
        front, back = Point(x + 0.4 * sin, y - 0.4 * cos), Point(x - 0.4 * sin, y + 0.4 * cos)
        assert area.distance(front) < area.distance(back)


def test_the_same_town_is_built_twice() -> None:
    town = load_city("square")
    one, other = scenery_of(town), scenery_of(replace(town))
    assert one is not other
    assert (one.buildings, one.plants, one.lamps) == (other.buildings, other.plants, other.lamps)


def test_a_town_with_buildings_keeps_exactly_those() -> None:
    text = """
name = "own"
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
[[edge]]
id = "1"
from = "a"
to = "b"
[[building]]
x_m = 1.0
y_m = 0.5
width_m = 0.3
depth_m = 0.2
height_m = 0.25
kind = "tower"
"""
    city = parse_city(text, "own.toml")
    assert scenery_of(city).buildings == city.buildings
    assert len(city.buildings) == 1


def test_roadside_points_lie_on_pavements(city: City) -> None:
    layout = road_layout(city)
    blocks = shapely.union_all(list(layout.blocks))
    points = roadside_points(city, 20, np.random.default_rng(3))
    assert 10 <= len(points) <= 20
    for x, y in points.tolist():
        assert blocks.covers(Point(x, y))
        assert layout.area.distance(Point(x, y)) > 0.04
    again = roadside_points(city, 20, np.random.default_rng(3))
    assert np.array_equal(points, again)
