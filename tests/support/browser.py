"""Chromium for the tests of the page, and visitors' steps that several tests share."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""Folder for pictures of what the tests see; none are taken without it, as they take long."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CLOSE_S = 10.0
TOUCH_PX = 48
"""Smallest width and height of a control for a finger."""


@dataclass(frozen=True)
class Screen:
    name: str
    width_px: int
    height_px: int
    is_phone: bool = False
    most_heights: float = 1.0
    """So many heights of the screen the page may be long."""


ANY_HEIGHTS = 99.0
PHONE = Screen("phone", 390, 844, True, ANY_HEIGHTS)
SMALL_PHONE = Screen("small-phone", 320, 568, True, ANY_HEIGHTS)
NARROW_PHONE = Screen("narrow-phone", 360, 640, True, ANY_HEIGHTS)
LYING_PHONE = Screen("lying-phone", 844, 390, True, 1.9)
TABLET = Screen("tablet", 820, 1180)
LAPTOP = Screen("laptop", 1366, 768)
KIOSK = Screen("kiosk", 1920, 1080)
TOTEM = Screen("totem", 1080, 1920)
WIDE_TOTEM = Screen("wide-totem", 1200, 1920)
SCREENS = (PHONE, KIOSK)
"""The two that most tests of the page are run on."""
ALL_SCREENS = (
    *SCREENS,
    SMALL_PHONE,
    NARROW_PHONE,
    LYING_PHONE,
    TABLET,
    LAPTOP,
    TOTEM,
    WIDE_TOTEM,
)


def _chromium() -> str | None:
    """The system's Chromium; None: Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("CHROMIUM") or next((path for path in found if path), None)


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_chromium(), args=[*FLAGS, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(browser: Browser, screen: Screen, **options: Any) -> AsyncIterator[Page]:
    """Open the page for a new visitor; any error that the page reports fails the test."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": screen.width_px, "height": screen.height_px},
        device_scale_factor=2 if screen.is_phone else 1,
        is_mobile=screen.is_phone,
        has_touch=True,
        locale=options.pop("locale", "en-GB"),
        **options,
    )
    try:
        page = await context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        assert not faults, faults
    finally:
        # Chromium does not always answer after a reload; what is left open ends with the browser
        with suppress(TimeoutError):
            await asyncio.wait_for(context.close(), CLOSE_S)


async def keep(page: Page, name: str) -> None:
    """Save a screenshot for people to look at, if they have asked for it."""
    if SCREENSHOTS:
        await page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


async def touch(page: Page, selector: str) -> None:
    """Tap a control; one too small for a finger fails."""
    control = page.locator(selector)
    await expect(control).to_be_enabled()
    await control.scroll_into_view_if_needed()
    box = await control.bounding_box()
    assert box is not None, selector
    assert min(box["width"], box["height"]) >= TOUCH_PX, (selector, box)
    await control.tap()


async def video_pixels(page: Page) -> str:
    """Return the visible video frame as text, for comparison."""
    return str(await page.locator("#video").evaluate("canvas => canvas.toDataURL()"))


async def car_place(page: Page) -> tuple[float, float]:
    """Return the screen position of the visitor's car."""
    box = await page.locator(".map-car.own .car-paint").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def video_changes(page: Page, before: str) -> None:
    """Wait until the visitor sees another video frame."""
    await page.wait_for_function(
        "before => document.querySelector('#video').toDataURL() !== before", arg=before
    )


async def car_moves(
    page: Page, before: tuple[float, float], by_px: float = 20.0, timeout_ms: float = 30_000
) -> None:
    """Wait until the visitor's car has moved on the map."""
    await page.wait_for_function(
        """([x, y, far]) => {
          const box = document.querySelector(".own .car-paint").getBoundingClientRect();
          return Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y) > far;
        }""",
        arg=[*before, by_px],
        timeout=timeout_ms,
    )


async def call_a_car(page: Page, url: str, shots: str, language: str, destination: str) -> None:
    """Open the page, pick a language and a destination, and book."""
    await page.goto(url)
    await expect(page.locator("#languages .language")).to_have_count(10)
    await keep(page, f"{shots}-1-welcome")
    await touch(page, f'#languages [data-language="{language}"]')
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await expect(page.locator("#choose")).to_be_visible()
    await touch(page, f'.place[data-id="{destination}"]')
    await keep(page, f"{shots}-2-choose")
    await touch(page, "#book")
    await expect(page.locator("#ride")).to_be_visible()
