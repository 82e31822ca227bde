"""Rate-limited logging of faults caused by peers: at once and by name, but not every time."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

EVERY_S: Final = 60.0
"""The same fault of the same peer is logged again after this time, with a count."""

MAX_REMEMBERED: Final = 1000
"""Number of (peer, fault) pairs remembered; the least recent is forgotten first."""

MAX_NAMED_PEERS: Final = 50
"""Peers named per kind of fault within `EVERY_S`; further ones are only counted."""


@dataclass
class _Budget:
    """How many peers were named for one kind of fault since `since_s`, and how many were not."""

    since_s: float
    named: int = 0
    unnamed: int = 0


class PeerFaultLog:
    """A rate-limited log of peers' faults.

    Args:
        log: the logger to write to.
        clock: monotonic seconds.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._logged: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._budgets: dict[str, _Budget] = {}

    def report(
        self, name: str, words: str, *values: object, error: Exception | None = None
    ) -> None:
        """Log a fault, unless it was logged recently for this peer, or for too many others.

        Args:
            name: the peer.
            words: the kind of fault, with %-fields for `values`.
            values: what may differ between occurrences; cut to 300 characters.
            error: an unexpected exception; logged with its traceback.
        """
        key, now_s = (name, words), self._clock()
        at_s, more = self._logged.pop(key, (-EVERY_S, 0))
        is_news = now_s - at_s >= EVERY_S
        self._logged[key] = (now_s, 0) if is_news else (at_s, more + 1)
        if len(self._logged) > MAX_REMEMBERED:
            self._logged.popitem(last=False)
        if not is_news:
            return
        budget = self._budgets.setdefault(words, _Budget(now_s))
        others = budget.unnamed
        if now_s - budget.since_s >= EVERY_S:
            budget = self._budgets[words] = _Budget(now_s)
        elif budget.named >= MAX_NAMED_PEERS:
            budget.unnamed += 1
            return
        budget.named += 1
        again = f" ({more} times more since)" if more else ""
        if others:
            again += f" (so did {others} others, who are not named)"
        elif budget.named == MAX_NAMED_PEERS:
            again += f" (others who do so are only counted for {EVERY_S:.0f} s)"
        level = logging.WARNING if error is None else logging.ERROR
        line = words % tuple(_line(value) for value in values)
        self._log.log(level, "%s %s%s", name, line, again, exc_info=error)

    @contextmanager
    def contained(self, name: str, *but: type[Exception]) -> Iterator[None]:
        """Contain an unexpected failure while serving one peer, so that the others are served.

        Args:
            name: the peer.
            but: failures that are not its own.
        """
        try:
            yield
        except but:
            raise
        except Exception as error:
            self.report(name, "cannot be served: %s", error, error=error)


def _line(value: object) -> str:
    text = str(value)
    printable = "".join(c if c.isprintable() else "?" for c in text[:300])
    return printable + ("..." if len(text) > 300 else "")


class RateLimitFilter(logging.Filter):
    """A filter for third-party loggers: at most one record of a kind per `EVERY_S`.

    Args:
        usual: exceptions caused by the peer: logged as a warning without a traceback.
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
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        key, now_s = (str(record.msg), str(kind)), self._clock()
        if now_s - self._logged.get(key, -EVERY_S) < EVERY_S:
            return False
        self._logged[key] = now_s
        if len(self._logged) > MAX_REMEMBERED:
            self._logged.popitem(last=False)
        if kind is not None and issubclass(kind, self._usual):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.exc_info = f"{record.msg}: {kind.__name__}", None
        return True
