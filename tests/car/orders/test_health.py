from __future__ import annotations

from dataclasses import replace

import pytest

from car.board.status import BoardStatus, EmergencyStop
from car.driving.wheel_check import WheelFault, reason_of
from car.orders.health import (
    ERROR_BATTERY_UNKNOWN,
    ERROR_BOARD,
    ERROR_BOARD_FAULT,
    ERROR_CAMERA,
    ERROR_ESTOP,
    ERROR_PART,
    ERROR_SHOWING,
    ERROR_WHEELS,
    NEXT_STEPS,
    battery_pct,
    health_of,
)
from car.orders.state_report import Health
from pixelopolis.vda5050.state import ErrorLevel
from pixelopolis.vehicle.control_table import BoardFault

WELL = BoardStatus(connected=True, battery_mv=11_250)


def levels(health: Health) -> dict[str, ErrorLevel]:
    return {error.error_type: error.error_level for error in health.errors}


def of(board: BoardStatus = WELL, camera: str = "", failed: str = "", shown: str = "") -> Health:
    return health_of(board, camera, (0.0, 0.0), "http://car1", failed=failed, failed_to_show=shown)


def test_a_car_that_is_well_says_nothing() -> None:
    assert levels(of()) == {}


def test_what_keeps_a_car_from_driving_is_fatal_so_that_nobody_gets_it() -> None:
    assert levels(of(camera="silent")) == {ERROR_CAMERA: ErrorLevel.FATAL}
    assert levels(of(failed="detector: ValueError")) == {ERROR_PART: ErrorLevel.FATAL}
    gone = BoardStatus(problem="No answer.")
    assert levels(of(gone))[ERROR_BOARD] is ErrorLevel.FATAL
    failed = BoardStatus(connected=True, battery_mv=11_250, estop=EmergencyStop.FAILED)
    assert levels(of(failed)) == {ERROR_ESTOP: ErrorLevel.FATAL}


def test_what_does_not_keep_it_from_driving_is_less() -> None:
    low = BoardStatus(connected=True, battery_mv=10_000, fault=BoardFault.BATTERY_LOW)
    assert levels(of(low)) == {ERROR_BOARD_FAULT: ErrorLevel.URGENT}
    assert levels(of(shown="drawing: ValueError")) == {ERROR_SHOWING: ErrorLevel.WARNING}


def test_the_battery_is_unknown_without_a_board_that_tells_it() -> None:
    for board in (
        BoardStatus(),
        BoardStatus(connected=True),
        BoardStatus(connected=False, battery_mv=12_600),
    ):
        health = of(board)
        assert (health.battery_pct, health.battery_v) == (None, None)
        assert levels(health)[ERROR_BATTERY_UNKNOWN] is ErrorLevel.WARNING
    assert (of().battery_pct, of().battery_v) == (50.0, 11.25)
    assert of(BoardStatus(connected=True, battery_pct=72.2)).battery_pct == 72.2


@pytest.mark.parametrize(
    ("volts", "percent"),
    [(0.0, 0.0), (9.9, 0.0), (9.927, 1.0), (11.25, 50.0), (12.573, 99.0), (12.6, 100.0), (16, 100)],
)
def test_three_cells_are_empty_at_3_3_and_full_at_4_2_volts(volts: float, percent: float) -> None:
    assert battery_pct(volts) == percent
    assert of(BoardStatus(connected=True, battery_mv=round(volts * 1000))).battery_pct == percent


def test_percents_have_one_decimal() -> None:
    assert battery_pct(10.0) == 3.7


def test_speeds_and_video_are_passed_on() -> None:
    health = health_of(WELL, "", (0.12, -0.5), "http://car1")
    assert (health.speed_mps, health.turn_rad_s) == (0.12, -0.5)
    assert health.video_url == "http://car1"
    assert health_of(WELL, "", (0.0, 0.0), None).video_url is None


@pytest.mark.parametrize(
    ("estop", "status"),
    [
        (EmergencyStop.NONE, ""),
        (EmergencyStop.REQUESTED, "RUNNING"),
        (EmergencyStop.CONFIRMED, "FINISHED"),
        (EmergencyStop.FAILED, "FAILED"),
    ],
)
def test_an_emergency_stop_is_told_with_who_asked_for_it(estop: EmergencyStop, status: str) -> None:
    health = of(replace(WELL, estop=estop))
    assert health.emergency_stop_status == status
    assert health.emergency_stop == ("REMOTE" if status else "NONE")
    assert (ERROR_ESTOP in levels(health)) is (status == "FAILED")
    pressed = replace(WELL, estop=estop, fault=BoardFault.ESTOP | BoardFault.BATTERY_LOW)
    assert of(pressed).emergency_stop == ("REMOTE" if status else "MANUAL")
    assert of(replace(WELL, fault=BoardFault.BATTERY_LOW)).emergency_stop == "NONE"


def test_everything_that_is_wrong_is_told_in_words() -> None:
    board = BoardStatus(problem="No answer. Look for it.", fault=BoardFault.ESTOP)
    health = of(board, camera="It is silent.", failed="detector: ValueError", shown="drawing: x")
    said = {error.error_type: error.error_description for error in health.errors}
    assert said[ERROR_BOARD] == "No answer. Look for it."
    assert ERROR_BOARD_FAULT not in said, "what a lost board said once may be long ago"
    assert said[ERROR_CAMERA] == "It is silent."
    assert said[ERROR_PART] == "detector: ValueError. It is restarting."
    assert said[ERROR_SHOWING] == "drawing: x"
    low = replace(WELL, fault=BoardFault.BATTERY_LOW | BoardFault.HOST_SILENT)
    assert of(low).errors[0].error_description == "The board reports: host_silent, battery_low."
    assert of(replace(WELL, fault=BoardFault(0))).errors == ()
    long = health_of(WELL, "x" * 5000, (0.0, 0.0), None).errors[0].error_description
    assert long == "x" * 1000


@pytest.mark.parametrize("wheel_fault", WheelFault)
def test_wheel_faults_are_fatal_and_named(
    wheel_fault: WheelFault,
) -> None:
    (error,) = health_of(WELL, "", (0.0, 0.0), None, wheel_fault=wheel_fault).errors
    assert (error.error_type, error.error_level) == (ERROR_WHEELS, ErrorLevel.FATAL)
    assert error.error_description == f"The car {reason_of(wheel_fault).words}."
    assert error.error_hint == NEXT_STEPS[wheel_fault]
    assert error.error_hint
