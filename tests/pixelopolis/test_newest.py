"""Readers of a stream get the newest value, at their own pace."""

from __future__ import annotations

import asyncio

from pixelopolis.newest import Newest


async def test_a_slow_reader_gets_the_newest_and_none_twice() -> None:
    newest: Newest[int] = Newest()
    assert (newest.value, newest.count) == (None, 0)
    waiting = asyncio.create_task(newest.after(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    for value in (5, 6, 7):
        newest.put(value)
    async with asyncio.timeout(30):
        assert await waiting == (3, 7)
        assert await newest.after(1) == (3, 7)
    again = asyncio.create_task(newest.after(3))
    await asyncio.sleep(0)
    assert not again.done()
    newest.put(8)
    async with asyncio.timeout(30):
        assert await again == (4, 8)
