"""The user-visible errors, each with a stable code and a next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final


class PixelopolisError(Exception):
    """Base of all errors of this project.

    Args:
        message: what was expected and what was found, with field and value.
        next_step: what the user can do.
    """

    code: ClassVar[str] = "PX000"

    def __init__(self, message: str, next_step: str) -> None:
        # all arguments, so that the error can be pickled out of a worker process
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"[{self.code}] {self.message} {self.next_step}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in a city file.

    `place` names file, line and field, as in `town.toml:12 edge[3].to`.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


MAX_SHOWN: Final = 50
"""Maximum number of faults shown; `CityError.faults` has all."""


class CityError(PixelopolisError, ValueError):
    """A city that cannot be used; `faults` lists everything wrong with it."""

    code = "PX101"

    def __init__(self, message: str, next_step: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message, next_step)
        self.args = (message, next_step, faults)
        self.faults = faults

    def __str__(self) -> str:
        shown = [*map(str, self.faults[:MAX_SHOWN])]
        if len(self.faults) > MAX_SHOWN:
            shown.append(f"... and {len(self.faults) - MAX_SHOWN} more.")
        return "\n  ".join([super().__str__(), *shown])


class NoRouteError(PixelopolisError, LookupError):
    """An unknown edge or destination, or one that cannot be reached."""

    code = "PX102"


class SettingsError(PixelopolisError, ValueError):
    """A setting that is missing or out of range."""

    code = "PX103"


class MissingPartError(PixelopolisError, RuntimeError):
    """A library, program or driver required by this command is not installed."""

    code = "PX104"


class WorkerError(PixelopolisError, RuntimeError):
    """A worker process was lost, or cannot do the same work."""

    code = "PX105"


class OutputError(PixelopolisError, OSError):
    """A file, folder or stream that cannot be read or written."""

    code = "PX106"


class ModelError(PixelopolisError, ValueError):
    """A model file that cannot be used."""

    code = "PX201"


class DatasetError(PixelopolisError, ValueError):
    """A dataset on disk that cannot be used."""

    code = "PX202"


class CameraError(PixelopolisError, ConnectionError):
    """A camera that cannot be opened or went silent."""

    code = "PX301"


class BoardError(PixelopolisError, ConnectionError):
    """The controller board or a motor does not answer correctly."""

    code = "PX302"


class StoreError(PixelopolisError, ConnectionError):
    """The database cannot be started or reached."""

    code = "PX401"


class BookingError(PixelopolisError, ValueError):
    """A booking that cannot be made or changed."""

    code = "PX402"


class ServerError(PixelopolisError, ConnectionError):
    """A server refuses what a command asks of it, or does not answer."""

    code = "PX404"


class RenderError(PixelopolisError, RuntimeError):
    """No usable OpenGL on this machine."""

    code = "PX501"
