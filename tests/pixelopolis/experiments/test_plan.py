from __future__ import annotations

import re

import pytest

from pixelopolis.errors import SettingsError
from pixelopolis.experiments.article import EXPERIMENTS, SMALL, TINY, named
from pixelopolis.experiments.parts import INT8, Arm, Data, Drive, Experiment, Recipe
from pixelopolis.experiments.plan import DRIVE_SEED, SERIES_SEEDS, drive_step, plan
from pixelopolis.experiments.steps import Step, fingerprints, made
from sim.evaluation.lane_runs import ACCEPTANCE, EVALUATION_STREAM
from sim.looks.room_looks import room_look

SEEDS = (3, 4)


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return plan(EXPERIMENTS, SEEDS, SMALL)


def option(step: Step, name: str) -> list[str]:
    words = step.words
    return [words[i + 1] for i, word in enumerate(words[:-1]) if word == name]


def test_the_story_is_a_plan(steps: list[Step]) -> None:
    assert len(fingerprints(steps)) == len(steps)


def test_no_work_is_done_twice(steps: list[Step]) -> None:
    def work(step: Step) -> tuple[str, ...]:
        return tuple(word for word in step.words if word != made(step.name))

    assert len({work(step) for step in steps}) == len(steps)


def test_everything_random_has_a_seed(steps: list[Step]) -> None:
    for step in steps:
        seeds = option(step, "--seed")
        if step.kind in ("data lane", "train lane"):
            [seed] = seeds
            assert int(seed) % SERIES_SEEDS == int(step.name.rpartition("-")[2])
        elif step.kind == "evaluate lane":
            assert seeds == ["77"], "all models see the same"
        else:
            assert step.kind == "export lane", "which draws nothing"


def test_steps_read_only_what_they_need(steps: list[Step]) -> None:
    for step in steps:
        read = {m[1] for word in step.words if (m := re.match(r"([\w-]+)/made", word))}
        assert read - {step.name} == set(step.needs)


def test_seeds_share_nothing(steps: list[Step]) -> None:
    for step in steps:
        seed = step.name.rpartition("-")[2]
        assert all(need.endswith(f"-{seed}") for need in step.needs)


def test_every_arm_is_driven_everywhere(steps: list[Step]) -> None:
    names = {step.name for step in steps}
    for experiment in EXPERIMENTS:
        for arm in experiment.arms:
            for drive in experiment.drives:
                assert {drive_step(arm, drive, seed) for seed in SEEDS} <= names


def test_the_scale_is_all_that_differs() -> None:
    small, tiny = plan(EXPERIMENTS, [1], SMALL), plan(EXPERIMENTS, [1], TINY)
    assert [step.name for step in small] == [step.name for step in tiny]


def test_a_model_can_drive_for_the_data_of_the_next() -> None:
    first = Recipe("first", "path", (Data("poses", "square"),))
    drove = Data("driven-by-first", "square", kind="driven", part=0.5, by=first)
    second = Recipe("second", "path", (first.data[0], drove), start=first, part=0.4)
    round_ = Experiment(
        "round", "A round", (Arm("second", second),), (Drive("square", "square", ()),)
    )
    steps = {step.name: step for step in plan([round_], [1], SMALL)}
    assert list(steps) == [
        "data-poses-1",
        "train-first-1",
        "export-first-1",
        "data-driven-by-first-1",
        "train-second-1",
        "export-second-1",
        "evaluate-second-square-1",
    ]
    assert option(steps["data-driven-by-first-1"], "--drive") == [made("export-first-1", INT8)]
    assert option(steps["data-driven-by-first-1"], "--frames") == [str(SMALL.pictures // 2)]
    train = steps["train-second-1"]
    assert option(train, "--network") == ["path"]
    assert option(train, "--start") == [made("train-first-1")]
    assert option(train, "--data") == [made("data-poses-1"), made("data-driven-by-first-1")]
    assert int(option(train, "--epochs")[0]) < SMALL.epochs


def test_nothing_is_driven_where_it_was_learnt(steps: list[Step]) -> None:
    learnt, driven = (
        {
            city
            for step in steps
            if step.kind == kind
            for words in option(step, name)
            for city in words.split(",")
        }
        for kind, name in (("data lane", "--cities"), ("evaluate lane", "--city"))
    )
    assert learnt & {*driven, *ACCEPTANCE} == set()


def test_every_look_of_a_drive_has_clutter_beside_the_road() -> None:
    looks = [room_look(EVALUATION_STREAM + DRIVE_SEED, i) for i in range(SMALL.looks)]
    assert min(look.clutter.count for look in looks) >= 2


def test_experiments_are_chosen_by_name() -> None:
    assert named([]) == EXPERIMENTS
    assert [e.name for e in named(["int8"])] == ["int8"]
    with pytest.raises(SettingsError, match="'int9'"):
        named(["int9"])
