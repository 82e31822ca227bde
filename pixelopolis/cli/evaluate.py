"""`pixelopolis evaluate`: measure the shipped models, or yours."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pixelopolis.cli.common import (
    DetectorFile,
    Json,
    LaneFile,
    Panoramas,
    Plain,
    Seed,
    check_looks,
    progress_bar,
)
from pixelopolis.cli.evaluate_detector import detector
from pixelopolis.cli.evaluate_frames import frames
from pixelopolis.cli.evaluate_original import original
from pixelopolis.cli.evaluate_photographs import photographs
from pixelopolis.cli.evaluation_tables import (
    LOCALIZATION,
    RIDES,
    show,
    show_lane_rivals,
    show_lane_table,
    show_rivals,
    show_sweep,
)
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs


class DetectorKind(StrEnum):
    GEOMETRIC = "geometric"
    DETECTOR = "detector"


Seer = Annotated[
    DetectorKind, typer.Option(help="Detector to use: the real network, or a fast simulated one.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Parallel processes.", show_default="1; with --ray all its CPUs", min=1, max=1024
    ),
]
NoRivals = Annotated[
    bool,
    typer.Option(
        "--no-rivals", help="Leave out the rivals: drivers that see nothing, beside the model."
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Spread the work over a Ray cluster: local (start one), auto (the one that runs "
        "here) or HOST:PORT. Needs the extra `ray`.",
    ),
]

app = typer.Typer(no_args_is_help=True, help="Measure how well models see and drive.")


app.command()(detector)
app.command()(frames)
app.command()(original)
app.command()(photographs)


@app.command()
@needs("car", "sim")
def lane(
    city: Annotated[
        list[str] | None,
        typer.Option(
            help="City to drive in; repeatable.", show_default="the six of the acceptance test"
        ),
    ] = None,
    metres: Annotated[
        float, typer.Option(max=1_000_000, help="Total distance over all looks, in meters.", min=1)
    ] = 100.0,
    looks: Annotated[
        int, typer.Option(max=100_000, help="Number of looks, shared out over the cities.", min=1)
    ] = 12,
    model: LaneFile = None,
    junctions: Annotated[
        bool,
        typer.Option("--junctions", help="Test every junction from bad starting poses instead."),
    ] = False,
    straight_on: Annotated[
        bool,
        typer.Option(
            "--straight-on",
            help="Go straight on at every junction instead of random routes. Models without "
            "commands always do.",
        ),
    ] = False,
    no_map: Annotated[
        bool,
        typer.Option(
            "--no-map", help="Follow the paths seen in frames alone, not the route's map."
        ),
    ] = False,
    cruise_mps: Annotated[
        float, typer.Option(help="Cruise speed in m/s.", min=0.02, max=0.3)
    ] = 0.136,
    sweep: Annotated[
        str | None,
        typer.Option(
            help="Vary one condition until driving fails: exposure, blur, pitch, latency or "
            "lane-width."
        ),
    ] = None,
    values: Annotated[
        list[float] | None,
        typer.Option(
            "--value", min=-1_000_000, max=1_000_000, help="Value of the sweep; repeatable."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Write a chart of the sweep (.svg, .png). Needs the extra `plots`."),
    ] = None,
    worst: Annotated[
        Path | None,
        typer.Option(help="Write an image (.jpg, .png) of the worst moment of the drive."),
    ] = None,
    plain: Plain = False,
    panoramas: Panoramas = None,
    no_rivals: NoRivals = False,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Drive a lane model: autonomy, deviation from the lane, turns; what sight adds to them.

    Rivals drive a tenth of the looks, at least one in each city: without sight, and without a map.
    They are left out of a sweep.
    """
    from pixelopolis.output_file import check_output_file
    from pixelopolis.reporting.charts import check_chart_file
    from sim.evaluation.lane_evaluation import evaluate_lane, rival_runs
    from sim.evaluation.lane_runs import ACCEPTANCE, LaneEvaluation
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
    rivals = not (no_rivals or swept)
    beside = [rival.looks for rival in rival_runs(run).values()] if rivals else []
    with progress_bar() as progress:
        task = progress.add_task("looks", total=looks + sum(beside))

        def measure(one: LaneEvaluation) -> dict[str, Any]:
            progress.reset(task)
            return evaluate_lane(one, jobs, lambda: progress.update(task, advance=1), ray, rivals)

        document = sweep_lane(run, swept, values, measure) if swept else measure(run)
        if worst is not None:
            progress.update(task, description="driving the worst look again", total=None)
            worst_case.draw_worst_case(run, document["worst"], worst)
    if plot is not None:
        sweep_chart(document, plot)
    if swept and not as_json:
        show_sweep(document)
        return
    show(document, as_json)
    if not as_json:
        show_lane_table(document)
        show_lane_rivals(document)


@app.command()
@needs("car", "sim")
def rides(
    city: Annotated[str, typer.Option(help="City of the encounters.")] = "pixelopolis",
    encounters: Annotated[
        int,
        typer.Option(max=1_000_000, help="Approaches to a stopped or slower car ahead.", min=0),
    ] = 300,
    minutes: Annotated[
        float,
        typer.Option(max=1_000_000, help="Simulated minutes of driving in two-way traffic.", min=0),
    ] = 30.0,
    seer: Seer = DetectorKind.DETECTOR,
    detector: DetectorFile = None,
    model: LaneFile = None,
    no_rivals: NoRivals = False,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Drive among other cars: collisions, gaps, needless stops; what sight adds to that.

    A rival that sees nobody drives the same encounters.
    """
    from sim.evaluation.ride_runs import RidesRun, evaluate_rides, parts

    run = RidesRun(
        city=city,
        encounters=encounters,
        minutes=minutes,
        seed=seed,
        detector_kind=seer.value,
        detector=str(detector) if detector else None,
        model=str(model) if model else None,
    )
    with progress_bar() as progress:
        drivers = 1 if no_rivals else 2
        task = progress.add_task("encounters, free drives", total=drivers * len(parts(run)))
        document = evaluate_rides(
            run, jobs, lambda: progress.update(task, advance=1), ray, rivals=not no_rivals
        )
    show(document, as_json)
    if not as_json:
        show_rivals(document, RIDES, "the same encounters and minutes")


@app.command()
@needs("car", "sim")
def localisation(
    city: Annotated[str, typer.Option(help="City to localize in.")] = "pixelopolis",
    dropoffs: Annotated[
        int, typer.Option(max=1_000_000, help="Cars placed at unknown random poses.", min=0)
    ] = 500,
    passages: Annotated[
        int, typer.Option(max=1_000_000, help="Nodes to pass on missions.", min=0)
    ] = 1000,
    looks: Annotated[int, typer.Option(max=100_000, help="Number of looks.", min=1)] = 50,
    seer: Seer = DetectorKind.DETECTOR,
    detector: DetectorFile = None,
    model: LaneFile = None,
    no_rivals: NoRivals = False,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Localize cars: from an unknown pose, and while driving; what sight adds to that.

    A rival that sees nothing does a tenth of the looks, at least one.
    """
    from sim.evaluation.localization_runs import LocalizationRun, evaluate_localization
    from sim.evaluation.rivals import shared_looks

    run = LocalizationRun(
        city=city,
        dropoffs=dropoffs,
        passages=passages,
        looks=looks,
        seed=seed,
        detector_kind=seer.value,
        detector=str(detector) if detector else None,
        model=str(model) if model else None,
    )
    with progress_bar() as progress:
        beside = 0 if no_rivals else shared_looks(looks)
        task = progress.add_task(f"{city}, looks", total=looks + beside)
        document = evaluate_localization(
            run, jobs, lambda: progress.update(task, advance=1), ray, rivals=not no_rivals
        )
    show(document, as_json)
    if not as_json:
        show_rivals(document, LOCALIZATION, f"{beside} of {looks} looks")
