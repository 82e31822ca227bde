"""Looks of roads on a floor: as random as the photographs that they stand for, and repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.looks.floor_looks import DASHES_M, LINE_WIDTHS, MIN_CONTRAST, floor_look
from sim.looks.room_looks import room_look


@given(st.integers(0, 2**40), st.integers(0, 10**6))
def test_a_floor_look_is_what_it_was_and_its_room_is_a_rooms(seed: int, index: int) -> None:
    look, room = floor_look(seed, index), room_look(seed, index)
    assert floor_look(seed, index) == look
    assert floor_look(seed, index + 1) != look
    sensor = replace(look.sensor, resolution=1.0, cut=(0.0, 0.0), exposure_s=room.sensor.exposure_s)
    own = replace(look, beside=None, patches=None, road=room.road, floor=room.floor)
    assert replace(own, mount=room.mount, sensor=sensor) == room


@given(st.integers(0, 2**40), st.integers(0, 10**6))
def test_every_line_can_be_told_from_what_it_lies_on(seed: int, index: int) -> None:
    look = floor_look(seed, index)
    paint = look.road.asphalt
    assert look.beside is not None
    assert look.road.white == paint
    under = {paint.left: look.beside, paint.right: look.beside, paint.divider: paint.surface}
    for line, beside in under.items():
        for surface in (paint.surface, beside):
            assert max(abs(a - b) for a, b in zip(line, surface, strict=True)) >= MIN_CONTRAST


def test_floors_fill_their_ranges() -> None:
    looks = [floor_look(7, index) for index in range(400)]
    markings = [look.road.markings for look in looks]
    shares = {
        "no left line": sum(m.left < 1 for m in markings),
        "no right line": sum(m.right < 1 for m in markings),
        "no divider": sum(m.divider < 1 for m in markings),
    }
    assert all(20 < count < 80 for count in shares.values()), shares
    assert not any(m.left < 1 and m.right < 1 for m in markings)
    assert 100 < sum(m.in_lane for m in markings) < 180
    assert {m.dash_m for m in markings} == set(DASHES_M)
    same = sum(look.beside == look.road.asphalt.surface for look in looks)
    assert 170 < same < 270
    dark = sum(max(look.road.asphalt.surface) < 0.3 for look in looks)
    assert 50 < dark < 200
    assert {look.road.line_width for look in looks} == set(LINE_WIDTHS)
    patches = [look.patches for look in looks]
    assert 100 < patches.count(None) < 170
    assert 40 < sum(p.on_road for p in patches if p) < 95
    coarse = sum(look.sensor.resolution < 1 for look in looks)
    assert 200 < coarse < 280
    assert 105 < sum(look.sensor.cut != (0, 0) for look in looks) < 175
    assert 90 < sum(look.floor.mirrors > 0.05 for look in looks) < 150


@given(st.integers(0, 2**40), st.integers(0, 10**6))
def test_what_lies_on_the_road_is_sparse_and_can_be_seen(seed: int, index: int) -> None:
    look = floor_look(seed, index)
    patches = look.patches
    if patches is None:
        return
    surface = look.road.asphalt.surface
    apart = max(abs(a - b) for a, b in zip(patches.rgb, surface, strict=True))
    assert apart >= MIN_CONTRAST
    assert all(size < every for size, every in zip(patches.size_m, patches.every_m, strict=True))
    if patches.on_road:
        covered = np.prod(patches.size_m) / np.prod(patches.every_m)
        assert min(patches.size_m) <= 0.05
        assert covered < 0.07
