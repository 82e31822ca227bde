"""Lane data on disk: what an expert sees and does, and what every command would mean there.

    DIR/images/<session>/<n>_{center,left,right}.jpg      bottom quarters, w = 3 h
    DIR/labels/<session>.csv                               the original's layout, no header:
                                                           center,left,right,steering
    DIR/labels/<session>.commands.csv                      one row an image, with header

Two kinds of sessions, one look each. *Driven*: the expert drives, is pushed off its line and
comes back; three cameras, a frame every 50 ms. *Poses*: independent poses beside the centre line
in any direction that a car may have there; one camera. Independent poses taught a prototype more
than driven frames did (docs/decisions).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from pixelopolis.camera import Camera
from pixelopolis.city import City
from pixelopolis.city_file import load_city
from pixelopolis.errors import DatasetError
from pixelopolis.geometry import Pose
from pixelopolis.routing import RoutePath
from pixelopolis.vehicle import CRUISE_MPS, WHEEL_RADIUS_M, steering_to_wheels
from pixelopolis.vision import LANE_PART, Image
from sim.expert import pursue
from sim.lane_labels import COLUMNS, label_of, row_of
from sim.lockstep import FRAME_S, PHYSICS_S, random_route
from sim.looks import Look, apply_sensor, look_of
from sim.render.renderer import Renderer
from sim.render.view import car_view
from sim.vehicle import Vehicle, random_imperfections

OFFSET_SIGMA_M = 0.028
OFFSET_LIMIT_M = 0.07
"""A car keeps its wheels in the lane up to 58 mm; a little more teaches the way back."""
HEADING_SIGMA_RAD = np.radians(7.0)
HEADING_LIMIT_RAD = np.radians(18.0)
SIDE_CAMERA_M = 0.06
"""The left and right cameras' distance from the centre one."""
CHOICE_PART = 0.55
"""Part of the poses that lie in front of or in a junction with a choice."""
CHOICE_LEAD_M = 0.5
JPEG_QUALITY = 95
LOOKS_PER_CHUNK = 16
"""What one process does before it reports."""
FRAME_WIDTHS_PX = (120, 240)
"""Cameras are rendered at model size in evaluation and twice that for viewers; both are learnt."""


@dataclass(frozen=True, slots=True)
class Session:
    """One look in one town, and how many frames of it."""

    name: str
    city: str
    kind: str
    """"driven" or "poses"."""
    frames: int
    seed: int
    look: int


def plan_sessions(
    cities: Sequence[str], poses: int, driven: int, seed: int, frames_per_look: int = 48
) -> list[Session]:
    """Spread frames over towns and looks; town by town, so that a renderer serves many looks."""
    sessions = []
    look = 0
    for number, city in enumerate(cities):
        for kind, wanted in (("poses", poses), ("driven", driven)):
            share = wanted * (number + 1) // len(cities) - wanted * number // len(cities)
            while share > 0:
                frames = min(share, frames_per_look)
                name = f"{look:05d}_{city.replace(':', '-')}_{kind}"
                sessions.append(Session(name, city, kind, frames, seed, look))
                share -= frames
                look += 1
    return sessions


def write_lane_dataset(
    out: Path,
    sessions: Sequence[Session],
    jobs: int,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write every session in `jobs` processes; `progress` gets the number of frames done.

    Raises:
        DatasetError: when `out` holds something already.
        CityError: when there is no such town.
    """
    if out.exists() and any(out.iterdir()):
        raise DatasetError(
            f"--out {str(out)!r} is not empty.", "Name a new folder, or remove it first."
        )
    for name in {session.city for session in sessions}:
        load_city(name)  # a town with faults is named before the work begins
    for folder in ("images", "labels"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / "sessions.json").write_text(json.dumps([asdict(s) for s in sessions], indent=1))
    towns = [list(part) for _, part in groupby(sessions, key=lambda s: s.city)]
    chunks = [
        town[i : i + LOOKS_PER_CHUNK]
        for town in towns
        for i in range(0, len(town), LOOKS_PER_CHUNK)
    ]
    if jobs == 1:
        for chunk in chunks:
            progress(_write_chunk(out, chunk))
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(_write_chunk, out, chunk) for chunk in chunks]):
                progress(done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_chunk(out: Path, sessions: Sequence[Session]) -> int:
    city = load_city(sessions[0].city)
    cv2.setNumThreads(1)
    with Renderer(city, look_of(sessions[0].seed, sessions[0].look)) as renderer:
        for session in sessions:
            look = look_of(session.seed, session.look)
            renderer.set_look(look)
            _write_session(out, session, city, _Eyes(renderer, look, session))
    return sum(s.frames for s in sessions)


class _Eyes:
    """The cameras of one session."""

    def __init__(self, renderer: Renderer, look: Look, session: Session) -> None:
        self._renderer = renderer
        self._look = look
        self._rng = np.random.default_rng([session.seed, session.look, 7])
        width = FRAME_WIDTHS_PX[int(self._rng.integers(len(FRAME_WIDTHS_PX)))]
        self._camera = look.camera_of(Camera(width_px=width, height_px=width * 4 // 3))

    def see(self, pose: Pose) -> Image:
        rendered = self._renderer.render(car_view(self._camera, pose, part=LANE_PART), ())
        return apply_sensor(rendered.rgb, self._look, self._rng)


def _write_session(out: Path, session: Session, city: City, eyes: _Eyes) -> None:
    rng = np.random.default_rng([session.seed, session.look, 8])
    frames = {"poses": _poses, "driven": _driven}[session.kind](city, rng, session.frames)
    (out / "images" / session.name).mkdir()
    labels = out / "labels"
    with (
        (labels / f"{session.name}.csv").open("w", newline="") as original_file,
        (labels / f"{session.name}.commands.csv").open("w", newline="") as commands_file,
    ):
        original, commands = csv.writer(original_file), csv.writer(commands_file)
        commands.writerow(COLUMNS)
        for number, (pose, cameras, steering) in enumerate(frames):
            names = {}
            for camera, left_m in cameras:
                seen_from = pose.ahead(0.0, left_m)
                names[camera] = f"{session.name}/{number:06d}_{camera}.jpg"
                _write_image(out / "images" / names[camera], eyes.see(seen_from))
                label = label_of(city, seen_from)
                commands.writerow(row_of(names[camera], label, session.kind, session.look))
            original.writerow(
                [*(names.get(c, "") for c in ("center", "left", "right")), f"{steering:.6f}"]
            )


def _write_image(path: Path, rgb: Image) -> None:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise DatasetError(f"image {str(path)!r} cannot be written.", "Is the disk full?")


Cameras = tuple[tuple[str, float], ...]
Sample = tuple[Pose, Cameras, float]

_CENTRE: Cameras = (("center", 0.0),)
_THREE: Cameras = (("center", 0.0), ("left", SIDE_CAMERA_M), ("right", -SIDE_CAMERA_M))


def _poses(city: City, rng: np.random.Generator, count: int) -> Iterator[Sample]:
    choices = [edge for edge in city.edges if len(city.exits[edge]) > 1]
    edges = list(city.edges)
    movements = list(city.movements)
    lengths = [city.edges[e].length_m for e in edges]
    lengths += [city.movements[m].length_m for m in movements]
    weights = np.array(lengths) / sum(lengths)
    for _ in range(count):
        if choices and rng.random() < CHOICE_PART:
            edge = city.edges[choices[int(rng.integers(len(choices)))]]
            lead = min(CHOICE_LEAD_M, edge.length_m)
            exits = city.exits[edge.id]
            movement = exits[int(rng.integers(len(exits)))]
            s_m = float(rng.uniform(-lead, movement.length_m))
            centre = (
                edge.curve.pose_at(edge.length_m + s_m) if s_m < 0 else movement.curve.pose_at(s_m)
            )
        else:
            lane = int(rng.choice(len(weights), p=weights))
            curve = (
                city.edges[edges[lane]].curve
                if lane < len(edges)
                else city.movements[movements[lane - len(edges)]].curve
            )
            centre = curve.pose_at(float(rng.uniform(0, curve.length_m)))
        offset = np.clip(rng.normal(0, OFFSET_SIGMA_M), -OFFSET_LIMIT_M, OFFSET_LIMIT_M)
        turn = np.clip(rng.normal(0, HEADING_SIGMA_RAD), -HEADING_LIMIT_RAD, HEADING_LIMIT_RAD)
        pose = centre.ahead(0.0, float(offset), float(turn))
        steering = (value for value in label_of(city, pose).steering.values() if value is not None)
        yield pose, _CENTRE, next(steering)


def _driven(city: City, rng: np.random.Generator, count: int) -> Iterator[Sample]:
    """Drive with pushes: for a moment the steering is off, then the expert comes back."""
    ticks = 0
    path = RoutePath(city, random_route(city, rng, 3.0))
    vehicle = Vehicle(path.pose_at(0.0), random_imperfections(rng))
    push, push_until = 0.0, 0
    s_m = 0.0
    while ticks < count:
        pose = vehicle.pose
        at = path.curve.project(pose.x_m, pose.y_m, s_m - 0.3, s_m + 0.3)
        s_m = at.s_m
        if s_m > path.curve.length_m - 0.3 or abs(at.left_m) > OFFSET_LIMIT_M + 0.02:
            path = RoutePath(city, random_route(city, rng, 3.0))
            vehicle = Vehicle(path.pose_at(0.0), random_imperfections(rng))
            s_m = 0.0
            continue
        steering = pursue(path.curve, pose, s_m)
        yield pose, _THREE, steering
        ticks += 1
        if ticks >= push_until and rng.random() < 0.05:
            push, push_until = float(rng.uniform(-0.5, 0.5)), ticks + int(rng.integers(4, 12))
        driven = steering + (push if ticks < push_until else 0.0)
        vehicle.set_goal(
            *steering_to_wheels(float(np.clip(driven, -1, 1)), CRUISE_MPS / WHEEL_RADIUS_M)
        )
        for _ in range(round(FRAME_S / PHYSICS_S)):
            vehicle.step(PHYSICS_S)
