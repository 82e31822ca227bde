"""The run folder of a lane training; a killed run resumes.

A run folder holds

    settings.json   settings, and a description of the data
    state.json      epochs so far and their figures; names the checkpoints
    epoch-*.keras   the newest checkpoint and the best one
    frames.npz      training frames for calibration and validation frames for comparison
    result.json     written when the run is over
    tensorboard/    losses, errors and sample pictures by epoch

`state.json` is replaced last, atomically, so a killed run resumes after its last whole epoch with
the same batches.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from training.common.backend import tf
from training.common.runs import RunFolder, shown
from training.lane.loss import masked_huber, path_loss
from training.lane.outputs import answers_of
from training.lane.report import HeadError
from training.lane.settings import LaneTraining

LOSSES: Final = {loss.__name__: loss for loss in (masked_huber, path_loss)}


class LaneRunFolder(RunFolder):
    """The run folder; a kill at any time costs at most the current epoch."""

    def __init__(self, folder: Path, settings: LaneTraining) -> None:
        super().__init__(folder, settings)
        self.settings = settings

    @property
    def best(self) -> dict[str, Any]:
        return min(self.history, key=lambda row: float(row["errors"]["all"]["mean_abs_error"]))

    def checkpoint(self) -> Any:
        """Return the model of the last whole epoch with its optimizer, None before the first."""
        if not self.history:
            return None
        path = self.folder / _checkpoint_name(self.epochs_done)
        model = tf.keras.models.load_model(path, custom_objects=LOSSES)
        model.jit_compile = False
        return model

    def has_stalled(self) -> bool:
        done = self.epochs_done
        return done > 0 and done - int(self.best["epoch"]) >= self.settings.patience

    def pictures(self, steps: int) -> int:
        frames = self.settings.network.frames
        return steps * (self.settings.batch // frames) * frames

    def add_epoch(
        self, model: Any, loss: float, errors: dict[str, HeadError], steps: int, seconds: float
    ) -> bool:
        """Write checkpoint and figures; return whether the epoch is the best so far."""
        epoch = self.epochs_done + 1
        part = self.folder / "part.keras"
        model.save(part)
        part.replace(self.folder / _checkpoint_name(epoch))
        self.history.append(
            {
                "epoch": epoch,
                "loss": loss,
                "errors": {name: error.as_json() for name, error in errors.items()},
                "images_per_s": round(self.pictures(steps) / seconds, 1),
                "seconds": round(seconds, 2),
            }
        )
        self.write("state.json", {"history": self.history})
        self.keep_checkpoints({_checkpoint_name(epoch), _checkpoint_name(int(self.best["epoch"]))})
        return int(self.best["epoch"]) == epoch

    def finish(self, parameters: int, facts: dict[str, Any]) -> dict[str, Any]:
        seconds = sum(row["seconds"] for row in self.history)
        pictures = sum(row["seconds"] * row["images_per_s"] for row in self.history)
        result = {
            "run": shown(self.folder),
            "model": _checkpoint_name(int(self.best["epoch"])),
            "best_epoch": self.best["epoch"],
            "epochs": self.epochs_done,
            "validation": self.best["errors"],
            "validation_unit": answers_of(self.settings.network).unit,
            "loss": self.best["loss"],
            "parameters": parameters,
            "images_per_s": round(pictures / seconds, 1),
            "training_s": round(seconds, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "tensorflow": tf.__version__,
            "settings": asdict(self.settings),
            "data": facts,
        }
        self.write("result.json", result)
        return self.read("result.json") or result


def _checkpoint_name(epoch: int) -> str:
    return f"epoch-{epoch:04d}.keras"
