"""Secrets are written for their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pixelopolis.identity.private_file import write_private


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o177])
def test_only_the_owner_may_read(tmp_path: Path, umask: int) -> None:
    file, before = tmp_path / "secret", os.umask(umask)
    file.write_text("old, for all to read")
    try:
        write_private(file, b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [file]


def test_a_link_that_somebody_put_there_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "secret.new").symlink_to(tmp_path / "theirs")
    write_private(tmp_path / "secret", b"new")
    assert (tmp_path / "theirs").read_text() == "theirs"
