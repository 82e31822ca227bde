"""The examples of style in CONTRIBUTING.md are our own code, as it is now."""

import re

from tests.support.paths import ROOT

EXAMPLE = re.compile(r"^`([\w./-]+)`: ([^\n].*?)\n\n```python\n(.*?)```$", re.M | re.S)
EXAMPLES = EXAMPLE.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))


def test_there_are_five_and_each_says_why_in_one_sentence() -> None:
    assert len(EXAMPLES) == 5
    for path, why, _ in EXAMPLES:
        assert re.fullmatch(r"[^.]+\.", why), path


def test_each_is_in_its_file() -> None:
    for path, _, snippet in EXAMPLES:
        assert snippet in (ROOT / path).read_text("utf-8"), path
