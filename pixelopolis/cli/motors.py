"""`pixelopolis motors`: find, set up and test the wheel motors, and calibrate the battery."""

from __future__ import annotations

import json as json_format
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.prompt import FloatPrompt

from pixelopolis.cli.common import Json, console, print_json, progress_bar
from pixelopolis.cli.motor_questions import Prompts, parse_answer
from pixelopolis.cli.tables import number_table
from pixelopolis.errors import BoardError, SettingsError
from pixelopolis.extras import needs
from pixelopolis.vehicle.control_table import MOTOR_BAUDS

if TYPE_CHECKING:
    from car.settings import BoardSettings
    from car.tools.workbench import Workbench

app = typer.Typer(
    no_args_is_help=True, help="Find, set up and test the motors; calibrate the battery gauge."
)

Port = Annotated[
    str | None, typer.Option(help="Serial port of the board, or of a plain USB adapter.")
]
Config = Annotated[
    Path | None,
    typer.Option(help="car.toml that names the board; results are written into it."),
]


@app.command()
@needs("car")
def scan(
    port: Port = None,
    config: Config = None,
    baud: Annotated[
        list[int] | None,
        typer.Option(min=1, max=10_000_000, help="Scan only this rate in bit/s; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """List every motor that answers, at every rate (10 s).

    Motors with the same rate and id show as one, so connect new ones one at a time. It is an error
    if none answers.
    """
    from car.tools.workbench import nobody_answers

    rates = tuple(baud or MOTOR_BAUDS)
    unknown = [rate for rate in rates if rate not in MOTOR_BAUDS]
    if unknown:
        raise SettingsError(
            f"--baud {unknown[0]}: an XL430 has no such rate.",
            f"Use one of {', '.join(map(str, MOTOR_BAUDS))}.",
        )
    with _workbench(port, config) as bench, progress_bar() as progress:
        bench.power_on()
        task = progress.add_task("", total=len(rates))

        def on_rate(rate: int) -> None:
            progress.update(task, description=f"{rate} bit/s", completed=rates.index(rate))

        result = bench.scan(rates, on_rate)
        has_board, name = bench.has_board, bench.bus.name
    if json:
        print_json(
            {
                "board": has_board,
                "motors": [motor._asdict() for motor in result.found],
                "skipped_bauds": list(result.skipped),
            }
        )
    else:
        table = number_table("bit/s", "id", "model", "firmware", words=4)
        for motor in result.found:
            table.add_row(str(motor.baud), str(motor.id), motor.name, str(motor.firmware))
        if result.found:
            console.print(table)
        console.print(f"Connected through {'the board' if has_board else 'a plain adapter'}.")
        for rate in result.skipped:
            console.print(f"{rate} bit/s could not be tried here.")
    if not result.found:
        raise nobody_answers(name, has_board, rates)


@app.command()
@needs("car")
def setup(
    port: Port = None,
    config: Config = None,
    side: Annotated[str, typer.Option(help="Motors to set up: left, right or both.")] = "both",
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not wait until a cable is changed.")
    ] = False,
    saw: Annotated[
        list[str] | None,
        typer.Option(help="Answer in advance, once per motor: WHEEL:forward or WHEEL:backward."),
    ] = None,
    json: Json = False,
) -> None:
    """Set id, rate, mode and direction of new motors.

    Connect one motor at a time, to the board or to a USB adapter with a power supply. Its wheel
    turns; say which wheel it was and in which direction.
    """
    from car.tools.motor_setup import MotorSetup, Side, check_pair, set_up

    sides: dict[str, tuple[Side, ...]] = {
        "left": ("left",),
        "right": ("right",),
        "both": ("left", "right"),
    }
    if side not in sides:
        raise SettingsError(
            f"--side: expected left, right or both, got {side!r}.", "Choose one of them."
        )
    ready: dict[Side, MotorSetup] = {}
    with _workbench(port, config) as bench, progress_bar() as progress:
        person = Prompts(yes, [parse_answer(text) for text in saw or ()], progress)
        console.print(
            "Connected through the board, which switches the motors' power for you."
            if bench.has_board
            else "Connected through a plain adapter: switch the supply off before changing a cable."
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


@app.command()
@needs("car")
def spin(
    port: Port = None,
    config: Config = None,
    speed: Annotated[
        float,
        typer.Option(min=-100, max=100, help="Speed of both wheels in rad/s; negative: backward."),
    ] = 2.0,
    left: Annotated[
        float | None, typer.Option(min=-100, max=100, help="Speed of the left wheel in rad/s.")
    ] = None,
    right: Annotated[
        float | None, typer.Option(min=-100, max=100, help="Speed of the right wheel in rad/s.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Duration in s.")] = 5.0,
    json: Json = False,
) -> None:
    """Turn the wheels and show live readings; lift the car first.

    Ctrl-C stops them.
    """
    from car.board.factory import make_board
    from car.board.status import BoardStatus
    from car.tools.motor_spin import spin as turn_wheels
    from pixelopolis.vehicle.speeds import MOTOR_MAX_RAD_S

    settings = _board(port, config)
    goal = (speed if left is None else left, speed if right is None else right)
    for option, value in zip(("--left, --speed", "--right, --speed"), goal, strict=True):
        if abs(value) > MOTOR_MAX_RAD_S:
            raise SettingsError(
                f"{option}: {value} rad/s is faster than a motor can turn.",
                f"Stay within {MOTOR_MAX_RAD_S:.2f} rad/s.",
            )
    with stopping(), progress_bar() as progress:
        task = progress.add_task("connecting", total=round(seconds, 1))

        def on_reading(gone_s: float, rad_s: tuple[float, float], status: BoardStatus) -> None:
            battery = "" if status.battery_mv is None else f", {status.battery_mv / 1000:.1f} V"
            progress.update(
                task,
                completed=round(gone_s, 1),
                description=f"left {rad_s[0]:+.2f}, right {rad_s[1]:+.2f} rad/s"
                f"{battery}, {status.lost_packets} packets lost",
            )

        done = turn_wheels(make_board(settings), goal, seconds, on_reading)
    if json:
        print_json(
            {
                "seconds": done.seconds,
                "interrupted": done.interrupted,
                "goal_rad_s": list(done.goal_rad_s),
                "turned_rad": [round(angle, 4) for angle in done.turned_rad],
                "cycles": done.status.cycles,
                "late_cycles": done.status.late_cycles,
                "lost_packets": done.status.lost_packets,
                "battery_mv": done.status.battery_mv,
                "stop_confirmed": done.status.stop_confirmed,
            }
        )
    else:
        console.print(
            f"Turned {done.turned_rad[0]:.2f} rad left and {done.turned_rad[1]:.2f} rad right in "
            f"{done.seconds:.1f} s; {done.status.lost_packets} packets lost in "
            f"{done.status.cycles} cycles; the stop is confirmed.",
            highlight=False,
        )


@app.command()
@needs("car")
def battery(
    port: Port = None,
    config: Config = None,
    measured: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Battery voltage by a multimeter, in V."),
    ] = None,
    json: Json = False,
) -> None:
    """Calibrate the battery gauge with a multimeter.

    The gain is written into --config.
    """
    from car.settings_file import set_keys
    from car.tools.battery_gain import calibrate, read_voltage_mv

    with _workbench(port, config) as bench:
        before_mv = read_voltage_mv(bench)
        console.print(f"The board measures {before_mv / 1000:.3f} V.", highlight=False)
        if measured is None:
            measured = FloatPrompt.ask("Battery voltage by a multimeter, in V", console=console)
        done = calibrate(bench, before_mv, round(measured * 1000))
    if config is not None:
        set_keys(config, "board", {"battery_gain": done.gain})
    if json:
        print_json({**done._asdict(), "measured_mv": round(measured * 1000)})
    else:
        kept = f"written to {config}" if config else "write it into car.toml"
        console.print(
            f"board.battery_gain = {done.gain} ({kept}); the board now measures "
            f"{done.after_mv / 1000:.3f} V.",
            highlight=False,
            markup=False,
        )


@contextmanager
def _workbench(port: str | None, config: Path | None) -> Iterator[Workbench]:
    """Open the port of a board or adapter; a device that stops answering is an error."""
    from car.board.motor_bus import PacketError
    from car.tools.workbench import Workbench

    name = _port(port, config)
    try:
        with stopping(), Workbench(name) as bench:
            yield bench
    except PacketError as error:
        raise BoardError(
            f"A device on {name} did not answer as it should: {error}.",
            "Check cables and power, then try again.",
        ) from error


def _board(port: str | None, config: Path | None) -> BoardSettings:
    """Return the board's settings from the options."""
    from car.settings import BoardSettings, load_settings

    if config is not None and port is None:
        return load_settings(config).board
    if port is not None and config is None:
        return BoardSettings(port=port)
    raise SettingsError("Neither or both of --port and --config are given.", "Give one of them.")


def _port(port: str | None, config: Path | None) -> str:
    """Return the port of a board or adapter that passes packets to the motors."""
    board = _board(port, config)
    if board.kind == "original":
        raise SettingsError(
            'board.kind is "original": that board passes no packets to its motors.',
            "Connect the motors to a USB adapter and name it by --port.",
        )
    return board.port


def _keep_mirrored(config: Path | None, found: dict[Any, bool]) -> dict[str, Any]:
    """Store which motors turn backward when the car drives forward; return the new settings."""
    from car.settings import BoardSettings, load_settings
    from car.settings_file import set_keys

    board = load_settings(config).board if config else BoardSettings(port="any")
    sides = [s for s in ("left", "right") if found.get(s, s in board.mirrored)]
    if sides == sorted(board.mirrored):
        return {}
    if config is not None:
        set_keys(config, "board", {"mirrored": sides})
        console.print(f"{config}: board.mirrored = {json_format.dumps(sides)}", markup=False)
    else:
        console.print(
            f"Write into the board of car.toml: mirrored = {json_format.dumps(sides)}", markup=False
        )
    return {"mirrored": sides}


@contextmanager
def stopping() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, with the wheels stopped.

    SIGINT is set too, because a shell lets its background processes ignore it.
    """

    def interrupt(_number: int, _frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, interrupt) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
