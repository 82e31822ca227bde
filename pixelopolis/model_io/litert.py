"""Load models into LiteRT, without its log messages on stderr."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter


def load_interpreter(model: Path | bytes, delegates: Sequence[Any] | None = None) -> Interpreter:
    """Return an interpreter for one thread, with its tensors allocated.

    Args:
        model: a .tflite file, or its content.
        delegates: as `ai_edge_litert.interpreter.load_delegate` returns them.

    Raises:
        ValueError, RuntimeError, OSError: LiteRT cannot use the model.
    """
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    with native_stderr_filtered(lambda line: not line.startswith(b"INFO: ")):
        interpreter = Interpreter(**source, num_threads=1, experimental_delegates=delegates)
        interpreter.allocate_tensors()
    return interpreter


@contextmanager
def native_stderr_filtered(keep: Callable[[bytes], bool]) -> Iterator[None]:
    """Hold back what native code writes to stderr, then pass on the lines to keep.

    All lines are passed on after an exception.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            keep = bool
            raise
        finally:
            os.dup2(stderr, 2)
            log.seek(0)
            with os.fdopen(stderr, "wb") as passed_on:
                passed_on.writelines(line for line in log if keep(line))
