"""Lane keeping: turns a lane model's views into steering for the current command."""

from __future__ import annotations

from typing import Final

from car.driving.localization.path_tracker import PathTracker
from car.driving.path_follower import PathFollower
from car.driving.types import Frame, LaneAhead, LaneModel, LaneView, WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.vehicle.speeds import CRUISE_MPS

TURNS: Final = tuple(Turn)


def steering_alone(view: LaneView, turn: Turn) -> float:
    """Return the steering in [-1, 1] at cruise speed for a single view.

    Paths are followed as in `LaneKeeper`, but without fusion over frames and without compensation
    of delays.
    """
    command = TURNS.index(turn)
    if view.steering is not None:
        return view.steering[command]
    follower = PathFollower()
    if view.paths_left_m is not None and view.spread_m is not None:
        follower.see(view.paths_left_m, view.spread_m, command)
    return follower.steering(0.0, CRUISE_MPS)


class LaneKeeper:
    """A lane model and its state between frames.

    Args:
        model: a model that predicts steering, or paths to follow.
    """

    def __init__(self, model: LaneModel) -> None:
        self._model = model
        self._follower = PathFollower()
        self._frame: Frame | None = None
        self._view: LaneView | None = None
        self._steering: float | None = None
        self._ahead: LaneAhead | None = None

    @property
    def part(self) -> float:
        return self._model.part

    @property
    def frame(self) -> Frame | None:
        return self._frame

    @property
    def view(self) -> LaneView | None:
        """The model's view of it."""
        return self._view

    @property
    def ahead(self) -> LaneAhead | None:
        """The lane of the command, as seen on it; None if the model sees no paths."""
        return self._ahead

    def restart(self) -> None:
        """Forget earlier frames: the car was moved by hand."""
        self._model.reset()
        self._follower.forget()

    def move(self, wheels: WheelReading) -> None:
        """Take in the newest wheel angles, before the frame that was taken with them."""
        self._follower.move(wheels)

    def see(
        self, frame: Frame, turn: Turn, age_s: float = 0.0, tracker: PathTracker | None = None
    ) -> None:
        """Take in a frame and its command; repeats are harmless.

        Args:
            frame: the newest frame.
            turn: the command.
            age_s: age of the frame.
            tracker: tracker of the car's path, corrected by the model's view.
        """
        if frame is self._frame:
            return
        self._frame = frame
        self._view = view = self._model.look(frame.crop_rgb)
        command = TURNS.index(turn)
        self._steering = None if view.steering is None else view.steering[command]
        self._ahead = None
        if view.paths_left_m is not None and view.spread_m is not None:
            self._ahead = LaneAhead(
                tuple(map(float, view.paths_left_m[command])), float(view.spread_m[command])
            )
            self._follower.see(view.paths_left_m, view.spread_m, command)
            if tracker is not None:
                left_m = self._follower.as_of_now(view.paths_left_m[command], age_s)
                tracker.see_lane(left_m, float(view.spread_m[command]), turn)

    def steering(self, now_s: float, speed_mps: float, tracker: PathTracker | None = None) -> float:
        """Return the steering in [-1, 1], left negative; 0 before the first frame."""
        if self._frame is None:
            return 0.0
        if self._steering is not None:
            return self._steering
        if tracker is not None and not tracker.sees_lane:
            tracker = None
        return self._follower.steering(now_s - self._frame.captured_s, speed_mps, tracker)
