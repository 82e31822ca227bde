import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.vehicle.camera import Camera
from sim.looks.look import Look
from sim.looks.surfaces import RoadColors
from sim.looks.town_looks import look_of

seeds = st.integers(0, 2**40)
indices = st.integers(0, 10**6)


@given(seeds, indices)
def test_a_look_is_what_it_was(seed: int, index: int) -> None:
    first = look_of(seed, index)
    look_of(seed, index + 1)
    look_of(seed + 1, index)
    assert look_of(seed, index) == first


@given(seeds, indices)
def test_looks_differ_in_every_part(seed: int, index: int) -> None:
    one, other = look_of(seed, index), look_of(seed, index + 1)
    for part in ("light", "gains", "ground", "mount", "sensor", "repaint_seed"):
        assert getattr(one, part) != getattr(other, part)
    assert one.sky.rotation_rad != other.sky.rotation_rad
    assert one.road.white != other.road.white
    assert one.road.asphalt != other.road.asphalt


@given(seeds, indices, st.floats(0, 1))
def test_restyling_changes_nothing_but_the_style(seed: int, index: int, restyle: float) -> None:
    plain, styled = look_of(seed, index), look_of(seed, index, restyle)
    assert replace(styled, road=replace(styled.road, style=None)) == plain


def test_the_share_of_restyled_looks_is_as_asked() -> None:
    styles = [look_of(3, index, restyle=0.4).road.style for index in range(1000)]
    assert styles.count(None) == pytest.approx(600, abs=60)
    assert styles.count("white") == pytest.approx(200, abs=50)
    assert styles.count("asphalt") == pytest.approx(200, abs=50)
    assert {look_of(3, index).road.style for index in range(50)} == {None}


def _luminance(color: tuple[float, float, float]) -> float:
    return float(np.dot(color, (0.299, 0.587, 0.114)))


def _apart(road: RoadColors, look: Look) -> float:
    """Return the smallest difference of any channel's maximum between lines and road, as seen."""
    gains = np.array(look.gains)
    surface = np.clip(np.array(road.surface) * gains, 0, 1)
    lines = [np.clip(np.array(c) * gains, 0, 1) for c in (road.left, road.right, road.divider)]
    return min(float(np.abs(line - surface).max()) for line in lines)


@given(seeds, indices)
def test_a_person_can_always_see_the_lines(seed: int, index: int) -> None:
    look = look_of(seed, index)
    assert _apart(look.road.white, look) > 0.3
    assert _apart(look.road.asphalt, look) > 0.25
    assert look.road.wear <= 0.6
    white, asphalt = look.road.white, look.road.asphalt
    assert _luminance(white.surface) > 0.75
    assert _luminance(asphalt.surface) < 0.4
    assert white.left[0] > white.left[2] + 0.3, "the left line is red"
    assert white.right[2] > white.right[0] + 0.3, "the right line is blue"


@given(seeds, indices)
def test_the_camera_is_mounted_within_its_tolerances(seed: int, index: int) -> None:
    camera = Camera()
    mounted = look_of(seed, index).camera_of(camera)
    assert abs(mounted.height_m / camera.height_m - 1) <= 0.04
    assert abs(mounted.pitch_rad - camera.pitch_rad) <= math.radians(1.5)
    assert abs(mounted.roll_rad - camera.roll_rad) <= math.radians(1.0)
    assert abs(mounted.across_rad - camera.across_rad) <= math.radians(3.0)
    assert (mounted.width_px, mounted.height_px) == (camera.width_px, camera.height_px)
