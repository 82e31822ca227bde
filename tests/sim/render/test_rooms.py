"""Effects of rooms on the rendered road: lamps, reflections, dirt, joints, people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pixelopolis.city.road_layout import road_layout
from pixelopolis.city.sources import load_city
from pixelopolis.errors import RenderError
from pixelopolis.vehicle.camera import Camera
from sim.looks.look import Lamp, Light, Look, People, Sky, plain_look
from sim.looks.surfaces import Floor, Markings, Patches, Rgb, RoadColors
from sim.render.maps.ground import GroundArea
from sim.render.maps.light import lamp_map, lamp_place, light_map, light_scale, shadow_of, sky_map
from sim.render.meshes.crowd import crowd_of
from sim.render.renderer import Renderer
from sim.render.view import car_view

CITY = load_city("pixelopolis")


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(CITY, plain_look()) as made:
        yield made


def road(renderer: Renderer, look: Look) -> NDArray[np.float64]:
    renderer.set_look(look)
    edge = next(iter(CITY.edges.values()))
    view = car_view(Camera(), edge.curve.pose_at(0.4 * edge.length_m), part=0.25)
    return renderer.render(view).rgb.astype(float)


def test_a_mirroring_road_shows_the_lamps_above(renderer: Renderer) -> None:
    dark = replace(plain_look(), gains=(0.5, 0.5, 0.5), sky=Sky("gallery"))
    shiny = replace(dark, floor=Floor(mirrors=0.05, roughness=4.0, lamps=12.0))
    matt, mirrored = road(renderer, dark), road(renderer, shiny)
    assert (mirrored - matt).max() > 10
    assert (mirrored - matt).mean() > 2


def test_dirt_takes_contrast_from_lines(renderer: Renderer) -> None:
    clean, dirty = (
        road(renderer, replace(plain_look(), floor=Floor(dirt=dirt))) for dirt in (0.0, 0.45)
    )
    assert dirty.std() != clean.std()
    assert dirty.mean() < clean.mean() - 5


def test_lines_get_as_wide_as_the_look_says_and_are_painted_again_when_forgotten(
    renderer: Renderer,
) -> None:
    plain = plain_look()

    def line_pixels(width: float) -> float:
        lined = road(renderer, replace(plain, road=replace(plain.road, line_width=width)))
        return float((lined.max(axis=2) - lined.min(axis=2) > 60).mean())

    shares = [line_pixels(width) for width in (0.7, 1.0, 1.35, 1.5, 1.6)]
    assert shares == sorted(shares)
    assert shares[0] < 0.8 * shares[1]
    assert shares[2] > 1.2 * shares[1]
    assert line_pixels(0.7) == shares[0]


def seen_lines(renderer: Renderer, look: Look) -> dict[str, float]:
    """Return the share of the picture that each line's color covers."""
    seen = road(renderer, look)
    top, low = seen.max(axis=2), seen.min(axis=2)
    strong = top - low > 60
    return {
        name: float((strong & (seen.argmax(axis=2) == channel)).mean())
        for channel, name in enumerate(("left", "divider", "right"))
    }


def marked(markings: Markings, beside: Rgb | None = None) -> Look:
    """Return the plain look with a red left line, a green divider and a blue right line."""
    paint = RoadColors((0.7, 0.7, 0.7), (0.9, 0.0, 0.0), (0.0, 0.0, 0.9), (0.0, 0.9, 0.0))
    plain = plain_look()
    colored = replace(plain.road, white=paint, asphalt=paint, style="asphalt", markings=markings)
    return replace(plain, road=colored, beside=beside)


def test_each_line_may_be_missing(renderer: Renderer) -> None:
    whole = seen_lines(renderer, marked(Markings()))
    assert whole["left"] > 0.01
    assert whole["right"] > 0.01
    without = seen_lines(renderer, marked(Markings(left=0.0)))
    assert without["left"] == 0
    assert without["right"] == pytest.approx(whole["right"], rel=0.02)
    assert seen_lines(renderer, marked(Markings(right=0.0)))["right"] == 0


def test_a_line_in_the_lane_runs_below_the_car(renderer: Renderer) -> None:
    def middle(markings: Markings) -> float:
        seen = road(renderer, marked(markings))
        columns = seen[:, seen.shape[1] // 2 - 8 : seen.shape[1] // 2 + 8]
        return float((columns[..., 1] - columns[..., 0] > 40).mean())

    assert middle(Markings()) == 0
    assert middle(Markings(divider=0.0, in_lane=True)) == 0
    dashed = middle(Markings(dash_m=(0.05, 0.14), in_lane=True))
    assert 0.02 < dashed < 0.6 * middle(Markings(dash_m=(0.1, 0.0), in_lane=True))


def test_a_road_on_a_floor_has_no_town_beside_it(renderer: Renderer) -> None:
    blue = seen_lines(renderer, marked(Markings(0.0, 0.0, 0.0), beside=(0.0, 0.0, 0.9)))
    assert blue["right"] > 0.1
    gray = road(renderer, marked(Markings(0.0, 0.0, 0.0), beside=(0.7, 0.7, 0.7)))
    # nothing but the floor, lit by a colored sun
    assert np.ptp(gray.max(axis=2) - gray.min(axis=2)) < 40
    assert (gray.max(axis=2) > 0).all()


def test_patches_lie_beside_the_road_or_on_it_too(renderer: Renderer) -> None:
    blue = (0.0, 0.0, 0.9)

    def blue_share(size_m: float, on_road: bool) -> NDArray[np.bool_]:
        patches = Patches(blue, (size_m, size_m), (0.1, 0.1), 0.4, on_road)
        bare = marked(Markings(0.0, 0.0, 0.0), beside=(0.7, 0.7, 0.7))
        seen = road(renderer, replace(bare, patches=patches))
        return np.asarray(seen[..., 2] - seen[..., 0] > 60)

    beside, all_over = blue_share(0.08, False), blue_share(0.08, True)
    column = beside.shape[1] // 2
    assert not beside[:, column - 5 : column + 5].any(), "the lane is free"
    assert beside.mean() > 0.01
    # two of three cells have a patch, of 0.64 of their area
    assert all_over.mean() == pytest.approx(0.43, abs=0.15)
    assert all_over[beside].all()
    assert blue_share(0.04, True).mean() < 0.5 * all_over.mean()


def test_joints_darken_thin_stripes_only(renderer: Renderer) -> None:
    whole = road(renderer, plain_look())
    sheets = Floor(sheet_m=(0.15, 0.15), joint_dark=0.5, joint_m=0.002)
    jointed = road(renderer, replace(plain_look(), floor=sheets))
    darker = (whole - jointed).max(axis=2) > 15
    assert 0.005 < darker.mean() < 0.4


def test_a_lamp_fades_and_throws_shadows(renderer: Renderer) -> None:
    night = replace(plain_look().light, sun_share=0.0)
    looks = [
        replace(plain_look(), light=night, lamps=(Lamp(x, 0.5, 1.0, 0.9),)) for x in (0.0, 0.5, 1.0)
    ]
    means = [road(renderer, look).mean() for look in looks]
    assert max(means) > 1.3 * min(means)


def test_a_lamp_lights_all_ground_with_one_half_on_average() -> None:
    frame = GroundArea(0.0, 0.0, 4.0, 3.0)
    lit = lamp_map(frame, Lamp(0.5, 0.5, 2.0, 1.0), ())
    assert lit.mean() == pytest.approx(127.5, rel=0.03)
    assert lit[lit.shape[0] // 2, lit.shape[1] // 2] == lit.max()


LAMPS = (
    Lamp(0.2, 0.2, 3.0, 0.3, (1.2, 1.0, 0.7)),
    Lamp(0.8, 0.3, 2.5, 0.2, (0.9, 1.0, 1.1)),
    Lamp(0.5, 0.9, 3.5, 0.2),
)


@pytest.mark.parametrize("count", range(4))
def test_each_lamp_adds_its_light_and_its_shadow(count: int) -> None:
    frame = GroundArea(0.0, 0.0, 4.0, 3.0)
    dim = replace(plain_look(), light=Light(0.5, 1.0, 0.2, softness_m=0.01))
    look = replace(dim, lamps=LAMPS[:count])
    square = np.array([(1.97, 1.47), (2.03, 1.47), (2.03, 1.53), (1.97, 1.53)])
    board = (shadow_of(square, 0.40, 0.35),)
    free, shaded = (
        light_map(frame, look, sky_map(frame, shadows), shadows) for shadows in ((), board)
    )
    # lamps share the light with the sky, and their colors mix
    gains = np.array(look.light.sky_rgb) * look.sky_share + np.array(look.light.sun_rgb) * 0.2
    gains = gains + sum((np.array(lamp.rgb) * lamp.share for lamp in look.lamps), np.zeros(3))
    mean = free[..., :3].mean(axis=(0, 1)) / 255 * light_scale(look)
    assert mean == pytest.approx(gains, rel=0.05)
    # sun and lamps cast one shadow each, away from them
    middle, high_m = square.mean(axis=0), 0.375
    places = [middle - high_m / np.tan(1.0) * np.array([np.cos(0.5), np.sin(0.5)])]
    for lamp in LAMPS:
        at = lamp_place(frame, lamp)
        places.append(at + (middle - at) / (1 - high_m / lamp.height_m))
    shade = free[..., 1].astype(int) - shaded[..., 1]
    size = (shade.shape[1] / frame.width_m, shade.shape[0] / frame.depth_m)
    columns, rows = (np.array(places) * size).astype(int).T
    assert (shade[rows, columns] > 5).tolist() == [i <= count for i in range(4)]
    sun = free[rows, columns, 3].astype(int) - shaded[rows, columns, 3]
    assert (sun > 150).tolist() == [True, False, False, False]


def test_four_lamps_are_too_many(renderer: Renderer) -> None:
    with pytest.raises(RenderError, match="3 lamps"):
        renderer.set_look(replace(plain_look(), lamps=(*LAMPS, LAMPS[0])))


def test_people_stand_around_the_platform_and_take_light(renderer: Renderer) -> None:
    platform = road_layout(CITY).platform
    crowd = crowd_of(People(8, 3), platform)
    assert crowd == crowd_of(People(8, 3), platform)
    x0, y0, x1, y1 = platform.bounds
    for person in crowd:
        assert not (x0 - 0.2 < person.x_m < x1 + 0.2 and y0 - 0.2 < person.y_m < y1 + 0.2)
        assert len(person.mesh())
    empty, full = (replace(plain_look(), people=People(n, 3)) for n in (0, 40))
    views = [car_view(Camera(), edge.curve.pose_at(0.2)) for edge in CITY.edges.values()]
    renderer.set_look(empty)
    before = np.mean([renderer.render(view).rgb.mean() for view in views])
    renderer.set_look(full)
    assert np.mean([renderer.render(view).rgb.mean() for view in views]) < before - 1
