"""The ARM image in QEMU: dynamixel-sdk on one side, the simulated motors on the other."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dynamixel_sdk import COMM_SUCCESS, PacketHandler, PortHandler, port_handler

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    BUS_BAUD,
    LEFT_MOTOR_ID,
    RIGHT_MOTOR_ID,
    XL430,
    BoardFault,
    BoardRegister,
    MotorMode,
    MotorRegister,
)
from sim.hardware.firmware_program import BoardKind, board_sockets
from sim.live.motor_process import CAR
from tests.support.firmware_build import cross_make, need

pytestmark = pytest.mark.realtime

MOTORS = (LEFT_MOTOR_ID, RIGHT_MOTOR_ID)
PATIENCE_S = 60.0
"""Limit for broken code, on a busy computer."""
ANSWER_MS = 100
"""dynamixel-sdk waits twice as long: QEMU delivers single bytes, and others use the CPU."""
SILENCE_S = 0.5
"""Much longer than the board's host timeout (90 ms, and 20 ms more)."""


class Car:
    """A car's computer, packet by packet; lost ones are repeated."""

    def __init__(self, path: Path) -> None:
        self._port = PortHandler(str(path))
        assert self._port.openPort()
        assert self._port.setBaudRate(BUS_BAUD)
        self._packets = PacketHandler(2.0)

    def close(self) -> None:
        self._port.closePort()

    def _ask(self, send: Callable[[], tuple[Any, ...]]) -> Any:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            *value, result, error = send()
            if result == COMM_SUCCESS and error == 0:
                return value[0] if value else None
            assert time.monotonic() < end_s, self._packets.getTxRxResult(result)
            self._port.ser.reset_input_buffer()

    def ping(self, device_id: int) -> int:
        model: int = self._ask(lambda: self._packets.ping(self._port, device_id))
        return model

    def write(self, device_id: int, register: BoardRegister | MotorRegister, value: int) -> None:
        row = (BOARD if device_id == BOARD_ID else XL430)[register]
        data = list(row.encode(value))
        self._ask(
            lambda: self._packets.writeTxRx(self._port, device_id, row.address, row.size, data)
        )

    def read(self, device_id: int, register: BoardRegister | MotorRegister) -> int:
        row = (BOARD if device_id == BOARD_ID else XL430)[register]
        data = self._ask(
            lambda: self._packets.readTxRx(self._port, device_id, row.address, row.size)
        )
        return row.decode(bytes(data))


@pytest.fixture
def car(monkeypatch: pytest.MonkeyPatch) -> Iterator[Car]:
    monkeypatch.setattr(port_handler, "LATENCY_TIMER", ANSWER_MS)
    need("qemu-system-arm", "qemu-system-arm")
    cross_make("qemu")
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        command = (sys.executable, "-m", "sim.live.motor_process", folder, BoardKind.QEMU)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            car = Car(board_sockets(Path(folder), CAR).bus)
            yield car
            car.close()
        finally:
            process.stdin.close()
            process.wait(timeout=PATIENCE_S)
            process.stdout.close()


def drives(car: Car) -> bool:
    """Start both wheels; return whether both had a goal at the same time."""
    for motor in MOTORS:
        car.write(motor, MotorRegister.TORQUE_ENABLE, 1)
        car.write(motor, MotorRegister.GOAL_VELOCITY, 100)
    return all(car.read(motor, MotorRegister.GOAL_VELOCITY) == 100 for motor in MOTORS)


def test_a_car_drives_over_it_and_its_watchdog_stops_the_wheels(car: Car) -> None:
    assert car.ping(BOARD_ID) == BOARD.model_number
    car.write(BOARD_ID, BoardRegister.HEARTBEAT, 77)
    assert car.read(BOARD_ID, BoardRegister.HEARTBEAT) == 77

    car.write(BOARD_ID, BoardRegister.MOTOR_POWER, 1)
    for motor in MOTORS:
        assert car.ping(motor) == XL430.model_number
        car.write(motor, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY)
        assert car.read(motor, MotorRegister.BUS_WATCHDOG) == 0, "not the motors' own"
    end_s = time.monotonic() + PATIENCE_S
    while not drives(car):  # after a delay of 100 ms the board rightly stops the wheels
        assert time.monotonic() < end_s
    time.sleep(SILENCE_S)
    for motor in MOTORS:
        assert car.read(motor, MotorRegister.GOAL_VELOCITY) == 0
        assert car.read(motor, MotorRegister.TORQUE_ENABLE) == 0
    assert car.read(BOARD_ID, BoardRegister.FAULT) & BoardFault.HOST_SILENT
    assert car.read(BOARD_ID, BoardRegister.BAD_PACKETS) == 0
