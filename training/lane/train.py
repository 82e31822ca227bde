"""Train a lane network: from dataset folders to a run folder that can be exported.

A run folder holds

    settings.json   what was asked for, and what the data were
    state.json      epochs so far and their figures; names the checkpoints
    epoch-*.keras   the newest checkpoint and the best one
    frames.npz      training frames for calibration and validation frames for comparison
    result.json     when the run is over
    tensorboard/    losses, errors and sample pictures by epoch

`state.json` is replaced last and at once, so a run may be killed at any time and goes on from its
last whole epoch with the batches that it would have got.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pixelopolis.errors import SettingsError
from training.backend import tf
from training.lane.augment import batches
from training.lane.data import LaneData, Report, is_blank, load, split
from training.lane.model import build, masked_huber, predict, restart_dropout
from training.lane.settings import LaneSettings
from training.report import HeadError, draw_steering, head_errors
from training.runs import RunFolder, shown

CALIBRATION_FRAMES = 512
COMPARISON_FRAMES = 2048
SAMPLE_PICTURES = 12


@dataclass(frozen=True, slots=True)
class EpochReport:
    """Figures after an epoch, for whoever shows progress."""

    epoch: int
    epochs: int
    loss: float
    errors: dict[str, HeadError]
    is_best: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told what while a run goes on."""

    reading: Report = lambda _done, _all: None
    step: Callable[[int, int, int], None] = lambda _epoch, _done, _all: None
    """(epoch, steps done in it, steps of it)."""
    epoch: Callable[[EpochReport], None] = lambda _report: None


def train(
    settings: LaneSettings, folders: Sequence[Path], out: Path, watch: Watch | None = None
) -> dict[str, Any]:
    """Train, or go on with a run of the same settings; return the result (also in result.json).

    TensorFlow repeats a run exactly on one machine with one version; another processor sums in
    another order, so figures then agree only roughly.

    Raises:
        DatasetError: data that cannot be used.
        SettingsError: `out` holds a run of other settings.
    """
    watch = watch or Watch()
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(out, settings)
    data = load(folders, report=watch.reading)
    training, validation = split(data, settings.validation_fraction, settings.seed)
    if len(training) < settings.batch:
        raise SettingsError(
            f"batch is {settings.batch}, but only {len(training)} training pictures are there.",
            "Choose a smaller --batch or record more data.",
        )
    facts = _facts(data, training, validation)
    del data
    run.begin(facts)
    if (result := run.read("result.json")) is not None:
        return result
    _keep_frames(out / "frames.npz", training, validation, settings.seed)

    tf.keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    steps = len(training) // settings.batch
    model = run.checkpoint() or _compiled(settings, steps)
    if run.epochs_done < settings.epochs and not run.has_stalled():
        _fit(model, run, training, validation, watch, steps)
    return run.finish(model.count_params(), facts)


def _compiled(settings: LaneSettings, steps: int) -> Any:
    model = build(settings.width, settings.dropout)
    total = settings.epochs * steps
    warmup = min(steps, total // 10)
    rate = tf.keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 10 if warmup else settings.learning_rate,
        max(1, total - warmup),
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    # XLA on a CPU costs several times the work, and Keras would choose it by itself
    model.compile(tf.keras.optimizers.Adam(rate), loss=masked_huber, jit_compile=False)
    return model


def _fit(
    model: Any, run: _Run, training: LaneData, validation: LaneData, watch: Watch, steps: int
) -> None:
    settings = run.settings
    samples = _spread(len(validation), SAMPLE_PICTURES)
    blank = is_blank(validation.images_yuv)
    board = tf.summary.create_file_writer(str(run.folder / "tensorboard"))
    started_s = 0.0

    # Keras passes `logs` by name
    def begin(_epoch: int, logs: Any = None) -> None:  # noqa: ARG001
        nonlocal started_s
        restart_dropout(model, settings.seed, run.epochs_done)
        started_s = time.perf_counter()

    def step(number: int, logs: Any = None) -> None:  # noqa: ARG001
        watch.step(run.epochs_done + 1, number + 1, steps)

    def end(_epoch: int, logs: Any) -> None:
        seconds = time.perf_counter() - started_s
        predicted = predict(model, validation.images_yuv)
        errors = head_errors(predicted, validation.steering, blank)
        is_best = run.add_epoch(model, float(logs["loss"]), errors, steps, seconds)
        with board.as_default(step=run.epochs_done):
            tf.summary.scalar("loss/training", logs["loss"])
            tf.summary.scalar("learning_rate", model.optimizer.learning_rate)
            tf.summary.scalar("images_per_s", steps * settings.batch / seconds)
            for name, error in errors.items():
                if error.labels:
                    tf.summary.scalar(f"validation_error/{name}", error.mean_abs)
                    tf.summary.scalar(f"median_guess/{name}", error.median_guess)
            pictures = [
                draw_steering(validation.images_yuv[i], validation.steering[i], predicted[i])
                for i in samples
            ]
            tf.summary.image("validation", np.stack(pictures), max_outputs=len(pictures))
        board.flush()
        watch.epoch(EpochReport(run.epochs_done, settings.epochs, logs["loss"], errors, is_best))
        model.stop_training = run.has_stalled()

    model.fit(
        batches(
            training,
            batch=settings.batch,
            seed=settings.seed,
            flip=settings.flip,
            first_epoch=run.epochs_done,
            augment=settings.augment,
        ),
        epochs=settings.epochs,
        initial_epoch=run.epochs_done,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[
            tf.keras.callbacks.LambdaCallback(
                on_epoch_begin=begin, on_epoch_end=end, on_train_batch_end=step
            )
        ],
    )
    board.close()


class _Run(RunFolder):
    """The run folder: written so that a kill at any time costs at most the epoch under way."""

    def __init__(self, folder: Path, settings: LaneSettings) -> None:
        super().__init__(folder, settings)
        self.settings = settings

    @property
    def best(self) -> dict[str, Any]:
        return min(self.history, key=lambda row: float(row["errors"]["all"]["mean_abs_error"]))

    def checkpoint(self) -> Any:
        """Return the model of the last whole epoch with its optimiser, None before the first."""
        if not self.history:
            return None
        path = self.folder / _checkpoint_name(self.epochs_done)
        model = tf.keras.models.load_model(path, custom_objects={"masked_huber": masked_huber})
        model.jit_compile = False
        return model

    def has_stalled(self) -> bool:
        done = self.epochs_done
        return done > 0 and done - int(self.best["epoch"]) >= self.settings.patience

    def add_epoch(
        self, model: Any, loss: float, errors: dict[str, HeadError], steps: int, seconds: float
    ) -> bool:
        """Write checkpoint and figures; say whether it is the best epoch so far."""
        epoch = self.epochs_done + 1
        part = self.folder / "part.keras"
        model.save(part)
        part.replace(self.folder / _checkpoint_name(epoch))
        self.history.append(
            {
                "epoch": epoch,
                "loss": loss,
                "errors": {name: error.as_json() for name, error in errors.items()},
                "images_per_s": round(steps * self.settings.batch / seconds, 1),
                "seconds": round(seconds, 2),
            }
        )
        self.write("state.json", {"history": self.history})
        keep = {_checkpoint_name(epoch), _checkpoint_name(int(self.best["epoch"]))}
        for file in self.folder.glob("epoch-*.keras"):
            if file.name not in keep:
                file.unlink()
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


def _facts(data: LaneData, training: LaneData, validation: LaneData) -> dict[str, Any]:
    kinds, counts = np.unique(data.kinds, return_counts=True)
    digest = hashlib.blake2b(data.images_yuv.data, digest_size=8)
    digest.update(data.steering.tobytes())
    return {
        "digest": digest.hexdigest(),
        "pictures": len(data),
        "training": len(training),
        "validation": len(validation),
        "groups": len(np.unique(data.groups)),
        "validation_groups": len(np.unique(validation.groups)),
        "kinds": {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
        "labels": np.isfinite(data.steering).sum(axis=0).tolist(),
    }


def _spread(count: int, wanted: int) -> Any:
    """Return up to `wanted` row numbers, evenly over `count`."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.intp))


def _keep_frames(file: Path, training: LaneData, validation: LaneData, seed: int) -> None:
    """Store what an export needs, so that it does without the dataset."""
    rng = np.random.default_rng([seed, 2])
    count = min(len(training), CALIBRATION_FRAMES)
    calibration = np.sort(rng.choice(len(training), count, replace=False))
    comparison = _spread(len(validation), COMPARISON_FRAMES)
    np.savez(
        file,
        calibration_yuv=training.images_yuv[calibration],
        validation_yuv=validation.images_yuv[comparison],
        validation_steering=validation.steering[comparison],
    )
