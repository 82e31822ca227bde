"""Localization over many looks in parallel, like `lane_runs`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.sign_model import SignModel
from car.perception.detector import load_detector
from car.perception.lane_network import load_lane_model
from pixelopolis.city.model import City
from pixelopolis.city.sources import load_city
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.camera import Camera
from sim.camera.camera import SimulatedCamera
from sim.camera.simulated_detector import DetectorErrors, NetworkDetector, SimulatedDetector
from sim.evaluation.lane_runs import EVALUATION_STREAM
from sim.evaluation.localization import LocalizationFigures, Senses, drop_off, pass_nodes
from sim.evaluation.rivals import (
    WHEELS_AND_MAP,
    no_picture,
    shared_looks,
    what_sight_adds,
    wheels_and_map,
)
from sim.looks.look import Look
from sim.looks.town_looks import look_of
from sim.render.renderer import Renderer
from sim.work.workers import run_all

ERRORS: Final = DetectorErrors(box_sigma_px=1.0, recall_large=0.93, recall_small=0.55, least_px=9.0)
"""Of the simulated detector. The shipped one finds 0.9 of the signs from 20 px on, 0.8 of those of
16 to 20 px and 0.44 of those of 12 to 16 px, whatever part of them is visible."""

HEADLINE: Final = ("located_pct", "median_metres_to_located", "passages_right_pct")
"""What sight adds is said of these."""

WORST: Final = 5
"""Number of worst looks in the result."""


@dataclass(frozen=True, slots=True)
class LocalizationRun:
    """Settings of an evaluation; a plain value that can be sent to other processes.

    With "detector" as `detector_kind`, a car drives and detects with its models on rendered images;
    with
    "geometric" it uses a `Pilot` and a simulated detector, unrendered. `detector` and `model` are
    files; None takes the shipped ones.
    """

    city: str
    dropoffs: int
    passages: int
    looks: int
    seed: int
    detector_kind: str = "detector"
    detector: str | None = None
    model: str | None = None


def evaluate_localization(
    run: LocalizationRun,
    jobs: int | None,
    done: Callable[[], None] = lambda: None,
    cluster: str | None = None,
    rivals: bool = False,
) -> dict[str, Any]:
    """Return the figures of a run, those of the worst looks, and those of the rival.

    `jobs` and `cluster` as in `run_all`; `done` is called after each look, and each of the rival's.

    Raises:
        CityError, ModelError, RenderError: the city, a model or OpenGL cannot be used.
        MissingPartError, SettingsError, WorkerError: see `run_all`.
        SettingsError: there is nothing to evaluate.
    """
    if not run.dropoffs and not run.passages:
        raise SettingsError(
            "--dropoffs 0 and --passages 0 ask for nothing.", "Give one of them more than 0."
        )
    city = load_city(run.city)
    started = time.perf_counter()

    def drive(function: Callable[[int], LocalizationFigures], looks: int) -> list[Any]:
        results = []
        for figures in run_all(function, range(looks), jobs, cluster, "look {}".format):
            results.append(figures)
            done()
        return results

    results = drive(partial(_run_look, run), run.looks)
    total = _sum(results)
    by_look = [{"look": look, **figures.document()} for look, figures in enumerate(results)]
    by_look.sort(key=lambda row: (row["located_pct"] or 0) + (row["passages_right_pct"] or 0))
    document = {
        "city": city.name,
        "seer": run.detector_kind,
        "seed": run.seed,
        "looks": run.looks,
        **total.document(),
        "wall_s": time.perf_counter() - started,
        "worst_looks": by_look[:WORST],
        "failures": total.failures,
    }
    if not rivals:
        return document
    share = shared_looks(run.looks)
    beside = {WHEELS_AND_MAP: _sum(drive(partial(_run_unseeing, run), share)).document()}
    model = _sum(results[:share]).document()
    added = what_sight_adds(model, beside, WHEELS_AND_MAP, *HEADLINE)
    return {**document, "rivals": beside, "sight_adds": {"looks": share, **added}}


def _sum(results: Sequence[LocalizationFigures]) -> LocalizationFigures:
    total = LocalizationFigures()
    for figures in results:
        total.add(figures)
    return total


def _run_look(run: LocalizationRun, index: int) -> LocalizationFigures:
    city = load_city(run.city)
    look = look_of(EVALUATION_STREAM + run.seed, index)
    if run.detector_kind == "geometric":
        return _measure(run, index, city, lambda rng: _geometric(city, look, rng))
    # a file that is no model is refused before the town is built
    detector = load_detector(Path(run.detector) if run.detector else None)
    model = load_lane_model(Path(run.model) if run.model else None)
    rng = np.random.default_rng([run.seed, index, 2])
    with Renderer(city, look) as renderer:
        camera = SimulatedCamera(renderer, look, rng, part=model.part)
        senses = Senses(NetworkDetector(renderer, detector, look, rng), model, camera)
        return _measure(run, index, city, lambda _: senses)


def _run_unseeing(run: LocalizationRun, index: int) -> LocalizationFigures:
    """Do one look's drop-offs and passages without a picture.

    On missions the car steers by its wheels and the map. Put down anywhere it has no way to steer
    by, so a `Pilot` keeps its lane: bends and the ways between them are all that it feels.
    """
    steered, alone = Senses(None), Senses(None, wheels_and_map(), no_picture)
    return _measure(run, index, load_city(run.city), lambda _: steered, lambda _: alone)


def _measure(
    run: LocalizationRun,
    index: int,
    city: City,
    senses: Callable[[np.random.Generator], Senses],
    on_missions: Callable[[np.random.Generator], Senses] | None = None,
) -> LocalizationFigures:
    # the car does not know how this look has mounted its camera
    sign_model = SignModel(LaneGrid(city), Camera())
    total = LocalizationFigures()
    for number in range(index, run.dropoffs, run.looks):
        rng = np.random.default_rng([run.seed, number, 1])
        total.add(drop_off(sign_model, senses(rng), rng))
    rng = np.random.default_rng([run.seed, index, 3])
    share = len(range(index, run.passages, run.looks))
    total.add(pass_nodes(sign_model, (on_missions or senses)(rng), rng, share))
    return total


def _geometric(city: City, look: Look, rng: np.random.Generator) -> Senses:
    return Senses(SimulatedDetector(city, look.camera_of(Camera()), rng, errors=ERRORS))
