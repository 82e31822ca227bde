"""Token buckets: how often each of many names may do something. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_NAMES: Final = 10_000
"""Names remembered; the one that was seen least recently is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_s` a second."""

    burst: float
    per_s: float


class RateLimit:
    """One bucket for each name; a new name has a full one.

    Args:
        rate: of every bucket.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now_s: float, tokens: float = 1.0) -> float:
        """Take tokens of a name's bucket.

        Returns:
            0 if it had them, else the seconds until it has.
        """
        left, at_s = self._buckets.pop(name, (self._rate.burst, now_s))
        left = min(self._rate.burst, left + (now_s - at_s) * self._rate.per_s)
        wait_s = 0.0 if left >= tokens else (tokens - left) / self._rate.per_s
        self._buckets[name] = (left if wait_s else left - tokens, now_s)
        if len(self._buckets) > MAX_NAMES:
            self._buckets.popitem(last=False)
        return wait_s

    @staticmethod
    def take_each(limits: Iterable[tuple[RateLimit, str]], now_s: float) -> float:
        """Take one token of each bucket, or of none if one of them is empty.

        Returns:
            0 if all had one, else the seconds until the first empty one has.
        """
        taken: list[tuple[RateLimit, str]] = []
        for limit, name in limits:
            if wait_s := limit.take(name, now_s):
                for each, known in taken:
                    each.give_back(known)
                return wait_s
            taken.append((limit, name))
        return 0.0

    def give_back(self, name: str) -> None:
        """Return a token that was taken for something that does not count."""
        if name in self._buckets:
            left, at_s = self._buckets[name]
            self._buckets[name] = (min(self._rate.burst, left + 1), at_s)
