"""Encounters and free drives under many looks, in parallel.

Each encounter and each drive has its own random streams, so the number of processes changes no
figure.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np

from car.driving.driver import Driver
from car.driving.lead_car.tracker import TO_FOLLOW
from car.driving.localization.belief import Belief
from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.sign_model import SignModel
from car.driving.types import SightModel
from car.perception.detector import load_detector
from car.perception.ground_motion import GroundView
from car.perception.lane_network import load_lane_model
from pixelopolis.city.model import City
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.camera import Camera
from sim.camera.camera import Cars, SimulatedCamera
from sim.camera.simulated_detector import DetectorErrors, NetworkDetector, SimulatedDetector
from sim.evaluation.encounters import Encounter, EncounterFigures, random_scene
from sim.evaluation.free_drives import FreeFigures, drive_freely
from sim.evaluation.lane_drive import LaneDrive
from sim.evaluation.lane_runs import EVALUATION_STREAM
from sim.evaluation.localization import Pilot
from sim.evaluation.rivals import SEES_NOBODY, what_sight_adds
from sim.looks.look import Look, plain_look
from sim.looks.town_looks import look_of
from sim.physics.background_traffic import BackgroundTraffic, ExpertCar
from sim.physics.lockstep import DetectorSource, LockstepCar
from sim.physics.vehicle import Vehicle, random_imperfections
from sim.render.renderer import Renderer
from sim.render.view import CarBody
from sim.work.workers import run_all

BATCH: Final = 10
"""Encounters that share a renderer, each with its own look."""

DRIVE_MIN: Final = 2.0
"""Minutes of free driving in one city under one look."""

START_M, START_RAD = 0.02, math.radians(3)
"""Largest initial offset from the lane center, and heading error, of the measured car."""

ERRORS: Final = DetectorErrors(imagined_cars=0.02, least_shown=(0.05, 0.25))
"""Of the simulated detector. The shipped one finds half of the cars that are 0.1 to 0.2 visible,
0.84 of those that are 0.2 to 0.3 visible (score 0.4), and nearly all others; it has some false
positives."""

FREE_LOOKS: Final = 1_000_000
"""Free drives have other looks than encounters."""

HEADLINE: Final = ("collisions", "stopped_safely", "false_stops")
"""What sight adds is said of these."""

COLORS: Final = ("#e5484d", "#f5d90a", "#30a46c", "#0091ff", "#f4f4f4", "#3a3f42")


@dataclass(frozen=True, slots=True)
class RidesRun:
    """Settings of an evaluation; a plain value that can be sent to other processes.

    `detector` and `model` are files; None takes the shipped ones.
    """

    city: str
    encounters: int
    minutes: float
    seed: int
    detector_kind: str
    """"detector", or "geometric" for a simulated one that needs no rendered images."""
    detector: str | None = None
    model: str | None = None


Part = tuple[Literal["encounters", "free"], int]
"""Kind and number of a batch of encounters or a free drive."""

Figures = EncounterFigures | FreeFigures


def evaluate_rides(
    run: RidesRun,
    jobs: int | None,
    done: Callable[[], None] = lambda: None,
    cluster: str | None = None,
    rivals: bool = False,
) -> dict[str, Any]:
    """Return the figures of a run, and those of the rival.

    `done` is called after each of `parts(run)`, and after each of the rival's, which are the same.

    `jobs` and `cluster` as in `run_all`.

    Raises:
        CityError, ModelError, RenderError: the city, a model or OpenGL cannot be used.
        MissingPartError, SettingsError, WorkerError: see `run_all`.
        SettingsError: there is nothing to evaluate.
    """
    if not parts(run):
        raise SettingsError(
            "--encounters 0 and --minutes 0 ask for nothing.", "Give one of them more than 0."
        )
    city = load_city(run.city)
    started = time.perf_counter()

    def drive(open_studio: OpenStudio) -> tuple[EncounterFigures, FreeFigures]:
        met, free = EncounterFigures(), FreeFigures()
        work = partial(_run_part, run, open_studio)
        for figures in run_all(work, parts(run), jobs, cluster, _name):
            if isinstance(figures, EncounterFigures):
                met.add(figures)
            else:
                free.add(figures)
            done()
        return met, free

    met, free = drive(_RenderedCity)
    wall_s = time.perf_counter() - started
    model = {**met.document(), **free.document()}
    document = {
        "city": city.name,
        "seer": run.detector_kind,
        "seed": run.seed,
        **model,
        "failures": met.failures + free.failures,
        "speed_up": (met.time_s + free.time_s) / wall_s,
        "wall_s": wall_s,
    }
    if not rivals:
        return document
    met, free = drive(_unseeing_city)
    beside = {SEES_NOBODY: {**met.document(), **free.document()}}
    added = what_sight_adds(model, beside, SEES_NOBODY, *HEADLINE)
    return {**document, "rivals": beside, "sight_adds": added}


def parts(run: RidesRun) -> list[Part]:
    """Return the units of work of a run."""
    batches: list[Part] = [("encounters", i) for i in range(math.ceil(run.encounters / BATCH))]
    return batches + [("free", i) for i in range(math.ceil(run.minutes / DRIVE_MIN))]


def _name(part: Part) -> str:
    kind, number = part
    return f"{'batch of encounters' if kind == 'encounters' else 'free drive'} {number}"


class _Studio(Protocol):
    """A city and the cars that are measured in it."""

    city: City

    def drive(
        self, number: int, path: RoutePath, start_m: float, rng: np.random.Generator, cars: Cars
    ) -> LaneDrive:
        """Return a car on a path under look `number`; `cars` are the others."""
        ...


OpenStudio = Callable[[RidesRun, City], AbstractContextManager[_Studio]]


def _run_part(run: RidesRun, open_studio: OpenStudio, part: Part) -> Figures:
    kind, number = part
    if kind == "encounters":
        first = number * BATCH
        return _run_encounters(run, open_studio, range(first, min(first + BATCH, run.encounters)))
    seconds = 60 * min(DRIVE_MIN, run.minutes - number * DRIVE_MIN)
    return _run_free(run, open_studio, number, seconds)


def _run_encounters(
    run: RidesRun, open_studio: OpenStudio, numbers: Sequence[int]
) -> EncounterFigures:
    total = EncounterFigures()
    with open_studio(run, load_city(run.city)) as studio:
        for number in numbers:
            rng = np.random.default_rng([run.seed, number, 1])
            scene = random_scene(studio.city, rng, bend=number % 2 == 1)
            other = scene.other(rng)
            bodies = _bodies((other,), first=number)
            drive = studio.drive(number, scene.path, scene.start_m, rng, bodies)
            total.add(Encounter(scene, drive, other).run())
    return total


def _run_free(run: RidesRun, open_studio: OpenStudio, number: int, seconds: float) -> FreeFigures:
    rng = np.random.default_rng([run.seed, number, 2])
    with open_studio(run, load_city(f"grid:3x2:{1000 * run.seed + number}")) as studio:

        def make_drive(path: RoutePath, others: BackgroundTraffic) -> LaneDrive:
            return studio.drive(FREE_LOOKS + number, path, 0.0, rng, _bodies(others.cars))

        return drive_freely(studio.city, make_drive, rng, seconds)


def _bodies(cars: Sequence[ExpertCar], first: int = 0) -> Cars:
    """Return a function that gives the current bodies of other cars."""
    return lambda: [
        CarBody(f"other{i}", car.pose, COLORS[(first + i) % len(COLORS)])
        for i, car in enumerate(cars)
    ]


def _vehicle(path: RoutePath, start_m: float, rng: np.random.Generator) -> Vehicle:
    start = path.pose_at(start_m).ahead(
        0.0, float(rng.uniform(-START_M, START_M)), float(rng.uniform(-START_RAD, START_RAD))
    )
    return Vehicle(start, random_imperfections(rng))


class _RenderedCity:
    """One city with its renderer and models, for cars under any look."""

    def __init__(self, run: RidesRun, city: City) -> None:
        self.city = city
        self._run = run
        self._model = load_lane_model(Path(run.model) if run.model else None)
        self._detector: SightModel | None = None
        if run.detector_kind == "detector":
            path = Path(run.detector) if run.detector else None
            self._detector = load_detector(path, thresholds=TO_FOLLOW)
        self._expectation = SignModel(LaneGrid(city), Camera())
        self._renderer = Renderer(city, plain_look())

    def __enter__(self) -> _RenderedCity:
        return self

    def __exit__(self, *_: object) -> None:
        self._renderer.close()

    def drive(
        self, number: int, path: RoutePath, start_m: float, rng: np.random.Generator, cars: Cars
    ) -> LaneDrive:
        """Return a car on a path under look `number`; it sees the other cars."""
        look = look_of(EVALUATION_STREAM + self._run.seed, number)
        self._renderer.set_look(look)
        camera = SimulatedCamera(self._renderer, look, rng, part=self._model.part, cars=cars)
        vehicle = _vehicle(path, start_m, rng)
        detector = self._new_detector(look, rng, cars)
        driver = Driver(
            self._model,
            belief=Belief(self._expectation, path.place_at(start_m)),
            ground=GroundView(Camera(), self._model.part),
        )
        return LaneDrive(path, LockstepCar(vehicle, driver, camera, detector), start_m)

    def _new_detector(self, look: Look, rng: np.random.Generator, cars: Cars) -> DetectorSource:
        if self._detector is None:
            return SimulatedDetector(self.city, look.camera_of(Camera()), rng, cars, ERRORS)
        return NetworkDetector(self._renderer, self._detector, look, rng, cars)


class _UnseeingCity:
    """One city without pictures, for cars that see nobody: a `Pilot` keeps their lane."""

    def __init__(self, city: City) -> None:
        self.city = city

    def drive(
        self,
        number: int,  # noqa: ARG002  under any look it sees the same
        path: RoutePath,
        start_m: float,
        rng: np.random.Generator,
        cars: Cars,  # noqa: ARG002
    ) -> LaneDrive:
        pilot = Pilot(path.curve, path.route.start_s_m + start_m)
        car = LockstepCar(_vehicle(path, start_m, rng), Driver(pilot), pilot.see)
        return LaneDrive(path, car, start_m)


@contextmanager
def _unseeing_city(_run: RidesRun, city: City) -> Iterator[_UnseeingCity]:
    yield _UnseeingCity(city)
