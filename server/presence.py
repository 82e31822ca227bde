"""Which visitors are still there: their page is connected, or has asked lately."""

from __future__ import annotations

from collections import Counter
from typing import Final

FORGET_S: Final = 3600.0


class Presence:
    """When each station was heard last. Times are monotonic seconds.

    Args:
        began_s: when this server began to listen: nobody could be heard before.
    """

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._seen_s: dict[str, float] = {}
        self._pages: Counter[str] = Counter()

    def begin(self, now_s: float) -> None:
        """Begin to listen, perhaps again: everybody has the whole time to be heard."""
        self._began_s = now_s

    def seen(self, station: str, now_s: float) -> None:
        """Note a request of a station."""
        self._seen_s[station] = now_s
        if len(self._seen_s) > 1000:
            self._seen_s = {k: v for k, v in self._seen_s.items() if now_s - v < FORGET_S}

    def opened(self, station: str) -> None:
        """Note that a page of a station has connected."""
        self._pages[station] += 1

    def closed(self, station: str, now_s: float) -> None:
        """Note that a page of a station has disconnected."""
        self._pages[station] -= 1
        if self._pages[station] <= 0:
            del self._pages[station]
        self.seen(station, now_s)

    def pages(self, station: str) -> int:
        """Return how many pages of a station are connected."""
        return self._pages[station]

    def last_seen_s(self, station: str, now_s: float) -> float:
        """Return when a station was there last: now, as long as a page of it is connected."""
        if self._pages[station] > 0:
            return now_s
        return max(self._began_s, self._seen_s.get(station, self._began_s))
