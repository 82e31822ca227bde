from __future__ import annotations

import numpy as np

from sim.photographs.fitting.ground_tracks import NO_TRACKS, GroundTracks, ground_tracks
from tests.support.painted_roads import FISHEYE, on_road, photograph, tracks_on_road

BEFORE = on_road(1.0)
AFTER = BEFORE.ahead(0.04, 0.003, 0.06)


def test_tracks_are_where_the_ground_went() -> None:
    tracks = ground_tracks(photograph(FISHEYE, BEFORE), photograph(FISHEYE, AFTER))
    assert tracks is not None
    forward, left = FISHEYE.ground_points(*tracks.before_px.T)
    cos, sin = np.cos(0.06), np.sin(0.06)
    ahead, aside = forward - 0.04, left - 0.003
    there = np.stack(FISHEYE.pixels(cos * ahead + sin * aside, cos * aside - sin * ahead), -1)
    offset = there - tracks.after_px
    off_px = np.sqrt(np.einsum("ni,nij,nj->n", offset, tracks.weight, offset).clip(0))
    assert len(tracks) > 40
    assert np.median(off_px) < 0.5
    assert np.mean(off_px < 1.5) > 0.9


def test_a_line_says_nothing_of_how_far_a_place_moved_along_it() -> None:
    """The weight's smaller eigenvalue is nearly 0 there."""
    plain = np.full((120, 160, 3), 90, np.uint8)
    plain[:, 70:80] = 200
    moved = np.roll(plain, 3, axis=1)
    tracks = ground_tracks(np.tile(plain, 1), moved)
    assert tracks is None or np.linalg.eigvalsh(tracks.weight)[:, 0].max() < 1e-6


def test_a_car_that_stands_and_a_picture_of_nothing_have_no_tracks() -> None:
    here = photograph(FISHEYE, BEFORE)
    assert ground_tracks(here, here) is None
    nothing = np.full_like(here, 100)
    assert ground_tracks(nothing, nothing) is None


def test_parts_hold_every_track_once_and_number_their_pairs_from_0() -> None:
    tracks = tracks_on_road(FISHEYE, 6)
    parts = [tracks.part(number, 4) for number in range(4)]
    assert sum(map(len, parts)) == len(tracks)
    assert all(part.pair[0] == 0 for part in parts)
    assert sum(part.pairs for part in parts) == tracks.pairs == 6
    assert NO_TRACKS.part(0, 4).pairs == GroundTracks.gathered([]).pairs == 0
