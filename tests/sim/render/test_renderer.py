"""The renderer on this computer's OpenGL: positions in its images."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import psutil
import pytest
import shapely
from typer.testing import CliRunner

from pixelopolis.city.model import City, Sign
from pixelopolis.city.road_layout import road_layout
from pixelopolis.city.sources import load_city
from pixelopolis.cli.main import app
from pixelopolis.errors import RenderError
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import lane_crop
from pixelopolis.vehicle.camera import Camera
from sim.looks.look import Mount, plain_look
from sim.looks.town_looks import look_of
from sim.render.gl import context
from sim.render.meshes.car import car_mesh
from sim.render.meshes.models import Solids, model_of, upright
from sim.render.meshes.scenery import scenery_of
from sim.render.meshes.town import build_town
from sim.render.renderer import CarBody, Renderer, bird_view, car_view
from sim.render.view import View

CAMERA = Camera()
WIDE = Camera(640, 480)


@pytest.fixture(scope="module")
def town() -> City:
    return load_city("pixelopolis")


@pytest.fixture(scope="module")
def module_renderer(town: City) -> Iterator[Renderer]:
    with Renderer(town, plain_look()) as renderer:
        yield renderer


@pytest.fixture
def renderer(module_renderer: Renderer) -> Renderer:
    module_renderer.set_look(plain_look())
    return module_renderer


def _poses(city: City, count: int, seed: int = 1) -> list[Pose]:
    rng = np.random.default_rng(seed)
    edges = list(city.edges.values())
    found = []
    for _ in range(count):
        edge = edges[int(rng.integers(len(edges)))]
        at = edge.curve.pose_at(edge.length_m * rng.uniform())
        found.append(at.ahead(0.0, rng.uniform(-0.06, 0.06), rng.uniform(-0.3, 0.3)))
    return found


def _box(mask: np.ndarray) -> np.ndarray:
    """Return (left, top, right, bottom) of a mask; right and bottom are outer edges."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _sign(town: City, sign: Sign) -> Solids:
    return upright(model_of(sign.sign_class), town.sign_pose(sign), sign.height_m).solids()


def _projected(view: View, corners_m: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return box and area of a convex solid in a view; None unless it is entirely in the image."""
    places, depth = view.project(corners_m)
    low, high = places.min(axis=0), places.max(axis=0)
    if depth.min() < 0.05 or low.min() < 0 or high[0] > view.width_px or high[1] > view.rows:
        return None
    return np.concatenate([low, high]), float(shapely.MultiPoint(places).convex_hull.area)


# --- instance ids --------------------------------------------------------------------------------


def test_ids_box_every_board_within_a_pixel_of_its_projection(
    renderer: Renderer, town: City
) -> None:
    """From in front, from aside and from the lane; boards that something may hide are left out."""
    everything = build_town(town, road_layout(town), scenery_of(town)).objects
    boxes = 0
    for number, sign in enumerate(town.signs, start=1):
        pose = town.sign_pose(sign)
        edge = town.edges[sign.edge]
        corners = _sign(town, sign).corners_m
        around = np.array([*product(*zip(corners.min(axis=0), corners.max(axis=0), strict=True))])
        eyes = [pose.ahead(d, a, math.pi) for d in (0.3, 0.5, 0.8) for a in (-0.1, 0.0, 0.12)]
        eyes += [edge.curve.pose_at(max(0.0, sign.s_m - back)) for back in (0.35, 0.5, 0.7)]
        others = np.arange(len(everything.count)) != number - 1
        low, high = everything.low_m[others], everything.high_m[others]
        for eye in eyes:
            views = car_view(WIDE, eye), car_view(CAMERA, eye), car_view(WIDE, eye, samples=4)
            shown = [(view, _projected(view, corners)) for view in views]
            if all(expected is None for _, expected in shown):
                continue
            if _may_hide(views[0].eye_m, around, low, high):  # all three look from there
                continue
            for view, expected in shown:
                if expected is None:
                    continue
                ids = renderer.render(view, (), ids=True).ids
                assert ids is not None
                assert np.abs(_box(ids == number) - expected[0]).max() <= 1.0, sign
                boxes += 1
    assert boxes > 100


def _may_hide(eye: np.ndarray, targets: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Return whether any axis-aligned box (n, 3) is between an eye and a solid's corners."""
    spread = np.linspace(0, 1, 5)
    inside = [a + (b - a) * t for a in targets for b in targets for t in spread]
    way = np.unique(np.round(inside, 6), axis=0) - eye
    with np.errstate(divide="ignore"):
        first = (low - eye)[None] / way[:, None]
        last = (high - eye)[None] / way[:, None]
    enter = np.minimum(first, last).max(axis=2)
    leave = np.maximum(first, last).min(axis=2)
    return bool(((enter <= leave) & (leave > 0) & (enter < 1)).any())


def test_most_boards_are_in_full_sight_of_their_lane(renderer: Renderer, town: City) -> None:
    seen = 0
    for number, sign in enumerate(town.signs, start=1):
        eye = town.edges[sign.edge].curve.pose_at(sign.s_m - 0.45)
        view = car_view(WIDE, eye)
        solids = _sign(town, sign)
        ids = renderer.render(view, (), ids=True).ids
        assert ids is not None
        assert _projected(view, solids.corners_m) is not None
        seen += (ids == number).sum() > 0.9 * solids.silhouette_px2(view)
    assert seen == len(town.signs)


def test_ids_box_a_car_within_a_pixel_of_its_mesh(renderer: Renderer, town: City) -> None:
    lane = town.edges["5"].curve
    car = CarBody("ahead", lane.pose_at(0.75).ahead(0.0, 0.01, 0.2), "#2f80d0")
    corners = car_mesh()["at"].astype(float)
    placed = np.array([(*_at(car.pose, x, y), z) for x, y, z in corners.tolist()])
    view = car_view(WIDE, lane.pose_at(0.1))
    rendered = renderer.render(view, [car], ids=True)
    assert rendered.ids is not None
    number = next(n for n, i in renderer.instances.items() if i.name == "ahead")
    expected = _projected(view, placed)
    assert expected is not None
    assert np.abs(_box(rendered.ids == number) - expected[0]).max() <= 1.0
    instance = renderer.instances[number]
    assert (instance.kind, instance.class_name) == ("car", "Car")


def _at(pose: Pose, forward_m: float, left_m: float) -> tuple[float, float]:
    at = pose.ahead(forward_m, left_m)
    return at.x_m, at.y_m


def test_instances_name_every_sign(renderer: Renderer, town: City) -> None:
    signs = [i for _, i in sorted(renderer.instances.items()) if i.kind == "sign"]
    assert [i.class_name for i in signs] == [s.sign_class for s in town.signs]


def test_a_hidden_car_is_not_in_the_picture(renderer: Renderer, town: City) -> None:
    pose = town.edges["1"].curve.pose_at(0.4)
    cars = [CarBody("own", pose), CarBody("other", pose.ahead(0.6), "#00ff00")]
    without = renderer.render(car_view(CAMERA, pose, hide_car="own"), cars)
    alone = renderer.render(car_view(CAMERA, pose), cars[1:])
    empty = renderer.render(car_view(CAMERA, pose), [])
    assert np.array_equal(without.rgb, alone.rgb)
    assert not np.array_equal(without.rgb, empty.rgb)


def test_more_cars_than_fit_are_refused(renderer: Renderer, town: City) -> None:
    pose = town.edges["1"].curve.pose_at(0.4)
    with pytest.raises(RenderError, match="256"):
        renderer.render(car_view(CAMERA, pose), [CarBody(f"c{k}", pose) for k in range(257)])


# --- repeated rendering --------------------------------------------------------------------------


def test_the_same_view_gives_the_same_bits(renderer: Renderer, town: City) -> None:
    cars = [CarBody("a", town.edges["2"].curve.pose_at(0.1))]
    views = [car_view(CAMERA, pose) for pose in _poses(town, 6)]
    first = [renderer.render(view, cars, ids=True) for view in views]
    renderer.set_look(look_of(3, 4))
    other = renderer.render(views[0], cars)
    renderer.set_look(plain_look())
    again = [renderer.render(view, cars, ids=True) for view in views]
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.rgb, two.rgb)
        assert np.array_equal(one.ids, two.ids)
    assert not np.array_equal(other.rgb, first[0].rgb)


@pytest.mark.parametrize("samples", [1, 4])
def test_a_crop_is_the_bottom_quarter_of_the_whole(
    renderer: Renderer, town: City, samples: int
) -> None:
    look = replace(plain_look(), mount=Mount(1.04, math.radians(1.5), math.radians(-1.0), 0.05))
    cars = [CarBody(f"car{k}", pose) for k, pose in enumerate(_poses(town, 3, seed=8))]
    for camera in (Camera(120, 160), CAMERA, look.camera_of(Camera(180, 240))):
        for pose in _poses(town, 5, seed=2):
            whole = renderer.render(car_view(camera, pose, samples=samples), cars, ids=True)
            crop = renderer.render(car_view(camera, pose, 0.25, samples=samples), cars, ids=True)
            assert crop.rgb.shape == (camera.height_px // 4, camera.width_px, 3)
            assert np.array_equal(crop.rgb, lane_crop(whole.rgb))
            assert whole.ids is not None
            assert crop.ids is not None
            assert np.array_equal(crop.ids, whole.ids[-crop.ids.shape[0] :])


def test_renderers_work_one_after_another_and_side_by_side(town: City) -> None:
    straight = load_city("straight")
    here = car_view(CAMERA, town.edges["1"].curve.pose_at(0.2))
    there = car_view(CAMERA, next(iter(straight.edges.values())).curve.pose_at(0.3))
    with Renderer(town, plain_look()) as one:
        alone = one.render(here).rgb
    with Renderer(town, plain_look()) as one, Renderer(straight, look_of(1, 2)) as other:
        first = other.render(there).rgb
        assert np.array_equal(one.render(here).rgb, alone)
        assert np.array_equal(other.render(there).rgb, first)
    assert not np.array_equal(first, alone)


def test_a_closed_renderer_says_so(town: City) -> None:
    renderer = Renderer(town, plain_look())
    renderer.close()
    renderer.close()
    with pytest.raises(RenderError, match="closed"):
        renderer.render(car_view(CAMERA, town.edges["1"].curve.start))


def test_closing_frees_the_context(town: City) -> None:
    process = psutil.Process()
    used = []
    for _ in range(5):
        with Renderer(town, plain_look()) as renderer:
            renderer.render(car_view(CAMERA, town.edges["1"].curve.start))
        used.append(process.memory_info().rss / 2**20)
    # a city's textures and meshes alone take more than 30 MB
    assert used[-1] - used[1] < 45


def test_without_opengl_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, town: City) -> None:
    monkeypatch.setitem(context._EGL, "libegl", "libEGL-of-no-machine.so.1")
    with pytest.raises(RenderError) as caught:
        Renderer(town, plain_look())
    for package in ("libegl1", "libgl1", "libgl1-mesa-dri"):
        assert package in caught.value.next_step


# --- lane lines ----------------------------------------------------------------------------------


def _line_seen(image: np.ndarray, view: View, points_m: np.ndarray, channel: int) -> list[bool]:
    """Return for rows of an image whether a colored line is at its projection."""
    places, depth = view.project(np.column_stack([points_m, np.zeros(len(points_m))]))
    rows = np.round(places[:, 1] - 0.5).astype(int)
    found = []
    for row in range(view.rows):
        near = (rows == row) & (depth > 0)
        columns = places[near, 0]
        columns = columns[(columns > 2) & (columns < view.width_px - 2)]
        if len(columns):
            window = image[row, int(columns.min()) - 2 : int(columns.max()) + 3].astype(int)
            others = np.delete(window, channel, axis=1).max(axis=1)
            found.append(bool((window[:, channel] - others).max() > 60))
    return found


@pytest.mark.parametrize("edge", ["1", "5", "10"])
def test_lines_in_the_crop_are_thin_but_never_broken(
    renderer: Renderer, town: City, edge: str
) -> None:
    """In the model's own image, 120 x 40, and far away in the whole frame."""
    curve = town.edges[edge].curve
    half_m = town.road.lane_width_m / 2
    for camera, part, least in ((Camera(120, 160), 0.25, 15), (CAMERA, 1.0, 60)):
        view = car_view(camera, curve.pose_at(0.05), part)
        image = renderer.render(view).rgb
        lane = curve.part(0.0, 0.9)
        for left_m, channel in ((half_m, 0), (-half_m, 2)):
            seen = _line_seen(image, view, lane.offset(left_m).points_m, channel)
            assert len(seen) >= least
            assert all(seen)


def test_a_line_is_as_wide_as_the_town_says(renderer: Renderer, town: City) -> None:
    curve = town.edges["1"].curve
    view = car_view(CAMERA, curve.pose_at(0.0))
    image = renderer.render(view).rgb.astype(int)
    row = 260
    blue = np.maximum(image[row, :, 2] - image[row, :, :2].max(axis=1), 0)
    depth = CAMERA.height_m * CAMERA.focal_px / (row + 0.5 - CAMERA.height_px / 2)
    expected = town.road.line_width_m * CAMERA.focal_px / depth
    assert blue.sum() / blue.max() == pytest.approx(expected, rel=0.1)


def test_asphalt_has_white_borders_and_a_yellow_middle() -> None:
    city = load_city("grid:2x1:3")
    edge = max(city.edges.values(), key=lambda e: e.length_m)
    middle = edge.curve.pose_at(edge.length_m / 2)
    half_m = city.road.lane_width_m / 2
    with Renderer(city, plain_look()) as renderer:
        view = car_view(CAMERA, edge.curve.pose_at(0.0))
        image = renderer.render(view).rgb.astype(int)
        (road, border), _ = view.project(
            np.array([(*_at(middle, 0.0, 0.0), 0.0), (*_at(middle, 0.0, -half_m), 0.0)])
        )
        assert image[int(road[1]), int(road[0])].max() < 110
        assert image[int(border[1]), int(border[0])].min() > 150
        left = np.array(
            [(*_at(edge.curve.pose_at(s), 0.0, half_m), 0.0) for s in np.linspace(0.2, 0.5, 60)]
        )
        places, _ = view.project(left)
        shades = np.array([image[int(y), int(x)] for x, y in places if 0 <= x < 240 and y < 320])
        yellow = (shades[:, 0] > 180) & (shades[:, 1] > 130) & (shades[:, 2] < 120)
        assert 0.2 < yellow.mean() < 0.9, "dashed"
        renderer.set_look(replace(plain_look(), road=replace(plain_look().road, style="white")))
        white = renderer.render(view).rgb
        assert white[int(road[1]), int(road[0])].min() > 200


# --- the whole city, and the command -------------------------------------------------------------


def test_the_birds_eye_view_holds_the_whole_town(town: City) -> None:
    x0, y0, x1, y1 = road_layout(town).platform.bounds
    corners = np.array([(x, y, 0.0) for x in (x0, x1) for y in (y0, y1)])
    for width, height in ((640, 400), (300, 500)):
        view = bird_view(town, width, height)
        places, depth = view.project(corners)
        assert depth.min() > 0
        assert places.min() > 0
        assert (places.max(axis=0) < (width, height)).all()
        assert np.ptp(places, axis=0).max() > 0.8 * min(width, height)


def test_projection_and_clip_space_agree(town: City) -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform((-1, -1, 0), (4, 4, 0.5), (200, 3))
    look = look_of(2, 9)
    for pose in _poses(town, 4):
        view = car_view(look.camera_of(CAMERA), pose, part=0.25)
        places, depth = view.project(points)
        clip = np.column_stack([points, np.ones(len(points))]) @ view.clip_matrix().T.astype(float)
        ahead = depth > 0.05
        ndc = clip[ahead, :2] / clip[ahead, 3:]
        x = (ndc[:, 0] + 1) / 2 * view.width_px
        y = (ndc[:, 1] + 1) / 2 * view.height_px - view.top_px
        assert np.abs(np.column_stack([x, y]) - places[ahead]).max() < 0.05


def test_what_may_show_is_never_left_out(town: City) -> None:
    rng = np.random.default_rng(6)
    low = rng.uniform((-0.5, -0.5, 0), (4, 3.5, 0.1), (300, 3))
    high = low + rng.uniform(0.02, 0.4, (300, 3))
    for pose in _poses(town, 5):
        for part in (1.0, 0.25):
            view = car_view(CAMERA, pose, part)
            seen = view.sees_boxes(low, high)
            for k in range(len(low)):
                inside = rng.uniform(low[k], high[k], (40, 3))
                places, depth = view.project(inside)
                shows = (depth > 0.02) & (places >= 0).all(axis=1)
                shows &= (places[:, 0] < view.width_px) & (places[:, 1] < view.rows)
                assert seen[k] or not shows.any()
            assert not seen.all()


def test_sun_and_shadow_follow_the_look(renderer: Renderer, town: City) -> None:
    view = bird_view(town, 320, 200, samples=1)
    plain = plain_look()
    east = replace(plain, light=replace(plain.light, azimuth_rad=0.0, elevation_rad=0.6))
    west = replace(plain, light=replace(plain.light, azimuth_rad=math.pi, elevation_rad=0.6))
    pictures = []
    for look in (east, west):
        renderer.set_look(look)
        pictures.append(cv2.cvtColor(renderer.render(view).rgb, cv2.COLOR_RGB2GRAY).astype(int))
    assert (np.abs(pictures[0] - pictures[1]) > 25).mean() > 0.02


def test_bench_render_prints_frames_a_second() -> None:
    arguments = ["bench", "render", "--width", "160", "--height", "120", "--ids", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--seconds", "0.1"])
    found = json.loads(result.stdout)
    assert found["fps"] > 0
    assert (found["width"], found["height"], found["ids"]) == (160, 120, True)
    assert found["driver"]
