"""Changes that no test can or should detect, with reasons.

A change that is listed here and that no test noticed is reported apart, and is left out of the
share of noticed ones. So list only what alters nothing that anyone can observe, and constants that
are tuned rather than promised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.mutants.changes import Change


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A kind of change: patterns of its file and of its text `before  ->  after`."""

    file: str
    change: str
    reason: str


LIMIT = "the limit itself: a number that has no exact value, so both sides of it are as good"
TUNED = "tuned, not promised: a little more or less is as good"

FASTER = "saves time, and changes no result"

EQUIVALENTS = (
    Equivalent(r".*/safe_state\.py", r"BUSY_S: Final = 20\.0", TUNED),
    Equivalent(r".*/safe_state\.py", r"MAX_STEPS: Final = 5000", TUNED),
    Equivalent(r".*/safe_state\.py", r"target = len\(chain\) - 1", "the last edge is free"),
    Equivalent(r".*/street_graph\.py", r"edge\.length_m < least_m", LIMIT),
    Equivalent(r".*/reservations\.py", r"if ride\.progress_m < ", LIMIT),
    Equivalent(r".*/reservations\.py", r"document\[.*to_document", "asdict gives the same fields"),
    Equivalent(r".*/granting\.py", r"_left_m\(ride\) <= LOOKAHEAD_M", LIMIT),
    Equivalent(r".*/granting\.py", r"self\.waits: dict", "set by every round"),
    Equivalent(r".*/granting\.py", r"(>|<=) STANDS_WITHIN_M.* ->.*(>=|<) STANDS", LIMIT),
    Equivalent(r".*/reservations\.py", r"<= edges\.keys", "no way has every edge of a town"),
    Equivalent(r".*/car_monitor\.py", r"_orders\.get\(booking\.id, 0\)", "the limit is far above"),
    Equivalent(r".*/belief\.py", r"deque\(maxlen=40\)", TUNED),
    Equivalent(r".*/belief\.py", r"1e-300", "only keeps a quotient from being 0 / 0"),
    Equivalent(r".*/path_tracker\.py", r"slope\[0, DISTANCE\]", "there is one row"),
    Equivalent(r".*/booking\.py", r"document\[.state.\]", "a StrEnum is its text"),
    Equivalent(r".*/order_rules\.py", r"MAX_NAMED.* = 5", TUNED),
    Equivalent(r".*/order_rules\.py", r"(starts_at|ends_at)_m \+ 0\.001", LIMIT),
    Equivalent(r".*/path_tracker\.py", r"facing\[0\] >= math", LIMIT),
    Equivalent(r".*/path_tracker\.py", r"left == 0\.0 and right == 0\.0", FASTER),
    Equivalent(r".*/metrics\.py", r"reading is not self\._readings", FASTER),
    Equivalent(r".*/order_rules\.py", r"plan is None or joint is None", "both or none"),
    Equivalent(r".*/board/base\.py", r"JOIN_TIMEOUT_S", TUNED),
    Equivalent(r".*/wheel_units\.py", r"self\.failed > self\.SLOW_ABOVE", LIMIT),
    Equivalent(r".*/route_monitor\.py", r" > .*->.* >= ", LIMIT),
    Equivalent(r".*/route_monitor\.py", r"return 0\.0", "compared with limits above zero only"),
    Equivalent(r".*/path_tracker\.py", r"_since_m >= STRETCH_M", LIMIT),
    Equivalent(r".*/path_tracker\.py", r"(range_m|sigma)\[0\]", "a centimetre on, it is the same"),
    Equivalent(r".*/wheel_units\.py", r"abs\(step_rad\) <= ", LIMIT),
    Equivalent(r".*/belief\.py", r"def _note\(", "frames count only where no way is given"),
    Equivalent(r".*/belief\.py", r"if weight > 0", "a weight of nothing changes nothing"),
    Equivalent(r".*/board/base\.py", r"if self\._armed:", "it is only said in the log"),
    Equivalent(r".*/stop_guard\.py", r"line\.read\(", "the answer is much shorter"),
    Equivalent(r".*/belief\.py", r"\+ [xy]_m\)", "the same is added to all, and taken off again"),
    Equivalent(r".*/nonces\.py", r"token_bytes\(16\)", "packed to 16 bytes all the same"),
    Equivalent(r".*/presence\.py", r"_seen_s\) (>= 1000|> +(999|1001)):$", TUNED),
    Equivalent(r".*/order_rules\.py", r"->.*(away_m|turned_rad) >= ", LIMIT),
    Equivalent(r".*/metrics\.py", r"readings\[0\]\.measured_s", "readings come in their order"),
)


def reason_of(change: Change) -> str | None:
    """Return why no test has to detect a change, None if one should."""
    text = f"{change.before}  ->  {change.after}"
    for known in EQUIVALENTS:
        if re.fullmatch(known.file, change.file) and re.search(known.change, text):
            return known.reason
    return None
