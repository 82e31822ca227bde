"""What a training run can be asked for; no TensorFlow needed to say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixelopolis.errors import SettingsError


class Flip(StrEnum):
    """Which pictures may be mirrored.

    A mirrored town drives on the other side of the road, and its border lines change places; so
    this is off by default, and a matter of measurement.
    """

    NEVER = "never"
    UNCOLOURED = "uncoloured"
    """Those without red and blue border lines."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Everything that changes what a run learns; the same settings on the same data repeat it."""

    data: tuple[str, ...]
    epochs: int = 15
    batch: int = 64
    seed: int = 1
    width: float = 0.5
    dropout: float = 0.1
    learning_rate: float = 1e-3
    """At its highest, after a short warm-up; a cosine then takes it to zero."""
    flip: Flip = Flip.NEVER
    augment: bool = True
    patience: int = 8
    """Epochs without a better validation error before the run stops."""
    validation_fraction: float = 0.1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("batch", 1, 4096),
            ("seed", 0, 2**31 - 1),
            ("width", 0.1, 2.0),
            ("dropout", 0.0, 0.9),
            ("learning_rate", 1e-6, 1.0),
            ("patience", 1, 10_000),
            ("validation_fraction", 0.01, 0.5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}.", f"Choose a value in [{low}, {high}].")
