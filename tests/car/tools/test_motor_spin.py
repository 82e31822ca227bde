"""`motors spin` and `motors battery` on a virtual car: the wheels always end stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from car.settings import load_settings
from car.settings_file import set_keys
from pixelopolis.cli.main import app
from pixelopolis.errors import BoardError, SettingsError
from pixelopolis.vehicle.control_table import BoardRegister
from tests.support.virtual_car import VirtualCar, wait_until

pytestmark = pytest.mark.realtime

SETTINGS = """# of the red car
id = "car1"
city = "pixelopolis"
start = {{edge = "13", s_m = 0.6}}
camera = {{source = "0"}}
server = {{url = "ws://desk.local:8080"}}
{board}
"""


@pytest.fixture
def car(tmp_path: Path) -> Iterator[VirtualCar]:
    with VirtualCar(tmp_path / "car1.bus") as virtual:
        yield virtual


def settings_file(folder: Path, board: str) -> Path:
    config = folder / "car.toml"
    config.write_text(SETTINGS.format(board=board))
    return config


def test_spin_turns_both_wheels_and_confirms_the_stop(car: VirtualCar) -> None:
    arguments = ["--port", car.port, "--speed", "3", "--right", "-1.5", "--seconds", "1.5"]
    result = CliRunner().invoke(app, ["motors", "spin", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    left, right = said["turned_rad"]
    assert left > 1
    assert right < -0.5
    assert said["stop_confirmed"] is True
    assert not car.bus.left.torque
    assert not car.bus.right.torque


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_spin_stops_when_it_is_told_to_end(car: VirtualCar, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "pixelopolis", "motors", "spin", "--port", car.port]
    with subprocess.Popen(
        [*command, "--seconds", "600", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            wait_until(lambda: car.vehicle.wheel_rad_s[0] > 1.5, "it turns", 60)
            process.send_signal(number)
            out, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, error
    assert json.loads(out)["interrupted"] is True
    assert json.loads(out)["stop_confirmed"] is True
    assert not car.bus.left.torque
    assert abs(car.vehicle.wheel_rad_s[0]) < 0.1


def test_a_program_that_forgets_to_close_stops_at_its_exit(car: VirtualCar) -> None:
    program = (
        "import sys, time\n"
        "from car.board.dynamixel_board import DynamixelBoard\n"
        f"board = DynamixelBoard({car.port!r})\n"
        "board.start()\n"
        "board.wait_connected(20)\n"
        "for _ in range(40):\n"
        "    board.set_goal(3, 3, time.monotonic())\n"
        "    time.sleep(0.02)\n"
        "raise RuntimeError('a fault of ours')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=100, check=False
    )
    assert b"a fault of ours" in ended.stderr
    assert car.vehicle.wheel_rad[0] > 0.5
    assert not car.bus.left.torque
    # its host stopped it, not the board's timeout
    assert car.bus.board[BoardRegister.FAULT] == 0


def test_killed_outright_the_board_stops_the_wheels(car: VirtualCar) -> None:
    command = [sys.executable, "-m", "pixelopolis", "motors", "spin", "--port", car.port]
    process = subprocess.Popen([*command, "--seconds", "600"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: car.vehicle.wheel_rad_s[0] > 1.5, "it turns", 60)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_until(lambda: abs(car.vehicle.wheel_rad_s[0]) < 0.1, "the wheels stand")
    assert not car.bus.left.torque


def test_spin_says_why_it_cannot(tmp_path: Path, car: VirtualCar) -> None:
    run = CliRunner().invoke
    nowhere = run(app, ["motors", "spin", "--port", str(tmp_path / "nothing")])
    assert isinstance(nowhere.exception, BoardError)
    fast = run(app, ["motors", "spin", "--port", car.port, "--left", "50"])
    assert isinstance(fast.exception, SettingsError)
    assert "50.0 rad/s" in str(fast.exception)


@pytest.mark.parametrize(
    ("board", "kept"),
    [
        ('board = {{port = "{port}"}}', 'board = {{port = "{port}", battery_gain = 1.02}}'),
        (
            'board = {{port = "{port}", battery_gain = 0.9, mirrored = ["right"]}}  # mine',
            'board = {{port = "{port}", battery_gain = 1.02, mirrored = ["right"]}}  # mine',
        ),
    ],
)
def test_battery_is_calibrated_and_kept(
    car: VirtualCar, tmp_path: Path, board: str, kept: str
) -> None:
    config = settings_file(tmp_path, board.format(port=car.port))
    arguments = ["motors", "battery", "--config", str(config), "--json"]
    result = CliRunner().invoke(app, arguments, input="12.036\n")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout[result.stdout.index("{") :]) == {
        "before_mv": 11800,
        "after_mv": 12036,
        "gain": 1.02,
        "measured_mv": 12036,
    }
    assert config.read_text() == SETTINGS.format(board=kept.format(port=car.port))
    assert load_settings(config).board.battery_gain == 1.02


def test_a_voltage_that_no_divider_explains_is_refused(car: VirtualCar, tmp_path: Path) -> None:
    before = f'board = {{port = "{car.port}"}}'
    config = settings_file(tmp_path, before)
    arguments = ["motors", "battery", "--config", str(config), "--measured", "7.4"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SettingsError)
    assert "7.40 V" in str(result.exception)
    assert config.read_text() == SETTINGS.format(board=before)
    assert car.bus.board[BoardRegister.BATTERY_GAIN] == 1000


@pytest.mark.parametrize(
    "board",
    [
        'board = {port = "/dev/ttyACM0"}',
        'board = {port = "/dev/ttyACM0", mirrored = ["left", "right"], baud = 57600} # "x"',
        'board = {mirrored = [], port = "/dev/tty # 0"}',
        'board.port = "/dev/ttyACM0"',
        '[board]\nport = "/dev/ttyACM0"\n[stream]\nport = 8091\n',
        '[board] # it\nmirrored = ["right"] # so\nport = "/dev/ttyACM0"\n[stream]\nport = 8091\n',
    ],
)
def test_kept_values_leave_the_rest_of_the_file_alone(tmp_path: Path, board: str) -> None:
    config = tmp_path / "car.toml"
    config.write_text(SETTINGS.format(board=board))
    before = load_settings(config)
    set_keys(config, "board", {"mirrored": ["left"], "battery_gain": 1.1})
    set_keys(config, "board", {"battery_gain": 1.05})
    after = load_settings(config)
    changed = before.board.model_copy(update={"mirrored": ("left",), "battery_gain": 1.05})
    assert after == before.model_copy(update={"board": changed})
    text = config.read_text()
    assert text.startswith("# of the red car\n")
    assert [c for c in ("# it", "# so", '# "x"') if c in board and c not in text] == []
    kept = [line for line in board.splitlines() if "mirrored" not in line and "{" not in line]
    assert [line for line in text.splitlines() if line in kept] == kept, "in this order"
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize(
    ("board", "values"),
    [
        ('board = {port = "/dev/ttyACM0"}', {"battery_gain": 7.0}),
        ('board = {port = "/dev/ttyACM0"}', {"colour": "red"}),
    ],
)
def test_what_cannot_be_kept_changes_nothing(
    tmp_path: Path, board: str, values: dict[str, object]
) -> None:
    config = settings_file(tmp_path, board)
    before = config.read_text()
    with pytest.raises(SettingsError):
        set_keys(config, "board", values)
    assert config.read_text() == before
    assert not list(tmp_path.glob("*.new"))
