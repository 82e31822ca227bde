from __future__ import annotations

from pathlib import Path

import pytest

from pixelopolis import extras
from pixelopolis.cli import experiments
from pixelopolis.errors import MissingPartError


def test_without_tensorflow_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda module: module != "tensorflow")
    out = tmp_path / "experiments"

    with pytest.raises(MissingPartError, match=r"tensorflow.*pixelopolis\[training,plots\]"):
        experiments.run(out=out)

    assert not out.exists()
