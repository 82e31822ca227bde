"""What the page costs: bytes over the wire until a visitor can choose, and nothing twice."""

import re

import pytest
from playwright.async_api import Browser, CDPSession, Page, expect

from tests.support.browser import PHONE, visitor
from tests.support.paths import ROOT
from tests.support.station_desk import ScriptedDesk

MOST_BYTES = 150_000
"""Before the video."""


class Wire:
    """Counts what a page loads; live views, which have no end, are not counted."""

    def __init__(self, session: CDPSession) -> None:
        self.bytes = 0
        session.on("Network.loadingFinished", self._take)

    @classmethod
    async def of(cls, page: Page) -> "Wire":
        session = await page.context.new_cdp_session(page)
        wire = cls(session)
        await session.send("Network.enable")
        return wire

    def _take(self, event: dict[str, float]) -> None:
        self.bytes += int(event["encodedDataLength"])


@pytest.mark.asyncio(loop_scope="package")
async def test_the_page_is_small_and_is_not_loaded_twice(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, PHONE) as page:
        wire = await Wire.of(page)
        await page.goto(desk.url)
        await page.locator('#languages [data-language="ja"]').click()
        await expect(page.locator(".map-car")).to_have_count(2)
        await page.wait_for_load_state("load")
        first = wire.bytes
        assert 30_000 < first <= MOST_BYTES
        wire.bytes = 0
        await page.reload()
        await expect(page.locator("body")).to_have_attribute("data-screen", "welcome")
        await page.wait_for_load_state("load")
        assert wire.bytes < first / 2, "what is there already is only asked after"


def test_all_modules_are_asked_for_at_once() -> None:
    station = ROOT / "station"
    index = (station / "index.html").read_text("utf-8")
    preloaded = set(re.findall(r'rel="modulepreload" href="([\w-]+\.js)"', index))
    modules = {path.name for path in station.glob("*.js")} - {"main.js"}
    assert preloaded == modules
