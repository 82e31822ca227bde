from __future__ import annotations

from car.board_thread import BoardStatus, EmergencyStop
from car.health import (
    ERROR_BATTERY_UNKNOWN,
    ERROR_BOARD,
    ERROR_BOARD_FAULT,
    ERROR_CAMERA,
    ERROR_ESTOP,
    ERROR_PART,
    ERROR_SHOWING,
    health_of,
)
from car.reporting import Health
from pixelopolis.control_table import BoardFault
from pixelopolis.state_messages import ErrorLevel

WELL = BoardStatus(connected=True, battery_mv=11_250)


def levels(health: Health) -> dict[str, ErrorLevel]:
    return {error.error_type: error.error_level for error in health.errors}


def of(board: BoardStatus = WELL, camera: str = "", failed: str = "", shown: str = "") -> Health:
    return health_of(board, camera, (0.0, 0.0), "http://car1", failed=failed, failed_to_show=shown)


def test_a_car_that_is_well_says_nothing() -> None:
    assert levels(of()) == {}


def test_what_keeps_a_car_from_driving_is_fatal_so_that_nobody_gets_it() -> None:
    assert levels(of(camera="silent")) == {ERROR_CAMERA: ErrorLevel.FATAL}
    assert levels(of(failed="lookout: ValueError")) == {ERROR_PART: ErrorLevel.FATAL}
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
