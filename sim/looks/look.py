"""A look: everything that changes an image of a city except the city itself.

It holds the colors of both road styles, so that it suits any city.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from pixelopolis.vehicle.camera import Camera
from sim.looks.sensor import Sensor
from sim.looks.surfaces import (
    ASPHALT_ROAD,
    GROUND,
    WHITE_ROAD,
    Floor,
    GroundColors,
    Patches,
    Rgb,
    RoadColors,
    RoadLook,
    RoadStyle,
)

SkyKind = Literal["hall", "gallery", "day", "evening", "living", "office", "stage"]


@dataclass(frozen=True, slots=True)
class Sky:
    """The panorama: `rotation_rad` turns it counterclockwise, `exposure` scales its brightness."""

    kind: SkyKind
    rotation_rad: float = 0.0
    exposure: float = 1.0
    file: str | None = None
    """An equirectangular image to show instead of `kind`."""


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and ambient light, which sum to 1 on level ground: the sun's part is `sun_share`.

    `azimuth_rad` is the sun's direction, counterclockwise from east; `softness_m` blurs its
    shadows.
    """

    azimuth_rad: float
    elevation_rad: float
    sun_share: float
    sun_rgb: Rgb = (1.0, 1.0, 1.0)
    sky_rgb: Rgb = (1.0, 1.0, 1.0)
    softness_m: float = 0.012


MAX_LAMPS: Final = 3


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp so near that its light falls off over the city.

    `x_part`, `y_part` give its position as shares of the city's width and depth, `height_m` its
    height; `share` is its mean part of the light on level ground.
    """

    x_part: float
    y_part: float
    height_m: float
    share: float
    rgb: Rgb = (1.0, 1.0, 1.0)
    softness_m: float = 0.02


@dataclass(frozen=True, slots=True)
class People:
    """People around the city's platform; `seed` picks persons and places."""

    count: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Mount:
    """Deviations of mounting and lens from nominal."""

    height_factor: float = 1.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0
    across_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Clutter:
    """Objects beside the road; `seed` picks kinds and places."""

    count: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """One appearance of the city. `gains` are exposure and white balance, per channel."""

    sky: Sky
    light: Light
    gains: Rgb
    road: RoadLook
    ground: GroundColors
    mount: Mount = Mount()
    sensor: Sensor = Sensor()  # noqa: RUF009 - frozen
    clutter: Clutter = Clutter()
    repaint: float = 0.0
    """Variation of the colors of buildings and trees, 0..1."""
    repaint_seed: int = 0
    lamps: tuple[Lamp, ...] = ()
    """At most `MAX_LAMPS`."""
    floor: Floor = Floor()  # noqa: RUF009 - frozen
    beside: Rgb | None = None
    """Color of the level floor that the road's lines lie on, without curbs, buildings and signs;
    None: the road runs through the city."""
    patches: Patches | None = None
    """Only with `beside`."""
    people: People = People()
    lights_seed: int | None = None
    """Picks the lit lamp of each traffic light; None: all are green."""

    @property
    def sky_share(self) -> float:
        """Ambient share of the light on level ground."""
        return 1 - self.light.sun_share - sum(lamp.share for lamp in self.lamps)

    def camera_of(self, camera: Camera) -> Camera:
        """Return the camera as mounted in this look."""
        return replace(
            camera,
            height_m=camera.height_m * self.mount.height_factor,
            pitch_rad=camera.pitch_rad + self.mount.pitch_rad,
            roll_rad=camera.roll_rad + self.mount.roll_rad,
            across_rad=camera.across_rad + self.mount.across_rad,
        )

    def road_style(self, own: RoadStyle) -> RoadStyle:
        """Return the style of the road in a city whose own style is `own`."""
        return self.road.style or own

    def road_colors(self, own: RoadStyle) -> RoadColors:
        return self.road.white if self.road_style(own) == "white" else self.road.asphalt


def plain_look() -> Look:
    """Return the demo's look: a bright exhibition hall, without randomness."""
    return Look(
        sky=Sky("hall", rotation_rad=0.5),
        light=Light(
            azimuth_rad=math.radians(215),
            elevation_rad=math.radians(52),
            sun_share=0.42,
            sun_rgb=(1.06, 1.0, 0.90),
            sky_rgb=(0.96, 1.0, 1.06),
        ),
        gains=(1.0, 1.0, 1.0),
        road=RoadLook(WHITE_ROAD, ASPHALT_ROAD),
        ground=GROUND,
    )
