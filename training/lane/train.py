"""Trains a lane network, from dataset folders to a run folder that can be exported."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import DatasetError, ModelError, SettingsError
from pixelopolis.model_io.lane_path import STATIONS_M
from pixelopolis.model_io.pictures import Report
from pixelopolis.output_file import check_output_folder
from training.common.backend import tf
from training.common.export import scaled
from training.common.runs import finished
from training.lane.augment import batches
from training.lane.data import Labels, LaneData, is_blank, load, split, windows
from training.lane.loss import masked_huber, path_loss
from training.lane.networks import Bytes, build, predict, restart_dropout
from training.lane.outputs import answers_of
from training.lane.report import HeadError
from training.lane.run import LaneRunFolder
from training.lane.settings import LaneTraining, Network

PREPARED_BATCHES: Final = 4
CALIBRATION_FRAMES: Final = 512
COMPARISON_FRAMES: Final = 2048
SAMPLE_PICTURES: Final = 12


@dataclass(frozen=True, slots=True)
class LaneEpoch:
    """Figures after an epoch, for progress reports."""

    epoch: int
    epochs: int
    loss: float
    errors: dict[str, HeadError]
    unit: str
    """Of the errors."""
    is_best: bool


@dataclass(frozen=True, slots=True)
class LaneListener:
    """Callbacks for the progress of a run."""

    reading: Report = lambda _done, _all: None
    step: Callable[[int, int, int], None] = lambda _epoch, _done, _all: None
    """(epoch, steps done in it, steps of it)."""
    epoch: Callable[[LaneEpoch], None] = lambda _report: None


@dataclass(frozen=True, eq=False)
class Items:
    """Data split into training items: single images, or windows of a film."""

    data: LaneData
    rows: NDArray[np.intp]
    """(m, frames) row numbers."""
    labels: Labels
    """For every row."""

    def __len__(self) -> int:
        return len(self.rows)

    def pictures(self, chosen: Any = slice(None)) -> Bytes:
        """Return images as the network takes them: (m, h, w, 3) or (m, frames, h, w, 3)."""
        rows = self.rows[chosen]
        return np.asarray(self.data.images_yuv[rows[:, 0] if rows.shape[1] == 1 else rows])


def train(
    settings: LaneTraining,
    folders: Sequence[Path],
    out: Path,
    listener: LaneListener | None = None,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train, or resume a run with the same settings; return the content of result.json.

    Runs are exactly repeatable on one computer with one version of TensorFlow; another processor
    sums in another order, so figures then agree only roughly. `start` is the folder of the finished
    run in the settings, if any. `out` is created once all data are read.

    Raises:
        DatasetError: the data cannot be used.
        ModelError: `start` is not a finished run, or has another network.
        SettingsError: `out` holds a run with other settings or data, or cannot be written.
    """
    listener = listener or LaneListener()
    check_output_folder(out, "--out")
    run = LaneRunFolder(out, settings)
    if start is not None:
        finished(start, "train lane")  # fails before the data are read
    network = settings.network
    data = load(folders, whole=network.sees_whole_frames, report=listener.reading)
    if network.frames > 1:
        data = _filmed(data, network)
    parts = split(data, settings.validation_fraction, settings.seed)
    training, validation = (
        _items(part, network, stride)
        for part, stride in zip(parts, (max(1, network.frames // 2), network.frames), strict=True)
    )
    batch = settings.batch // network.frames
    if len(training) < batch or not len(validation):
        unit = "pictures" if network.frames == 1 else f"windows of {network.frames} pictures"
        raise SettingsError(
            f"batch is {settings.batch} pictures, but {len(training)} {unit} are there for "
            f"training and {len(validation)} for validation.",
            "Choose a smaller --batch or record more data.",
        )
    facts = _facts(data, *parts)
    del data
    run.check_data(facts)
    if (result := run.read("result.json")) is not None:
        return result
    tf.keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    steps = len(training) // batch
    model = run.checkpoint() or _compiled(settings, steps, start)
    run.begin(facts)
    _keep_frames(out / "frames.npz", training, validation, settings.seed)
    if run.epochs_done < settings.epochs and not run.has_stalled():
        _fit(model, run, training, validation, listener, steps)
    return run.finish(model.count_params(), facts)


def _filmed(data: LaneData, network: Network) -> LaneData:
    """Leave out single images, so that the split is one of films."""
    if not len(windows(data.films, network.frames, network.frames)):
        raise DatasetError(
            f"{network} learns from {network.frames} pictures that follow each other, and there "
            "are none.",
            "Record more driven pictures: `pixelopolis data lane --driven`.",
        )
    return data.take(np.flatnonzero(data.films != ""))


def _items(data: LaneData, network: Network, stride: int) -> Items:
    rows = windows(data.films, network.frames, stride)
    return Items(data, rows, answers_of(network).labels(data))


def _compiled(settings: LaneTraining, steps: int, start: Path | None) -> Any:
    model = build(settings.network, settings.factor, settings.dropout)
    if start is not None:
        _begin_with(model, start)
    total = settings.epochs * steps
    warmup = min(steps, total // 10)
    rate = tf.keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 10 if warmup else settings.learning_rate,
        max(1, total - warmup),
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    loss = path_loss if settings.network is Network.PATH else masked_huber
    # XLA on a CPU is several times slower, and is the default of Keras
    model.compile(tf.keras.optimizers.Adam(rate), loss=loss, jit_compile=False)
    return model


def _begin_with(model: Any, start: Path) -> None:
    """Load the best weights of a finished run."""
    result = finished(start, "train lane")
    before = tf.keras.models.load_model(start / result["model"], compile=False)
    known, wanted = ([tuple(w.shape) for w in m.weights] for m in (before, model))
    if known != wanted:
        raise ModelError(
            f"{start} holds another network ({result['settings']['network']}, width "
            f"{result['settings']['width']}).",
            "Give --network and --width the same values as that run had.",
        )
    model.set_weights(before.get_weights())


def _fit(
    model: Any,
    run: LaneRunFolder,
    training: Items,
    validation: Items,
    listener: LaneListener,
    steps: int,
) -> None:
    settings = run.settings
    answers = answers_of(settings.network)
    rows = validation.rows.reshape(-1)
    images, labels = validation.data.images_yuv, validation.labels[rows]
    samples = _spread(len(rows), SAMPLE_PICTURES)
    blank = is_blank(images)[rows]
    board = tf.summary.create_file_writer(str(run.folder / "tensorboard"))
    started_s = 0.0

    # Keras passes `logs` by name
    def begin(_epoch: int, logs: Any = None) -> None:  # noqa: ARG001
        nonlocal started_s
        restart_dropout(model, settings.seed, run.epochs_done)
        started_s = time.perf_counter()

    def step(number: int, logs: Any = None) -> None:  # noqa: ARG001
        listener.step(run.epochs_done + 1, number + 1, steps)

    def end(_epoch: int, logs: Any) -> None:
        seconds = time.perf_counter() - started_s
        predicted = predict(model, validation.pictures()).reshape(len(rows), -1)
        errors = answers.errors(predicted, labels, blank)
        is_best = run.add_epoch(model, float(logs["loss"]), errors, steps, seconds)
        with board.as_default(step=run.epochs_done):
            tf.summary.scalar("loss/training", logs["loss"])
            tf.summary.scalar("learning_rate", model.optimizer.learning_rate)
            tf.summary.scalar("images_per_s", run.pictures(steps) / seconds)
            for name, error in errors.items():
                if error.labels:
                    tf.summary.scalar(f"validation_error/{name}", error.mean_abs)
                    tf.summary.scalar(f"median_guess/{name}", error.median_guess)
            pictures = [answers.draw(images[rows[i]], labels[i], predicted[i]) for i in samples]
            tf.summary.image("validation", np.stack(pictures), max_outputs=len(pictures))
        board.flush()
        listener.epoch(
            LaneEpoch(run.epochs_done, settings.epochs, logs["loss"], errors, answers.unit, is_best)
        )
        model.stop_training = run.has_stalled()

    model.fit(
        _stream(run, training),
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


def _stream(run: LaneRunFolder, training: Items) -> Any:
    """Return the batches of a run as a tf.data.Dataset, prepared in parallel with training."""
    settings = run.settings

    def made() -> Any:
        return batches(
            training.data,
            training.rows,
            answers_of(settings.network),
            batch=settings.batch // settings.network.frames,
            seed=settings.seed,
            flip=settings.flip,
            first_epoch=run.epochs_done,
            augment=settings.augment,
        )

    pictures, labels = next(made())
    signature = (
        tf.TensorSpec(pictures.shape, tf.uint8),
        tf.TensorSpec(labels.shape, tf.float32),
    )
    dataset = tf.data.Dataset.from_generator(made, output_signature=signature)
    return dataset.map(lambda x, y: (scaled(x), y)).prefetch(PREPARED_BATCHES)


def _facts(data: LaneData, training: LaneData, validation: LaneData) -> dict[str, Any]:
    kinds, counts = np.unique(data.kinds, return_counts=True)
    digest = hashlib.blake2b(data.images_yuv.data, digest_size=8)
    digest.update(data.steering.tobytes())
    digest.update(data.paths_left_m.tobytes())
    return {
        "digest": digest.hexdigest(),
        "pictures": len(data),
        "training": len(training),
        "validation": len(validation),
        "groups": len(np.unique(data.groups)),
        "validation_groups": len(np.unique(validation.groups)),
        "kinds": {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
        "labels": np.isfinite(data.steering).sum(axis=0).tolist(),
        "path_labels": np.isfinite(data.paths_left_m).sum(axis=0)[:: len(STATIONS_M)].tolist(),
    }


def _spread(count: int, wanted: int) -> Any:
    """Return up to `wanted` row numbers, spread evenly over `count`."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.intp))


def _keep_frames(file: Path, training: Items, validation: Items, seed: int) -> None:
    """Store the frames of an export, so that it needs no dataset."""
    rng = np.random.default_rng([seed, 2])
    frames = training.rows.shape[1]
    count = min(len(training), max(1, CALIBRATION_FRAMES // frames))
    calibration = np.sort(rng.choice(len(training), count, replace=False))
    comparison = _spread(len(validation), max(1, COMPARISON_FRAMES // frames))
    rows = validation.rows[comparison]
    np.savez(
        file,
        calibration_yuv=training.pictures(calibration),
        validation_yuv=validation.pictures(comparison),
        validation_labels=validation.labels[rows].reshape(rows.size, -1),
    )
