"""Settings of a lane training; needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixelopolis.errors import SettingsError


class Network(StrEnum):
    """Kinds of networks; `training.lane.networks` has their layers and reasons."""

    PATH = "path"
    PILOTNET = "pilotnet"
    PILOTNET_FULL = "pilotnet-full"
    PILOTNET_LSTM = "pilotnet-lstm"

    @property
    def sees_whole_frames(self) -> bool:
        return self is Network.PILOTNET_FULL

    @property
    def frames(self) -> int:
        """Length of its training windows; 1 for networks that are not recurrent."""
        return 8 if self is Network.PILOTNET_LSTM else 1

    @property
    def usual_width(self) -> float:
        """Half the article's channels steer as well and take half the time (docs/decisions)."""
        return 1.0 if self is Network.PATH else 0.5


class Flip(StrEnum):
    """Which images may be mirrored.

    A mirrored city drives on the other side of the road, with its border lines swapped; so this is
    off by default.
    """

    NEVER = "never"
    UNCOLORED = "uncoloured"
    """Images without red and blue border lines."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class LaneTraining:
    """Everything that changes a run's result; the same settings on the same data repeat it."""

    data: tuple[str, ...]
    network: Network = Network.PATH
    epochs: int = 15
    batch: int = 64
    """Images per step."""
    seed: int = 1
    width: float | None = None
    """Factor on the channels; None: the network's usual one."""
    dropout: float = 0.1
    learning_rate: float = 1e-3
    """Peak value, after a short warm-up; then cosine decay to zero."""
    flip: Flip = Flip.NEVER
    augment: bool = True
    patience: int = 8
    """Epochs without a better validation error before the run stops."""
    validation_fraction: float = 0.1
    start: str | None = None
    """Finished run whose weights this one starts from, if any."""

    @property
    def factor(self) -> float:
        return self.network.usual_width if self.width is None else self.width

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("batch", 1, 4096),
            ("seed", 0, 2**31 - 1),
            ("factor", 0.1, 2.0),
            ("dropout", 0.0, 0.9),
            ("learning_rate", 1e-6, 1.0),
            ("patience", 1, 10_000),
            ("validation_fraction", 0.01, 0.5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                shown = "width" if name == "factor" else name
                raise SettingsError(f"{shown} is {value}.", f"Choose a value in [{low}, {high}].")
        if self.batch < self.network.frames:
            raise SettingsError(
                f"batch is {self.batch}.",
                f"{self.network} learns {self.network.frames} pictures at once: choose more.",
            )
