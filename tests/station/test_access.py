"""Accessibility: every language and screen, keyboard, screen reader, motion, contrast."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import KIOSK, SCREENS, TOUCH_PX, Screen, keep, visitor
from tests.support.station_desk import ScriptedDesk
from tests.support.station_rides import start_ride

pytestmark = pytest.mark.asyncio(loop_scope="package")

LANGUAGES = ("en", "ja", "th", "es", "ar")
LOCALES = {"en": "en-GB", "ja": "ja-JP", "th": "th-TH", "es": "es-ES", "ar": "ar-EG"}
HERE = Path(__file__).parent
UNFIT = (HERE / "unfit.js").read_text("utf-8")
CONTRAST = (HERE / "contrast.js").read_text("utf-8")


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_fits_every_screen(
    browser: Browser, desk: ScriptedDesk, language: str, screen: Screen
) -> None:
    async with visitor(browser, screen, locale=LOCALES[language]) as page:
        await page.goto(desk.url)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        for step in ("welcome", "choose", "ride", "end"):
            if step == "choose":
                await page.locator(f'#languages [data-language="{language}"]').tap()
                await page.locator('.place[data-id="international-town"]').tap()
            elif step == "ride":
                await page.locator("#book").tap()
                await expect(page.locator("#ride")).to_be_visible()
                await desk.change(state="driving", eta_s=42.0)
                await desk.drive_to(0.5)
                await expect(page.locator("#video-panel")).to_have_attribute("data-state", "live")
            elif step == "end":
                await desk.arrive()
            await expect(page.locator("body")).to_have_attribute("data-screen", step)
            await expect(page.locator("#bird-panel[data-state=connecting]")).to_have_count(0)
            await keep(page, f"{language}-{screen.name}-{step}")
            assert await page.evaluate(UNFIT, [screen.width_px, screen.is_phone, TOUCH_PX]) == [], (
                step
            )


async def test_a_ride_with_the_keyboard_alone(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, KIOSK) as page:
        await page.goto(desk.url)
        await expect(page.locator("#languages .language")).to_have_count(5)

        async def tab_to(selector: str) -> None:
            for _ in range(20):
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
        await expect(page.locator("#languages .language")).to_have_count(5)
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
        weak["ride"] = await page.evaluate(CONTRAST)
        await page.locator("#cancel").tap()
        weak["cancel"] = await page.evaluate(CONTRAST)
        await page.locator("#cancel-no").tap()
        await desk.arrive()
        await expect(page.locator("#end")).to_be_visible()
        weak["end"] = await page.evaluate(CONTRAST)
    assert {step: each for step, each in weak.items() if each} == {}
