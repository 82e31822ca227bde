"""Lane datasets on disk: images, the expert's steering, and the path of every command.

    DIR/images/<session>/<n>_{center,left,right}.jpg  bottom quarters, w = 3 h, or whole frames
    DIR/labels/<session>.csv                          center,left,right,steering
    DIR/labels/<session>.commands.csv                 one row an image, with header
    DIR/sessions.json                                 the plan
    DIR/dataset.json                                  a summary, written last

A session has one look and one of three kinds. *Poses*: independent poses beside the center line
in any direction that a car may have there; one camera. *Driven*: the expert drives, is pushed
off its line and returns; three cameras, a frame every 50 ms. *Drive*: a lane model drives, and
the expert labels. Independent poses taught a prototype more than driven frames did
(docs/decisions).
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from pixelopolis.city.model import City, Turn
from pixelopolis.city.sources import load_city
from pixelopolis.errors import DatasetError
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.model_io.lane_path import STATIONS_M
from pixelopolis.model_io.picture_output import write_picture
from pixelopolis.vehicle.camera import Camera
from sim.camera.camera import SimulatedCamera
from sim.lane_data.balance import KINDS, TARGETS, bends_of, shares
from sim.lane_data.drives import drive_samples
from sim.lane_data.labels import COLUMNS, label_of, row_of
from sim.lane_data.plan import natural_shares
from sim.lane_data.samples import Sample, Session, driven_samples, pose_samples
from sim.looks.floor_looks import floor_look
from sim.looks.look import Look, plain_look
from sim.looks.panoramas import panorama_files
from sim.looks.room_looks import room_look
from sim.physics.vehicle import BodyMotion
from sim.render.renderer import Renderer
from sim.render.view import CarBody
from sim.work.workers import run_all

JPEG_QUALITY: Final = 95
LOOKS_PER_CHUNK: Final = 16
"""Looks that a process renders before it reports."""
FRAME_WIDTHS_PX: Final = (120, 240)
"""Evaluation renders at the model's size, the live view at twice that; data have both."""


def write_lane_dataset(
    out: Path,
    sessions: Sequence[Session],
    jobs: int,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write every session in `jobs` processes; `progress` gets the number of frames done.

    Sessions of the same plan that `out` already holds are kept, so that an interrupted run resumes.

    Returns:
        The content of `dataset.json`: frames, images, and the share of each kind of road.

    Raises:
        DatasetError: `out` holds something else.
        CityError: no such city.
    """
    _take_folder(out, sessions)
    left = [session for session in sessions if not _is_done(out, session)]
    progress(sum(s.frames for s in sessions) - sum(s.frames for s in left))
    towns = [list(part) for _, part in groupby(left, key=lambda s: s.city)]
    chunks = [
        town[i : i + LOOKS_PER_CHUNK]
        for town in towns
        for i in range(0, len(town), LOOKS_PER_CHUNK)
    ]
    for done in run_all(partial(_write_chunk, out), chunks, jobs, name=_name):
        progress(done)
    document = _document(out, sessions)
    (out / "dataset.json").write_text(json.dumps(document, indent=1))
    return document


def _take_folder(out: Path, sessions: Sequence[Session]) -> None:
    plan = json.dumps([asdict(s) for s in sessions], indent=1)
    file = out / "sessions.json"
    if out.exists() and any(out.iterdir()):
        if not file.exists():
            raise DatasetError(
                f"--out {str(out)!r} is not empty.", "Name a new folder, or remove it first."
            )
        if file.read_text() != plan:
            raise DatasetError(
                f"--out {str(out)!r} holds another plan (sessions.json): other towns, frames, "
                "seed, model or version.",
                "Give the options that it was begun with, or name a new folder.",
            )
    for folder in ("images", "labels"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    file.write_text(plan)


def _is_done(out: Path, session: Session) -> bool:
    return _commands_file(out, session).exists()


def _commands_file(out: Path, session: Session) -> Path:
    """The last file written of a session."""
    return out / "labels" / f"{session.name}.commands.csv"


def _name(sessions: Sequence[Session]) -> str:
    return f"sessions {sessions[0].name} to {sessions[-1].name}"


def _write_chunk(out: Path, sessions: Sequence[Session]) -> int:
    """Write the missing sessions of one city; return the number of frames of all of them.

    Existing sessions, left by a lost process, are not rewritten: meanwhile their last file would
    exist without its images.
    """
    city = load_city(sessions[0].city)
    cv2.setNumThreads(1)
    left = [session for session in sessions if not _is_done(out, session)]
    with Renderer(city, _look(sessions[0])) as renderer:
        for session in left:
            look = _look(session)
            renderer.set_look(look)
            _write_session(out, session, city, _SessionCameras(renderer, look, session))
    return sum(s.frames for s in sessions)


def _look(session: Session) -> Look:
    if session.plain:
        return plain_look()
    own = panorama_files(Path(session.panoramas), "training") if session.panoramas else ()
    look_of = floor_look if session.floor else room_look
    return look_of(session.seed, session.look, panoramas=own)


class _SessionCameras:
    """The cameras of one session."""

    def __init__(self, renderer: Renderer, look: Look, session: Session) -> None:
        rng = np.random.default_rng([session.seed, session.look, 7])
        width = FRAME_WIDTHS_PX[int(rng.integers(len(FRAME_WIDTHS_PX)))]
        camera = Camera(width_px=width, height_px=width * 4 // 3)
        self._eyes = {
            part: SimulatedCamera(renderer, look, rng, camera, part=part)
            for part in (LANE_PART, 1.0)
        }

    def see(
        self, pose: Pose, motion: BodyMotion | None, part: float, others: Sequence[CarBody] = ()
    ) -> Image:
        return self._eyes[part](pose, motion, others)


def _samples(session: Session, city: City, eyes: _SessionCameras) -> Iterable[Sample]:
    rng = np.random.default_rng([session.seed, session.look, 8])
    if session.kind == "poses":
        return pose_samples(city, rng, session)
    if session.kind == "driven":
        return driven_samples(city, rng, session)
    return drive_samples(city, rng, session, eyes.see)


def _write_session(out: Path, session: Session, city: City, eyes: _SessionCameras) -> None:
    images = out / "images" / session.name
    shutil.rmtree(images, ignore_errors=True)  # of a run that was interrupted here
    images.mkdir()
    part = 1.0 if session.whole else LANE_PART
    original, commands = [], [list(COLUMNS)]
    for number, sample in enumerate(_samples(session, city, eyes)):
        names = {}
        for camera, left_m in sample.cameras:
            seen_from = sample.pose.ahead(0.0, left_m)
            names[camera] = f"{session.name}/{number:06d}_{camera}.jpg"
            picture = sample.picture
            if picture is None:
                picture = eyes.see(seen_from, sample.motion, part, sample.others)
            _write_image(out / "images" / names[camera], picture)
            label = label_of(city, seen_from)
            commands.append(
                row_of(names[camera], label, session.kind, session.look, sample.stretch)
            )
        original.append(
            [*(names.get(c, "") for c in ("center", "left", "right")), f"{sample.steering:.6f}"]
        )
    _write_rows(out / "labels" / f"{session.name}.csv", original)
    _write_rows(_commands_file(out, session), commands)


def _write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    part.replace(path)


def _write_image(path: Path, rgb: Image) -> None:
    if not write_picture(path, rgb, JPEG_QUALITY):
        raise DatasetError(f"image {str(path)!r} cannot be written.", "Is the disk full?")


def _document(out: Path, sessions: Sequence[Session]) -> dict[str, Any]:
    """Return the summary of a finished dataset."""
    rows: list[dict[str, str]] = []
    for session in sessions:
        with _commands_file(out, session).open(newline="") as file:
            rows += csv.DictReader(file)
    towns = [session.city for session in sessions for _ in range(session.frames)]
    names = sorted(set(towns))
    lanes = natural_shares(names)
    frames = np.array([towns.count(name) for name in names], dtype=np.float64)
    natural = (frames / max(frames.sum(), 1)) @ lanes if names else np.zeros(len(KINDS))
    written = shares(row["road"] for row in rows)
    bends = [bend for row in rows for bend in bends_of(_paths(row))]
    return {
        "frames": sum(s.frames for s in sessions),
        "images": len(rows),
        "sessions": len(sessions),
        "cities": names,
        "looks_with_cars": sum(s.cars for s in sessions),
        "roads": {
            str(kind): {
                "natural": round(float(natural[i]), 4),
                "target": TARGETS[kind],
                "written": round(written[str(kind)], 4),
            }
            for i, kind in enumerate(KINDS)
        },
        "paths": {
            way: round(bends.count(way) / max(len(bends), 1), 4)
            for way in ("straight", "left", "right")
        },
    }


def _paths(row: dict[str, str]) -> list[list[float]]:
    columns = ([f"{turn}_{round(100 * s)}cm" for s in STATIONS_M] for turn in Turn)
    return [[float(row[c]) for c in names] for names in columns if row[names[0]]]
