"""A model beside its rivals, in one run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from car.perception.lane_network import LaneNetwork
from pixelopolis.city.model import City
from pixelopolis.city.route import Route
from sim.evaluation import lane_evaluation, lane_runs
from sim.evaluation.lane_evaluation import evaluate_lane, rival_runs
from sim.evaluation.lane_runs import LaneDriver, LaneEvaluation, drive_looks
from sim.evaluation.rivals import BLIND, NO_MAP, WHEELS_AND_MAP
from sim.evaluation.swept import Swept
from sim.physics.lockstep import random_route
from tests.sim.evaluation.test_lane_runs import figures

RUN = LaneEvaluation(("curvy", "straight"), metres=0.9, looks=3, seed=3)
BLIND_RUN = LaneEvaluation(("figure-eight",), metres=6.0, looks=1, seed=3, driver=LaneDriver.BLIND)


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a rival looked")


@pytest.fixture
def no_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever draws a picture, or shows one to the model, fail."""
    for name in ("Renderer", "SimulatedCamera", "GroundView"):
        monkeypatch.setattr(lane_runs, name, refuse)
    monkeypatch.setattr(LaneNetwork, "look", refuse)


def test_rivals_stand_beside_the_model_and_change_none_of_its_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routes: list[tuple[str, ...]] = []

    def recorded(city: City, rng: np.random.Generator, length_m: float) -> Route:
        route = random_route(city, rng, length_m)
        routes.append((city.name, *route.edges))
        return route

    monkeypatch.setattr(lane_runs, "random_route", recorded)
    done: list[int] = []
    alone = evaluate_lane(RUN, 1)
    driven = {tuple(routes)}
    assert "rivals" not in alone
    routes.clear()
    beside = evaluate_lane(RUN, 1, lambda: done.append(1), rivals=True)
    assert figures({k: beside[k] for k in alone}) == figures(alone)
    # two looks: the first in each city; the model drove them in a row of three
    looks = beside["sight_adds"]["looks"]
    assert looks == 2
    assert len(done) == RUN.looks + 3 * looks
    by_city = [{r for r in routes if r[0] == name} for name in RUN.cities]
    assert sum(map(len, by_city)) == len(set(driven.pop())), "rivals drove other routes"
    assert list(beside["rivals"]) == [BLIND, WHEELS_AND_MAP, NO_MAP]
    model = beside["sight_adds"]["model"]
    first = beside["by_look"][:looks]
    assert model["distance_m"] == pytest.approx(sum(row["distance_m"] for row in first))
    for rival in beside["rivals"].values():
        assert rival["distance_m"] == pytest.approx(model["distance_m"], abs=0.05)
        assert rival.keys() == model.keys()
        per_km = 1000 * rival["interventions"] / rival["distance_m"]
        assert rival["interventions_per_km"] == pytest.approx(per_km)
    asked = evaluate_lane(replace(RUN, looks=2, metres=0.6, follows_map=False), 1)
    no_map = beside["rivals"][NO_MAP]
    assert no_map | asked == asked | {"interventions_per_km": 0.0}, "what --no-map itself gives"


@pytest.mark.usefixtures("no_sight")
@pytest.mark.parametrize("driver", [LaneDriver.BLIND, LaneDriver.WHEELS_AND_MAP])
@pytest.mark.parametrize("junctions", [False, True])
def test_no_picture_is_drawn_or_looked_at_for_a_rival(driver: LaneDriver, junctions: bool) -> None:
    [result] = drive_looks(replace(BLIND_RUN, driver=driver, metres=0.5, junctions=junctions), 1)
    assert result.figures.distance_m > 0.4


@pytest.mark.parametrize("driver", [LaneDriver.BLIND, LaneDriver.WHEELS_AND_MAP])
def test_a_rival_drives_the_same_under_any_look(driver: LaneDriver) -> None:
    def driven(run: LaneEvaluation) -> dict[str, Any]:
        [result] = drive_looks(replace(run, driver=driver, metres=1.0), 1)
        return result.figures.document()

    dark = replace(BLIND_RUN, swept=Swept.EXPOSURE, swept_value=0.01)
    assert driven(BLIND_RUN) == driven(replace(BLIND_RUN, plain=True)) == driven(dark)


def test_who_sees_nothing_cannot_keep_a_bend_yet_turns_by_the_map() -> None:
    [result] = drive_looks(replace(BLIND_RUN, metres=8.0), 1)
    assert result.figures.interventions > 0
    assert result.figures.turns_right > 0


def test_rivals_are_those_that_differ_from_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NO_MAP not in rival_runs(replace(RUN, follows_map=False)), "it is the run itself"
    blind = rival_runs(replace(RUN, follows_map=False))[BLIND]
    assert blind.follows_map
    assert not blind.straight_on

    class Original:
        has_commands = sees_paths = False

    monkeypatch.setattr(lane_evaluation, "load_lane_model", lambda _: Original())
    runs = rival_runs(RUN)
    assert list(runs) == [BLIND, WHEELS_AND_MAP], "a model that steers never asks the map"
    assert all(run.straight_on for run in runs.values()), "they drive its routes"
