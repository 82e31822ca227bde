"""Accessibility: every language and screen, keyboard, screen reader, motion, contrast."""

import random
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from pixelopolis.city.model import LANGUAGES
from tests.support.browser import (
    ALL_SCREENS,
    ANY_HEIGHTS,
    KIOSK,
    LYING_PHONE,
    NARROW_PHONE,
    Screen,
    chromium,
    keep,
    visitor,
)
from tests.support.every_screen import STILL, unfit, walk
from tests.support.station_desk import ScriptedDesk
from tests.support.station_rides import start_ride

pytestmark = pytest.mark.asyncio(loop_scope="package")

HERE = Path(__file__).parent
CONTRAST = (HERE / "contrast.js").read_text("utf-8")


SAMPLE = [("de", NARROW_PHONE), ("ar", LYING_PHONE)]
SAMPLE += random.Random(16).sample(
    [
        way
        for language in LANGUAGES
        for screen in ALL_SCREENS
        if (way := (language, screen)) not in SAMPLE
    ],
    4,
)
"""Long words, the other direction, and some of all ways.

`python -m tests.support.every_screen` goes all of them.
"""
LARGE_LETTERS = "--blink-settings=defaultFontSize=32"
ZOOMED = Screen("zoomed", 320, 256, most_heights=ANY_HEIGHTS)
"""1280 x 1024 at 400 %."""
LARGE = (
    Screen("phone-large", 390, 844, True, ANY_HEIGHTS),
    Screen("laptop-large", 1366, 768, False, ANY_HEIGHTS),
)


@pytest.mark.parametrize(
    ("language", "screen"), SAMPLE, ids=[f"{way[0]}-{way[1].name}" for way in SAMPLE]
)
async def test_every_language_fits_every_screen(
    browser: Browser, desk: ScriptedDesk, language: str, screen: Screen
) -> None:
    async with visitor(browser, screen, **STILL) as page:
        async for step in walk(page, desk, language):
            assert await unfit(page, screen) == [], step


async def test_nothing_is_lost_at_400_percent_zoom(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, ZOOMED, **STILL) as page:
        async for step in walk(page, desk, "de"):
            await keep(page, f"zoomed-{step}")
            assert await unfit(page, ZOOMED) == [], step


async def test_nothing_is_lost_with_letters_twice_as_large() -> None:
    async with chromium(LARGE_LETTERS) as browser:
        for screen in LARGE:
            async with ScriptedDesk() as desk, visitor(browser, screen, **STILL) as page:
                async for step in walk(page, desk, "en"):
                    await keep(page, f"{screen.name}-{step}")
                    assert await unfit(page, screen) == [], (screen.name, step)
                size = "getComputedStyle(document.documentElement).fontSize"
                assert await page.evaluate(size) == "34px", "of the visitor's own size"


async def test_with_forced_colors_choice_and_main_button_stand_out(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, KIOSK, forced_colors="active") as page:
        await page.goto(desk.url)
        await page.locator('#languages [data-language="en"]').click()
        await page.locator('.place[data-id="museum"]').click()
        await expect(page.locator("#book")).to_be_enabled()
        await keep(page, "forced-colors")

        async def border(selector: str) -> str:
            script = "e => { const s = getComputedStyle(e); return s.borderWidth + s.borderColor; }"
            return str(await page.locator(selector).evaluate(script))

        assert await border(".place:has(:checked)") != await border('.place[data-id="landmark"]')
        button = page.locator("#book")
        back = "e => getComputedStyle(e).backgroundColor"
        assert await button.evaluate(back) != await page.locator("#open-languages").evaluate(back)


async def test_every_control_is_named_as_it_is_labeled(
    browser: Browser, desk: ScriptedDesk
) -> None:
    """WCAG 2.5.3: who speaks to the page says what is written on a button."""
    named = """() => [...document.querySelectorAll("button, a[href]")]
      .filter(e => e.hasAttribute("aria-label"))
      .filter(e => !e.getAttribute("aria-label").includes(e.innerText.trim()))
      .map(e => e.id)"""
    async with visitor(browser, KIOSK) as page:
        await start_ride(page, desk)
        assert await page.evaluate(named) == []
        button = page.get_by_role("button", name="Choose your language English")
        await expect(button).to_be_visible()


async def test_a_ride_with_the_keyboard_alone(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, KIOSK) as page:
        await page.goto(desk.url)
        await expect(page.locator("#languages .language")).to_have_count(10)

        async def tab_to(selector: str) -> None:
            for _ in range(30):
                if await page.locator(selector).evaluate("e => e === document.activeElement"):
                    return
                await page.keyboard.press("Tab")
            raise AssertionError(f"Tab never reaches {selector}")

        await tab_to('#languages [data-language="es"]')
        await page.keyboard.press("Enter")
        await expect(page.locator("#choose-title")).to_be_focused()
        await tab_to('.place[data-id="museum"] input')
        await page.keyboard.press("ArrowRight")
        await tab_to("#book")
        await keep(page, "keyboard-focus")
        await page.keyboard.press("Enter")
        await expect(page.locator("#ride-title")).to_be_focused()
        assert desk.booked_with[0]["destination_id"] == "landmark"
        await tab_to("#cancel")
        await page.keyboard.press("Enter")
        await expect(page.locator("#cancel-dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#cancel-dialog")).to_be_hidden()


async def test_a_screen_reader_hears_the_status_but_not_every_second(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, KIOSK) as page:
        await start_ride(page, desk)
        announcer = page.locator("#announcer[aria-live=polite]")
        await expect(announcer).to_have_text("On the way")
        await desk.change(
            state="waiting", reason_code="part_silent", reason_values={"part": "camera"}
        )
        await expect(announcer).to_contain_text("its camera does not see")


async def test_who_wants_no_motion_gets_none(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, KIOSK, reduced_motion="reduce") as page:
        await start_ride(page, desk)
        await desk.drive_to(0.5)
        assert await page.evaluate("document.getAnimations().length") == 0
        await desk.arrive()
        await expect(page.locator("#confetti")).to_be_hidden()
        assert await page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_words_stand_out_from_what_is_behind_them(
    browser: Browser, desk: ScriptedDesk, scheme: Any
) -> None:
    """WCAG AA: 4.5 to 1, and 3 to 1 for large or bold large text."""
    async with visitor(browser, KIOSK, color_scheme=scheme, reduced_motion="reduce") as page:
        weak = {}
        await page.goto(desk.url)
        await expect(page.locator("#languages .language")).to_have_count(10)
        weak["welcome"] = await page.evaluate(CONTRAST)
        desk.refusal = (409, "no_route")
        await page.locator('#languages [data-language="en"]').tap()
        weak["not chosen"] = await page.evaluate(CONTRAST)
        await page.locator('.place[data-id="museum"]').tap()
        await page.locator("#book").tap()
        await expect(page.locator("#notice")).not_to_be_empty()
        await keep(page, f"contrast-{scheme}")
        weak["choose"] = await page.evaluate(CONTRAST)
        desk.refusal, desk.line = None, 3
        await page.locator("#book").tap()
        await expect(page.locator("#ride-title")).to_be_visible()
        weak["in line"] = await page.evaluate(CONTRAST)
        await desk.change(state="driving", car_id="car1", place_in_line=None, eta_s=42.0)
        await desk.drive_to(0.3)
        weak["call"] = await page.evaluate(CONTRAST)
        await page.locator("#call-ok").tap()
        weak["ride"] = await page.evaluate(CONTRAST)
        await page.locator("#cancel").tap()
        weak["cancel"] = await page.evaluate(CONTRAST)
        await page.locator("#cancel-no").tap()
        await desk.arrive()
        await expect(page.locator("#end")).to_be_visible()
        weak["end"] = await page.evaluate(CONTRAST)
    assert {step: each for step, each in weak.items() if each} == {}
