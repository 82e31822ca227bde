"""The settings of one car, `car.toml`, checked before anything moves."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from car.detector_thread import MAX_HZ
from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS, MOTOR_MAX_RAD_S

MAX_CRUISE_MPS: Final = MOTOR_MAX_RAD_S * WHEEL_RADIUS_M
"""Limited by the motors' Velocity Limit."""

Port = Annotated[int, Field(ge=0, le=65535)]


class _SettingsTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StartSettings(_SettingsTable):
    """Where the car is put down: `s_m` meters along an edge, heading along it."""

    edge: str
    s_m: Annotated[float, Field(ge=0, strict=False)]


class CameraSettings(_SettingsTable):
    """The camera and its mounting; the lane model was trained with the defaults.

    `source`: `virtual:SOCKET` (the simulator's), a device index such as `"0"`, or a path (a device
    file or a video). `rotate_deg` rotates its pictures clockwise until they are upright.
    """

    source: Annotated[str, Field(min_length=1)]
    rotate_deg: Literal[0, 90, 180, 270] = 0
    across_deg: Annotated[float, Field(gt=20, lt=150, strict=False)] = math.degrees(
        Camera().across_rad
    )
    """Angle of view across an upright picture."""
    height_m: Annotated[float, Field(gt=0.02, lt=1, strict=False)] = Camera().height_m
    """Above the road."""
    forward_m: Annotated[float, Field(gt=-0.5, lt=0.5, strict=False)] = Camera().forward_m
    """Before the axle."""
    pitch_deg: Annotated[float, Field(ge=-45, le=45, strict=False)] = 0.0
    """Down is positive."""

    @property
    def mounting(self) -> Camera:
        return Camera(
            across_rad=math.radians(self.across_deg),
            height_m=self.height_m,
            forward_m=self.forward_m,
            pitch_rad=math.radians(self.pitch_deg),
        )


class BoardSettings(_SettingsTable):
    """The controller board, its serial port, and the two motors behind it.

    `mirrored`: motors that turn backward when the car drives forward (`pixelopolis motors setup`
    finds out). `battery_gain`: factor on the board's measured voltage (`pixelopolis motors
    battery`).

    `kind = "original"`: a board with the firmware published in 2020. `frame_chars`: length of its
    commands; that firmware decodes 5 characters, a corrected one 4.
    """

    port: Annotated[str, Field(min_length=1)]
    """Serial port, such as `/dev/ttyACM0` or the simulator's `DIR/car1.bus`."""
    kind: Literal["pixelopolis", "original"] = "pixelopolis"
    baud: Annotated[int, Field(ge=9600, le=4_500_000)] | None = None
    """1,000,000 if omitted, 9,600 for an original board."""
    mirrored: Annotated[tuple[Literal["left", "right"], ...], Field(strict=False)] = ("right",)
    battery_gain: Annotated[float, Field(ge=0.8, le=1.2, strict=False)] = 1.0
    frame_chars: Literal[4, 5] = 5


class DetectorSettings(_SettingsTable):
    """The detector of signs and cars.

    Without it (`use = false`) the car drives by wheels and lane alone and sees no other car.
    `delegate = "edgetpu"` runs it on a Coral accelerator. `most_hz` limits its rate.
    """

    use: bool = True
    model: Path | None = None
    """The shipped one if omitted."""
    delegate: Literal["edgetpu"] | None = None
    most_hz: Annotated[float, Field(ge=1, le=60, strict=False)] = MAX_HZ

    @field_validator("model", mode="before")
    @classmethod
    def _to_path(cls, value: Any) -> Any:
        return Path(value) if isinstance(value, str) else value


ServerUrl = Annotated[str, Field(pattern=r"^wss?://[^/\s]+(/[^\s]*)?$")]


class ServerSettings(_SettingsTable):
    """Where the server listens, as `ws://HOST:PORT` or `wss://HOST:PORT`.

    `ca`: certificate of the authority that has signed the server's, if it is not one that the
    system knows; `pixelopolis server` makes its own in `--data`, `tls/ca.pem`.
    `others` are further servers of the same town, of which one serves; the car calls them in turn.
    """

    ca: Path | None = None
    url: ServerUrl
    others: tuple[ServerUrl, ...] = ()

    @field_validator("others", mode="before")
    @classmethod
    def _to_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("ca", mode="before")
    @classmethod
    def _to_path(cls, value: Any) -> Any:
        return Path(value) if isinstance(value, str) else value


class StreamSettings(_SettingsTable):
    """Where the live view is served. Port 0 takes any free one.

    `public_host` is the name that visitors' browsers use; by default `host`.
    """

    host: str = "127.0.0.1"
    port: Port = 0
    public_host: str | None = None
    jpeg_quality: Annotated[int, Field(ge=10, le=100)] = 80


class CarSettings(_SettingsTable):
    """All of `car.toml`."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
    """Its name, which no other car of the town may have."""
    city: Annotated[str, Field(min_length=1)]
    """The town that the server has: shipped, generated, or a file."""
    start: StartSettings | None = None
    """Where it is put down; if omitted, it localizes itself by signs."""
    search: bool = False
    """A car that does not know where it is drives on slowly until it does. This distance is not
    granted, so keep the town free of others; without `search` the car stands until someone moves
    it."""
    camera: CameraSettings
    board: BoardSettings
    server: ServerSettings
    stream: StreamSettings = StreamSettings()
    detector: DetectorSettings = DetectorSettings()
    model: Path | None = None
    """Lane model; the shipped one if omitted."""
    key: Path | None = None
    """The car's own key, which `pixelopolis car enroll` makes; if omitted, beside this file with
    `.key` for `.toml`."""
    cruise_mps: Annotated[float, Field(gt=0.02, le=MAX_CRUISE_MPS, strict=False)] = CRUISE_MPS
    """Speed on a free straight road; towns limit it by edge."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the pauses between connection attempts."""

    @field_validator("model", "key", mode="before")
    @classmethod
    def _to_path(cls, value: Any) -> Any:
        return Path(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_find_itself(self) -> Self:
        if self.board.kind == "original" and not self.detector.use:
            raise ValueError(
                "an original board tells no wheel angles, and without a detector nothing else "
                "tells the car how far it has come"
            )
        if self.start is None and not self.detector.use:
            raise ValueError("no start is given, and without a detector the car cannot find itself")
        return self

    def start_place(self, city: City) -> Place | None:
        """Return where the car stands at first, None if unknown.

        Raises:
            SettingsError: the city has no such place.
        """
        if self.start is None:
            return None
        edge = city.edges.get(self.start.edge)
        if edge is None:
            raise SettingsError(
                f"start.edge: {self.start.edge!r} is not an edge of city {city.name!r}.",
                f"Use one of {', '.join(city.edges)}.",
            )
        if self.start.s_m > edge.length_m:
            raise SettingsError(
                f"start.s_m: {self.start.s_m} lies beyond the end of edge {edge.id!r} "
                f"({edge.length_m:.3f} m).",
                "Give a distance on the edge, in meters.",
            )
        return Place(edge.id, self.start.s_m)


def load_settings(path: Path) -> CarSettings:
    """Return the settings of a file; relative model paths are resolved beside it.

    Raises:
        SettingsError: it cannot be read, or with every wrong field and its value.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"--config {str(path)!r} cannot be read: {error.strerror}.",
            "Name a car.toml; `pixelopolis car --help` shows one.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}.", "Correct that line.") from error
    try:
        settings = CarSettings.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(_fault(each) for each in error.errors())
        raise SettingsError(f"{path}: {faults}.", "Correct them and start the car again.") from None
    detector = settings.detector
    return settings.model_copy(
        update={
            "model": _beside(path, settings.model),
            "key": _beside(path, settings.key) or path.with_suffix(".key"),
            "server": settings.server.model_copy(update={"ca": _beside(path, settings.server.ca)}),
            "detector": detector.model_copy(update={"model": _beside(path, detector.model)}),
        }
    )


def _beside(config: Path, model: Path | None) -> Path | None:
    return None if model is None else config.parent / model


def _fault(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "car.toml"
    if error["type"] == "missing":
        return f"{field}: is missing"
    if error["type"] == "extra_forbidden":
        return f"{field}: there is no such setting"
    shown = "a table" if isinstance(error["input"], dict) else repr(error["input"])
    return f"{field}: {error['msg'][:1].lower()}{error['msg'][1:]}, got {shown}"
