"""Open loop on photographs: where models lead beside the driver's steering. Pure."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pixelopolis.geometry import FloatArray

TURNS_FROM: Final = 0.2
"""Where the driver steers more than this, the direction counts."""
MIN_RANGE: Final = 0.005


def open_loop(recorded: FloatArray, answered: FloatArray) -> dict[str, Any]:
    """Return correlation with the driver and the share of turns in the right direction.

    Args:
        recorded: (n,) the driver's steering in [-1, 1], left negative.
        answered: (n,) the model's, right positive, in any unit.
    """
    turning = np.abs(recorded) > TURNS_FROM
    varies = len(recorded) > 1 and min(np.ptp(recorded), np.ptp(answered)) > MIN_RANGE
    return {
        "correlation": float(np.corrcoef(recorded, answered)[0, 1]) if varies else None,
        "direction_pct": _right_pct(recorded[turning], answered[turning]),
        "turning_pictures": int(turning.sum()),
    }


def trivial_guesses(recorded: FloatArray) -> dict[str, dict[str, Any]]:
    """Return the same figures of guesses that see nothing."""
    turning = recorded[np.abs(recorded) > TURNS_FROM]
    often = np.sign(np.sign(turning).sum()) or 1.0
    last = np.concatenate([[0.0], recorded[:-1]])
    constants = {"median": float(np.median(recorded)), "most_frequent_direction": float(often)}
    guesses = {name: np.full(len(recorded), value) for name, value in constants.items()}
    guesses = {"straight": np.zeros(len(recorded)), "last_steering": last, **guesses}
    return {name: open_loop(recorded, guess) for name, guess in guesses.items()}


def _right_pct(recorded: FloatArray, answered: FloatArray) -> float | None:
    if not len(recorded):
        return None
    return 100 * float((np.sign(recorded) == np.sign(answered)).mean())
