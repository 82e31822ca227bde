"""Trains the detector, from Pascal VOC folders to a run folder that can be exported.

A run folder holds

    settings.json   settings, and a description of the data
    state.json      epochs so far and their figures; names the checkpoints
    epoch-*.keras   the averaged network after the newest epoch, and after the best one
    epoch-*.npz     state for resuming: the newest weights and the optimizer's
    frames.npz      training pictures for calibration
    result.json     written when the run is over
    tensorboard/    losses, average precisions by class and size, and sample pictures by epoch

`state.json` is replaced last, atomically, so a killed run resumes after its last whole epoch with
the same batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import DatasetError, ModelError, SettingsError
from pixelopolis.model_io.pictures import Report
from pixelopolis.model_io.voc.dataset import VocDataset
from pixelopolis.output_file import check_output_folder
from training.common.backend import tf
from training.common.export import scaled
from training.common.runs import finished
from training.detector.batches import epoch_batches
from training.detector.data import DetectorData, digest, load
from training.detector.evaluation.draw import draw_detections
from training.detector.evaluation.metrics import SIZES, Detections, Precision, average_precision
from training.detector.loss import losses
from training.detector.model import build
from training.detector.postprocess import scores_of, select
from training.detector.run import DetectorRun, row_of
from training.detector.settings import DetectorTraining

CALIBRATION_PICTURES: Final = 300
SAMPLE_PICTURES: Final = 12
PREDICT_BATCH: Final = 32

AVERAGE_DECAY: Final = 0.998
"""Share of the weights' moving average kept at each step; less at first, to forget the start.
Keras' own `use_ema` has one momentum and leaves out the statistics of batch normalization."""


@dataclass(frozen=True, slots=True)
class DetectorEpoch:
    """Figures after an epoch, for progress reports."""

    epoch: int
    epochs: int
    losses: dict[str, float]
    precision: Precision
    is_best: bool


@dataclass(frozen=True, slots=True)
class DetectorListener:
    """Callbacks for the progress of a run."""

    reading: Report = lambda _done, _all: None
    step: Callable[[int, int, int, float], None] = lambda _epoch, _done, _all, _loss: None
    """(epoch, steps done in it, steps of it, running loss)."""
    epoch: Callable[[DetectorEpoch], None] = lambda _report: None


def train(
    settings: DetectorTraining,
    folders: Sequence[Path],
    out: Path,
    listener: DetectorListener | None = None,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train, or resume a run with the same settings; return the content of result.json.

    Trains on the split `train` of every folder (all of it if there are no splits), validates on the
    split `val`. `start` is the folder of the finished run in the settings, if any. `out` is created
    once all data are read.

    Raises:
        DatasetError: the data cannot be used, or there is no validation data.
        ModelError: `start` is not a finished run, or has a network of another width.
        SettingsError: `out` holds a run with other settings or data, or cannot be written.
    """
    listener = listener or DetectorListener()
    check_output_folder(out, "--out")
    run = DetectorRun(out, settings)
    if start is not None:
        finished(start, "train detector")  # fails before the data are read
    parts, validation = _read(folders, listener.reading)
    pictures = sum(map(len, parts))
    if pictures < settings.batch:
        raise SettingsError(
            f"batch is {settings.batch}, but only {pictures} training pictures are there.",
            "Choose a smaller --batch or make more data.",
        )
    facts = _facts(parts, validation)
    run.check_data(facts)
    if (result := run.read("result.json")) is not None:
        return result
    tf.keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    learner = _Learner(settings, pictures // settings.batch)
    before = _begin_with(learner, start) if start is not None else None
    run.restore(learner.state, learner.averaged)
    run.begin(facts)
    _keep_frames(out / "frames.npz", parts, settings.seed)
    board = tf.summary.create_file_writer(str(out / "tensorboard"))
    while run.epochs_done < settings.epochs:
        _epoch(learner, run, parts, validation, listener, board)
    board.close()
    return run.finish(learner.averaged.count_params(), facts, before)


def _begin_with(learner: _Learner, start: Path) -> dict[str, Any]:
    """Load the best network of a finished run; return that run's result."""
    result = finished(start, "train detector")
    model = tf.keras.models.load_model(start / result["model"], compile=False)
    known, wanted = ([tuple(v.shape) for v in m.variables] for m in (model, learner.network))
    if known != wanted:
        raise ModelError(
            f"{start} holds a network of width {result['settings']['width']}.",
            "Give --width the same value as that run had.",
        )
    for network in (learner.network, learner.averaged):
        for variable, value in zip(network.variables, model.variables, strict=True):
            variable.assign(value)
    return result


def _epoch(
    learner: _Learner,
    run: DetectorRun,
    parts: Sequence[DetectorData],
    validation: DetectorData,
    listener: DetectorListener,
    board: Any,
) -> None:
    settings, epoch = run.settings, run.epochs_done
    started_s = time.perf_counter()
    sums: dict[str, float] = {}
    total = sum(map(len, parts)) // settings.batch
    for number, batch in enumerate(
        epoch_batches(
            parts,
            batch=settings.batch,
            seed=settings.seed,
            epoch=epoch,
            ratios=settings.ratios,
            augment=settings.augment,
        ),
        start=1,
    ):
        for name, value in learner.step(batch.images, batch.classes, batch.boxes).items():
            sums[name] = sums.get(name, 0.0) + float(value)
        listener.step(epoch + 1, number, total, sum(sums.values()) / number)
    means = {name: value / total for name, value in sums.items()}
    seconds = time.perf_counter() - started_s
    found = predict(learner.averaged, validation.images)
    precision = average_precision(validation.objects, found)
    row = row_of(means, precision, total * settings.batch / seconds, seconds)
    is_best = run.add_epoch(row, learner.state, learner.averaged)
    with board.as_default(step=run.epochs_done):
        _summarize(means, precision, validation, found)
        tf.summary.scalar("learning_rate", learner.optimizer.learning_rate)
        tf.summary.scalar("images_per_s", total * settings.batch / seconds)
    board.flush()
    listener.epoch(DetectorEpoch(run.epochs_done, settings.epochs, means, precision, is_best))


class _Learner:
    """The trained network, the moving average of its weights, and the optimizer."""

    def __init__(self, settings: DetectorTraining, steps: int) -> None:
        self.network, self.averaged = build(settings.width), build(settings.width)
        for mean, variable in zip(self.averaged.variables, self.network.variables, strict=True):
            mean.assign(variable)
        total = settings.epochs * steps
        warmup = min(500, total // 10)
        self.optimizer = tf.keras.optimizers.AdamW(
            tf.keras.optimizers.schedules.CosineDecay(
                settings.learning_rate / 20 if warmup else settings.learning_rate,
                max(1, total - warmup),
                alpha=0.01,
                warmup_target=settings.learning_rate if warmup else None,
                warmup_steps=warmup,
            ),
            weight_decay=settings.weight_decay,
            global_clipnorm=10.0,
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(self.network.trainable_variables)
        # XLA on a CPU is several times slower
        self._compiled = tf.function(self._step, jit_compile=False)

    @property
    def state(self) -> list[Any]:
        """All variables that a step changes, except for the average."""
        return [*self.network.variables, *self.optimizer.variables]

    def step(self, images: Any, classes: Any, boxes: Any) -> dict[str, Any]:
        """Train on a batch; return its losses by name."""
        answer: dict[str, Any] = self._compiled(
            tf.constant(images), tf.constant(classes), tf.constant(boxes)
        )
        return answer

    def _step(self, images: Any, classes: Any, boxes: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            answer = self.network(scaled(images), training=True)
            parts = losses(answer, classes, boxes)
            loss = tf.add_n(list(parts.values()))
        variables = self.network.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        done = tf.cast(self.optimizer.iterations, tf.float32)
        share = 1.0 - tf.minimum(AVERAGE_DECAY, (1.0 + done) / (20.0 + done))
        for mean, variable in zip(self.averaged.variables, self.network.variables, strict=True):
            mean.assign_add(share * (variable - mean))
        return parts


def predict(model: Any, images: Any) -> list[Detections]:
    """Return a network's detections in images (n, 160, 240, 3)."""
    found: list[Detections] = []
    for start in range(0, len(images), PREDICT_BATCH):
        answer = model.predict_on_batch(scaled(images[start : start + PREDICT_BATCH]))
        scores = scores_of(answer["objectness"], answer["classes"])
        found += [
            select(s, offsets).in_picture()
            for s, offsets in zip(scores, answer["boxes"], strict=True)
        ]
    return found


def _summarize(
    means: dict[str, float],
    precision: Precision,
    validation: DetectorData,
    found: Sequence[Detections],
) -> None:
    for name, value in means.items():
        tf.summary.scalar(f"loss/{name}", value)
    for size in SIZES:
        tf.summary.scalar(f"map50_by_size/{size}", precision.mean(size))
        tf.summary.scalar(f"map50_95_by_size/{size}", precision.mean(size, strict=True))
    for number, name in enumerate(SIGN_CLASSES):
        tf.summary.scalar(f"ap50_by_class/{name}", precision.of(number))
    rows = np.unique(np.linspace(0, len(validation) - 1, SAMPLE_PICTURES).round().astype(int))
    pictures = [
        draw_detections(validation.images[i], validation.objects[i], found[i]) for i in rows
    ]
    tf.summary.image("validation", np.stack(pictures), max_outputs=len(pictures))


def _read(folders: Sequence[Path], report: Report) -> tuple[list[DetectorData], DetectorData]:
    if not folders:
        raise DatasetError("No dataset folder was named.", "Give at least one with --data DIR.")
    training, validation = [], []
    for folder in folders:
        dataset = VocDataset(folder)
        splits = dataset.splits()
        names = dataset.names("train") if "train" in splits or not splits else ()
        training.append(load(folder, names, report).without_splinters())
        if "val" in splits:
            measured = load(folder, dataset.names("val"), report)
            validation.append(measured.without_splinters())
    if not any(map(len, training)):
        raise DatasetError("No folder has a split 'train'.", "Make one: `pixelopolis data signs`.")
    if not any(map(len, validation)):
        raise DatasetError(
            "No folder has a split 'val' to measure on.",
            "Make one with `pixelopolis data signs --split val`.",
        )
    images = np.concatenate([part.images for part in validation])
    shown = tuple(objects for part in validation for objects in part.objects)
    return training, DetectorData(images, shown)


def _facts(parts: Sequence[DetectorData], validation: DetectorData) -> dict[str, Any]:
    classes = [objects.classes for part in parts for objects in part.objects]
    counts = np.bincount(np.concatenate(classes), minlength=len(SIGN_CLASSES))
    return {
        "digest": digest([*parts, validation]),
        "pictures": [len(part) for part in parts],
        "objects": {name: int(n) for name, n in zip(SIGN_CLASSES, counts, strict=True)},
        "validation_pictures": len(validation),
        "validation_objects": sum(map(len, validation.objects)),
    }


def _keep_frames(file: Path, parts: Sequence[DetectorData], seed: int) -> None:
    """Store calibration images, so that an export needs no training data."""
    rng = np.random.default_rng([seed, 3])
    total = sum(map(len, parts))
    count = min(total, CALIBRATION_PICTURES)
    starts = np.cumsum([0, *map(len, parts)])
    rows = np.sort(rng.choice(total, count, replace=False))
    folders = np.searchsorted(starts, rows, side="right") - 1
    pictures = [
        parts[folder].images[row - starts[folder]]
        for folder, row in zip(folders, rows, strict=True)
    ]
    np.savez(file, calibration=np.stack(pictures))
