"""Settings of a detector training; needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from pixelopolis.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DetectorTraining:
    """Everything that changes a run's result; the same settings on the same data repeat it."""

    data: tuple[str, ...]
    ratios: tuple[float, ...] = ()
    """Share of each folder in an epoch, in the order of `data`; empty: every image once."""
    epochs: int = 14
    batch: int = 16
    seed: int = 1
    width: float = 1.0
    learning_rate: float = 2e-3
    """Peak value, after a short warm-up; then cosine decay to almost zero."""
    weight_decay: float = 0.02
    augment: bool = True
    start: str | None = None
    """Finished run whose weights this one starts from, if any."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("batch", 1, 1024),
            ("seed", 0, 2**31 - 1),
            ("width", 0.1, 2.0),
            ("learning_rate", 1e-6, 1.0),
            ("weight_decay", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}.", f"Choose a value in [{low}, {high}].")
        if self.ratios and len(self.ratios) != len(self.data):
            raise SettingsError(
                f"{len(self.ratios)} ratios for {len(self.data)} folders.",
                "Give --ratio once for each --data, or not at all.",
            )
        if self.ratios and not (min(self.ratios) >= 0 and sum(self.ratios) > 0):
            raise SettingsError(
                f"ratios are {self.ratios}.", "None may be negative, and one must be above 0."
            )
