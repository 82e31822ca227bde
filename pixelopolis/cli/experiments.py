"""`pixelopolis experiments`: measure what the article tells."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from pixelopolis.cli.common import Json, Seed, console, print_json, progress_bar, run_until_signal
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs

if TYPE_CHECKING:
    from pixelopolis.experiments.runner import Outcome, StepListener
    from pixelopolis.experiments.steps import Step


@needs("training", "plots")
def run(
    out: Annotated[
        Path, typer.Option(help="Folder for data, models and figures; finished steps are kept.")
    ] = Path("var/experiments"),
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this experiment; repeatable.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(max=1000, help="Repetitions, each with another seed.", min=1)
    ] = 3,
    seed: Seed = 1,
    jobs: Annotated[
        int, typer.Option(max=1024, help="Parallel processes, one thread each.", min=1)
    ] = 2,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smoke test with little data and short drives.")
    ] = False,
    docs: Annotated[
        Path | None, typer.Option(help="Markdown page to fill with tables and charts.")
    ] = None,
    json: Json = False,
) -> None:
    """Train and evaluate the article's models over several seeds."""
    from pixelopolis.experiments.article import SMALL, TINY, named
    from pixelopolis.experiments.pages import check_page, write_page
    from pixelopolis.experiments.plan import plan
    from pixelopolis.experiments.report import document
    from pixelopolis.experiments.runner import run_steps

    if quick and docs is not None:
        raise SettingsError("figures of --quick are meaningless.", "Leave out --docs, or --quick.")
    experiments = named(only or [])
    numbers = range(seed, seed + seeds)
    scale = TINY if quick else SMALL
    steps = plan(experiments, numbers, scale)
    out.mkdir(parents=True, exist_ok=True)
    check_page(experiments, docs, out)
    signals: list[int] = []
    with progress_bar() as bar:
        work = run_steps(steps, out.resolve(), jobs, _listener(bar, steps))
        outcome: Outcome | None = asyncio.run(run_until_signal(work, signals.append))
    if outcome is None:
        console.print("Stopped; run the same command to continue.")
        raise typer.Exit(128 + signals[0])
    figures = document(experiments, numbers, scale, outcome)
    write_page(experiments, figures, out, docs)
    if json:
        print_json(figures)
    else:
        _say(figures, docs or out / "experiments.md")
    if outcome.failed:
        raise typer.Exit(1)


def _listener(bar: Progress, steps: list[Step]) -> StepListener:
    from pixelopolis.experiments.runner import StepListener

    task = bar.add_task("experiments", total=len(steps))
    running: list[str] = []

    def show() -> None:
        bar.update(task, description=", ".join(running) or "experiments")

    def begun(step: Step) -> None:
        running.append(step.name)
        show()

    def ended(step: Step, fault: str) -> None:
        if step.name in running:
            running.remove(step.name)
        if fault:
            console.print(f"{step.name}: {fault}", style="red", markup=False, highlight=False)
        bar.advance(task)
        show()

    return StepListener(begun, ended)


def _say(figures: dict[str, Any], page: Path) -> None:
    failed = figures["failed"]
    if failed:
        console.print(f"{len(failed)} steps have no result; run the same command to retry.")
    minutes = figures["process_s"] / 60
    console.print(f"{minutes:.0f} process minutes in total. Tables: {page}", highlight=False)
