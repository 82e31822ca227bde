"""A visitor's whole way, screen by screen, in any language at any size: what does not fit.

As a command it goes all ways: `python -m tests.support.every_screen --out FOLDER`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from pixelopolis.city.model import LANGUAGES
from tests.support.browser import ALL_SCREENS, TOUCH_PX, Screen, chromium, visitor
from tests.support.station_desk import ScriptedDesk

UNFIT = (Path(__file__).parent / "unfit.js").read_text("utf-8")
STILL = {"reduced_motion": "reduce"}
"""Options of a visitor whose page is measured: nothing moves."""
STEPS = ("welcome", "choose", "line", "call", "ride", "how", "waiting", "cancel", "end")
THOUGHT = {
    "seen": [
        {"sign": "Left_or_through", "box": [0.62, 0.3, 0.72, 0.39], "ahead": False},
        {"sign": "Car", "box": [0.3, 0.42, 0.55, 0.6], "ahead": True},
    ],
    "lane": [[0.3, 1.0], [0.42, 0.62], [0.56, 0.62], [0.68, 1.0]],
    "way": [[0.4, 1.0], [0.46, 0.6], [0.5, 0.6], [0.56, 1.0]],
    "spread_m": 0.07,
    "read": {"sign": "Planetarium", "age_s": 0.2},
}


async def walk(page: Page, desk: ScriptedDesk, language: str) -> AsyncIterator[str]:
    """Go through a ride and stop at each of `STEPS`, to look at the page."""
    desk.line, desk.thought = 3, THOUGHT
    await page.goto(desk.url)
    await expect(page.locator("body")).to_have_attribute("data-screen", "welcome")
    yield "welcome"
    await page.locator(f'#languages [data-language="{language}"]').click()
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await page.locator('.place[data-id="international-town"]').click()
    await expect(page.locator("#book")).to_be_enabled()
    yield "choose"
    await page.locator("#book").click()
    await expect(page.locator("#ride")).to_be_visible()
    yield "line"
    await desk.change(state="booked", car_id="car1", place_in_line=None, expected_wait_s=None)
    await expect(page.locator("#call-dialog")).to_be_visible()
    yield "call"
    await page.locator("#call-ok").click()
    await desk.change(state="driving", eta_s=42.0)
    await desk.drive_to(0.5)
    await expect(page.locator("#ride")).to_have_attribute("data-status", "driving")
    await expect(page.locator("#video-panel")).to_have_attribute("data-state", "live")
    await expect(page.locator("#thought-unsure")).to_be_visible()
    await expect(page.locator("#bird-panel[data-state=connecting]")).to_have_count(0)
    yield "ride"
    await page.locator("#open-how").click()
    yield "how"
    await page.locator("#close-how").click()
    await desk.change(
        state="waiting", reason_code="edge_held", reason_values={"edge": "4", "car": "car2"}
    )
    await expect(page.locator("#ride")).to_have_attribute("data-status", "waiting")
    yield "waiting"
    await page.locator("#cancel").click()
    yield "cancel"
    await page.locator("#cancel-no").click()
    await desk.arrive()
    await expect(page.locator("#end")).to_be_visible()
    yield "end"


async def unfit(page: Page, screen: Screen) -> list[str]:
    """Return what does not fit the screen now."""
    asked = [screen.width_px, screen.most_heights, TOUCH_PX]
    complaints: list[str] = await page.evaluate(UNFIT, asked)
    return complaints


async def look(
    browser: Browser, screen: Screen, language: str, shots: Path | None = None
) -> list[str]:
    """Return what does not fit, on a visitor's whole way."""
    complaints = []
    async with ScriptedDesk() as desk, visitor(browser, screen, **STILL) as page:
        async for step in walk(page, desk, language):
            if shots is not None:
                name = f"{screen.name}-{language}-{STEPS.index(step)}-{step}.png"
                await page.screenshot(path=shots / name, animations="disabled")
            complaints += [
                f"{screen.name} {language} {step}: {each}" for each in await unfit(page, screen)
            ]
    return complaints


async def _main(languages: list[str], names: list[str], shots: Path | None) -> int:
    screens = [screen for screen in ALL_SCREENS if screen.name in names]
    bad = 0
    async with chromium() as browser:
        for screen in screens:
            for language in languages:
                for complaint in await look(browser, screen, language, shots):
                    print(complaint, flush=True)
                    bad += 1
    print(f"{len(screens) * len(languages) * len(STEPS)} screens, {bad} complaints.")
    return 1 if bad else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES), choices=LANGUAGES)
    names = [screen.name for screen in ALL_SCREENS]
    parser.add_argument("--screens", nargs="+", default=names, choices=names)
    parser.add_argument("--out", type=Path, help="folder for pictures of every screen")
    given = parser.parse_args()
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(_main(given.languages, given.screens, given.out)))
