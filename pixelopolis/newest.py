"""The newest of a stream of values, for any number of readers at their own pace."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """A value for use in one event loop.

    Attributes:
        value: the newest, None before the first.
        count: number of values so far.
    """

    def __init__(self) -> None:
        self.value: T | None = None
        self.count = 0
        self._changed = asyncio.Event()

    def put(self, value: T) -> None:
        self.value = value
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, count: int) -> tuple[int, T]:
        """Wait until more than `count` values were put; return their number and the newest."""
        while self.count <= count or self.value is None:
            await self._changed.wait()
        return self.count, self.value
