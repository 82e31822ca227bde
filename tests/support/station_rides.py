"""Steps on the page with the scripted server."""

from playwright.async_api import Page, expect

from tests.support.station_desk import ScriptedDesk


async def start_ride(page: Page, desk: ScriptedDesk, language: str = "en") -> None:
    """Start a ride and drive a third of its route."""
    await page.goto(desk.url)
    await page.locator(f'#languages [data-language="{language}"]').click()
    await page.locator('.place[data-id="planetarium"]').click()
    await page.locator("#book").click()
    await expect(page.locator("#ride")).to_be_visible()
    await desk.change(state="driving", eta_s=42.0)
    await desk.drive_to(0.33)
    await expect(page.locator("#video-panel")).to_have_attribute("data-state", "live")
