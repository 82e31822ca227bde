"""The table of named changes matches the code, and the exclusions work."""

from __future__ import annotations

import re

import pytest

from tests.mutants.changes import Change, change_at, places_of
from tests.mutants.equivalents import EQUIVALENTS
from tests.mutants.guarded import GUARDED
from tests.mutants.named import NAMED, Named
from tests.mutants.trials import ROOT


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.name)
def test_each_named_change_is_a_change_of_the_code_as_it_is(named: Named) -> None:
    change = named.change(ROOT)
    assert change.before != change.after
    assert named.tests or any(guarded.file == named.file for guarded in GUARDED)


def test_every_guarded_file_and_every_test_of_it_is_there() -> None:
    for guarded in GUARDED:
        assert (ROOT / guarded.file).is_file(), guarded.file
        for name in guarded.tests:
            assert not name.startswith("tests/") or (ROOT / name).exists(), name


def test_every_file_of_an_equivalent_change_is_guarded() -> None:
    for known in EQUIVALENTS:
        assert any(re.fullmatch(known.file, guarded.file) for guarded in GUARDED), known.file


SOURCE = '''\
"""A docstring with 3 words."""
LIMIT_S = 2.5


@decorated(frozen=True)
class Thing:
    def go(self, at: int | None = 3) -> int | float:
        log.info("%s", at + 1)
        assert at > 2
        text = f"{at + 7}"
        if at > 5:
            log.info("many")
        for a, b in zip(self.one, self.two, strict=True):
            self.done(a)
        self.last = at
        return at - 1 if at is not None else 0


if __name__ == "__main__":
    raise SystemExit(main() + 1)
'''


def changes() -> list[Change]:
    places = places_of(SOURCE, "thing.py")
    return [change for place in places if (change := change_at(SOURCE, place)) is not None]


def test_numbers_comparisons_and_statements_are_changed_behavior_only() -> None:
    changed = {(change.line, change.after) for change in changes()}
    assert {(2, "LIMIT_S = 3.5"), (2, "LIMIT_S = 1.5")} <= changed
    lines = {line for line, _ in changed}
    assert lines == {2, 7, 13, 14, 15, 16}
    assert (14, "pass") in changed
    assert (15, "pass") in changed
    assert (16, "return at + 1 if at is not None else 0") in changed
    assert (16, "return at - 1 if at is  not  not None else 0") not in changed
    assert not any("strict=False" in after or "frozen=False" in after for _, after in changed)


def test_only_some_definitions_may_be_meant() -> None:
    assert not list(places_of(SOURCE, "thing.py", only="other"))
    assert list(places_of(SOURCE, "thing.py", only="go"))


def test_the_changes_of_a_file_are_programs_and_differ_from_it() -> None:
    for change in changes():
        compile(change.mutated, "thing.py", "exec")
        assert change.mutated != SOURCE
