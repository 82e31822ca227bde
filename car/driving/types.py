"""The driver's inputs and outputs: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from car.driving.speed_limits import SpeedLimits
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import Image
from pixelopolis.reasons import Reason


@dataclass(frozen=True, eq=False)
class Frame:
    """The lane model's part of a camera frame, usually the bottom quarter: RGB (h, w, 3) uint8."""

    crop_rgb: Image
    captured_s: float


@dataclass(frozen=True, slots=True)
class WheelReading:
    """Wheel angles since power-on, forward positive, and when they were read."""

    left_rad: float
    right_rad: float
    measured_s: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """One detected object.

    `box` is (left, top, right, bottom) as fractions 0..1 of the whole camera frame, whatever part
    of it the detector gets. `class_name` is one of `pixelopolis.city.signs.SIGN_CLASSES`; "Car"
    is another car.
    """

    class_name: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Sightings:
    """All detections of one frame, possibly none, and when the frame was taken."""

    captured_s: float
    seen: tuple[Sighting, ...]


@dataclass(frozen=True)
class Mission:
    """Where to go, and how far the server has granted.

    `path` is the whole order; distances count from its start. `granted_m` is the stop line that
    must not be crossed (the end of the order's base), at most `path.length_m`.
    """

    order_id: str
    path: RoutePath
    granted_m: float
    start_m: float = 0.0
    """Where on the path the car was when it accepted the order."""
    ordered_mps: tuple[float | None, ...] = ()
    """The order's speed limit for each edge of the route; the town's limits apply too."""

    @cached_property
    def speed_limits(self) -> SpeedLimits:
        return SpeedLimits(self.path, self.ordered_mps)


class DriveState(StrEnum):
    IDLE = "idle"
    DRIVING = "driving"
    TURNING = "turning"
    WAITING_FOR_GRANT = "waiting_for_grant"
    ARRIVED = "arrived"
    STOPPED_FOR_CAR = "stopped_for_car"
    STALE = "stale"
    """Camera, detector, board or server link is too old to drive on."""
    LOST = "lost"
    FAULTY = "faulty"
    """A person must fix something and restart the car."""
    PAUSED = "paused"
    """Told to stand until further notice."""


@dataclass(frozen=True)
class Observation:
    """Everything the driver may know at one instant. All times are of one monotonic clock."""

    now_s: float
    frame: Frame | None
    wheels: WheelReading | None
    mission: Mission | None
    link_seen_s: float | None = None
    """When the server was last heard; None if the car drives without a server."""
    paused: bool = False
    """The server wants the car to stand."""
    sightings: Sightings | None = None
    """The newest detections; the same object as at the previous step if there is nothing newer,
    None if the car has no detector."""


@dataclass(frozen=True, slots=True)
class CarAhead:
    gap_m: float
    """Bumper to bumper along the lane."""
    speed_mps: float
    """Its own speed."""
    box: tuple[float, float, float, float]
    """Its last box, as in `Sighting`."""
    doubted: bool = False
    """It has been beside the picture for long and may have left."""


@dataclass(frozen=True, slots=True)
class LaneAhead:
    """Where a path model sees the lane that the car shall take.

    `left_m` is at `pixelopolis.model_io.lane_path.STATIONS_M`, `spread_m` the mean absolute error
    that the model expects.
    """

    left_m: tuple[float, ...]
    spread_m: float


@dataclass(frozen=True)
class Decision:
    """Wheel speeds for the motors, and the reasons behind them."""

    left_rad_s: float
    right_rad_s: float
    state: DriveState
    reason: Reason | None = None
    """Why the car stands or slows; None if it just drives."""
    distance_m: float = 0.0
    """Estimated distance along the mission's path."""
    sigma_m: float = 0.0
    """Its standard deviation."""
    place: Place | None = None
    """Estimated place; None if it has no mission and is unknown."""
    steering: float = 0.0
    """In [-1, 1], left negative as in the original's data."""
    events: tuple[str, ...] = field(default=())
    """Events of this step: "node:<id>" passed, "arrived"."""
    car_ahead: CarAhead | None = None
    """The nearest car in the ego lane."""
    blocked: bool = False
    """Another car has blocked the car for so long that the server should know."""
    located: bool = True
    """The car's place is known."""
    off_route: bool = False
    """The car has left its mission's route; `place` says where it is."""
    lane: LaneAhead | None = None
    """The lane as seen on the newest frame; None if the model sees no paths, or the car is idle."""

    @property
    def why(self) -> str:
        """Why it stands or slows, in words, or else its state."""
        return self.reason.words if self.reason else str(self.state)

    @property
    def drives(self) -> bool:
        """Whether the wheels are commanded to turn."""
        return self.left_rad_s != 0 or self.right_rad_s != 0


@dataclass(frozen=True, slots=True, eq=False)
class LaneView:
    """A lane model's result for a frame, by command in the order of `pixelopolis.city.model.Turn`.

    A steering model sets `steering`; a path model sets the other two.
    """

    steering: tuple[float, float, float] | None = None
    """Each in [-1, 1], left negative."""
    paths_left_m: FloatArray | None = None
    """(commands, stations), see `pixelopolis.model_io.lane_path`."""
    spread_m: FloatArray | None = None
    """(commands,) mean absolute error over the stations, predicted by the model."""


class LaneModel(Protocol):
    """A lane model.

    Attributes:
        part: fraction of a frame's rows, from the bottom, that it needs.
    """

    part: float

    def look(self, picture_rgb: Image) -> LaneView:
        """Return the view of its part of a frame (h, w, 3) uint8 RGB."""
        ...

    def reset(self) -> None:
        """Forget earlier frames: the car was moved by hand."""
        ...


class SightModel(Protocol):
    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        """Return the detections in a (160, 240, 3) uint8 RGB detector input, best score first."""
        ...
