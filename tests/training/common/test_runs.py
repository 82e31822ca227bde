"""Run and export folders: whole or absent. No TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelopolis.errors import SettingsError
from pixelopolis.output_file import check_output_folder
from training.common.runs import RunFolder
from training.lane.settings import LaneTraining

SETTINGS = LaneTraining(data=("roads",))
FACTS = {"pictures": 3}


def test_a_run_is_on_disk_when_it_has_begun(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a" / "b", SETTINGS)
    run.check_data(FACTS)
    assert not list(tmp_path.iterdir())
    run.begin(FACTS)
    again = RunFolder(tmp_path / "a" / "b", SETTINGS)
    again.check_data(FACTS)
    with pytest.raises(SettingsError, match="3 pictures then, 4 now"):
        again.check_data({"pictures": 4})


def test_a_folder_is_checked_without_making_it(tmp_path: Path) -> None:
    check_output_folder(tmp_path / "new" / "one", "--out")
    check_output_folder(tmp_path, "--out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "in", Path("/proc/nowhere/in")):
        with pytest.raises(SettingsError, match=r"--out .* cannot be written into"):
            check_output_folder(folder, "--out")
