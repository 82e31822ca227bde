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
        self._pages: dict[str, Counter[str]] = {}

    def begin(self, now_s: float) -> None:
        """Begin to listen, perhaps again: everybody has the whole time to be heard."""
        self._began_s = now_s

    def seen(self, station: str, now_s: float) -> None:
        """Note a request of a station."""
        self._seen_s[station] = now_s
        if len(self._seen_s) > 1000:
            self._seen_s = {k: v for k, v in self._seen_s.items() if now_s - v < FORGET_S}

    def opened(self, station: str, ride: str = "") -> None:
        """Note that a page of a station has connected, or one that follows that ride of it."""
        self._pages.setdefault(station, Counter())[ride] += 1

    def closed(self, station: str, now_s: float, ride: str = "") -> None:
        """Note that such a page has disconnected."""
        pages = self._pages[station]
        pages[ride] -= 1
        if not pages[ride]:
            del pages[ride]
        if not pages:
            del self._pages[station]
        self.seen(station, now_s)

    def pages(self, station: str, ride: str = "") -> int:
        """Return how many pages of a station are connected, or how many follow that ride of it."""
        return self._pages.get(station, Counter())[ride]

    def last_seen_s(self, station: str, now_s: float) -> float:
        """Return when a station was there last: now, as long as one of its pages is connected."""
        if station in self._pages:
            return now_s
        return max(self._began_s, self._seen_s.get(station, self._began_s))
