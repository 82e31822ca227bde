"""Changes that no test can notice, or that none should, with the reason.

They count as not killed all the same; a reason only saves the next reader's time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.mutants.changes import Change


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A kind of change: patterns of its file and of the text `before  ->  after`."""

    file: str
    change: str
    reason: str


LIMIT = "the limit itself: a number that has no exact value, so both sides of it are as good"
OFFSET = "the same number is added to every cost that is compared"
TUNED = "tuned, not promised: a little more or less is as good"

FASTER = "saves time, and changes no result"
ONCE_MORE = "the same result, looked for once more"

EQUIVALENTS = (
    Equivalent(r"server/safety\.py", r"BUSY_S = 20\.0", TUNED),
    Equivalent(r"server/safety\.py", r"MAX_STEPS = 5000", TUNED),
    Equivalent(r"server/safety\.py", r"target = len\(chain\) - 1", "the last edge is free"),
    Equivalent(r"server/streets\.py", r"edge\.length_m < least_m", LIMIT),
    Equivalent(r"server/streets\.py", r"edge_time_s\(city, key\[1\]\)", OFFSET),
    Equivalent(r"server/streets\.py", r"queue: list.*\(0\.0, start\)", OFFSET),
    Equivalent(r"server/streets\.py", r"cost = \{start: 0\.0\}", "the start is done at once"),
    Equivalent(r"server/streets\.py", r"done\.add\(edge\)", FASTER),
    Equivalent(r"server/streets\.py", r"if total < cost\.get", "of two equal ways either will do"),
    Equivalent(r"server/traffic\.py", r"if ride\.progress_m < ", LIMIT),
    Equivalent(r"server/traffic\.py", r"document\[.*to_document", "asdict gives the same fields"),
    Equivalent(r"server/granting\.py", r"_left_m\(ride\) <= LOOKAHEAD_M", LIMIT),
    Equivalent(r"server/granting\.py", r"self\.waits: dict", "set by every round"),
    Equivalent(r"server/granting\.py", r"return (False|True)  ->", ONCE_MORE),
    Equivalent(r"server/granting\.py", r"changed = (False|True)", ONCE_MORE),
    Equivalent(r"server/granting\.py", r" > STANDS_WITHIN_M", LIMIT),
    Equivalent(r"server/traffic\.py", r"<= edges\.keys", "no way has every edge of a town"),
    Equivalent(r"server/watch\.py", r"_orders\.get\(booking\.id, 0\)", "the limit is far above"),
    Equivalent(r"server/watch\.py", r"self\._progress = ", "forgets only what is not asked for"),
    Equivalent(r"car/belief\.py", r"deque\(maxlen=40\)", TUNED),
    Equivalent(r"car/belief\.py", r"1e-300", "only keeps a quotient from being 0 / 0"),
    Equivalent(r"car/localisation\.py", r"slope\[0, DISTANCE\]", "there is one row"),
    Equivalent(r"server/bookings\.py", r"document\[.state.\]", "a StrEnum is its text"),
    Equivalent(r"pixelopolis/order_rules\.py", r"\[:5\]", TUNED),
    Equivalent(r"pixelopolis/order_rules\.py", r"(starts_at|ends_at)_m \+ 0\.001", LIMIT),
    Equivalent(r"car/localisation\.py", r"left == 0\.0 and right == 0\.0", FASTER),
    Equivalent(r"car/metrics\.py", r"reading is not self\._readings", FASTER),
    Equivalent(r"pixelopolis/order_rules\.py", r"plan is None or joint is None", "both or none"),
    Equivalent(r"car/board_thread\.py", r"JOIN_TIMEOUT_S", TUNED),
    Equivalent(r"car/wheels\.py", r"self\.failed > self\.SLOW_ABOVE", LIMIT),
    Equivalent(r"car/orientation\.py", r" > .*->.* >= ", LIMIT),
    Equivalent(r"car/orientation\.py", r"return 0\.0", "compared with limits above zero only"),
    Equivalent(r"car/localisation\.py", r"_since_m >= STRETCH_M", LIMIT),
    Equivalent(r"car/localisation\.py", r"(range_m|sigma)\[0\]", "a centimetre on, it is the same"),
    Equivalent(r"car/wheels\.py", r"abs\(step_rad\) <= ", LIMIT),
    Equivalent(r"car/belief\.py", r"def _note\(", "frames count only where no way is given"),
    Equivalent(r"car/belief\.py", r"if weight > 0", "a weight of nothing changes nothing"),
    Equivalent(r"car/board_thread\.py", r"if self\._armed:", "it is only said in the log"),
    Equivalent(r"car/metrics\.py", r"readings\[0\]\.measured_s", "readings come in their order"),
)


def reason_of(change: Change) -> str:
    """Return why nothing notices a change, or that nothing does."""
    text = f"{change.before}  ->  {change.after}"
    for known in EQUIVALENTS:
        if re.fullmatch(known.file, change.file) and re.search(known.change, text):
            return known.reason
    return "no test notices it"
