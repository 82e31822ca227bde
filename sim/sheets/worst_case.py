"""An image of an evaluation's worst moment: frames, predictions and the driven track.

The look's drive is repeated, with the same result. On the left are the lane model's frames before
the worst moment, with the route and the predicted way; on the right is the same from above.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import shapely

from car.driving.types import LaneView
from pixelopolis.city.model import Turn
from pixelopolis.city.road_layout import polygons, road_layout
from pixelopolis.city.route_path import RoutePath
from pixelopolis.errors import SettingsError
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.lane_path import STATIONS_M, points_of
from pixelopolis.model_io.picture_output import write_picture
from pixelopolis.vehicle.bodies import body_corners
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.steering import steering_to_curvature
from sim.camera.camera import lane_camera
from sim.evaluation.lane_drive import LaneDrive, Moment
from sim.evaluation.lane_runs import LaneEvaluation, look_of, observe_look
from sim.looks.look import Look
from sim.render.view import car_view
from sim.sheets.lane_data import ground_px, seen_px

SUFFIXES: Final = (".jpg", ".jpeg", ".png")
FRAME_SPACING_S: Final = 0.4
"""Time between the frames shown."""
KEPT: Final = 1 + round(2.0 / FRAME_S)
"""Number of camera periods that are stored before the worst moment, and after it."""

MAP_PX, MAP_M = 910, 1.5
STRIP_PX, LABEL_PX, TITLE_PX, GAP_PX = 480, 22, 64, 8
JPEG_QUALITY: Final = 88

Color = tuple[int, int, int]
PAPER: Final[Color] = (243, 239, 230)
INK: Final[Color] = (45, 52, 64)
ROAD, LANE, CURB = (205, 209, 216), (255, 255, 255), (150, 156, 166)
ROUTE, PREDICTED, DRIVEN, LATER, WORST = (
    (20, 140, 60),
    (200, 40, 190),
    (20, 90, 210),
    (140, 180, 235),
    (215, 25, 32),
)
"""Red, green, blue."""
_SHIFT: Final = 4
"""Fractional bits of OpenCV's coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class WorstShot:
    """One camera period with its frame and the predicted way."""

    moment: Moment
    picture_rgb: Image
    way_m: FloatArray
    """Points (n, 2) forward, left of the way predicted for the current command."""
    command: Turn
    distance_m: float
    """Position along the route."""


@dataclass(frozen=True, slots=True)
class Case:
    """The worst moment of a drive, with the periods before it."""

    path: RoutePath
    shots: tuple[WorstShot, ...]
    """In order of time; the last one is the worst."""
    later: tuple[Pose, ...]
    """The poses after it; empty if an intervention followed."""


class WorstRecorder:
    """Stores the moment of the largest deviation and those around it; a `DriveObserver`."""

    def __init__(self) -> None:
        self._drive: LaneDrive | None = None
        self._interventions = 0
        self._shots: deque[WorstShot] = deque(maxlen=KEPT)
        self._worst: tuple[WorstShot, ...] = ()
        self._worst_path: RoutePath | None = None
        self._later: list[Pose] = []
        self._same_way = False

    def __call__(self, drive: LaneDrive, moment: Moment) -> None:
        if drive is not self._drive or drive.figures.interventions != self._interventions:
            self._drive, self._interventions = drive, drive.figures.interventions
            self._shots.clear()
            self._same_way = False
        seen = drive.car.driver.seen
        if seen is None:
            return
        frame, view = seen
        command = drive.path.command_at(moment.decision.distance_m)
        way = way_of(view, command)
        self._shots.append(WorstShot(moment, frame.crop_rgb, way, command, drive.distance_m))
        if not self._worst or abs(moment.left_m) > abs(self._worst[-1].moment.left_m):
            self._worst, self._worst_path = tuple(self._shots), drive.path
            self._later, self._same_way = [], True
        elif self._same_way and len(self._later) < KEPT:
            self._later.append(moment.pose)

    @property
    def case(self) -> Case | None:
        """The stored case; None before the first frame."""
        if self._worst_path is None:
            return None
        return Case(self._worst_path, self._worst, tuple(self._later))


def way_of(view: LaneView, command: Turn) -> FloatArray:
    """Return the way (n, 2) of a prediction; of a steering, the arc that it drives."""
    index = list(Turn).index(command)
    if view.paths_left_m is not None:
        return points_of(view.paths_left_m[index], STATIONS_M)
    curvature_per_m = steering_to_curvature(view.steering[index]) if view.steering else 0.0
    along = np.linspace(0.0, STATIONS_M[-1], 17)
    turned = curvature_per_m * along
    # sin(t)/t and (1 - cos t)/t by NumPy's sinc, which is defined at t = 0
    forward, left = np.sinc(turned / np.pi), np.sin(turned / 2) * np.sinc(turned / 2 / np.pi)
    return np.column_stack([along * forward, along * left])


def draw_worst_case(run: LaneEvaluation, worst: dict[str, Any], file: Path) -> None:
    """Repeat the worst look of a run and write its image.

    Args:
        run: as evaluated: a drive, no junction test, no sweep.
        worst: of `evaluate_lane`'s document; gets "picture".
        file: one of `SUFFIXES`.

    Raises:
        SettingsError: the file cannot be written, or the drive has no frames.
    """
    recorder = WorstRecorder()
    observe_look(run, worst["look"], recorder)
    case = recorder.case
    if case is None:
        raise SettingsError("--worst: the car never moved.", "Give it more --metres.")
    place = f"{worst['city']}, look {worst['look']}, {worst['place']}"
    page = worst_page(case, look_of(run, worst["look"]), place, run.cruise_mps)
    _write(file, page)
    worst["picture"] = str(file)


def worst_page(case: Case, look: Look, place: str, cruise_mps: float) -> Image:
    """Return the image (h, w, 3) RGB of a case."""
    shown = _shown(case.shots)
    page = np.full((TITLE_PX + MAP_PX, STRIP_PX + GAP_PX + MAP_PX, 3), PAPER, np.uint8)
    page[TITLE_PX:, :STRIP_PX] = _strip(case, shown, look)
    page[TITLE_PX:, STRIP_PX + GAP_PX :] = _Map(case, shown).image
    left_m = case.shots[-1].moment.left_m
    _text(page, place, (12, 26), 0.75)
    off = f"{abs(1000 * left_m):.0f} mm {'left' if left_m > 0 else 'right'} of the route"
    ended = "" if case.later else ", the drive ended here or the car was put back"
    _text(page, f"{off} at {cruise_mps:.3f} m/s{ended}", (12, 52), 0.6)
    return page


def _shown(shots: Sequence[WorstShot]) -> list[WorstShot]:
    """Return the shots for the strip, the worst last."""
    rows, columns, _ = _fit(shots[-1].picture_rgb)
    back = range(len(shots) - 1, -1, -round(FRAME_SPACING_S / FRAME_S))
    return [shots[i] for i in back][: rows * columns][::-1]


def _fit(picture_rgb: Image) -> tuple[int, int, tuple[int, int]]:
    """Return rows and columns of the strip, and width and height of its tiles."""
    height, width = picture_rgb.shape[:2]
    columns = 1 if height * 2 < width else 2
    tile_px = (STRIP_PX // columns, STRIP_PX // columns * height // width)
    return MAP_PX // (tile_px[1] + LABEL_PX), columns, tile_px


def _strip(case: Case, shown: Sequence[WorstShot], look: Look) -> Image:
    strip = np.full((MAP_PX, STRIP_PX, 3), PAPER, np.uint8)
    rows, columns, (width, height) = _fit(shown[-1].picture_rgb)
    for number, shot in enumerate(shown, 1):
        row, column = divmod(number - 1, columns)
        top, left = row * (MAP_PX // rows), column * width
        tile = _frame(case.path, shot, look, (width, height))
        strip[top : top + height, left : left + width] = tile
        before_s = FRAME_SPACING_S * (len(shown) - number)
        when = f"{before_s:.1f} s before" if before_s else "worst"
        text = f"{number}: {when}, {1000 * shot.moment.left_m:+.0f} mm, {shot.command}"
        _text(strip, text, (left + 6, top + height + 16), 0.5, WORST if shot is shown[-1] else INK)
    return strip


def _frame(path: RoutePath, shot: WorstShot, look: Look, tile_px: tuple[int, int]) -> Image:
    """Return an enlarged frame with the route and the predicted way."""
    width, height = tile_px
    tile = np.asarray(
        cv2.resize(shot.picture_rgb, tile_px, interpolation=cv2.INTER_NEAREST), dtype=np.uint8
    )
    mounted = look.camera_of(lane_camera(width))
    view = car_view(mounted, shot.moment.seen_from, part=height / mounted.height_px)
    for points, color in ((_ahead(path, shot), ROUTE), (_predicted(shot), PREDICTED)):
        line = seen_px(ground_px(view, points), view, mounted.across_rad, look.sensor.k1)
        _line(tile, line, color, 2)
    return tile


def _ahead(path: RoutePath, shot: WorstShot) -> FloatArray:
    """Return the route (n, 2) in front of the car, in the world."""
    poses = [path.pose_at(shot.distance_m + s) for s in np.linspace(0.0, 0.5, 26).tolist()]
    return np.array([(pose.x_m, pose.y_m) for pose in poses])


def _predicted(shot: WorstShot) -> FloatArray:
    """Return the predicted way (n, 2) in the world."""
    seen_from, way = shot.moment.seen_from, shot.way_m.tolist()
    return _places([seen_from.ahead(forward, left) for forward, left in way])


def _places(poses: Sequence[Pose]) -> FloatArray:
    return np.array([(pose.x_m, pose.y_m) for pose in poses]).reshape(-1, 2)


class _Map:
    """A map with north at the top, centered on the worst moment."""

    def __init__(self, case: Case, shown: Sequence[WorstShot]) -> None:
        self.image = np.full((MAP_PX, MAP_PX, 3), PAPER, np.uint8)
        self._worst = case.shots[-1].moment.pose
        self._roads(case)
        self._drives(case, shown)
        self._legend()

    def _px(self, points_m: FloatArray) -> FloatArray:
        east, north = points_m[:, 0] - self._worst.x_m, points_m[:, 1] - self._worst.y_m
        return np.column_stack([east, -north]) * (MAP_PX / MAP_M) + MAP_PX / 2

    def _draw(self, points_m: FloatArray, color: Color, width: int, closed: bool = False) -> None:
        _line(self.image, self._px(points_m), color, width, closed)

    def _roads(self, case: Case) -> None:
        path, at_m = case.path, case.shots[-1].distance_m
        layout = road_layout(path.city)
        rings = [
            shapely.get_coordinates(ring)
            for part in polygons(layout.area)
            for ring in (part.exterior, *part.interiors)
        ]
        cv2.fillPoly(self.image, [_fixed(self._px(ring)) for ring in rings], ROAD, 16, _SHIFT)
        start = path.route.start_s_m + at_m
        way = path.curve.part(max(start - MAP_M, 0.0), min(start + MAP_M, path.curve.length_m))
        half_m = path.city.road.lane_width_m / 2
        left, right = way.offset(half_m).points_m, way.offset(-half_m).points_m
        outline = np.vstack([left, right[::-1]])
        cv2.fillPoly(self.image, [_fixed(self._px(outline))], LANE, 16, _SHIFT)
        for ring in rings:
            self._draw(ring, CURB, 1, closed=True)
        for edge in (left, right):
            self._draw(edge, INK, 2)
        self._draw(way.points_m, ROUTE, 2)

    def _drives(self, case: Case, shown: Sequence[WorstShot]) -> None:
        for shot in shown:
            self._draw(_predicted(shot), PREDICTED, 1)
        self._draw(_places([self._worst, *case.later]), LATER, 3)
        self._draw(_places([shot.moment.pose for shot in case.shots]), DRIVEN, 3)
        beside_m = -0.11 if case.shots[-1].moment.left_m > 0 else 0.11
        for number, shot in enumerate(shown, 1):
            worst = shot is shown[-1]
            corners = np.array(body_corners(shot.moment.pose))
            self._draw(corners, WORST if worst else DRIVEN, 2 if worst else 1, closed=True)
            x, y = self._px(_places([shot.moment.pose.ahead(0.0, beside_m)]))[0].tolist()
            _text(self.image, str(number), (round(x) - 5, round(y) + 5), 0.5, DRIVEN)
        route = case.path.pose_at(case.shots[-1].distance_m)
        self._draw(_places([route, self._worst]), WORST, 3)

    def _legend(self) -> None:
        self.image[-46:] = PAPER
        names = {
            "route": ROUTE,
            "driven": DRIVEN,
            "later": LATER,
            "predicted": PREDICTED,
            "worst": WORST,
        }
        x = 12
        for name, color in names.items():
            cv2.line(self.image, (x, MAP_PX - 18), (x + 26, MAP_PX - 18), color, 4)
            _text(self.image, name, (x + 32, MAP_PX - 13), 0.5)
            x += 50 + 10 * len(name)
        bar_px = round(0.2 * MAP_PX / MAP_M)
        right = MAP_PX - 14
        cv2.line(self.image, (right - bar_px, MAP_PX - 18), (right, MAP_PX - 18), INK, 3)
        _text(self.image, "0.2 m", (right - bar_px // 2 - 22, MAP_PX - 26), 0.5)


def _fixed(pixels: FloatArray) -> Any:
    """Return pixel coordinates (n, 2) as OpenCV's fixed-point numbers."""
    return np.round(np.clip(pixels, -1e5, 1e5) * 2**_SHIFT).astype(np.int32)


def _line(image: Image, pixels: FloatArray, color: Color, width: int, closed: bool = False) -> None:
    if len(pixels):
        cv2.polylines(image, [_fixed(pixels)], closed, color, width, cv2.LINE_AA, _SHIFT)


def _text(image: Image, text: str, at_px: tuple[int, int], size: float, color: Color = INK) -> None:
    cv2.putText(image, text, at_px, cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)


def _write(file: Path, page: Image) -> None:
    if not write_picture(file, page, JPEG_QUALITY):
        raise SettingsError(
            f"--worst {str(file)!r} cannot be written.",
            "Name a file in a folder that may be written to.",
        )
