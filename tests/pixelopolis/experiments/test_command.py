from __future__ import annotations

from pathlib import Path

import pytest

from pixelopolis.cli import experiments
from pixelopolis.errors import MissingPartError


def test_without_tensorflow_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "find_spec", lambda name: None)
    out = tmp_path / "experiments"

    with pytest.raises(MissingPartError, match="setup-training"):
        experiments.run(out=out)

    assert not out.exists()
