"""The parts that can be installed, which libraries each brings, and what says that one is missing.

Whoever lacks a library learns at once which extra has it, before any work is begun.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from importlib.util import find_spec
from typing import Final, ParamSpec, TypeVar

from pixelopolis.errors import MissingPartError, SettingsError

_CAR: Final = ("ai_edge_litert", "aiohttp", "cv2", "dynamixel_sdk", "serial")
_SERVER: Final = ("aiohttp", "pymongo")
_SIM: Final = (
    "aiohttp",
    "cv2",
    "moderngl",
    "OpenEXR",
    "pycocotools",
    "resvg_py",
    "shapely",
    "simplejpeg",
)

LIBRARIES: Final = {
    "car": _CAR,
    "server": _SERVER,
    "sim": _SIM,
    "demo": (*_CAR, *_SERVER, *_SIM),
    "training": (*_CAR, "pycocotools", "simplejpeg", "tensorboard", "tensorflow"),
    "ray": (*_CAR, *_SIM, "ray"),
    "plots": (*_CAR, *_SIM, "matplotlib"),
}
"""By extra of `pyproject.toml`: the modules that it adds to what a bare installation has."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def require(what: str, *extras: str) -> None:
    """Find out whether some extras are installed; nothing is imported.

    Args:
        what: needs them, as the message begins.
        extras: keys of `LIBRARIES`.

    Raises:
        MissingPartError: names what is not there, and how to install it.
    """
    wanted = dict.fromkeys(name for extra in extras for name in LIBRARIES[extra])
    missing = [name for name in wanted if not _is_there(name)]
    if missing:
        libraries = "libraries" if len(missing) > 1 else "library"
        raise MissingPartError(
            f"{what} needs the {libraries} {', '.join(map(repr, missing))}.",
            f"pip install 'pixelopolis[{','.join(extras)}]'",
        )


def needs(
    *extras: str,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a command ask for its extras, and refuse NaN and infinity, before anything else."""

    def decorate(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(command)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            require("this command", *extras)
            _check_finite(kwargs)
            return command(*args, **kwargs)

        setattr(run, "extras", extras)  # noqa: B010  the tests ask every command for it
        return run

    return decorate


def _check_finite(options: Mapping[str, object]) -> None:
    """Refuse what compares with no bound.

    Raises:
        SettingsError: names the option.
    """
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, float) and not math.isfinite(one):
                raise SettingsError(f"{name}: expected a finite number, got {one}.", "Give one.")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a finder of a test, or half a package
        return False
