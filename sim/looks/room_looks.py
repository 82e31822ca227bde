"""Looks of real rooms and cameras, for training and evaluating lane models.

A room look is `look_of` with a wider range of mounting and exposure, and a whole camera: lens,
shutter, noise, tone curve, JPEG. Detector data and evaluations with the detector keep `look_of`.
Every aspect has its own random stream here too; a comment at each range gives its reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Final

import numpy as np

from sim.looks.look import Lamp, Light, Look, Mount, People, Sky, SkyKind
from sim.looks.sensor import Sensor
from sim.looks.surfaces import Floor, Rgb, RoadColors, RoadLook
from sim.looks.town_looks import look_of

NIGHT_SHARE: Final = 0.1
"""Share of rooms that only lamps light."""
RESTYLE_SHARE: Final = 0.3
"""Share of rooms with a road style of their own, whatever the city's is."""


PANORAMA_SHARE: Final = 0.7
"""Share of rooms that show the user's panoramas, if there are any."""

LINE_WIDTHS: Final = (0.7, 1.0, 1.35)


class _RoomStream(IntEnum):
    """Second key of every random stream, after those of `look`. Only ever append."""

    EXPOSURE = 101
    MOUNT = 102
    LENS = 103
    SHUTTER = 104
    NOISE = 105
    TONE = 106
    JPEG = 107
    LAMP = 108
    FLOOR = 109
    PEOPLE = 110
    LINES = 111
    NIGHT = 112
    SKY = 113
    LINE_WIDTH = 114


def room_look(
    seed: int, index: int, restyle: float = RESTYLE_SHARE, panoramas: Sequence[str] = ()
) -> Look:
    """Return room look number `index` of a seed.

    Args:
        seed: of the whole series, >= 0.
        index: of this look, >= 0.
        restyle: share of looks with a road style of their own (see `look_of`).
        panoramas: equirectangular images; `PANORAMA_SHARE` of the looks show one of them.
    """

    def stream(name: _RoomStream) -> np.random.Generator:
        return np.random.default_rng([seed, index, int(name)])

    sensor = _lens(Sensor(), stream(_RoomStream.LENS))
    sensor = _shutter(sensor, stream(_RoomStream.SHUTTER))
    sensor = _noise(sensor, stream(_RoomStream.NOISE))
    sensor = _tone(sensor, stream(_RoomStream.TONE))
    sensor = _jpeg(sensor, stream(_RoomStream.JPEG))
    drawn = look_of(seed, index, restyle)
    road = replace(drawn.road, line_width=_line_width(stream(_RoomStream.LINE_WIDTH)))
    night = bool(stream(_RoomStream.NIGHT).random() < NIGHT_SHARE)
    return replace(
        drawn,
        sky=_sky(drawn.sky, stream(_RoomStream.SKY), night, panoramas),
        light=_dimmed(drawn.light) if night else drawn.light,
        lamps=_lamps(stream(_RoomStream.LAMP), drawn.light.sun_share, night),
        floor=_floor(stream(_RoomStream.FLOOR)),
        people=_people(stream(_RoomStream.PEOPLE)),
        road=_lines(road, stream(_RoomStream.LINES)),
        gains=_gains(stream(_RoomStream.EXPOSURE), night),
        mount=_mount(stream(_RoomStream.MOUNT)),
        sensor=sensor,
    )


def _gains(rng: np.random.Generator, night: bool) -> Rgb:
    # displayed values halved to doubled: with a display gamma of 2.2 that is 2.2 stops of light,
    # the error of auto exposure against a window or under one lamp
    stops = float(rng.triangular(-1.0, 0.1, 1.0))
    # in the dark, cameras open up as far as they can
    exposure = 2.0 ** (0.25 + 0.75 * abs(stops) if night else stops)
    # white balance: 3000 to 8000 K leave some 15 % between red and blue after the camera's own
    # correction; green varies with fluorescent tubes
    warm, green = rng.uniform(-0.16, 0.16), rng.uniform(-0.06, 0.06)
    return exposure * (1 + float(warm)), exposure * (1 + float(green)), exposure * (1 - float(warm))


def _mount(rng: np.random.Generator) -> Mount:
    # camera holders are printed, glued and bumped: ±16 mm of height, ±3 degrees of pitch, ±2 of
    # roll; datasheets give a lens's field of view to 5 %
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
        # lenses of 80 degrees: barrel distortion of -0.1 to -0.3; phones correct theirs to a little
        # of either sign
        k1=0.03 * float(k1) if rng.random() < 0.5 else -0.12 * abs(float(k1)),
        # cos^4 at the corner of this frame (53 degrees off axis) would be 0.87, mostly corrected
        vignette=0.55 * float(vignette),
        # up to one pixel of 120 across 81 degrees: a fixed-focus lens set to infinity
        defocus_rad=0.0135 * float(defocus),
    )


def _shutter(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # 1/250 s in sunlight to 1/30 s under lamps
    exposure_s = float(np.exp(rng.uniform(math.log(1 / 250), math.log(1 / 30))))
    # CMOS sensors read out a frame in 10 to 33 ms (IMX219: 18.9 us a line, 21 to 47 ms by mode)
    readout_s = float(rng.uniform(0.010, 0.033))
    drift = 0.12 * float(rng.beta(1.0, 2.0))
    # mains flicker: LEDs with poor drivers modulate by 30 %; an exposure of length t leaves
    # sinc(100 t) of it, little beyond half a period
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
    # small sensors: 2 % of full scale is a clean image, 8 of 255 a phone in a dim room; scaling
    # down averages noise, hence many low values
    return replace(
        sensor,
        shot_sigma=9.0 * float(rng.beta(1.0, 1.8)),
        read_sigma=5.0 * float(rng.beta(1.0, 2.0)),
        noise_grain=float(rng.uniform(0.0, 0.9)),
    )


def _tone(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # tone curves from flat (log-like) to a strong S; gamma 0.75 to 1.35 is the spread between
    # phones
    return replace(
        sensor,
        gamma=float(np.exp(rng.uniform(math.log(0.75), math.log(1.35)))),
        contrast=float(rng.uniform(-0.25, 0.7)),
        # a greasy lens in front of a window adds 10 to 15 % of haze
        haze=0.16 * float(rng.beta(0.6, 2.5)),
        saturation=float(rng.uniform(0.65, 1.3)),
    )


def _jpeg(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # of images at the model's own size, where a block is a fifteenth of the width: 40 here looks as
    # bad as 15 at 640 px; one camera in five sends raw images
    quality = int(rng.integers(40, 97))
    return replace(sensor, jpeg_quality=None if rng.random() < 0.2 else quality)


def _dimmed(light: Light) -> Light:
    """Return the windows' light at night: a tenth, ambient."""
    return replace(light, sun_share=0.02)


def _lamps(rng: np.random.Generator, sun_share: float, night: bool) -> tuple[Lamp, ...]:
    # by day, one room in three has its lamps off; more than three lamps are like ambient light
    count = int(rng.choice(4, p=(0.0, 0.6, 0.3, 0.1) if night else (0.35, 0.33, 0.22, 0.10)))
    total = 0.8 if night else float(rng.uniform(0.15, 0.6)) * (1 - sun_share)
    shares = total * rng.dirichlet([3.0] * count) if count else ()
    # at night the first lamp hangs over the table
    return tuple(_lamp(rng, float(s), night and not i) for i, s in enumerate(shares))


def _lamp(rng: np.random.Generator, share: float, above: bool) -> Lamp:
    # lamps 0.9 to 2.6 m above a table, warm bulbs to cold tubes; diameters of 6 cm (bulb) to 40 cm
    # (shade) behind a house give penumbras of 1 to 8 cm
    x, y = rng.uniform(-0.2, 1.2, 2).tolist()
    height_m, warm = float(rng.uniform(0.9, 2.6)), float(rng.uniform(-0.08, 0.22))
    if above:
        x, y, height_m = 0.25 + 0.5 * x, 0.25 + 0.5 * y, max(height_m, 2.0)
    return Lamp(
        x_part=float(x),
        y_part=float(y),
        height_m=height_m,
        share=share,
        rgb=(1 + warm, 1.0, 1 - 1.4 * warm),
        softness_m=float(rng.uniform(0.008, 0.08)),
    )


def _floor(rng: np.random.Generator) -> Floor:
    # reflectance straight on: paper 0, paint and foil 0.04 (refractive index 1.5); roughness from
    # laminate to emulsion paint; windows and lamps are 2 to 15 times as bright as white paper
    shiny, whole, dusty = rng.random(3).tolist()
    mirrors, roughness, lamps, glare = rng.uniform(0, 1, 4).tolist()
    dirt, tone, length, width, turn, joint, dark, differ, gaps = rng.uniform(0, 1, 9).tolist()
    gray = 0.15 + 0.55 * tone
    return Floor(
        mirrors=0.015 + 0.035 * mirrors if shiny < 0.65 else 0.0,
        roughness=float(2 + round(4 * roughness)),
        lamps=13.0 * lamps**2,
        glare=6.0 * glare**2,
        # dust, glue and fingerprints: half the rooms are clean
        dirt=0.45 * dirt if dusty < 0.5 else 0.0,
        dirt_rgb=(gray * 1.06, gray, gray * 0.9),
        # sheets from A3 to 1.2 m; joints under tape of 2 to 6 mm
        sheet_m=(0.3 + 0.9 * length, 0.3 + 0.6 * width) if whole < 0.5 else None,
        sheet_turn_rad=math.pi * turn,
        joint_m=0.001 + 0.002 * joint,
        joint_dark=0.55 * dark,
        sheets_differ=0.18 * differ,
        line_gaps=gaps**2,
    )


def _people(rng: np.random.Generator) -> People:
    # from nobody to a fair's crowd
    return People(int(rng.integers(0, 9)), int(rng.integers(2**31)))


def _lines(road: RoadLook, rng: np.random.Generator) -> RoadLook:
    # tape of other makers: red to orange and magenta, blue to turquoise and violet, white to cream;
    # old print fades by up to 35 %
    fade = 0.35 * float(rng.beta(1.0, 2.5))
    shift = rng.uniform(-1, 1, 3).tolist()

    def fading(color: Rgb, surface: Rgb, red: float, green: float, blue: float) -> Rgb:
        moved = (color[0] + red, color[1] + green, color[2] + blue)
        r, g, b = (
            float(np.clip(c + fade * (s - c), 0.02, 1.0))
            for c, s in zip(moved, surface, strict=True)
        )
        return r, g, b

    def restained(paint: RoadColors, warm: float, cold: float, yellow: float) -> RoadColors:
        surface = paint.surface
        return replace(
            paint,
            left=fading(paint.left, surface, 0.0, 0.18 * max(warm, 0), 0.2 * max(-warm, 0)),
            right=fading(paint.right, surface, 0.15 * max(-cold, 0), 0.25 * max(cold, 0), 0.0),
            divider=fading(paint.divider, surface, 0.0, 0.1 * yellow, 0.1 * yellow),
        )

    cream = 0.18 * abs(shift[2])
    asphalt = replace(
        road.asphalt,
        left=fading(road.asphalt.left, road.asphalt.surface, 0.0, -0.3 * cream, -cream),
        right=fading(road.asphalt.right, road.asphalt.surface, 0.0, -0.3 * cream, -cream),
        divider=fading(road.asphalt.divider, road.asphalt.surface, 0.0, 0.1 * shift[0], 0.0),
    )
    return replace(road, white=restained(road.white, *shift), asphalt=asphalt)


def _line_width(rng: np.random.Generator) -> float:
    # tapes of 10, 15 and 20 mm; few widths, as each needs its own map of the city
    return float(rng.choice(LINE_WIDTHS, p=(0.3, 0.4, 0.3)))


def _sky(sky: Sky, rng: np.random.Generator, night: bool, panoramas: Sequence[str]) -> Sky:
    # mostly indoors; the windows of a dark room are no brighter than its walls
    kinds: tuple[SkyKind, ...] = (
        ("hall", "gallery", "day", "evening", "living", "office", "stage")
        if not night
        else ("evening", "living", "stage", "stage", "hall", "evening", "stage")
    )
    kind = kinds[int(rng.choice(len(kinds), p=(0.18, 0.15, 0.13, 0.10, 0.18, 0.16, 0.10)))]
    own = rng.random() < PANORAMA_SHARE
    which = int(rng.integers(max(len(panoramas), 1)))
    exposure = sky.exposure * (0.45 if night else 1.0)
    file = panoramas[which] if own and len(panoramas) else None
    return replace(sky, kind=kind, exposure=exposure, file=file)
