"""Files with secrets, which only their owner may read."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(file: Path, data: bytes) -> None:
    """Write or replace a file with mode 0600; nobody else could read it at any moment.

    Raises:
        OSError: it cannot be written.
    """
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, 0o600)  # whatever the umask
        opened.write(data)
        opened.flush()
        os.fsync(descriptor)
    new.replace(file)
