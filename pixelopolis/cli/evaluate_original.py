"""`pixelopolis evaluate original`: compare our lane model with the original's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pixelopolis.city.model import Turn
from pixelopolis.cli.common import Jobs, Json, LaneFile, Seed, console, print_json, progress_bar
from pixelopolis.extras import needs

TOWN: Final = "pixelopolis"
"""The original's city; our model was trained in it too, under other looks."""
KIND: Final = "original"
"""Prefix of the markers in the page: `<!-- original:town -->`, `<!-- original:frames -->`."""


@needs("car", "sim")
def original(
    folder: Annotated[
        Path,
        typer.Option(help="Original project: models/lane_detector.tflite and lane_dataset/."),
    ],
    model: LaneFile = None,
    metres: Annotated[
        float, typer.Option(max=1_000_000, help="Total distance over all looks, in meters.", min=1)
    ] = 20.0,
    looks: Annotated[int, typer.Option(max=100_000, help="Number of looks.", min=1)] = 10,
    docs: Annotated[
        Path | None, typer.Option(help="Markdown page to fill with the tables.")
    ] = None,
    jobs: Jobs = 1,
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Compare our lane model with the original's.

    Both drive the same routes, straight on, in the original's city, with the same cars and looks,
    and both are compared with the steering recorded in the original's dataset.
    """
    from car.perception.lane_network import SHIPPED_MODEL, load_lane_model
    from car.tools.perception_bench import ORIGINAL_LANE
    from pixelopolis.cli.evaluate_frames import answer_all
    from pixelopolis.experiments.pages import fill, read_page
    from sim.evaluation.lane_evaluation import evaluate_lane
    from sim.evaluation.lane_runs import LaneEvaluation
    from training.lane.frames import figures, read_frames

    page = read_page(docs) if docs else _bare()
    fill(
        page, {"town": "", "frames": ""}, KIND
    )  # a page without markers is refused before minutes of work
    files = {"original's": folder / "models" / ORIGINAL_LANE, "ours": model or SHIPPED_MODEL}
    networks = {name: load_lane_model(file) for name, file in files.items()}
    recorded = read_frames(folder / "lane_dataset")
    document: dict[str, Any] = {"town": {}, "frames": {}}
    with progress_bar() as progress:
        for name, network in networks.items():
            task = progress.add_task(f"frames, {name}", total=len(recorded))
            answers = answer_all(network, recorded, Turn.STRAIGHT, partial(progress.advance, task))
            document["frames"][name] = figures(recorded, answers)
        for name, file in files.items():
            task = progress.add_task(f"{TOWN}, {name}", total=looks)
            run = LaneEvaluation((TOWN,), metres, looks, seed, str(file), straight_on=True)
            document["town"][name] = evaluate_lane(run, jobs, partial(progress.advance, task))
    page = fill(
        page,
        {"town": town_table(document["town"]), "frames": frames_table(document["frames"])},
        KIND,
    )
    if docs:
        docs.write_text(page, "utf-8")
    if as_json:
        print_json(document)
    elif docs is None:
        console.print(page, markup=False, highlight=False, soft_wrap=True)


def _bare() -> str:
    return "\n".join(
        f"<!-- {KIND}:{name} -->\n<!-- /{KIND}:{name} -->\n" for name in ("town", "frames")
    )


def town_table(town: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table of drives, by model and road."""
    rows = []
    for name, document in town.items():
        for road, row in [("all", document)] + [(r["road"], r) for r in document["by_road"]]:
            rows.append(
                [
                    name,
                    road,
                    f"{row['distance_m']:.1f}",
                    f"{1000 * row['mean_abs_deviation_m']:.1f}",
                    f"{1000 * row['max_abs_deviation_m']:.0f}",
                    f"{row['out_of_lane_pct']:.2f}",
                    str(row["interventions"]),
                    f"{row['turns_right']}/{row['turns_wrong']}",
                ]
            )
    head = ["model", "road", "m", "mean mm", "max mm", "out of lane, %", "interventions"]
    return _markdown([*head, "choices right/wrong"], 2, rows)


def frames_table(frames: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table of errors on recorded frames, by model and camera."""
    degrees = ("mae_deg", "zero_mae_deg", "median_mae_deg", "bias_deg", "rmse_deg")
    rows = []
    for name, document in frames.items():
        for camera, row in [("all", document)] + [(r["camera"], r) for r in document["by_camera"]]:
            cells = [f"{row[key]:.1f}" for key in degrees]
            cells += ["-" if row[k] is None else f"{row[k]:.2f}" for k in ("correlation", "slope")]
            rows.append([name, camera, str(row["frames"]), *cells])
    head = ["model", "camera", "frames", "mean error, °", "always 0", "always the median"]
    return _markdown([*head, "bias, °", "RMSE, °", "correlation", "slope"], 2, rows)


def _markdown(head: Sequence[str], words: int, rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first `words` columns hold text, the others numbers."""
    rules = ["---"] * words + ["---:"] * (len(head) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rules, *rows))
