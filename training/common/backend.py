"""The only import of TensorFlow: without its log, and with a clear error if it is missing.

Rendering never shares a process with it: TensorFlow and Mesa's llvmpipe crash each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pixelopolis.errors import MissingPartError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Drop what C++ writes to standard error: absl's first messages obey no log level."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


try:
    with _no_stderr():
        import tensorflow as tf
except ImportError as missing:
    raise MissingPartError(
        f"Training needs TensorFlow, which cannot be imported ({missing}).",
        "pip install 'pixelopolis[training]'",
    ) from missing

__all__ = ["tf"]
