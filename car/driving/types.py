"""What the driver is told at a step and what it answers: plain values, no I/O."""

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
    """The lane model's part of a camera frame, RGB (h, w, 3) uint8: the bottom quarter mostly."""

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
    """One thing that the detector sees.

    `box` is (left, top, right, bottom) in parts of the *whole* camera frame, 0..1 each, whatever
    part of it the detector was shown. `class_name` is one of `pixelopolis.city.signs.SIGN_CLASSES`;
    "Car" is another car.
    """

    class_name: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Sightings:
    """All that was seen in one frame, which may be none, and when that frame was taken."""

    captured_s: float
    seen: tuple[Sighting, ...]


@dataclass(frozen=True)
class Mission:
    """Where to go, and how far the server lets us.

    `path` is the whole order; distances count from where it starts. `granted_m` is the stop line
    that must not be crossed (the end of the order's base), never beyond `path.length_m`.
    """

    order_id: str
    path: RoutePath
    granted_m: float
    start_m: float = 0.0
    """Where on the path the car was when it took the order."""
    ordered_mps: tuple[float | None, ...] = ()
    """What the order says of the speed on each edge of the route; the town's limits hold too."""

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
    """A person must put something right, and start the car again."""
    PAUSED = "paused"
    """Told to stand until it is told to go on."""


@dataclass(frozen=True)
class Observation:
    """Everything the driver may know at one instant. All times are of one monotonic clock."""

    now_s: float
    frame: Frame | None
    wheels: WheelReading | None
    mission: Mission | None
    link_seen_s: float | None = None
    """When the server was last heard; None when the car drives without a server."""
    paused: bool = False
    """The server wants the car to stand."""
    sightings: Sightings | None = None
    """The newest that the detector has seen; the same object as at the step before when there is
    nothing newer, None when the car has no detector."""


@dataclass(frozen=True, slots=True)
class CarAhead:
    """The nearest car in my lane."""

    gap_m: float
    """Bumper to bumper along the lane."""
    speed_mps: float
    """Its own."""
    box: tuple[float, float, float, float]
    """Where it was seen last: that of its `Sighting`."""
    doubted: bool = False
    """It has been beside the picture for long: it may have gone."""


@dataclass(frozen=True)
class Decision:
    """Wheel speeds for the motors, and what the car thinks."""

    left_rad_s: float
    right_rad_s: float
    state: DriveState
    reason: Reason | None = None
    """Why it stands or slows; None when it just drives."""
    distance_m: float = 0.0
    """Believed distance along the mission's path."""
    sigma_m: float = 0.0
    """Standard deviation of that belief."""
    place: Place | None = None
    """Where it believes to be; None when it has no mission and does not know."""
    steering: float = 0.0
    """In [-1, 1], left negative as in the original's data."""
    events: tuple[str, ...] = field(default=())
    """What happened in this step: "node:<id>" passed, "arrived"."""
    car_ahead: CarAhead | None = None
    """The nearest car in my lane."""
    blocked: bool = False
    """It has kept the car standing for so long that the server should know."""
    located: bool = True
    """It knows where it is."""
    off_route: bool = False
    """It is not on the way of its mission; `place` says where it is."""

    @property
    def why(self) -> str:
        """In words why it stands or slows, or else its state."""
        return self.reason.words if self.reason else str(self.state)

    @property
    def drives(self) -> bool:
        """The wheels are told to turn."""
        return self.left_rad_s != 0 or self.right_rad_s != 0


@dataclass(frozen=True, slots=True, eq=False)
class LaneView:
    """What a lane model sees in a frame, by command in the order of `pixelopolis.city.model.Turn`.

    A model that steers gives `steering`; one that sees paths gives the other two.
    """

    steering: tuple[float, float, float] | None = None
    """Each in [-1, 1], left negative."""
    paths_left_m: FloatArray | None = None
    """(commands, stations), see `pixelopolis.model_io.lane_path`."""
    spread_m: FloatArray | None = None
    """(commands,) mean absolute error that the model expects, over the stations."""


class LaneModel(Protocol):
    """A lane model.

    Attributes:
        part: of a frame's rows, from the bottom, that it wants to see.
    """

    part: float

    def look(self, picture_rgb: Image) -> LaneView:
        """Return what it sees in its part of a frame (h, w, 3) uint8 RGB."""
        ...

    def reset(self) -> None:
        """Forget earlier frames: the car was put somewhere else."""
        ...


class SightModel(Protocol):
    """A detector of signs and cars."""

    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        """Return what a (160, 240, 3) uint8 RGB detector input shows, the surest first."""
        ...
