"""The detector's run folder; a kill at any time costs at most one epoch."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import SettingsError
from training.common.backend import tf
from training.common.runs import RunFolder, checkpoint_name
from training.detector.evaluation.metrics import SIZES, Precision
from training.detector.settings import DetectorTraining


def row_of(
    losses: dict[str, float], precision: Precision, images_per_s: float, seconds: float
) -> dict[str, Any]:
    """Return an epoch's entry in `state.json`."""
    return {
        "losses": {name: round(value, 5) for name, value in losses.items()},
        "map50": {size: _rounded(precision.mean(size)) for size in SIZES},
        "map50_95": {size: _rounded(precision.mean(size, strict=True)) for size in SIZES},
        "ap50": {name: _rounded(precision.of(i)) for i, name in enumerate(SIGN_CLASSES)},
        "images_per_s": round(images_per_s, 1),
        "seconds": round(seconds, 2),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 5)


class DetectorRun(RunFolder):
    """The files of a run."""

    settings: DetectorTraining

    @property
    def best(self) -> dict[str, Any]:
        """The epoch with the highest mAP50:95 over all sizes; of equal ones the last."""
        return max(self.history, key=lambda row: (row["map50_95"]["all"] or 0.0, row["epoch"]))

    def restore(self, state: Sequence[Any], averaged: Any) -> None:
        """Restore variables after the last whole epoch, if there was one."""
        if not self.history:
            return
        done = self.epochs_done
        arrays = self.folder / checkpoint_name(done, "npz")
        try:
            with np.load(arrays) as kept:
                for number, variable in enumerate(state):
                    variable.assign(kept[str(number)])
            kept_model = tf.keras.models.load_model(
                self.folder / checkpoint_name(done), compile=False
            )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise SettingsError(
                f"{arrays.with_suffix('')} cannot be read: {error}.",
                "Remove the run's folder and train again.",
            ) from error
        for variable, value in zip(averaged.variables, kept_model.variables, strict=True):
            variable.assign(value)

    def add_epoch(self, row: dict[str, Any], state: Sequence[Any], averaged: Any) -> bool:
        """Write checkpoint and figures; return whether the epoch is the best so far."""
        epoch = self.epochs_done + 1
        part = self.folder / "part.npz"
        arrays: dict[str, Any] = {str(i): np.asarray(v) for i, v in enumerate(state)}
        np.savez(part, **arrays)
        part.replace(self.folder / checkpoint_name(epoch, "npz"))
        part = self.folder / "part.keras"
        averaged.save(part)
        part.replace(self.folder / checkpoint_name(epoch))
        self.history.append({"epoch": epoch, **row})
        self.write("state.json", {"history": self.history})
        best = checkpoint_name(int(self.best["epoch"]))
        self.keep_checkpoints({checkpoint_name(epoch, "npz"), checkpoint_name(epoch), best})
        return int(self.best["epoch"]) == epoch

    def finish(
        self, parameters: int, facts: dict[str, Any], before: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write and return result.json; `before` is the result of the run it started from."""
        best = self.best
        figures = {name: best[name] for name in ("map50", "map50_95", "ap50", "losses")}
        more = {"tensorflow": tf.__version__, "start": before}
        return self.write_result(best, figures, parameters, facts, **more)


def stages(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of a run and of those it started from, the first one first."""
    before = result.get("start")
    return [*(stages(before) if before else []), result]
