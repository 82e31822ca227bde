"""Exports a lane run: .tflite files, settings for the car, and a model card."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import ModelError
from pixelopolis.model_io.labels import LANE_LABELS
from pixelopolis.model_io.lane_path import SCALES_M, STATIONS_M
from pixelopolis.output_file import check_output_folder
from training.common.backend import tf
from training.common.export import INPUT_NAME, median_ms, write
from training.common.metadata import Tensor, add_metadata, markdown_line
from training.common.runs import finished
from training.lane.convert import Converted, convert_float, convert_int8
from training.lane.data import Labels, is_blank
from training.lane.label_files import COMMANDS
from training.lane.networks import StepNetwork, predict, step_of
from training.lane.outputs import answers_of
from training.lane.settings import LaneTraining, Network

CARD_FORMAT: Final = 2

PICTURES: Final = {
    False: "the frame's bottom quarter, resized",
    True: "the whole frame, squeezed",
}
"""By whether the network takes whole frames."""

MEANINGS: Final = {
    "steering": "a value a command in [-1, 1], left negative",
    "path": (
        "commands x stations: how far to the left the way on lies at "
        f"{', '.join(map(str, STATIONS_M))} m along it, over {', '.join(map(str, SCALES_M))} m"
    ),
    "spread": "a value a command: natural logarithm of the mean error that is expected of its path",
}


def export_lane(run: Path, out: Path, name: str = "lane") -> dict[str, Any]:
    """Write OUT/NAME.tflite (int8), NAME_float.tflite, NAME.json and NAME.md from a finished run.

    The same run gives the same card, as its dates and figures are the run's.

    Returns:
        The card (what NAME.json holds), with `latency_ms` of this machine added.

    Raises:
        ModelError: no finished run, or a model that did not survive the conversion.
        SettingsError: OUT cannot be written into.
    """
    check_output_folder(out, "--out")
    result = finished(run, "train lane")
    network = Network(result["settings"]["network"])
    frames = _frames(run)
    model = tf.keras.models.load_model(run / result["model"], compile=False)
    images, labels = frames["validation_yuv"], frames["validation_labels"]
    step = step_of(model, network)
    reference = predict(model, images)
    int8 = convert_int8(step, frames["calibration_yuv"], images, reference)
    floating = convert_float(step, images, reference)
    files = {f"{name}.tflite": int8, f"{name}_float.tflite": floating}
    pictures = images.reshape(-1, *step.shape)
    card = _card(name, result, step, files, labels, is_blank(pictures))
    card, contents = described(card, {file: made.content for file, made in files.items()})
    write(out, {**contents, **pages(card)})
    latency = {file: round(median_ms(c, pictures[0]), 3) for file, c in contents.items()}
    return {**card, "latency_ms": latency}


def described(
    card: dict[str, Any], contents: dict[str, bytes]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the card and its .tflite files with metadata."""
    tensors = {INPUT_NAME: Tensor(f"{card['input']['picture']}, {card['input']['colour']} 0..255")}
    tensors |= {
        name: Tensor(output["meaning"], LANE_LABELS[name])
        for name, output in card["outputs"].items()
    }
    tensors |= {name: Tensor("memory; zeros at first") for name in card["state"]}
    return add_metadata(card, contents, lambda _: tensors)


def pages(card: dict[str, Any]) -> dict[str, bytes]:
    """Return the card as JSON and Markdown files."""
    name = card["name"]
    return {
        f"{name}.json": (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode(),
        f"{name}.md": markdown(card).encode(),
    }


def _frames(run: Path) -> dict[str, Any]:
    try:
        with np.load(run / "frames.npz", allow_pickle=False) as kept:
            return dict(kept)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{run / 'frames.npz'} cannot be read: {error}.",
            "Train again into an empty folder: the export compares on the frames in it.",
        ) from error


def _card(
    name: str,
    result: dict[str, Any],
    step: StepNetwork,
    files: dict[str, Converted],
    labels: Labels,
    blank: NDArray[np.bool_],
) -> dict[str, Any]:
    answers = answers_of(step.network)
    return {
        "format": CARD_FORMAT,
        "name": name,
        "task": "lane keeping",
        "network": str(step.network),
        "date": result["finished"],
        "commands": [str(command) for command in COMMANDS],
        "input": {
            "shape": [1, *step.shape],
            "colour": "YUV",
            "range": [0, 255],
            "picture": PICTURES[step.network.sees_whole_frames],
        },
        "outputs": {
            output: {"shape": [1, len(columns)], "meaning": MEANINGS[output]}
            for output, columns in answers.outputs.items()
        },
        "state": step.state,
        "command": _command(result),
        "training": result,
        "blank_share": round(float(blank.mean()), 4),
        "files": {
            file: {
                **converted.as_json(),
                "edge_tpu": converted.graph.edge_tpu(),
                "validation": {
                    head: error.as_json()
                    for head, error in answers.errors(converted.answers, labels, blank).items()
                },
            }
            for file, converted in files.items()
        },
    }


def _command(result: dict[str, Any]) -> str:
    """Return the command line of the run, without default values."""
    settings = dict(result["settings"])
    parts = ["pixelopolis", "train", "lane"]
    for folder in settings["data"]:
        parts += ["--data", folder]
    parts += ["--out", result["run"]]
    usual = LaneTraining(data=())
    for field, value in settings.items():
        option = "--" + field.replace("_", "-")
        if field != "data" and (value != getattr(usual, field) or field == "seed"):
            parts += [option, str(value)] if not isinstance(value, bool) else [f"--no-{field}"]
    return shlex.join(parts)


def markdown(card: dict[str, Any]) -> str:
    """Return the card as a Markdown page."""
    run, data = card["training"], card["training"]["data"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in data["kinds"].items())
    unit = run["validation_unit"]
    shape = ", ".join(map(str, card["input"]["shape"]))
    lines = [
        f"# Model card: {card['name']}",
        "",
        f"Keeps a lane: the network `{card['network']}`, from {card['input']['picture']}, for each "
        f"route command ({', '.join(card['commands'])}).",
        "",
        f"- Trained: {card['date']}, TensorFlow {run['tensorflow']}, "
        f"{run['parameters']} parameters, {run['epochs']} epochs (best: {run['best_epoch']}), "
        f"{run['training_s']:.0f} s.",
        f"- Command: `{card['command']}`",
        f"- Data: {data['pictures']} pictures ({kinds}) of {data['groups']} looks or sessions; "
        f"{data['validation']} pictures of {data['validation_groups']} of them were kept for "
        f"validation. {100 * card['blank_share']:.1f} % of the validation pictures show nothing "
        f"to steer by (bare road inside wide junctions). Digest `{data['digest']}`.",
        f"- Input: [{shape}] YUV, 0..255 (bytes for the int8 file, float32 for the float one).",
        *(
            f"- Output `{name}`: [{', '.join(map(str, output['shape']))}], {output['meaning']}"
            for name, output in card["outputs"].items()
        ),
    ]
    if card["state"]:
        sizes = ", ".join(f"`{name}` [1, {size}]" for name, size in card["state"].items())
        lines.append(f"- State: {sizes}; zeros at first, then what the frame before answered.")
    lines += [
        "- 8-bit outputs are scaled by their tensors' own scales and zero points.",
        markdown_line(card),
        f"- Driving: `pixelopolis evaluate lane --model {next(iter(card['files']))}` drives it in "
        "closed loop, beside rivals that see nothing. Errors on pictures tell little about that.",
        "",
        f"Mean absolute error on the validation pictures ({unit}); beside it the error of always "
        "answering the median. `visible` leaves out the pictures that show nothing to steer by:",
        "",
        "| answer | Keras | " + " | ".join(card["files"]) + " | median guess |",
        "|---|---|" + "---|" * (len(card["files"]) + 1),
    ]
    for head, error in run["validation"].items():
        figures = [f["validation"][head]["mean_abs_error"] for f in card["files"].values()]
        cells = " | ".join(f"{v:.4g}" for v in (error["mean_abs_error"], *figures))
        lines.append(f"| {head} | {cells} | {error['median_guess_error']:.4g} |")
    if "expected_error" in run["validation"]["all"]:
        lines += [
            "",
            f"Of `all`, the network itself expects {run['validation']['all']['expected_error']:.4g}"
            f" {unit}.",
        ]
    for file, facts in card["files"].items():
        operators = ", ".join(f"{count} {op}" for op, count in facts["operators"].items())
        worst = min(facts["correlation"], key=lambda head: facts["correlation"][head])
        lines += [
            "",
            f"## {file}",
            "",
            f"- {facts['bytes']} bytes, {facts['mmac']:.1f} MMAC; operators: {operators}.",
            f"- Against Keras: largest difference {facts['largest_difference']:.5f}, mean "
            f"{facts['mean_difference']:.5f}; lowest correlation "
            f"{facts['correlation'][worst]:.5f} ({worst}).",
            f"- Edge TPU: {facts['edge_tpu']} (judged by the operator list; no compiler was run).",
        ]
    return "\n".join(lines) + "\n"
