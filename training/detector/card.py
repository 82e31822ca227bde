"""Exports a detector run: .tflite files, thresholds for the car, and a model card."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import ModelError
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX
from pixelopolis.output_file import check_output_folder
from training.common.backend import tf
from training.common.export import INPUT_NAME, Bytes, median_ms, write
from training.common.metadata import VALUE_LABELS, Tensor, add_metadata, markdown_line
from training.common.operators import read_graph
from training.common.runs import finished, shown
from training.detector.convert import to_float, to_int8, to_raw_int8
from training.detector.data import DetectorData, digest
from training.detector.evaluation.evaluate import figures, read
from training.detector.evaluation.metrics import SIZES, Detections
from training.detector.evaluation.score_thresholds import FIT_PRECISION, fit_thresholds
from training.detector.litert import agreement, run
from training.detector.run import stages
from training.detector.settings import DetectorTraining
from training.detector.train import predict

CARD_FORMAT: Final = 1
MIN_AGREEMENT: Final = {"float": 0.995, "int8": 0.95}
"""Share of the network's confident detections that an export must reproduce."""

RAW: Final = "_raw.tflite"
"""Suffix of the file without selection."""

COMPILER: Final = "edgetpu_compiler"


def export_detector(
    run_folder: Path, data: Path, out: Path, name: str = "detector", split: str = "val"
) -> dict[str, Any]:
    """Write NAME.tflite (int8), NAME_float.tflite, NAME_raw.tflite, NAME.json, NAME.md into OUT.

    Thresholds are fitted and figures measured on a split of `data` that no run was trained on. The
    same run and data give the same card.

    Returns:
        The card (content of NAME.json), with this computer's `latency_ms`.

    Raises:
        DatasetError: the data cannot be used.
        ModelError: the run is unfinished, or the conversion changes the model.
        SettingsError: OUT cannot be written.
    """
    check_output_folder(out, "--out")
    result, calibration = _read_run(run_folder)
    model = tf.keras.models.load_model(run_folder / result["model"], compile=False)
    frames = read(data, split)
    reference = predict(model, frames.images)
    contents = {
        f"{name}.tflite": to_int8(model, calibration),
        f"{name}_float.tflite": to_float(model),
    }
    raw = to_raw_int8(model, calibration)
    found = {file: run(content, frames.images) for file, content in contents.items()}
    thresholds = fit_thresholds(frames.objects, found[f"{name}.tflite"])
    card = {
        "format": CARD_FORMAT,
        "name": name,
        "task": "signs and cars",
        "date": result["finished"],
        "classes": list(SIGN_CLASSES),
        "thresholds": thresholds,
        "input": {
            "shape": [1, DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3],
            "colour": "RGB",
            "range": [0, 255],
            "picture": "the frame's middle half",
        },
        "output": "boxes (top, left, bottom, right, in parts of the picture), classes, scores, "
        "count",
        "commands": [command(stage) for stage in stages(result)],
        "training": result,
        "frames": {
            "data": shown(data),
            "split": split,
            "pictures": len(frames),
            "digest": digest([frames]),
            "fit_precision": FIT_PRECISION,
        },
        "files": {
            file: _facts(file, contents[file], reference, found[file], frames, thresholds)
            for file in contents
        }
        | {f"{name}{RAW}": {"bytes": len(raw), **read_graph(raw).describe()}},
    }
    card, written = described(card, {**contents, f"{name}{RAW}": raw})
    write(out, {**written, **pages(card)})
    picture = frames.images[0]
    latency = {file: round(median_ms(c, picture), 3) for file, c in contents.items()}
    return {**card, "latency_ms": latency, "edgetpu_compiler": compile_for_edge_tpu(out, name)}


def described(
    card: dict[str, Any], contents: dict[str, bytes]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the card and its .tflite files with metadata."""
    classes = tuple(card["classes"])
    picture = Tensor(f"{card['input']['picture']}, {card['input']['colour']} 0..255")
    selected = {
        INPUT_NAME: picture,
        "boxes": Tensor("top, left, bottom, right, in parts of the picture"),
        "classes": Tensor("number of a label, from 0", classes, VALUE_LABELS),
        "scores": Tensor("how sure, 0..1"),
        "count": Tensor("how many boxes there are"),
    }
    raw = {
        INPUT_NAME: picture,
        "offsets": Tensor("box of each cell, from the cell's own (training/detector/anchors.py)"),
        "scores": Tensor("of each cell, how sure of each class, 0..1", classes),
    }
    return add_metadata(card, contents, lambda file: raw if file.endswith(RAW) else selected)


def pages(card: dict[str, Any]) -> dict[str, bytes]:
    """Return the card as JSON and Markdown files."""
    name = card["name"]
    return {
        f"{name}.json": (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode(),
        f"{name}.md": markdown(card).encode(),
    }


def _read_run(folder: Path) -> tuple[dict[str, Any], Bytes]:
    result = finished(folder, "train detector")
    try:
        with np.load(folder / "frames.npz", allow_pickle=False) as kept:
            return result, np.asarray(kept["calibration"], dtype=np.uint8)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{folder}: its pictures for calibration cannot be read ({error}).",
            "Train again into another folder.",
        ) from error


def _facts(
    file: str,
    content: bytes,
    reference: Sequence[Detections],
    found: Sequence[Detections],
    frames: DetectorData,
    thresholds: dict[str, float],
) -> dict[str, Any]:
    kind = "float" if "_float" in file else "int8"
    agreed = agreement(reference, found)
    if not agreed["again"] >= MIN_AGREEMENT[kind]:
        raise ModelError(
            f"The {kind} model finds only {100 * agreed['again']:.1f} % of what Keras finds "
            f"(at least {100 * MIN_AGREEMENT[kind]:.1f} % wanted).",
            "Train longer, or with data whose pictures span what the car sees.",
        )
    return {
        "bytes": len(content),
        **read_graph(content).describe(),
        "against_keras": agreed,
        "figures": figures(frames.objects, found, thresholds),
    }


def compile_for_edge_tpu(folder: Path, name: str) -> str:
    """Compile NAME.tflite to NAME_edgetpu.tflite with Coral's compiler; return the outcome."""
    compiler = shutil.which(COMPILER)
    if compiler is None:
        return f"not compiled: {COMPILER} is not on the PATH"
    with tempfile.TemporaryDirectory() as made:
        done = subprocess.run(
            [compiler, "--out_dir", made, str(folder / f"{name}.tflite")],
            capture_output=True,
            text=True,
            check=False,
        )
        file = Path(made) / f"{name}_edgetpu.tflite"
        if done.returncode or not file.is_file():
            return f"{COMPILER} failed: {(done.stderr or done.stdout).strip()[-300:]}"
        write(folder, {file.name: file.read_bytes()})
    return f"compiled to {name}_edgetpu.tflite"


def command(result: dict[str, Any]) -> str:
    """Return the command line of the run, without default values."""
    settings = dict(result["settings"])
    parts = ["pixelopolis", "train", "detector"]
    for folder in settings["data"]:
        parts += ["--data", folder]
    for ratio in settings["ratios"]:
        parts += ["--ratio", str(ratio)]
    parts += ["--out", result["run"]]
    usual = DetectorTraining(data=())
    for field, value in settings.items():
        option = "--" + field.replace("_", "-")
        if field in ("epochs", "seed") or (
            field not in ("data", "ratios") and value != getattr(usual, field)
        ):
            parts += [option, str(value)] if not isinstance(value, bool) else [f"--no-{field}"]
    return shlex.join(parts)


def markdown(card: dict[str, Any]) -> str:
    """Return the card as a Markdown page."""
    training, frames = card["training"], card["frames"]
    lines = [
        f"# Model card: {card['name']}",
        "",
        "Finds traffic signs, landmarks and other cars in the middle half of a camera frame.",
        "",
        f"- Trained: {card['date']}, TensorFlow {training['tensorflow']}, "
        f"{training['parameters']} parameters, "
        f"{sum(stage['training_s'] for stage in stages(training)):.0f} s in all.",
        *(line for stage in stages(training) for line in _stage_lines(stage)),
        f"- Thresholds and figures: {frames['pictures']} pictures of {frames['data']} "
        f"({frames['split']}), looks and towns that were never learnt from. Digest "
        f"`{frames['digest']}`.",
        f"- Input: {card['input']['shape']} RGB, 0..255 (bytes for the int8 file, float32 for the "
        "float one).",
        f"- Output: {card['output']}.",
        markdown_line(card),
        "",
        "Over objects at least half visible, seen at less than 60 degrees, 8 px high and more; "
        "`map50` and `map50_95` over everything:",
        "",
        "| figure | " + " | ".join(_measured(card)) + " |",
        "|---|" + "---|" * len(_measured(card)),
    ]
    for figure in (
        "map50_20px",
        "map50_12px",
        "map50_95_20px",
        "car_ap50_20px",
        "map50",
        "map50_95",
    ):
        values = [f["figures"][figure] for f in _measured(card).values()]
        lines.append(f"| {figure} | {' | '.join(map(_shown, values))} |")
    file, facts = next(iter(_measured(card).items()))
    lines += [
        "",
        f"By height in pixels of the input, {file}:",
        "",
        "| height | objects | mAP50 | mAP50:95 |",
        "|---|---|---|---|",
    ]
    for size in SIZES:
        row = facts["figures"]["by_size"][size]
        lines.append(
            f"| {size} | {row['objects']} | {_shown(row['map50'])} | {_shown(row['map50_95'])} |"
        )
    lines += [
        "",
        f"By class, {file}. Precision, recall and reach are at the threshold; reach is the "
        "distance up to which 95 % are found and 99 % of what is found is right (goal: signs "
        "0.8 m, cars 1.2 m):",
        "",
        "| class | objects | AP50 | AP50 12 px | AP50 20 px | AP50:95 20 px | threshold "
        "| precision | recall | reach m |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in facts["figures"]["by_class"].items():
        ap = " | ".join(
            _shown(row[key]) for key in ("ap50", "ap50_12px", "ap50_20px", "ap50_95_20px")
        )
        at = " | ".join(_shown(row.get(key)) for key in ("threshold", "precision", "recall"))
        lines.append(
            f"| {name} | {row.get('objects', 0)} | {ap} | {at} | {row.get('reach_m', 0.0):.2f} |"
        )
    for file, facts in card["files"].items():
        operators = ", ".join(f"{count} {op}" for op, count in facts["operators"].items())
        lines += [
            "",
            f"## {file}",
            "",
            f"- {facts['bytes']} bytes, {facts['mmac']} million multiplications; operators: "
            f"{operators}.",
        ]
        if "against_keras" in facts:
            agreed = facts["against_keras"]
            lines.append(
                f"- Against Keras: {100 * agreed['again']:.2f} % of {agreed['sure_detections']} "
                f"sure detections again; score difference {agreed['mean_score_difference']:.5f} in "
                f"the mean, {agreed['largest_score_difference']:.5f} at most; mean IoU "
                f"{agreed['mean_iou']:.4f}."
            )
        lines.append(
            f"- Edge TPU: {facts['edge_tpu']} (judged by the operator list; no compiler was run)."
        )
    return "\n".join(lines) + "\n"


def _stage_lines(result: dict[str, Any]) -> list[str]:
    data = result["data"]
    return [
        f"- Command: `{command(result)}`",
        f"  - {result['epochs']} epochs (best: {result['best_epoch']}), "
        f"{result['training_s']:.0f} s; {sum(data['pictures'])} pictures with "
        f"{sum(data['objects'].values())} objects, {data['validation_pictures']} pictures for "
        f"validation. Digest `{data['digest']}`.",
    ]


def _measured(card: dict[str, Any]) -> dict[str, Any]:
    return {file: facts for file, facts in card["files"].items() if "figures" in facts}


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
