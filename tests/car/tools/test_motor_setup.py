"""Set-up of new motors by real packets over a pty, with a board and without one."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from typer.testing import CliRunner

from car.tools.motor_setup import Side, Wheel, WheelSeen, check_pair, set_up
from car.tools.workbench import Found, Workbench
from pixelopolis.cli.main import app
from pixelopolis.errors import BoardError, SettingsError
from pixelopolis.vehicle.control_table import (
    BOARD,
    BUS_BAUD,
    MOTOR_BAUDS,
    XL430,
    BoardRegister,
    DriveMode,
    MotorMode,
    MotorRegister,
)
from sim.hardware.bus import MotorLine, VirtualBus
from sim.hardware.serial_port import SerialPort
from tests.support.virtual_car import VirtualCar

pytestmark = pytest.mark.realtime


def as_new(line: MotorLine) -> None:
    for motor in line.motors:
        for name in ("id", "baud_rate", "operating_mode", "drive_mode", "return_delay_time"):
            motor[name] = XL430[name].default or 0


def plug(line: MotorLine, *sides: str) -> None:
    """Connect the cables of these motors only."""
    line.left.deaf, line.right.deaf = "left" not in sides, "right" not in sides


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("car.tools.motor_setup.TURN_S", 0.5)


@pytest.fixture(params=["board", "adapter"])
def car(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VirtualCar]:
    line = VirtualBus(1) if request.param == "board" else MotorLine(1)
    if request.param == "adapter":
        line.set_power(True, 0.0)
    as_new(line)
    with VirtualCar(tmp_path / "car1.bus", line) as virtual:
        yield virtual


@pytest.fixture
def board_car(tmp_path: Path) -> Iterator[VirtualCar]:
    line = VirtualBus(1)
    as_new(line)
    with VirtualCar(tmp_path / "car1.bus", line) as virtual:
        yield virtual


class Eyes:
    """A person who connects the requested motor, or another one, and reports which wheel turns."""

    def __init__(self, car: VirtualCar, connects: dict[str, tuple[str, ...]] | None = None) -> None:
        self._car, self._connects = car, connects or {}
        self._before = (0.0, 0.0)

    def connect(self, side: Side) -> None:
        assert not isinstance(self._car.bus, VirtualBus) or not self._car.bus.motor_power
        plug(self._car.bus, *self._connects.get(side, (side,)))

    def look(self) -> None:
        self._before = self._car.vehicle.wheel_rad

    def saw(self, found: Found) -> WheelSeen:
        left, right = (
            now - before
            for now, before in zip(self._car.vehicle.wheel_rad, self._before, strict=True)
        )
        turned = {"left": abs(left) > 0.1, "right": abs(right) > 0.1}
        wheel: Wheel = "none"
        if all(turned.values()):
            wheel = "both"
        elif turned["left"]:
            wheel = "left"
        elif turned["right"]:
            wheel = "right"
        return WheelSeen(wheel, (left if turned["left"] else right) > 0)


def test_two_new_motors_are_made_a_pair(car: VirtualCar) -> None:
    with Workbench(car.port) as bench:
        left = set_up(bench, "left", Eyes(car))
        right = set_up(bench, "right", Eyes(car), ["left"])
        plug(car.bus, "left", "right")
        bench.power_on()
        check_pair(bench)
    assert left.was == right.was == Found(57_600, 1, XL430.model_number, XL430.firmware_version)
    assert (left.id, left.mirrored, right.id, right.mirrored) == (1, False, 2, True)
    for motor, number, mode in (
        (car.bus.left, 1, DriveMode(0)),
        (car.bus.right, 2, DriveMode.REVERSE),
    ):
        assert motor.id == number
        assert MOTOR_BAUDS[motor[MotorRegister.BAUD_RATE]] == BUS_BAUD
        assert motor[MotorRegister.OPERATING_MODE] == MotorMode.VELOCITY
        assert motor[MotorRegister.DRIVE_MODE] == mode
        assert motor[MotorRegister.RETURN_DELAY_TIME] == 0
        assert not motor.torque
    if isinstance(car.bus, VirtualBus):
        # the board is restored
        assert car.bus.board[BoardRegister.MOTOR_BAUD] == BOARD["motor_baud"].default
        assert not car.bus.motor_power


def test_a_person_may_think_for_longer_than_the_board_waits(board_car: VirtualCar) -> None:
    car = board_car
    assert isinstance(car.bus, VirtualBus)
    car.bus.board["host_gone_ms"] = 1500
    power: list[bool] = []

    class Thinker(Eyes):
        def look(self) -> None:
            self._think()
            super().look()

        def saw(self, found: Found) -> WheelSeen:
            self._think()
            return super().saw(found)

        def _think(self) -> None:
            time.sleep(1.8)
            power.append(car.bus.motor_power)

    with Workbench(car.port) as bench:
        setup = set_up(bench, "left", Thinker(car))
    assert power == [False, False]
    assert (setup.side, setup.id) == ("left", 1)


def test_the_eye_decides_which_motor_it_is(board_car: VirtualCar) -> None:
    with Workbench(board_car.port) as bench:
        # asked for the left motor, the person connects the right one
        eyes = Eyes(board_car, {"left": ("right",)})
        setup = set_up(bench, "left", eyes)
        assert (setup.side, setup.id, setup.mirrored) == ("right", 2, True)
        with pytest.raises(BoardError, match="set up already"):
            set_up(bench, "left", eyes, ["right"])


def test_two_new_motors_at_once_are_noticed(board_car: VirtualCar) -> None:
    car = board_car
    with Workbench(car.port) as bench, pytest.raises(BoardError, match="two motors have id 1"):
        set_up(bench, "left", Eyes(car, {"left": ("left", "right")}))
    assert [motor.id for motor in car.bus.motors] == [1, 1]
    assert not any(motor.torque for motor in car.bus.motors)


def test_a_pair_that_is_set_up_cannot_be_mistaken_for_one(tmp_path: Path) -> None:
    with (
        VirtualCar(tmp_path / "car1.bus") as car,
        Workbench(car.port) as bench,
        pytest.raises(BoardError, match=r"id 1 at 1000000 bit/s, id 2 at 1000000"),
    ):
        set_up(bench, "left", Eyes(car, {"left": ("left", "right")}))


def test_scan_lists_everybody_at_every_rate(car: VirtualCar) -> None:
    car.bus.right["id"], car.bus.right["baud_rate"] = 77, MOTOR_BAUDS.index(115_200)
    runner = CliRunner()
    result = runner.invoke(
        app,
        ["motors", "scan", "--port", car.port, "--json"]
        + [f"--baud={rate}" for rate in (57_600, 115_200, 4_500_000)],
    )
    assert result.exit_code == 0, result.output
    assert re.findall(r'"(?:baud|id)": (\d+)', result.stdout) == ["57600", "1", "115200", "77"]
    assert f'"board": {str(isinstance(car.bus, VirtualBus)).lower()}' in result.stdout


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["scan", "--baud", "57600"], "No motor answers on {port} at 57600 bit/s."),
        (["scan", "--baud", "57600", "--json"], "No motor answers on {port} at 57600 bit/s."),
        (["setup", "--yes"], "No motor answers on {port} at any rate."),
        (["battery", "--measured", "12"], "No board answers on {port}."),
        (["spin", "--seconds", "0.1"], "No board answers on {port}"),
    ],
)
def test_with_nobody_there_every_command_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], says: str
) -> None:
    monkeypatch.setattr("car.tools.workbench.MotorBus.ping_all", lambda _: ())  # nothing answers
    monkeypatch.setattr("car.tools.motor_spin.CONNECT_S", 1.0)
    port = SerialPort(tmp_path / "nobody.bus")
    try:
        result = CliRunner().invoke(app, ["motors", *command, "--port", str(port.link)])
    finally:
        port.close()
    assert isinstance(result.exception, BoardError)
    assert says.format(port=port.link) in result.exception.message
    assert result.exception.next_step
    if "--json" in command:
        assert json.loads(result.stdout)["motors"] == []


@pytest.mark.parametrize("command", ["scan", "setup", "battery", "spin"])
@pytest.mark.parametrize("trouble", ["missing", "busy", "a file"])
def test_a_port_that_cannot_be_opened_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, trouble: str
) -> None:
    monkeypatch.setattr("car.tools.motor_spin.CONNECT_S", 0.3)
    link, port, other = tmp_path / "car1.bus", None, None
    if trouble == "busy":
        port = SerialPort(link)
        other = serial.Serial(str(link), exclusive=True)
    elif trouble == "a file":
        link.write_text("no port")
    try:
        result = CliRunner().invoke(app, ["motors", command, "--port", str(link)])
    finally:
        if port is not None and other is not None:
            other.close()
            port.close()
    assert isinstance(result.exception, BoardError)
    assert f"Serial port {link} cannot be opened" in result.exception.message


def test_a_board_that_falls_silent_on_the_way_is_an_error(
    board_car: VirtualCar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falls_silent(*_: object) -> int:
        board_car.mute = True
        return 0

    monkeypatch.setattr("car.tools.battery_gain.read_voltage_mv", falls_silent)
    arguments = ["motors", "battery", "--port", board_car.port, "--measured", "12"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, BoardError)
    assert board_car.port in result.exception.message


def settings_file(folder: Path, port: str) -> Path:
    config = folder / "car.toml"
    config.write_text(
        'id = "car1"\ncity = "pixelopolis"\nstart = {edge = "13", s_m = 0.6}\n'
        'camera = {source = "0"}\n'
        f'board = {{port = "{port}"}}  # under the seat\n'
        'server = {url = "ws://desk.local:8080"}\n'
    )
    return config


def test_a_rate_that_the_board_cannot_do_is_said(
    board_car: VirtualCar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        board_car.bus.board.table._by_name,
        "motor_baud",
        BOARD["motor_baud"]._replace(max=3),
    )
    monkeypatch.setitem(
        board_car.bus.board.table._by_address, 69, BOARD["motor_baud"]._replace(max=3)
    )
    with Workbench(board_car.port) as bench:
        assert bench.scan([4_500_000]).skipped == (4_500_000,)


def test_setup_by_options_keeps_an_unusual_direction(board_car: VirtualCar, tmp_path: Path) -> None:
    plug(board_car.bus, "right")
    config = settings_file(tmp_path, board_car.port)
    arguments = ["--side", "right", "--yes", "--saw", "right:forward", "--json"]
    result = CliRunner().invoke(app, ["motors", "setup", "--config", str(config), *arguments])
    assert result.exit_code == 0, result.output
    assert board_car.bus.right.id == 2
    assert f'board = {{port = "{board_car.port}", mirrored = []}}  # under' in config.read_text()


def test_setup_by_questions(board_car: VirtualCar) -> None:
    plug(board_car.bus, "left")
    answers = "\n\nleft\ny\n"
    arguments = ["motors", "setup", "--port", board_car.port, "--side", "left"]
    result = CliRunner().invoke(app, arguments, input=answers)
    assert result.exit_code == 0, result.output
    assert "Which wheel turned" in result.output
    assert board_car.bus.left[MotorRegister.BAUD_RATE] == MOTOR_BAUDS.index(BUS_BAUD)


def test_a_blocked_wheel_is_not_blamed_on_the_person_who_may_give_up(
    board_car: VirtualCar,
) -> None:
    plug(board_car.bus, "left")
    board_car.blocked = True
    arguments = ["motors", "setup", "--port", board_car.port, "--side", "left"]
    result = CliRunner().invoke(app, arguments, input="\n\nnone\nn\n")
    assert isinstance(result.exception, BoardError)
    assert "did not turn" in str(result.exception)
    assert not board_car.bus.left.torque
    assert not board_car.bus.motor_power


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan"],
        ["scan", "--port", "a", "--config", "b"],
        ["scan", "--port", "a", "--baud", "1234"],
        ["setup", "--port", "a", "--side", "middle"],
        ["setup", "--port", "a", "--saw", "left"],
    ],
)
def test_wrong_options(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["motors", *arguments])
    assert isinstance(result.exception, SettingsError | BoardError)
