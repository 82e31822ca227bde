"""Saying in the log what peers do wrong: at once, by name, and not once a message for ever."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

EVERY_S: Final = 60.0
"""What one peer does wrong again and again is said again after so long, with how often it was."""

MOST: Final = 1000
"""So many kinds and names are remembered; who was heard of longest ago is forgotten first."""

MOST_A_MINUTE: Final = 50
"""So many peers at most are named for one kind of fault in `EVERY_S`; the others are counted."""


@dataclass
class _Budget:
    """What was said of one kind since then, and of how many other peers it was not."""

    since_s: float
    said: int = 0
    unsaid: int = 0


class Complaints:
    """What is said about peers.

    Args:
        log: where it is said.
        clock: monotonic seconds.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._budgets: dict[str, _Budget] = {}

    def say(self, name: str, words: str, *values: object, error: Exception | None = None) -> None:
        """Say what a peer does wrong, unless that was said of it lately, or of too many others.

        Args:
            name: the peer's.
            words: the kind of fault, with %-fields for `values`.
            values: what differs from one time to the next; cut to a line.
            error: with its traceback, for what nobody expected.
        """
        key, now_s = (name, words), self._clock()
        at_s, more = self._said.pop(key, (-EVERY_S, 0))
        is_news = now_s - at_s >= EVERY_S
        self._said[key] = (now_s, 0) if is_news else (at_s, more + 1)
        if len(self._said) > MOST:
            self._said.popitem(last=False)
        if not is_news:
            return
        budget = self._budgets.setdefault(words, _Budget(now_s))
        others = budget.unsaid
        if now_s - budget.since_s >= EVERY_S:
            budget = self._budgets[words] = _Budget(now_s)
        elif budget.said >= MOST_A_MINUTE:
            budget.unsaid += 1
            return
        budget.said += 1
        again = f" ({more} times more since)" if more else ""
        if others:
            again += f" (so did {others} others, who are not named)"
        elif budget.said == MOST_A_MINUTE:
            again += f" (others who do so are only counted for {EVERY_S:.0f} s)"
        level = logging.WARNING if error is None else logging.ERROR
        line = words % tuple(_line(value) for value in values)
        self._log.log(level, "%s %s%s", name, line, again, exc_info=error)


def _line(value: object) -> str:
    text = str(value)
    printable = "".join(c if c.isprintable() else "?" for c in text[:300])
    return printable + ("..." if len(text) > 300 else "")


class OncePerMinute(logging.Filter):
    """Lets records of one kind through at most once in `EVERY_S`; for other people's loggers.

    Args:
        usual: errors that are a peer's, not ours: named in a warning without a traceback.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        usual: tuple[type[BaseException], ...],
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._usual = usual
        self._clock = clock
        self._said: OrderedDict[tuple[str, str], float] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        key, now_s = (str(record.msg), str(kind)), self._clock()
        if now_s - self._said.get(key, -EVERY_S) < EVERY_S:
            return False
        self._said[key] = now_s
        if len(self._said) > MOST:
            self._said.popitem(last=False)
        if kind is not None and issubclass(kind, self._usual):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.exc_info = f"{record.msg}: {kind.__name__}", None
        return True
