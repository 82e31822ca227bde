"""An OpenGL context without a window, by EGL, on a GPU's driver or Mesa's llvmpipe.

llvmpipe must draw in the calling thread: its own threads can corrupt the heap
(docs/decisions/0033).
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import moderngl

from pixelopolis.errors import RenderError

_EGL: Final[dict[str, Any]] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}

RASTERIZER_THREADS: Final = "0"
"""Threads of llvmpipe; Mesa reads it when a process makes its first context."""

_PACKAGES: Final = "On Debian or Ubuntu: apt-get install libegl1 libgl1 libgl1-mesa-dri."


def create_context() -> moderngl.Context:
    """Return a new standalone context (OpenGL 3.3 core).

    Raises:
        RenderError: this computer has no EGL, or no OpenGL 3.3.
    """
    # overrides the environment: with any thread, a process may crash within minutes
    os.environ["LP_NUM_THREADS"] = RASTERIZER_THREADS
    try:
        return moderngl.create_context(require=330, standalone=True, **_EGL)
    except Exception as error:  # glcontext raises plain Exception
        raise RenderError(
            f"expected OpenGL 3.3 by EGL (libEGL.so.1, libGL.so.1), found: {error}.", _PACKAGES
        ) from error


@lru_cache(maxsize=1)
def _source() -> str:
    return files(__package__).joinpath("scene.glsl").read_text(encoding="utf-8")


def build_program(context: moderngl.Context, *names: str) -> moderngl.Program:
    """Return the program made from the parts of scene.glsl that `names` enable."""

    def stage(name: str) -> str:
        defines = "".join(f"#define {n}\n" for n in (name, *names))
        return f"#version 330 core\n{defines}#line 1\n{_source()}"

    return context.program(vertex_shader=stage("VERTEX"), fragment_shader=stage("FRAGMENT"))
