"""Common parts of all boards: status, emergency stop, closing."""

from __future__ import annotations

import pytest

from car.board import base as board_thread
from car.board.base import BoardThread
from car.board.motor_bus import LostPacketError
from car.board.status import BoardStatus, EmergencyStop
from car.board.wheel_units import Goal
from car.driving.types import WheelReading
from pixelopolis.errors import BoardError
from tests.support.fake_motor_bus import Clock


class PaperBoard(BoardThread):
    """A board with scripted sessions: an error each, or None for a good one."""

    def __init__(self, *sessions: BaseException | None) -> None:
        self.clock = Clock()
        super().__init__("/dev/fake", self.clock)
        self.sessions = list(sessions)
        self.pauses: list[float] = []
        self.seen: list[BoardStatus] = []

    def _session(self) -> None:
        self.seen.append(self.status())
        session = self.sessions.pop(0)
        if not self.sessions:
            self._stop.set()
        if session is not None:
            raise session
        self._connected()
        self.seen.append(self.status())
        assert self._ready.is_set()

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


GONE = BoardError("It is gone.", "Look for it.")


def test_at_first_nothing_is_known() -> None:
    board = PaperBoard(None)
    assert board.status() == BoardStatus(problem="Not started.")
    assert not board.status().connected
    assert board.reading() is None
    assert board.status().stop_confirmed is None
    assert (board.status().cycles, board.status().lost_packets) == (0, 0)


def test_sessions_follow_each_other_and_say_what_was_wrong() -> None:
    board = PaperBoard(GONE, None, LostPacketError("nothing heard"), None)
    board._run()
    problems = [(status.connected, status.problem) for status in board.seen]
    assert problems == [
        (False, "Not started."),
        (False, "It is gone. Look for it."),
        (True, ""),
        (True, ""),
        (False, "nothing heard. Check the motor cables; we try again."),
        (True, ""),
    ]
    assert board.pauses == [0.5] * 4
    assert not board._ready.is_set(), "no session, not ready"
    assert board.status().connections == 2


def test_at_its_end_it_says_whether_the_wheels_are_known_to_stand() -> None:
    for armed in (False, True):
        board = PaperBoard(None)
        board._armed = armed
        board._run()
        board._ended(None)
        status = board.status()
        assert (status.connected, status.problem) == (False, "Closed.")
        assert status.stop_confirmed is not armed


def test_what_nobody_thought_of_is_said_and_it_goes_on() -> None:
    board = PaperBoard(None)
    board._update(connected=True)
    board._ended(ValueError("odd"))
    assert board.status().problem == "Unexpected: odd. We try again; please report it."
    assert not board.status().connected
    assert board.status().stop_confirmed is None


def test_a_goal_is_kept_with_its_time() -> None:
    board = PaperBoard(None)
    board.set_goal(1.0, -2.0, 7.0)
    assert board._goal == Goal(1.0, -2.0, 7.0)
    board._reading = WheelReading(1.0, 2.0, 3.0)
    assert board.reading() == WheelReading(1.0, 2.0, 3.0)


def test_waiting_for_it_says_why_it_is_not_ready() -> None:
    board = PaperBoard(None)
    with pytest.raises(BoardError, match=r"not ready after 0\.01 s"):
        board.wait_connected(0.01)
    board._note(GONE)
    with pytest.raises(BoardError, match="It is gone"):
        board.wait_connected(0.01)
    board._connected()
    board.wait_connected(0.0)
    assert board._error is None


# --- emergency stop -------------------------------------------------------------------------------


def test_a_stop_is_requested_then_late_then_confirmed() -> None:
    board = PaperBoard(None)
    assert board.status().estop is EmergencyStop.NONE
    assert not board._estop_wanted
    board.request_emergency_stop()
    assert board._estop_wanted
    assert board._wake.is_set()
    for passed_s, estop in (
        (0.0, EmergencyStop.REQUESTED),
        (1.0, EmergencyStop.REQUESTED),
        (0.001, EmergencyStop.FAILED),
    ):
        board.clock.now_s += passed_s
        assert board.status().estop is estop
    board._estop_done.set()
    assert board.status().estop is EmergencyStop.CONFIRMED


def test_asking_twice_is_asking_once() -> None:
    board = PaperBoard(None)
    board.request_emergency_stop()
    board._estop_done.set()
    board.clock.now_s += 5.0
    board._wake.clear()
    board.request_emergency_stop()
    assert board._wake.is_set()
    assert board.status().estop is EmergencyStop.CONFIRMED
    assert board._estop_asked_s == 100.0


def test_a_new_stop_after_a_release_is_not_confirmed_yet() -> None:
    board = PaperBoard(None)
    board.request_emergency_stop()
    board._estop_done.set()
    board.request_release()
    assert board.status().estop is EmergencyStop.NONE
    assert board._release_wanted
    board.request_emergency_stop()
    assert board.status().estop is EmergencyStop.REQUESTED
    assert not board._release_wanted, "a stop takes a release back"


@pytest.mark.parametrize(("passed_s", "wanted"), [(1.999, True), (2.0, False)])
def test_a_release_is_tried_for_two_seconds(passed_s: float, wanted: bool) -> None:
    board = PaperBoard(None)
    assert not board._release_wanted
    board._wake.clear()
    board.request_release()
    assert board._wake.is_set()
    board.clock.now_s += passed_s
    assert board._release_wanted is wanted
    board._released()
    assert not board._release_wanted
    assert board._release_done.is_set()
    board.request_release()
    assert not board._release_done.is_set(), "each release is its own"


def test_waiting_for_a_stop_or_a_release_says_why_it_is_not_so() -> None:
    board = PaperBoard(None)
    with pytest.raises(BoardError, match=r"could not be confirmed within 0\.01 s: No answer"):
        board.emergency_stop(0.01)
    assert board._estop_wanted
    board._note(GONE)
    with pytest.raises(BoardError, match="It is gone"):
        board.emergency_stop(0.01)
    board._estop_done.set()
    board.emergency_stop(0.01)
    with pytest.raises(BoardError, match=r"not released within 0\.01 s: It is gone"):
        board.release_emergency_stop(0.01)
    assert not board._estop_wanted
    board._error = None
    with pytest.raises(BoardError, match="No answer"):
        board.release_emergency_stop(0.01)


def test_a_release_that_is_done_meanwhile_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    board = PaperBoard(None)
    plain = board.request_release

    def request() -> None:
        plain()
        board._released()

    monkeypatch.setattr(board, "request_release", request)
    board.release_emergency_stop(0.01)


# --- sleeping and closing -------------------------------------------------------------------------


def test_what_cannot_wait_ends_a_pause() -> None:
    board = PaperBoard(None)
    waited: list[float] = []
    board._wake.wait = lambda seconds: waited.append(seconds) or board._wake.is_set()  # type: ignore[method-assign]
    BoardThread._pause(board, 0.3)
    board._wake.set()
    BoardThread._pause(board, -1.0)
    assert waited == [0.3, 0.0]
    assert not board._wake.is_set(), "it is heeded once"
    board._stop.set()
    BoardThread._pause(board, 9.0)
    assert len(waited) == 2


def test_it_starts_and_closes_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: set[object] = set()
    monkeypatch.setattr(board_thread.atexit, "register", kept.add)
    monkeypatch.setattr(board_thread.atexit, "unregister", kept.discard)
    board = PaperBoard(GONE, None)
    board.start()
    assert kept == {board.close}, "the wheels are stopped however the process ends"
    board.close()
    assert not kept
    assert not board.worker._thread.is_alive()
    assert board._wake.is_set()
    assert board.workers == (board.worker,)
    board.close()  # idempotent


def test_the_same_error_is_kept_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    board = PaperBoard(None)
    for _ in range(3):
        board._note(GONE)
    board._note(BoardError("It burns.", "Run."))
    assert [r.message.split("]")[-1] for r in caplog.records] == [
        " It is gone. Look for it.",
        " It burns. Run.",
    ]
    assert board.status().problem == "It burns. Run."
