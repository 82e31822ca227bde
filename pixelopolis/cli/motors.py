"""`pixelopolis motors`: find, set up and try the wheels' motors, and calibrate the battery."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.progress import Progress
from rich.prompt import Confirm, Prompt
from rich.table import Table

from pixelopolis.cli.common import Json, console, print_json, progress_bar
from pixelopolis.control_table import MOTOR_BAUDS
from pixelopolis.errors import BoardError, SettingsError

app = typer.Typer(
    no_args_is_help=True, help="Find, set up and try the wheels' motors; calibrate the battery."
)

Port = Annotated[
    str | None, typer.Option(help="Serial port of the board, or of a plain USB adapter.")
]
Config = Annotated[
    Path | None,
    typer.Option(help="A car.toml: its board is used, and what is found is kept there."),
]


@app.command()
def scan(
    port: Port = None,
    config: Config = None,
    baud: Annotated[
        list[int] | None, typer.Option(help="Only this rate in bit/s; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """List every motor that answers, at every rate that a motor may have (10 s).

    Motors with the same rate and id show as one: new ones are connected one at a time.
    """
    from car.workbench import Workbench

    rates = tuple(baud or MOTOR_BAUDS)
    unknown = [rate for rate in rates if rate not in MOTOR_BAUDS]
    if unknown:
        raise SettingsError(
            f"--baud {unknown[0]} is no rate of an XL430.",
            f"Use one of {', '.join(map(str, MOTOR_BAUDS))}.",
        )
    with stopping(), Workbench(_port(port, config)) as bench, progress_bar() as progress:
        bench.power_on()
        task = progress.add_task("", total=len(rates))

        def on_rate(rate: int) -> None:
            progress.update(task, description=f"{rate} bit/s", completed=rates.index(rate))

        result, has_board = bench.scan(rates, on_rate), bench.has_board
    if json:
        print_json(
            {
                "board": has_board,
                "motors": [motor._asdict() for motor in result.found],
                "skipped_bauds": list(result.skipped),
            }
        )
        return
    table = Table("bit/s", "id", "model", "firmware")
    for motor in result.found:
        table.add_row(str(motor.baud), str(motor.id), motor.name, str(motor.firmware))
    console.print(table if result.found else "Nobody answers. Check cable and power.")
    console.print(f"Through {'the board' if has_board else 'a plain adapter'}.")
    for rate in result.skipped:
        console.print(f"{rate} bit/s could not be tried here.")


@app.command()
def setup(
    port: Port = None,
    config: Config = None,
    side: Annotated[
        str, typer.Option(help="left, right or both: which motors to set up.")
    ] = "both",
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not wait for cables to be changed.")
    ] = False,
    saw: Annotated[
        list[str] | None,
        typer.Option(help="Answer for each motor instead of a question: WHEEL:forward|backward."),
    ] = None,
    json: Json = False,
) -> None:
    """Make new motors a car's left and right one: id, rate, mode and direction.

    Connect one at a time, at the board or at a USB adapter with a supply; the wheel turns, and you
    say which one it was and which way.
    """
    from car.motor_setup import MotorSetup, Side, check_pair, set_up
    from car.workbench import Workbench

    sides: dict[str, tuple[Side, ...]] = {
        "left": ("left",),
        "right": ("right",),
        "both": ("left", "right"),
    }
    if side not in sides:
        raise SettingsError(f"--side is {side!r}.", "Say left, right or both.")
    ready: dict[Side, MotorSetup] = {}
    with stopping(), Workbench(_port(port, config)) as bench, progress_bar() as progress:
        person = _Person(yes, [_answer(text) for text in saw or ()], progress)
        console.print(
            "Through the board: it switches the motors' power for you."
            if bench.has_board
            else "Through a plain adapter: switch the supply off before you change a cable."
        )
        wanted = sides[side]
        while len(ready) < len(wanted):
            next_side = next(s for s in wanted if s not in ready)
            try:
                motor = set_up(bench, next_side, person, ready, person.tried)
            except BoardError as error:
                person.again(error)
                continue
            ready[motor.side] = motor
            console.print(
                f"The {motor.side} motor: id {motor.id}"
                f"{', mirrored' if motor.mirrored else ''}. Ready.",
                style="green",
            )
            if motor.side not in wanted:
                break
        if side == "both":
            bench.power_off()
            person.wait("Connect both motors.")
            bench.power_on()
            check_pair(bench)
    kept = _keep_mirrored(config, {s: m.mirrored for s, m in ready.items()})
    if json:
        motors = [
            {"side": s, "id": m.id, "mirrored": m.mirrored, "was": m.was._asdict()}
            for s, m in ready.items()
        ]
        print_json({"motors": motors, "settings": kept})


class _Person:
    """Asks on the terminal, or has its answers already."""

    def __init__(self, yes: bool, answers: list[Any], progress: Progress) -> None:
        self._yes, self._answers, self._progress = yes, answers, progress
        self._scripted = bool(answers)
        self._task = progress.add_task("", total=len(MOTOR_BAUDS), visible=False)

    def wait(self, what: str) -> None:
        if self._yes:
            return
        with self._paused():
            Prompt.ask(f"{what} Then press Enter", console=console, default="", show_default=False)

    def connect(self, side: str) -> None:
        self.wait(f"Connect the {side} wheel's motor, and only that.")
        self._progress.reset(self._task)

    def tried(self, baud: int) -> None:
        self._progress.update(
            self._task, description=f"looking at {baud} bit/s", advance=1, visible=True
        )

    def look(self) -> None:
        self._progress.update(self._task, visible=False)
        self.wait("Lift the car and look at the wheels: one turns for two seconds.")

    def saw(self, found: Any) -> Any:
        from car.motor_setup import Seen

        if self._scripted:
            if not self._answers:
                raise SettingsError(
                    f"--saw has no answer for the motor with id {found.id}.",
                    "Give one for each motor.",
                )
            return self._answers.pop(0)
        with self._paused():
            wheel = Prompt.ask(
                "Which wheel turned", choices=["left", "right", "both", "none"], console=console
            )
            forward = wheel in ("left", "right") and Confirm.ask(
                "As if the car drove forward", console=console
            )
        return Seen(wheel, forward)  # type: ignore[arg-type]  # one of the choices

    def again(self, error: BoardError) -> None:
        """Try again if the person wants to, else raise the error."""
        if self._yes or self._scripted:
            raise error
        console.print(str(error), style="red", markup=False)
        with self._paused():
            if not Confirm.ask("Try again", console=console, default=True):
                raise error

    @contextmanager
    def _paused(self) -> Iterator[None]:
        # a live progress bar and a question do not share a line
        self._progress.stop()
        yield
        self._progress.start()


def _answer(text: str) -> Any:
    from car.motor_setup import Seen

    wheel, _, way = text.partition(":")
    if wheel not in ("left", "right", "both", "none") or way not in ("forward", "backward"):
        raise SettingsError(f"--saw {text!r} is not understood.", "Write left:forward, say.")
    return Seen(wheel, way == "forward")  # type: ignore[arg-type]  # one of the four


def _port(port: str | None, config: Path | None) -> str:
    from car.settings import load_settings

    if (port is None) == (config is None):
        raise SettingsError("Neither or both of --port and --config are given.", "Give one.")
    return port if config is None else load_settings(config).board.port  # type: ignore[return-value]


def _keep_mirrored(config: Path | None, found: dict[Any, bool]) -> dict[str, Any]:
    """Keep which motors turn backwards when the car drives forward; return the new settings."""
    from car.settings import BoardSettings, load_settings
    from car.settings_file import keep

    board = load_settings(config).board if config else BoardSettings(port="any")
    sides = [s for s in ("left", "right") if found.get(s, s in board.mirrored)]
    if sides == sorted(board.mirrored):
        return {}
    if config is not None:
        keep(config, "board", {"mirrored": sides})
        console.print(f"{config}: board.mirrored = {sides}", markup=False)
    else:
        console.print(f"Write into the board of car.toml: mirrored = {sides}", markup=False)
    return {"mirrored": sides}


@contextmanager
def stopping() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end a command as Ctrl-C does: with the wheels stopped."""

    def interrupt(_number: int, _frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
