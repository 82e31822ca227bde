"""Export a lane run: the .tflite files, what a car must know about them, and their model card."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import ModelError
from pixelopolis.vision import LANE_HEIGHT_PX, LANE_WIDTH_PX
from training.backend import tf
from training.export import median_ms, write
from training.lane.convert import Converted, convert_float, convert_int8
from training.lane.data import COMMANDS, Steering, is_blank
from training.lane.model import predict
from training.lane.settings import LaneSettings
from training.report import head_errors

CARD_FORMAT = 1


def export_lane(run: Path, out: Path, name: str = "lane") -> dict[str, Any]:
    """Write OUT/NAME.tflite (int8), NAME_float.tflite, NAME.json and NAME.md from a finished run.

    The same run gives the same card: its dates and figures are the run's.

    Returns:
        The card (what NAME.json holds), with `latency_ms` of this machine added.

    Raises:
        ModelError: no finished run, or a model that did not survive the conversion.
    """
    result, frames = _read_run(run)
    model = tf.keras.models.load_model(run / result["model"], compile=False)
    images, labels = frames["validation_yuv"], frames["validation_steering"]
    reference = predict(model, images)
    blank = is_blank(images)
    int8 = convert_int8(model, frames["calibration_yuv"], images, reference)
    floating = convert_float(model, images, reference)
    files = {f"{name}.tflite": int8, f"{name}_float.tflite": floating}
    card = _card(name, result, files, labels, blank)
    write(
        out,
        {
            **{file: converted.content for file, converted in files.items()},
            f"{name}.json": (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode(),
            f"{name}.md": markdown(card).encode(),
        },
    )
    latency = {file: round(median_ms(c.content, images[0]), 3) for file, c in files.items()}
    return {**card, "latency_ms": latency}


def _read_run(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        result: dict[str, Any] = json.loads((run / "result.json").read_text("utf-8"))
        with np.load(run / "frames.npz", allow_pickle=False) as kept:
            return result, dict(kept)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{run} holds no finished run: {error}.",
            "Let `pixelopolis train lane` finish; the same command goes on with a broken-off run.",
        ) from error


def _card(
    name: str,
    result: dict[str, Any],
    files: dict[str, Converted],
    labels: Steering,
    blank: NDArray[np.bool_],
) -> dict[str, Any]:
    return {
        "format": CARD_FORMAT,
        "name": name,
        "task": "lane keeping",
        "date": result["finished"],
        "commands": [str(command) for command in COMMANDS],
        "input": {
            "shape": [1, LANE_HEIGHT_PX, LANE_WIDTH_PX, 3],
            "colour": "YUV",
            "range": [0, 255],
            "picture": "the frame's bottom quarter, resized",
        },
        "output": {"shape": [1, len(COMMANDS)], "range": [-1, 1], "meaning": "left negative"},
        "command": _command(result),
        "training": result,
        "blank_share": round(float(blank.mean()), 4),
        "files": {
            file: {
                **converted.as_json(),
                "edge_tpu": converted.graph.edge_tpu(),
                "validation": {
                    head: error.as_json()
                    for head, error in head_errors(converted.steering, labels, blank).items()
                },
            }
            for file, converted in files.items()
        },
    }


def _command(result: dict[str, Any]) -> str:
    """The command line that repeats the run: what differs from the defaults."""
    settings = dict(result["settings"])
    parts = ["pixelopolis", "train", "lane"]
    for folder in settings["data"]:
        parts += ["--data", folder]
    parts += ["--out", result["run"]]
    usual = LaneSettings(data=())
    for field, value in settings.items():
        option = "--" + field.replace("_", "-")
        if field != "data" and (value != getattr(usual, field) or field == "seed"):
            parts += [option, str(value)] if not isinstance(value, bool) else [f"--no-{field}"]
    return shlex.join(parts)


def markdown(card: dict[str, Any]) -> str:
    """Return the card as a page for people."""
    run, data = card["training"], card["training"]["data"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in data["kinds"].items())
    lines = [
        f"# Model card: {card['name']}",
        "",
        "Keeps a lane: from the bottom quarter of a camera frame to one steering value a route "
        "command.",
        "",
        f"- Trained: {card['date']}, TensorFlow {run['tensorflow']}, "
        f"{run['parameters']} parameters, {run['epochs']} epochs (best: {run['best_epoch']}), "
        f"{run['training_s']:.0f} s.",
        f"- Command: `{card['command']}`",
        f"- Data: {data['pictures']} pictures ({kinds}) of {data['groups']} looks or sessions; "
        f"{data['validation']} pictures of {data['validation_groups']} of them were kept for "
        f"validation. {100 * card['blank_share']:.1f} % of the validation pictures show nothing "
        f"to steer by (bare road inside wide junctions). Digest `{data['digest']}`.",
        f"- Input: [1, {LANE_HEIGHT_PX}, {LANE_WIDTH_PX}, 3] YUV, 0..255 (bytes for the int8 "
        "file, float32 for the float one).",
        f"- Output: [1, 3] steering for {', '.join(card['commands'])}, in [-1, 1], left negative. "
        "An 8-bit output is scaled by the tensor's own scale and zero point.",
        "",
        "Mean absolute steering error on the validation pictures; beside it the error of always "
        "answering the median. `visible` leaves out the pictures that show nothing to steer by:",
        "",
        "| command | Keras | " + " | ".join(card["files"]) + " | median guess |",
        "|---|---|" + "---|" * (len(card["files"]) + 1),
    ]
    for head, error in run["validation"].items():
        figures = [f["validation"][head]["mean_abs_error"] for f in card["files"].values()]
        cells = " | ".join(f"{v:.4f}" for v in (error["mean_abs_error"], *figures))
        lines.append(f"| {head} | {cells} | {error['median_guess_error']:.4f} |")
    for file, facts in card["files"].items():
        operators = ", ".join(f"{count} {op}" for op, count in facts["operators"].items())
        correlation = ", ".join(f"{head} {v:.5f}" for head, v in facts["correlation"].items())
        lines += [
            "",
            f"## {file}",
            "",
            f"- {facts['bytes']} bytes; operators: {operators}.",
            f"- Against Keras: largest difference {facts['largest_difference']:.5f}, mean "
            f"{facts['mean_difference']:.5f}; correlation {correlation}.",
            f"- Edge TPU: {facts['edge_tpu']} (judged by the operator list; no compiler was run).",
        ]
    return "\n".join(lines) + "\n"
