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

from typing import Any, Final

from training.common.backend import tf
from training.common.runs import RunFolder, checkpoint_name
from training.lane.loss import masked_huber, path_loss
from training.lane.outputs import answers_of
from training.lane.report import HeadError
from training.lane.settings import LaneTraining

LOSSES: Final = {loss.__name__: loss for loss in (masked_huber, path_loss)}


class LaneRunFolder(RunFolder):
    """The run folder; a kill at any time costs at most the current epoch."""

    settings: LaneTraining

    @property
    def best(self) -> dict[str, Any]:
        return min(self.history, key=lambda row: float(row["errors"]["all"]["mean_abs_error"]))

    def checkpoint(self) -> Any:
        """Return the model of the last whole epoch with its optimizer, None before the first."""
        if not self.history:
            return None
        path = self.folder / checkpoint_name(self.epochs_done)
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
        part.replace(self.folder / checkpoint_name(epoch))
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
        self.keep_checkpoints({checkpoint_name(n) for n in (epoch, int(self.best["epoch"]))})
        return int(self.best["epoch"]) == epoch

    def finish(self, parameters: int, facts: dict[str, Any]) -> dict[str, Any]:
        best = self.best
        figures = {
            "validation": best["errors"],
            "validation_unit": answers_of(self.settings.network).unit,
            "loss": best["loss"],
        }
        return self.write_result(best, figures, parameters, facts, tensorflow=tf.__version__)
