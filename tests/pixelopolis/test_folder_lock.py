from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixelopolis.errors import SettingsError
from pixelopolis.folder_lock import lock_folder

HOLD = """
import sys, time
from pathlib import Path
from pixelopolis.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1]), "--data"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        said = rf"--data '.*data' is in use by process {first.pid} \(.*python"
        with pytest.raises(SettingsError, match=said), lock_folder(folder, "--data"):
            pass
        first.kill()  # a killed process holds no lock
        first.wait()
        with lock_folder(folder, "--data"):
            assert list(folder.iterdir()) == []


def test_a_folder_is_held_once_in_one_process_too(tmp_path: Path) -> None:
    with (
        lock_folder(tmp_path, "--data"),
        pytest.raises(SettingsError, match=f"process {os.getpid()} "),
        lock_folder(tmp_path, "--data"),
    ):
        pass
    with lock_folder(tmp_path, "--data"):
        pass


def test_where_no_folder_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match=r"--data '.*below' cannot be used: Not a directory"),
        lock_folder(tmp_path / "file" / "below", "--data"),
    ):
        pass
