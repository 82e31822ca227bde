from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.photographs.fitting.ground_tracks import NO_TRACKS, GroundTracks
from sim.photographs.fitting.motion_misfit import motion_misfit
from sim.photographs.lens import LensKind, PhotoCamera

PAIRS, TRACKS = 12, 60
cameras = st.builds(
    lambda kind, focal, pitch_deg, height: PhotoCamera(
        160, 120, (80.0, 60.0), kind, focal, math.radians(pitch_deg), 0.0, height
    ),
    st.sampled_from(LensKind),
    st.floats(75, 120),
    st.floats(10, 25),
    st.floats(0.05, 1.0),
)


def tracks_of(camera: PhotoCamera, seed: int, wrong: float) -> GroundTracks:
    """Return the tracks of a car's motions, a share of which are of something else."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(PAIRS):
        before = np.column_stack([rng.uniform(5, 155, TRACKS), rng.uniform(70, 115, TRACKS)])
        forward, left = camera.ground_points(*before.T)
        way, turn = rng.uniform(0.1, 0.5) * camera.height_m, rng.uniform(-0.12, 0.12)
        moved = (forward - way + 1j * left) * np.exp(-1j * turn)
        after = np.column_stack(camera.pixels(moved.real, moved.imag))
        after += rng.normal(0, 0.1, after.shape)
        odd = rng.random(TRACKS) < wrong
        after[odd] = before[odd] + rng.normal(0, 6, (int(odd.sum()), 2))
        good = np.isfinite(before + after).all(axis=1)
        weight = np.repeat(np.eye(2)[None], good.sum(), axis=0)
        number = np.zeros(int(good.sum()), dtype=int)
        found.append(GroundTracks(before[good], after[good], weight, number))
    return GroundTracks.gathered(found)


@given(cameras, st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_true_camera_explains_tracks_best(camera: PhotoCamera, seed: int) -> None:
    """A third of the tracks are of something else than the ground."""
    tracks = tracks_of(camera, seed, 1 / 3)
    true = motion_misfit(tracks, camera)
    assert true < 0.45
    other = LensKind.PINHOLE if camera.kind is LensKind.EQUIDISTANT else LensKind.EQUIDISTANT
    for unlike in (
        replace(camera, pitch_rad=camera.pitch_rad + math.radians(4)),
        replace(camera, pitch_rad=camera.pitch_rad - math.radians(4)),
        replace(camera, focal_px=camera.focal_px * 1.3),
        replace(camera, focal_px=camera.focal_px / 1.3),
        replace(camera, kind=other),
    ):
        assert motion_misfit(tracks, unlike) > true + 0.01, unlike


@given(cameras, st.floats(0.5, 2.0))
@settings(max_examples=10, deadline=None)
def test_the_height_alone_changes_nothing(camera: PhotoCamera, factor: float) -> None:
    """Motion says nothing of scale: that is for the road's width to say."""
    tracks = tracks_of(camera, 1, 0.2)
    taller = replace(camera, height_m=factor * camera.height_m)
    assert abs(motion_misfit(tracks, taller) - motion_misfit(tracks, camera)) < 0.02


def test_no_tracks_cost_nothing_and_a_camera_that_sees_the_sky_explains_none() -> None:
    camera = PhotoCamera(160, 120, (80.0, 60.0), LensKind.PINHOLE, 100.0, 0.3, 0.0, 0.1)
    assert motion_misfit(NO_TRACKS, camera) == 0.0
    assert motion_misfit(tracks_of(camera, 2, 0.0), replace(camera, pitch_rad=-0.9)) == 1.0
