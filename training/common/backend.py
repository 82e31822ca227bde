"""The only import of TensorFlow: without its log, and with a clear error if it is missing.

Rendering never shares a process with it: TensorFlow and Mesa's llvmpipe crash each other.
"""

from __future__ import annotations

import os

from pixelopolis.errors import MissingPartError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import tensorflow as tf
except ImportError as missing:
    raise MissingPartError(
        f"Training needs TensorFlow, which cannot be imported ({missing}).",
        "pip install 'pixelopolis[training]'",
    ) from missing

__all__ = ["tf"]
