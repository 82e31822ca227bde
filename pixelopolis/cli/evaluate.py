"""`pixelopolis evaluate`: figures of the shipped models, or of yours."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pixelopolis.cli.common import (
    Json,
    Panoramas,
    Plain,
    Seed,
    check_looks,
    console,
    print_json,
    progress_bar,
)
from pixelopolis.cli.evaluate_detector import detector
from pixelopolis.cli.evaluate_frames import frames
from pixelopolis.cli.evaluate_original import original
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs


class SeerName(StrEnum):
    GEOMETRIC = "geometric"
    DETECTOR = "detector"


Seer = Annotated[
    SeerName, typer.Option(help="What sees: the detector, or a simulated one that is fast.")
]
DetectorFile = Annotated[
    Path | None, typer.Option(help="A detector (.tflite); the shipped one by default.")
]
LaneFile = Annotated[
    Path | None, typer.Option(help="A lane model (.tflite); the shipped one by default.")
]
Jobs = Annotated[
    int | None,
    typer.Option(help="How many at once: 1 by default, with --ray all its CPUs.", min=1, max=1024),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Work over a Ray cluster: local starts one here, auto is the one of this machine, "
        "or HOST:PORT (extra `ray`).",
    ),
]

app = typer.Typer(no_args_is_help=True, help="Measure models.")


app.command()(detector)
app.command()(frames)
app.command()(original)


@app.callback()
def evaluate() -> None:
    """Measure models."""


@app.command()
@needs("car", "sim")
def lane(
    city: Annotated[
        list[str] | None,
        typer.Option(help="Town to drive in; may be repeated. By default the six of acceptance."),
    ] = None,
    metres: Annotated[
        float, typer.Option(max=1e6, help="Way in all, over all looks.", min=1)
    ] = 100.0,
    looks: Annotated[
        int, typer.Option(max=100_000, help="Looks, one town after another.", min=1)
    ] = 12,
    model: LaneFile = None,
    junctions: Annotated[
        bool, typer.Option("--junctions", help="Junction test instead of a drive.")
    ] = False,
    straight_on: Annotated[
        bool,
        typer.Option(
            "--straight-on",
            help="Never turn where the road goes straight on, as models without "
            "commands always drive; else routes are random.",
        ),
    ] = False,
    no_map: Annotated[
        bool,
        typer.Option("--no-map", help="Follow what frames showed, without the route's shape."),
    ] = False,
    cruise_mps: Annotated[float, typer.Option(help="Cruise speed.", min=0.02, max=0.3)] = 0.136,
    sweep: Annotated[
        str | None,
        typer.Option(help="exposure, blur, pitch, latency or lane-width: worse until it fails."),
    ] = None,
    values: Annotated[
        list[float] | None,
        typer.Option("--value", min=-1e6, max=1e6, help="Of the sweep; may be repeated."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Chart of the sweep, .svg or .png (extra `plots`).")
    ] = None,
    worst: Annotated[
        Path | None,
        typer.Option(help="Picture (.jpg, .png) of the worst moment: what the car saw and drove."),
    ] = None,
    plain: Plain = False,
    panoramas: Panoramas = None,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Lane keeping: autonomy, deviation, turns; with --junctions every choice from bad starts."""
    from pixelopolis.output_file import check_output_file
    from pixelopolis.reporting.charts import check_chart_file
    from sim.evaluation.lane_runs import ACCEPTANCE, LaneEvaluation, evaluate_lane
    from sim.evaluation.sweeps import sweep_chart, sweep_lane
    from sim.evaluation.swept import Swept
    from sim.sheets import worst_case

    if sweep not in (None, *Swept):
        raise SettingsError(
            f"sweep: expected one of {', '.join(Swept)}, got {sweep!r}.", "Choose one of them."
        )
    check_looks(plain, panoramas)
    swept = Swept(sweep) if sweep else None
    if plot is not None:
        if swept is None:
            raise SettingsError("--plot draws a sweep.", "Add --sweep, or leave --plot out.")
        check_chart_file(plot)
    if worst is not None:
        if swept or junctions:
            raise SettingsError(
                "--worst shows a drive, no --sweep or --junctions.", "Leave one of them out."
            )
        check_output_file(worst, worst_case.SUFFIXES, "--worst")
    cities = tuple(city or ACCEPTANCE)
    if looks < len(cities):
        raise SettingsError(
            f"looks: expected at least one for each of {len(cities)} towns, got {looks}.",
            "Give more looks, or fewer towns.",
        )
    run = LaneEvaluation(
        cities=cities,
        metres=metres,
        looks=looks,
        seed=seed,
        model=str(model) if model else None,
        cruise_mps=cruise_mps,
        junctions=junctions,
        straight_on=straight_on,
        follows_map=not no_map,
        plain=plain,
        panoramas=str(panoramas) if panoramas else None,
    )
    with progress_bar() as progress:
        task = progress.add_task("looks", total=looks)

        def measure(one: LaneEvaluation) -> dict[str, Any]:
            progress.reset(task)
            return evaluate_lane(one, jobs, lambda: progress.update(task, advance=1), ray)

        document = sweep_lane(run, swept, values, measure) if swept else measure(run)
        if worst is not None:
            progress.update(task, description="the worst look again", total=None)
            worst_case.draw_worst_case(run, document["worst"], worst)
    if plot is not None:
        sweep_chart(document, plot)
    if swept and not as_json:
        _show_sweep(document)
        return
    _show(document, as_json)
    if not as_json:
        _show_lane_table(document)


@app.command()
@needs("car", "sim")
def rides(
    city: Annotated[str, typer.Option(help="Town of the encounters.")] = "pixelopolis",
    encounters: Annotated[
        int,
        typer.Option(max=1_000_000, help="Encounters with a stopped or slower car ahead.", min=0),
    ] = 300,
    minutes: Annotated[
        float,
        typer.Option(max=1e6, help="Simulated minutes of free driving in two-way towns.", min=0),
    ] = 30.0,
    seer: Seer = SeerName.DETECTOR,
    detector: DetectorFile = None,
    model: LaneFile = None,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Other cars: collisions and gaps behind a car ahead, and stops for cars that are not."""
    from sim.evaluation.ride_runs import RidesRun, evaluate_rides, parts

    run = RidesRun(
        city=city,
        encounters=encounters,
        minutes=minutes,
        seed=seed,
        seer=seer.value,
        detector=str(detector) if detector else None,
        model=str(model) if model else None,
    )
    with progress_bar() as progress:
        task = progress.add_task("encounters, free drives", total=len(parts(run)))
        document = evaluate_rides(run, jobs, lambda: progress.update(task, advance=1), ray)
    _show(document, as_json)


@app.command()
@needs("car", "sim")
def localisation(
    city: Annotated[str, typer.Option(help="Town to be lost in.")] = "pixelopolis",
    dropoffs: Annotated[
        int, typer.Option(max=1_000_000, help="Cars put down anywhere, told nothing.", min=0)
    ] = 500,
    passages: Annotated[
        int, typer.Option(max=1_000_000, help="Nodes passed on missions.", min=0)
    ] = 1000,
    looks: Annotated[int, typer.Option(max=100_000, help="Number of looks.", min=1)] = 50,
    seer: Seer = SeerName.DETECTOR,
    detector: DetectorFile = None,
    model: LaneFile = None,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Where am I: cars put down anywhere find themselves, and know every node that they pass."""
    from sim.evaluation.localization_runs import LocalizationRun, evaluate_localization

    run = LocalizationRun(
        city=city,
        dropoffs=dropoffs,
        passages=passages,
        looks=looks,
        seed=seed,
        seer=seer.value,
        detector=str(detector) if detector else None,
        model=str(model) if model else None,
    )
    with progress_bar() as progress:
        task = progress.add_task(f"{city}, looks", total=looks)
        document = evaluate_localization(run, jobs, lambda: progress.update(task, advance=1), ray)
    _show(document, as_json)


def _show_sweep(document: dict[str, Any]) -> None:
    table = Table(document["sweep"], "m", "autonomy %", "out of lane %", "mean mm", "max mm")
    for point in document["points"]:
        table.add_row(
            f"{point['value']:g}",
            f"{point['distance_m']:.1f}",
            f"{point['autonomy_pct']:.2f}",
            f"{point['out_of_lane_pct']:.3f}",
            f"{1000 * point['mean_abs_deviation_m']:.1f}",
            f"{1000 * point['max_abs_deviation_m']:.1f}",
        )
    console.print(table)


def _show_lane_table(document: dict[str, Any]) -> None:
    table = Table(
        "city", "look", "m", "autonomy %", "interventions", "out of lane %", "mean mm", "max mm",
        *(f"{turn} right/wrong" for turn in ("straight", "left", "right")),
    )  # fmt: skip
    rows = document["by_look"] + document["by_city"] + [{"city": "all", **document}]
    for row in rows:
        turns = row["turns_by_command"].values()
        table.add_row(
            row["city"],
            str(row.get("look", "all")),
            f"{row['distance_m']:.1f}",
            f"{row['autonomy_pct']:.2f}",
            str(row["interventions"]),
            f"{row['out_of_lane_pct']:.3f}",
            f"{1000 * row['mean_abs_deviation_m']:.1f}",
            f"{1000 * row['max_abs_deviation_m']:.1f}",
            *(f"{turn['right']}/{turn['wrong']}" for turn in turns),
        )
    console.print(table)


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    table = Table("figure", "value")
    for name, value in document.items():
        if not isinstance(value, list):
            table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    console.print(table)
    for failure in document.get("failures", []):
        console.print(json.dumps(failure), markup=False)
