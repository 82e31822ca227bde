"""The sample is drawn by seed and line, and the report counts what should be noticed."""

from __future__ import annotations

import pytest

from tests.mutants.changes import Change
from tests.mutants.report import in_words, is_good, report_of
from tests.mutants.sample import draw
from tests.mutants.trials import Trial

LINES = [f"    total_{i} = limit_{i} - {i}\n" for i in range(40)]
SOURCE = "def f():\n" + "".join(LINES)


def drawn(seed: int, most: int, **sources: str) -> list[Change]:
    return list(draw(seed, most, {f"{name}.py": (text, "") for name, text in sources.items()}))


def texts(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.file, change.after) for change in changes]


def test_a_sample_has_the_size_asked_for_without_repetition() -> None:
    sample = drawn(1, 25, one=SOURCE, two=SOURCE)
    assert len({(change.file, change.mutated) for change in sample}) == 25
    assert {change.file for change in sample} == {"one.py", "two.py"}
    assert len(drawn(1, 10_000, one="x = 1\n")) == 2
    assert drawn(1, 0, one=SOURCE) == []


def test_each_seed_draws_another_sample_and_always_the_same() -> None:
    assert texts(drawn(1, 20, one=SOURCE)) == texts(drawn(1, 20, one=SOURCE))
    assert texts(drawn(1, 20, one=SOURCE)) != texts(drawn(2, 20, one=SOURCE))


@pytest.mark.parametrize("before", ["import math\n\n", "LIMIT = 3\n\ndef g():\n    return 1 - 2\n"])
def test_an_edit_elsewhere_leaves_the_sample_as_it_is(before: str) -> None:
    whole = texts(drawn(1, 10_000, one=SOURCE, two=SOURCE))
    edited = texts(drawn(1, 10_000, one=before + SOURCE, two=SOURCE))
    assert [each for each in edited if each in whole] == whole
    # a line that is no longer there takes only its own changes with it
    fewer = texts(drawn(1, 10_000, one=SOURCE.replace(LINES[7], ""), two=SOURCE))
    assert fewer == [each for each in whole if each[0] != "one.py" or "total_7 " not in each[1]]


def test_equal_lines_have_turns_of_their_own() -> None:
    sample = drawn(1, 10_000, one="def f():\n" + "    g(a - 1)\n" * 10)
    assert len(sample) == 40


# --- report -----------------------------------------------------------------------------------

KNOWN = Change("server/identity/nonces.py", 3, "token_bytes(16)", "token_bytes( 17)", "")
"""`equivalents.py` explains this one."""


def trial(change: Change, killed: bool) -> Trial:
    return Trial(change, killed, timed_out=False, seconds=1.0)


def sample(killed: int, survived: int, known: int) -> list[Trial]:
    changes = [Change("server/presence.py", i, "x", "y", "") for i in range(killed + survived)]
    made = [trial(change, i < killed) for i, change in enumerate(changes)]
    return made + [trial(KNOWN, killed=False)] * known


@pytest.mark.parametrize(
    ("killed", "survived", "known", "pct", "good"),
    [
        (18, 2, 0, 90.0, True),
        (17, 2, 1, 89.5, False),
        (18, 1, 5, 94.7, True),
        (0, 0, 3, 100.0, True),
    ],
)
def test_a_change_that_alters_nothing_counts_neither_way(
    killed: int, survived: int, known: int, pct: float, good: bool
) -> None:
    report = report_of(7, {}, sample(killed, survived, known))
    assert report["killed_pct"] == pct
    assert (report["mutants"], report["seed"]) == (killed + survived + known, 7)
    assert [entry["at"] for entry in report["survivors"]] == [
        f"server/presence.py:{killed + i}" for i in range(survived)
    ]
    assert [entry["reason"] for entry in report["equivalent"]] == [
        "packed to 16 bytes all the same"
    ] * known
    assert is_good(report) is good
    words = in_words(report)
    assert words.count("SURVIVED") == survived
    assert words.count("packed to 16 bytes") == known
    assert f"{pct} % killed" in words


def test_a_noticed_change_counts_also_if_it_is_listed() -> None:
    report = report_of(1, {}, [trial(KNOWN, killed=True), *sample(0, 1, 0)])
    assert report["killed_pct"] == 50.0
    assert report["equivalent"] == []


def test_a_named_change_must_be_noticed_whatever_the_share() -> None:
    report = report_of(1, {"it is safe": trial(KNOWN, killed=False)}, sample(20, 0, 0))
    assert not is_good(report)
    assert "NOT NOTICED: it is safe" in in_words(report)
