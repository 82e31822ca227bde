"""Looks of real rooms and real cameras: what lane models learn from and are measured under.

A room look is `looks.look_of` with a wider mount, a wider exposure, and a whole camera: lens,
shutter, noise, tone curve, JPEG. Detector data and what is measured with the detector keep
`look_of`. Every aspect has its own random stream here too; each range stands beside its
parameter with its reason.
"""

from __future__ import annotations

import math
from dataclasses import replace
from enum import IntEnum

import numpy as np

from sim.looks import Look, Mount, Rgb, look_of
from sim.sensor import Sensor


class _Stream(IntEnum):
    """The second key of every random stream, beyond those of `looks`. Only ever append."""

    EXPOSURE = 101
    MOUNT = 102
    LENS = 103
    SHUTTER = 104
    NOISE = 105
    TONE = 106
    JPEG = 107


def room_look(seed: int, index: int, restyle: float = 0.0) -> Look:
    """Return room look number `index` of a seed.

    Args:
        seed: of the whole series, >= 0.
        index: of this look, >= 0.
        restyle: share of looks that name a road style (see `look_of`).
    """

    def stream(name: _Stream) -> np.random.Generator:
        return np.random.default_rng([seed, index, int(name)])

    sensor = _lens(Sensor(), stream(_Stream.LENS))
    sensor = _shutter(sensor, stream(_Stream.SHUTTER))
    sensor = _noise(sensor, stream(_Stream.NOISE))
    sensor = _tone(sensor, stream(_Stream.TONE))
    sensor = _jpeg(sensor, stream(_Stream.JPEG))
    return replace(
        look_of(seed, index, restyle),
        gains=_gains(stream(_Stream.EXPOSURE)),
        mount=_mount(stream(_Stream.MOUNT)),
        sensor=sensor,
    )


def _gains(rng: np.random.Generator) -> Rgb:
    # displayed values halved to doubled: with a display's gamma of 2.2 that is 2.2 stops of light
    # either way, what auto exposure misses by against a window or under one lamp
    exposure = 2.0 ** float(rng.triangular(-1.0, 0.1, 1.0))
    # white balance: uncorrected light of 3000 to 8000 K is some 15 % off in red against blue
    # after a camera's own correction; greens follow fluorescent tubes
    warm, green = rng.uniform(-0.16, 0.16), rng.uniform(-0.06, 0.06)
    return exposure * (1 + float(warm)), exposure * (1 + float(green)), exposure * (1 - float(warm))


def _mount(rng: np.random.Generator) -> Mount:
    # a phone or camera holder printed, glued and bumped: 16 mm of height, 3 degrees of pitch,
    # 2 of roll; datasheets of lenses give their field of view to 5 %
    height, pitch, roll, across = rng.uniform(-1, 1, 4).tolist()
    return Mount(
        1 + 0.08 * height,
        math.radians(3.0 * pitch),
        math.radians(2.0 * roll),
        math.radians(4.0 * across),
    )


def _lens(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    k1, vignette, defocus = rng.uniform(-1, 1), rng.beta(1.2, 2.5), rng.beta(1.0, 2.2)
    return replace(
        sensor,
        # uncorrected lenses of 80 degrees: -0.1 to -0.3 of barrel; phones correct theirs and
        # leave a little of either sign
        k1=0.03 * float(k1) if rng.random() < 0.5 else -0.12 * abs(float(k1)),
        # cos^4 at the corner of this frame (53 degrees off axis) would be 0.87; cameras correct
        # most of it
        vignette=0.55 * float(vignette),
        # up to one pixel of 120 across 81 degrees: a fixed focus lens set to infinity
        defocus_rad=0.0135 * float(defocus),
    )


def _shutter(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # 1/250 s in the sun, up to the whole of 1/30 s under lamps
    exposure_s = float(np.exp(rng.uniform(math.log(1 / 250), math.log(1 / 30))))
    # CMOS sensors read a frame in 10 to 33 ms (IMX219: 18.9 us a line, 21 to 47 ms by mode)
    readout_s = float(rng.uniform(0.010, 0.033))
    drift = 0.12 * float(rng.beta(1.0, 2.0))
    # lamps on the mains: LEDs with poor drivers modulate 30 %, of which an exposure of length t
    # leaves sinc(100 t); longer ones than half a period leave little
    lamps, hertz = rng.random() < 0.5, 100.0 if rng.random() < 0.5 else 120.0
    depth = 0.35 * float(rng.beta(1.0, 2.0)) * abs(float(np.sinc(hertz * exposure_s)))
    return replace(
        sensor,
        exposure_s=exposure_s,
        readout_s=readout_s,
        drift=drift,
        flicker=depth if lamps else 0.0,
        flicker_hz=hertz,
    )


def _noise(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # small sensors: 2 % of full scale is a clean picture, 8 of 255 a phone in a dim room; it is
    # averaged when a large frame is made small, hence the many quiet ones
    return replace(
        sensor,
        shot_sigma=9.0 * float(rng.beta(1.0, 1.8)),
        read_sigma=5.0 * float(rng.beta(1.0, 2.0)),
        noise_grain=float(rng.uniform(0.0, 0.9)),
    )


def _tone(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # cameras bend their curve from flat ("log-like") to a strong S; 0.75 to 1.35 of gamma spans
    # what pictures of one scene by several phones differ by
    return replace(
        sensor,
        gamma=float(np.exp(rng.uniform(math.log(0.75), math.log(1.35)))),
        contrast=float(rng.uniform(-0.25, 0.7)),
        # a finger's grease on the lens with a window in front veils 10 to 15 %
        haze=0.16 * float(rng.beta(0.6, 2.5)),
        saturation=float(rng.uniform(0.65, 1.3)),
    )


def _jpeg(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # of pictures at the model's own size, where a block is a fifteenth of the width: 40 there
    # looks as bad as 15 at 640 pixels; one camera in five sends raw pictures
    quality = int(rng.integers(40, 97))
    return replace(sensor, jpeg_quality=None if rng.random() < 0.2 else quality)
