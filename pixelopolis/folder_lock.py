"""Exclusive use of a folder: two processes writing into one would corrupt each other's work."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pixelopolis.errors import SettingsError

LOCKS: Final = Path("/proc/locks")


@contextmanager
def lock_folder(folder: Path, option: str) -> Iterator[None]:
    """Lock a folder, created if missing, for this process.

    The folder itself is locked (flock), so there is no lock file, and nothing remains of a killed
    process. Children do not inherit the lock. File systems without such locks are used unlocked.

    Raises:
        SettingsError: another process, which is named, holds it; or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SettingsError(
            f"{option} {str(folder)!r} cannot be used: {error.strerror}.", "Name another folder."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"{option} {str(folder)!r} is in use by {_holder(descriptor)}.",
                "End that one first, or name another folder.",
            ) from error
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EINVAL, errno.ENOTSUP):
                raise
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Return who holds the lock, as far as Linux tells (man 5 proc, /proc/locks)."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        for line in LOCKS.read_text("ascii").splitlines():
            _, kind, _, _, process, place, *_ = line.replace("->", "").split()
            if kind == "FLOCK" and place.rpartition(":")[2] == inode:
                command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ")
                return f"process {process} ({command.decode(errors='replace').strip()})"
    except (OSError, ValueError):
        pass
    return "another process"
