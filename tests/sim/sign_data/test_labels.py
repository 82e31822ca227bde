"""Boxes, visibility and view angles compared with geometry, for bodies high above a city."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from pixelopolis.city.signs import LANDMARKS, SIGN_CLASSES, sign_solid
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.model_io.voc.annotation import SPLINTER_VISIBLE, LabeledObject
from pixelopolis.vehicle.camera import Camera
from sim.looks.look import plain_look
from sim.looks.town_looks import look_of
from sim.render.meshes.models import Body, model_of, upright
from sim.render.renderer import Renderer, car_view
from sim.sign_data.labels import label

HIGH_M = 3.0
"""Higher than everything in the city."""
VIEW = car_view(
    replace(Camera(), height_m=HIGH_M, forward_m=0.0), Pose(0, 0, 0), rows=DETECTOR_ROWS
)
FACING = math.pi


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(replace(load_city("straight"), signs=()), plain_look()) as renderer:
        yield renderer


def afloat(name: str, ahead_m: float, left_m: float = 0.0, turn: float = FACING) -> Body:
    """Return a body in front of the camera, centered at its height."""
    low_m = -0.09 if name == "Car" else 0.0
    return upright(model_of(name), Pose(ahead_m, left_m, turn), HIGH_M + low_m)


def labels(renderer: Renderer, *bodies: Body) -> Mapping[int, LabeledObject]:
    """Return the labels by number of the body."""
    numbered = dict(enumerate(bodies, start=40000))
    renderer.set_props([body.mesh(number) for number, body in numbered.items()])
    ids = renderer.render(VIEW, ids=True).ids
    assert ids is not None
    found = {}
    for number, body in numbered.items():
        for item in label(ids, VIEW, {number: body}):
            found[number - 40000] = item
    together = label(ids, VIEW, numbered)
    assert together == tuple(found[number] for number in sorted(found))
    return found


@pytest.mark.parametrize("name", SIGN_CLASSES)
def test_boxes_and_visible_parts_agree_with_geometry(renderer: Renderer, name: str) -> None:
    rng = np.random.default_rng(SIGN_CLASSES.index(name))
    for _ in range(6):
        turn = rng.uniform(-0.7, 0.7) + FACING
        body = afloat(name, rng.uniform(0.3, 0.7), rng.uniform(-0.08, 0.08), turn)
        item = labels(renderer, body)[0]
        places, _ = VIEW.project(body.solids().corners_m)
        expected = np.concatenate([places.min(axis=0), places.max(axis=0)])
        assert np.abs(np.array(item.box_px) - expected).max() <= 1.0
        assert item.visible is not None
        assert item.visible > 0.93
        assert not item.truncated
        assert not item.difficult
        assert item.class_name == name


@pytest.mark.parametrize("name", ["Car", *LANDMARKS, "Go"])
def test_silhouettes_have_the_area_that_is_rendered(renderer: Renderer, name: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        body = afloat(name, rng.uniform(0.22, 0.35), 0.0, rng.uniform(0, 2 * math.pi))
        if body.view_angle_deg(VIEW.eye_m) > 80:
            continue  # too thin to count its pixels
        renderer.set_props([body.mesh(40000)])
        ids = renderer.render(VIEW, ids=True).ids
        assert ids is not None
        assert (ids == 40000).sum() == pytest.approx(body.solids().silhouette_px2(VIEW), rel=0.07)


def test_half_a_board_shows_beside_another_one(renderer: Renderer) -> None:
    behind, before = afloat("Plane", 0.40), afloat("Hand", 0.38, 0.0382)
    found = labels(renderer, behind, before)
    assert found[0].visible == pytest.approx(0.5, abs=0.06)
    assert found[0].box_px.width_px == pytest.approx(found[0].box_px.height_px / 2, abs=2)
    assert not found[0].truncated
    assert found[1].visible is not None
    assert found[1].visible > 0.95


def test_a_board_that_leaves_the_picture_is_truncated(renderer: Renderer) -> None:
    edge_m = 0.5 * VIEW.width_px / 2 / VIEW.focal_px
    item = labels(renderer, afloat("Go", 0.5, edge_m))[0]
    assert item.truncated
    assert item.box_px.xmin == 0
    assert item.visible == pytest.approx(0.5, abs=0.06)


def test_what_hardly_shows_is_difficult_or_left_out(renderer: Renderer) -> None:
    oblique, behind, edge_on = (
        labels(renderer, afloat("Left", 0.4, 0.0, FACING + math.radians(angle)))
        for angle in (65, 180, 87)
    )
    assert oblique[0].difficult
    assert oblique[0].view_angle_deg == pytest.approx(65, abs=0.5)
    assert not behind
    assert not edge_on
    far = labels(renderer, afloat("Left", 2.0))
    assert far[0].difficult
    assert far[0].box_px.height_px < 8
    assert not labels(renderer, afloat("Left", 0.41), afloat("Hand", 0.40)).get(0)
    edge_m = 0.2 * VIEW.width_px / 2 / VIEW.focal_px
    splinter = labels(renderer, afloat("Go", 0.2, edge_m + 0.0385))[0]
    assert splinter.difficult
    assert splinter.visible is not None
    assert 0 < splinter.visible < SPLINTER_VISIBLE
    assert labels(renderer, afloat("Museum", 0.4, 0.0, 0.3))[0].view_angle_deg == 0


def test_a_car_beside_the_camera_is_labeled_though_most_of_it_lies_behind(
    renderer: Renderer,
) -> None:
    item = labels(renderer, afloat("Car", 0.05, 0.14, 0.0))[0]
    assert item.truncated
    assert item.difficult
    assert item.visible is not None
    assert item.visible >= SPLINTER_VISIBLE


@pytest.mark.parametrize("name", LANDMARKS)
def test_a_landmark_is_as_large_as_the_table_says(name: str) -> None:
    corners = model_of(name).mesh["at"]
    solid = sign_solid(name)
    size = (solid.depth_m, solid.width_m, solid.height_m)
    assert np.ptp(corners, axis=0) == pytest.approx(size, abs=1e-4)
    assert corners.min(axis=0) + corners.max(axis=0) == pytest.approx((0, 0, 0), abs=1e-4)
    assert not model_of(name).mesh["slot"].any(), "looks do not repaint it"


def test_props_leave_no_trace(renderer: Renderer) -> None:
    renderer.set_props([])
    before = renderer.render(VIEW, ids=True)
    renderer.set_props([afloat("Go", 0.4).mesh(40000)])
    between = renderer.render(VIEW, ids=True)
    renderer.set_props([])
    after = renderer.render(VIEW, ids=True)
    assert np.array_equal(before.rgb, after.rgb)
    assert not np.array_equal(before.rgb, between.rgb)


def test_a_look_says_which_lamp_is_lit() -> None:
    city = load_city("straight")
    edge = max(city.edges.values(), key=lambda e: e.length_m)
    light = replace(city.signs[0], sign_class="Traffic_light", edge=edge.id, s_m=0.8)
    city = replace(city, signs=(light,))
    view = car_view(Camera(), edge.curve.pose_at(0.5), rows=DETECTOR_ROWS)
    seen: dict[int | None, tuple[str, np.ndarray]] = {}
    with Renderer(city, plain_look()) as renderer:
        for seed in (None, *range(12), None):
            renderer.set_look(replace(plain_look(), lights_seed=seed))
            rendered = renderer.render(view, ids=True)
            assert rendered.ids is not None
            lamp = _lamp(rendered.rgb[rendered.ids == 1].astype(int))
            again = seen.setdefault(seed, (lamp, rendered.rgb))
            assert np.array_equal(again[1], rendered.rgb)
    assert seen[None][0] == "green"
    assert {lamp for lamp, _ in seen.values()} == {"green", "amber", "red"}
    assert look_of(1, 1).lights_seed is not None


def _lamp(face: np.ndarray) -> str:
    """Return which lamp is lit on a board, by the hue of its lit pixels."""
    red, green = face[:, 0], face[:, 1]
    if ((red > 180) & (green < 110)).any():
        return "red"
    return "amber" if ((red > 210) & (green > 130) & (green < 205)).any() else "green"
