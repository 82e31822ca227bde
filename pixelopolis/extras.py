"""The installable extras, the libraries of each, and the error for a missing one.

A missing library is reported with its extra before any work begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from importlib.util import find_spec
from typing import Final, ParamSpec, TypeVar

from pixelopolis.errors import MissingPartError, SettingsError

_CAR: Final = (
    "ai_edge_litert",
    "aiohttp",
    "cryptography",
    "cv2",
    "dynamixel_sdk",
    "serial",
    "tomlkit",
)
_SERVER: Final = ("aiohttp", "argon2", "cryptography", "prometheus_client", "pymongo", "segno")
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
"""By extra of `pyproject.toml`: the modules it adds to a bare installation."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def require(what: str, *extras: str) -> None:
    """Check that some extras are installed, without importing anything.

    Args:
        what: what needs them, as the message's beginning.
        extras: keys of `LIBRARIES`.

    Raises:
        MissingPartError: what is missing, and how to install it.
    """
    wanted = dict.fromkeys(name for extra in extras for name in LIBRARIES[extra])
    missing = [name for name in wanted if not _is_installed(name)]
    if missing:
        libraries = "libraries" if len(missing) > 1 else "library"
        raise MissingPartError(
            f"{what} needs the {libraries} {', '.join(map(repr, missing))}.",
            f"pip install 'pixelopolis[{','.join(extras)}]'",
        )


def needs(
    *extras: str,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a command check its extras, and refuse NaN and infinity, before anything else."""

    def decorate(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(command)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            if not _leads_to_another(kwargs):
                require("this command", *extras)
            _check_finite(kwargs)
            return command(*args, **kwargs)

        setattr(run, "extras", extras)  # noqa: B010  checked for every command by the tests
        return run

    return decorate


def _leads_to_another(parameters: Mapping[str, object]) -> bool:
    """Whether a command has commands of its own, of which one was asked for (a typer.Context)."""
    return any(getattr(each, "invoked_subcommand", None) for each in parameters.values())


def _check_finite(options: Mapping[str, object]) -> None:
    """Refuse numbers that no comparison with a bound would catch.

    Raises:
        SettingsError: names the option.
    """
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, float) and not math.isfinite(one):
                raise SettingsError(f"{name}: expected a finite number, got {one}.", "Give one.")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a finder of a test, or an incomplete package
        return False
