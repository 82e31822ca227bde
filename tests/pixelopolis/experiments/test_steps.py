from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.errors import SettingsError
from pixelopolis.experiments.steps import Step, fingerprints, given_up, runnable


@st.composite
def plans(draw: st.DrawFn) -> list[Step]:
    """Steps that depend on some of the earlier ones."""
    steps: list[Step] = []
    for number in range(draw(st.integers(0, 8))):
        needs = draw(st.lists(st.sampled_from(steps), unique=True)) if steps else []
        steps.append(Step(f"s{number}", ("do", str(number)), tuple(need.name for need in needs)))
    return steps


@given(plans(), st.data())
def test_every_step_runs_once_and_after_what_it_needs(
    steps: list[Step], data: st.DataObject
) -> None:
    begun: list[str] = []
    done: set[str] = set()
    while ready := runnable(steps, done, begun):
        step = data.draw(st.sampled_from(ready))
        assert set(step.needs) <= done
        begun.append(step.name)
        done.add(step.name)
    assert sorted(begun) == sorted(step.name for step in steps)


@given(plans(), st.data())
def test_a_failure_gives_up_exactly_what_depends_on_it(
    steps: list[Step], data: st.DataObject
) -> None:
    failed = set(data.draw(st.lists(st.sampled_from(steps)))) if steps else set()
    names = {step.name for step in failed}
    lost = given_up(steps, dict.fromkeys(names, "why"))
    for step in steps:
        if step.name not in names:
            hit = any(need in names or need in lost for need in step.needs)
            assert (step.name in lost) == hit


def test_a_change_of_a_step_changes_what_depends_on_it_and_nothing_else() -> None:
    def digests(pictures: str) -> dict[str, str]:
        data = Step("data", ("data", "lane", "--poses", pictures))
        train = Step("train", ("train", "lane"), ("data",))
        other = Step("other", ("evaluate", "lane"))
        return fingerprints([data, train, other])

    few, many = digests("10"), digests("20")
    assert {name for name in few if few[name] != many[name]} == {"data", "train"}


def test_what_is_no_plan_is_refused() -> None:
    step = Step("a", ("do",))
    with pytest.raises(SettingsError, match="twice"):
        fingerprints([step, step])
    with pytest.raises(SettingsError, match="come before"):
        fingerprints([Step("b", ("do",), ("a",)), step])
