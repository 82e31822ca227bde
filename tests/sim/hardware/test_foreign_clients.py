"""LeRobot's and ROBOTIS' own programs can drive the simulated motors.

Over a plain adapter, and through all boards: the simulator's, the firmware's host build, and its
image in QEMU.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dynamixel_easy_sdk import Connector
from dynamixel_easy_sdk.data_types import Direction, OperatingMode, ProfileConfiguration
from dynamixel_easy_sdk.dynamixel_error import DxlRuntimeError
from dynamixel_sdk import (
    COMM_SUCCESS,
    GroupBulkRead,
    GroupBulkWrite,
    PacketHandler,
    PortHandler,
    port_handler,
)

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    BUS_BAUD,
    XL430,
    BoardRegister,
    MotorRegister,
)
from sim.hardware.firmware_program import BoardKind, board_sockets
from sim.live.motor_process import CAR, DIRECT
from tests.support.firmware_build import build_board, cross_make, need
from tests.support.lerobot_motors import DynamixelMotorsBus, Motor, MotorCalibration, MotorNormMode

pytestmark = pytest.mark.realtime

PATIENCE_S = 60.0
"""Limit for broken code, on a busy computer."""
ANSWER_MS = 500
"""dynamixel-sdk waits twice as long; its own 16 ms are too short on a busy computer."""
MODEL = "xl430-w250"


@dataclass(frozen=True)
class Bench:
    """A serial port with a car's motors behind it, in another process."""

    kind: str
    port: str

    @property
    def has_board(self) -> bool:
        return self.kind != DIRECT


@pytest.fixture(params=[DIRECT, BoardKind.DEVICE, BoardKind.HOST, BoardKind.QEMU])
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(port_handler, "LATENCY_TIMER", ANSWER_MS)
    kind = request.param
    if kind == BoardKind.QEMU:
        need("qemu-system-arm", "qemu-system-arm")
        cross_make("qemu")
    elif kind != DIRECT:
        build_board(BoardKind(kind))
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        command = (sys.executable, "-m", "sim.live.motor_process", folder, kind)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            found = Bench(str(kind), str(board_sockets(Path(folder), CAR).bus))
            if found.has_board:
                power_on(found)
            yield found
        finally:
            process.stdin.close()
            process.wait(timeout=PATIENCE_S)
            process.stdout.close()


def power_on(bench: Bench) -> None:
    """Switch the motors on as any Dynamixel program may, by a write to the board."""
    port, packets = PortHandler(bench.port), PacketHandler(2.0)
    assert port.setBaudRate(BUS_BAUD)
    at = BOARD[BoardRegister.MOTOR_POWER].address
    until(lambda: packets.write1ByteTxRx(port, BOARD_ID, at, 1) == (COMM_SUCCESS, 0))
    until(lambda: all(packets.ping(port, motor)[1] == COMM_SUCCESS for motor in (1, 2)))
    port.closePort()


def until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s


def lerobot(bench: Bench, **ids: int) -> DynamixelMotorsBus:
    motors = {name: Motor(id_, MODEL, MotorNormMode.DEGREES) for name, id_ in ids.items()}
    return DynamixelMotorsBus(bench.port, motors)


def test_lerobot_finds_calibrates_and_moves_the_motors(bench: Bench) -> None:
    bus = lerobot(bench, left=1, right=2)
    bus.connect()  # pings both and looks at their models
    bus.configure_motors()
    assert bus.sync_read("Return_Delay_Time") == {"left": 0, "right": 0}
    for motor in bus.motors:
        bus.write("Operating_Mode", motor, OperatingMode.EXTENDED_POSITION.value)
    homings = bus.set_half_turn_homings()
    assert bus.sync_read("Present_Position", normalize=False) == {"left": 2047, "right": 2047}
    bus.write_calibration(
        {
            name: MotorCalibration(motor.id, 0, homings[name], 1000, 3095)
            for name, motor in bus.motors.items()
        }
    )
    assert bus.is_calibrated
    goal = {"left": 2200, "right": 1900}

    def near() -> bool:
        # repeatedly: a board stops the wheels when a busy computer delays its host
        bus.enable_torque()
        bus.sync_write("Goal_Position", goal, normalize=False)
        at = bus.sync_read("Present_Position", normalize=False)
        return all(abs(at[name] - goal[name]) < 5 for name in goal)

    until(near)
    assert bus.read("Hardware_Error_Status", "left") == 0
    bus.disconnect()


def test_lerobot_sets_up_a_motor(bench: Bench) -> None:
    if bench.has_board:
        # the link to a board has a fixed rate, so LeRobot reaches only motors of that rate
        bus = lerobot(bench, elbow=7)
        bus.setup_motor("elbow", initial_baudrate=BUS_BAUD, initial_id=2)
    else:
        as_new(bench, 2)
        bus = lerobot(bench, elbow=7)
        bus.setup_motor("elbow")
    assert bus.broadcast_ping(num_retry=2, raise_on_error=True) == {
        1: XL430.model_number,
        7: XL430.model_number,
        **({BOARD_ID: BOARD.model_number} if bench.has_board else {}),
    }
    bus.port_handler.closePort()


def as_new(bench: Bench, motor: int) -> None:
    """Give a motor its factory settings: id 1, 57,600 bit/s."""
    connector = Connector(bench.port, BUS_BAUD)
    connector.createMotor(motor).factoryResetAll()
    connector.closePort()


def test_robotis_easy_sdk_drives_the_motors(bench: Bench) -> None:
    connector = Connector(bench.port, BUS_BAUD)
    left, right = connector.createAllMotors(0, BOARD_ID - 1)
    right.changeID(9)
    assert right.ping() == XL430.model_number
    for motor in (left, right):
        motor.setOperatingMode(OperatingMode.VELOCITY)
        motor.setProfileConfiguration(ProfileConfiguration.VELOCITY_BASED)
        motor.setVelocityLimit(200)
    right.setDirection(Direction.REVERSE)

    # velocities by one sync write, then the results by a bulk read
    group = connector.createGroupExecutor()
    for motor in (left, right):
        group.addCmd(motor.stageSetGoalVelocity(60))
    group.addCmd(left.stageGetPresentVelocity())
    group.addCmd(right.stageGetPresentPWM())

    def turns() -> bool:
        for motor in (left, right):
            motor.enableTorque()
        group.executeWrite()
        velocity, pwm = group.executeRead()
        return velocity is not None and abs(velocity - 60) <= 1 and 0 < (pwm or 0) < 885

    until(turns)
    # a goal of one and the torque of the other by bulk write
    group.clearStagedWriteCommands()
    group.addCmd(left.stageSetGoalVelocity(0))
    group.addCmd(right.stageDisableTorque())
    group.executeWrite()
    until(lambda: left.getPresentVelocity() == 0 and not right.isTorqueOn())
    left.disableTorque()
    right.factoryResetExceptIDAndBaudRate()
    until(lambda: answers(right.ping))
    assert right.getOperatingMode() == OperatingMode.POSITION
    connector.closePort()


def answers(ask: Callable[[], object]) -> bool:
    """Return whether a motor answers; it reboots after a reset."""
    try:
        ask()
    except DxlRuntimeError:
        return False
    return True


def test_the_sdk_reads_in_bulk_fast_and_with_the_board(bench: Bench) -> None:
    port, packets = PortHandler(bench.port), PacketHandler(2.0)
    assert port.setBaudRate(BUS_BAUD)
    # dynamixel-sdk 4.1.0 searches for an id in all bytes of its request: none may match before it
    named = [
        (2, XL430[MotorRegister.MODEL_NUMBER]),
        (1, XL430[MotorRegister.PRESENT_INPUT_VOLTAGE]),
    ]
    if bench.has_board:
        named.append((BOARD_ID, BOARD[BoardRegister.MOTOR_POWER]))
    group = GroupBulkRead(port, packets)
    for device, register in named:
        assert group.addParam(device, register.address, register.size)
    for exchange in (group.txRxPacket, group.fastBulkRead):
        until(lambda exchange=exchange: exchange() == COMM_SUCCESS)  # type: ignore[misc]
        read = {device: group.getData(device, r.address, r.size) for device, r in named}
        assert read.pop(BOARD_ID, 1) == 1
        assert 100 < read[1] < 130
        assert read[2] == XL430.model_number

    told = GroupBulkWrite(port, packets)
    assert told.addParam(1, XL430[MotorRegister.LED].address, 1, [1])
    gain = XL430[MotorRegister.POSITION_P_GAIN].address
    assert told.addParam(2, gain, 2, [0x34, 0x12])
    until(lambda: told.txPacket() == COMM_SUCCESS)
    until(lambda: packets.read1ByteTxRx(port, 1, 65)[0] == 1)
    until(lambda: packets.read2ByteTxRx(port, 2, gain)[0] == 0x1234)
    until(lambda: packets.clearMultiTurn(port, 1) == (COMM_SUCCESS, 0))
    port.closePort()
