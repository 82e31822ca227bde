import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.vehicle.camera import Camera
from sim.looks.look import MAX_LAMPS
from sim.looks.room_looks import LINE_WIDTHS, room_look
from sim.looks.town_looks import look_of

seeds = st.integers(0, 2**40)
indices = st.integers(0, 10**6)


@given(seeds, indices)
def test_a_room_look_is_what_it_was(seed: int, index: int) -> None:
    first = room_look(seed, index)
    room_look(seed, index + 1)
    assert room_look(seed, index) == first
    assert room_look(seed, index + 1) != first
    assert room_look(seed + 1, index) != first


@given(seeds, indices)
def test_what_a_room_does_not_widen_is_that_of_the_plain_series(seed: int, index: int) -> None:
    room, drawn = room_look(seed, index, 0.0), look_of(seed, index)
    assert room.sky.rotation_rad == drawn.sky.rotation_rad
    assert room.ground == drawn.ground
    assert room.clutter == drawn.clutter
    assert replace(room.light, sun_share=drawn.light.sun_share) == drawn.light
    assert room.road.wear == drawn.road.wear


@given(seeds, indices)
def test_the_camera_is_within_its_tolerances(seed: int, index: int) -> None:
    look, camera = room_look(seed, index), Camera()
    mounted, sensor = look.camera_of(camera), look.sensor
    assert abs(mounted.height_m / camera.height_m - 1) <= 0.08
    assert abs(mounted.pitch_rad) <= math.radians(3)
    assert abs(mounted.roll_rad) <= math.radians(2)
    assert abs(mounted.across_rad - camera.across_rad) <= math.radians(4)
    assert all(0.5 * 0.8 <= gain <= 2 * 1.2 for gain in look.gains)
    assert -0.12 <= sensor.k1 <= 0.03
    assert 0 <= sensor.flicker <= 0.35
    assert 1 / 250 <= sensor.exposure_s <= 1 / 30
    assert sensor.jpeg_quality is None or 40 <= sensor.jpeg_quality <= 96


def test_rooms_fill_their_ranges() -> None:
    looks = [room_look(3, index) for index in range(300)]
    pitches = np.degrees([look.mount.pitch_rad for look in looks])
    assert pitches.min() < -2.8
    assert pitches.max() > 2.8
    exposures = np.log2([look.gains[1] for look in looks])
    assert exposures.min() < -0.7
    assert exposures.max() > 0.7
    raw = sum(look.sensor.jpeg_quality is None for look in looks)
    assert 35 < raw < 90


def test_rooms_have_no_lamp_to_three() -> None:
    looks = [room_look(5, index) for index in range(300)]
    counts = np.bincount([len(look.lamps) for look in looks], minlength=4)
    assert all(counts > 20), counts
    assert counts[3] < 60
    nights = [look for look in looks if look.light.sun_share == 0.02]
    assert nights
    for look in nights:
        assert 0.1 <= look.lamps[0].x_part <= 0.9, "the first hangs over the table"
        assert look.sky_share == pytest.approx(0.18)


def test_rooms_vary_what_lies_on_the_road() -> None:
    looks = [room_look(4, index) for index in range(200)]
    shares = {
        "glossy": sum(look.floor.mirrors > 0 for look in looks),
        "dirty": sum(look.floor.dirt > 0 for look in looks),
        "sheets": sum(look.floor.sheet_m is not None for look in looks),
        "lamp": sum(bool(look.lamps) for look in looks),
    }
    assert all(70 < count < 160 for count in shares.values()), shares
    assert {look.road.line_width for look in looks} == set(LINE_WIDTHS)
    assert {look.road.style for look in looks} == {None, "white", "asphalt"}
    for look in looks:
        assert len(look.lamps) <= MAX_LAMPS
        assert look.sky_share >= 0.04
        assert 0 <= look.people.count <= 8
        assert look.road.line_width in LINE_WIDTHS
        for paint in (look.road.white, look.road.asphalt):
            for line in (paint.left, paint.right, paint.divider):
                assert max(abs(a - b) for a, b in zip(line, paint.surface, strict=True)) > 0.15
