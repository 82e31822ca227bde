"""A visitor's ride through the real city, in a real browser, by touch, in Japanese."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.conftest import RunningDemo, farthest_destination
from tests.support.browser import (
    SCREENS,
    Screen,
    call_a_car,
    car_moves,
    car_place,
    chromium,
    keep,
    touch,
    video_changes,
    video_pixels,
    visitor,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="module"),
]

RIDE_MS = 400_000
"""A lap of the city on a shared computer that also renders it."""

SOON_MS = 60_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_a_visitor_rides_through_the_city(
    demo: RunningDemo, browser: Browser, screen: Screen
) -> None:
    shots = f"ja-{screen.name}"
    place_to_go = await asyncio.to_thread(farthest_destination, demo)
    destination, name = place_to_go["id"], place_to_go["names"]["ja"]
    async with visitor(browser, screen) as page:
        await call_a_car(page, demo.url, shots, "ja", destination)
        await expect(page.locator("#ride-place")).to_have_text(name)
        await keep(page, f"{shots}-3-booked")

        live = page.locator("#video-panel[data-state=live]")
        await expect(live).to_be_visible(timeout=SOON_MS)
        await expect(page.locator("#bird-panel[data-state=live]")).to_have_count(1, timeout=SOON_MS)
        await expect(page.locator("#ride-title")).to_have_text("走行中です", timeout=SOON_MS)
        picture, place = await video_pixels(page), await car_place(page)
        await keep(page, f"{shots}-4-driving")
        await video_changes(page, picture)
        await car_moves(page, place, timeout_ms=SOON_MS)
        await keep(page, f"{shots}-5-further")

        await expect(page.locator("#end-title")).to_have_text("到着しました！", timeout=RIDE_MS)
        await expect(page.locator("#end-place")).to_have_text(name)
        await expect(page.locator("#photo canvas")).to_be_visible()
        await keep(page, f"{shots}-6-arrived")
        await touch(page, "#next")
        await expect(page.locator("#choose")).to_be_visible()
