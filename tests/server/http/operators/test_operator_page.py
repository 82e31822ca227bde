"""The operator's page in a real browser, with real server, database and login, and fake cars."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Page, expect

from pixelopolis.city.route import Place
from server import operator_desk
from server.http.app import make_app
from server.http.keys import FLEET
from server.identity.access import Role
from tests.support.browser import PHONE, Screen, chromium, keep, visitor
from tests.support.desktop import CITY, Desktop
from tests.support.fake_car import FakeCar
from tests.support.operators import PASSWORD, add_operator

LAPTOP = Screen("laptop", 1280, 800)
STATION = Path(__file__).parents[4] / "station"


@pytest.fixture
async def town(mongodb_uri: str, database: str) -> AsyncIterator[Desktop]:
    for role in (Role.OPERATOR, Role.VIEWER):
        await add_operator(mongodb_uri, database, role)
    app = make_app(CITY, mongodb_uri, database=database, station_folder=STATION)
    async with TestClient(TestServer(app)) as client:
        desktop = Desktop(client, app[FLEET])
        yield desktop
        for car in desktop.cars:
            await car.disconnect()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser, visitor(browser, PHONE) as page:
        yield page


async def log_in(page: Page, town: Desktop, name: str, password: str = PASSWORD) -> None:
    if not page.url.endswith("/operator"):
        await page.goto(str(town.client.make_url("/operator")))
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.keyboard.press("Enter")


async def picture(page: Page, screen: Screen, name: str) -> None:
    await page.set_viewport_size({"width": screen.width_px, "height": screen.height_px})
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{screen.name}: {wide} px of sideways scrolling"
    await keep(page, f"operator-{name}-{screen.name}")


async def test_an_operator_sees_the_town_and_stops_it(
    page: Page, town: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_desk, "READ_BACK_S", 0.5)
    good, deaf = (
        FakeCar(CITY, name, Place(edge, 0.2)) for name, edge in (("good", "1"), ("deaf", "8"))
    )
    await town.drive_in(good, deaf)
    await town.book("kiosk", "museum")
    await log_in(page, town, "operator", "a wrong password")
    await expect(page.locator("#login-fault")).to_contain_text("wrong")
    await picture(page, PHONE, "login")
    await log_in(page, town, "operator")
    cars, shouts = page.locator("#cars > li"), page.get_by_role("alert").locator("visible=true")
    await expect(cars).to_have_count(2)
    await expect(page.locator("#map .map-car")).to_have_count(2)
    card = page.locator('[data-car="good"].car')
    await expect(card).to_contain_text("90 %")
    await expect(card.locator('[data-fact="age"]')).to_contain_text("s ago")
    await expect(page.locator("#bookings")).to_contain_text("museum")
    await picture(page, LAPTOP, "town")
    await picture(page, PHONE, "town")

    await page.get_by_role("button", name="Pause good").press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Pause good: confirmed by good.")
    await expect(card.locator('[data-fact="state"]')).to_contain_text("told to stand")
    await page.get_by_role("button", name="Resume good").click()
    await expect(page.get_by_role("status")).to_have_text("Resume good: confirmed by good.")

    await page.get_by_role("button", name="STOP ALL CARS").click()
    await expect(page.get_by_role("status")).to_contain_text("Confirmed: deaf, good.")
    await page.get_by_role("button", name="Resume all cars").click()
    await expect(page.get_by_role("status")).to_contain_text("confirmed by deaf, good")

    deaf.is_obedient = False
    await page.get_by_role("button", name="STOP ALL CARS").click()
    await expect(page.locator("#shouts")).to_contain_text("NOT CONFIRMED STOPPED: deaf.")
    await expect(page.get_by_role("status")).to_contain_text("Confirmed: good.")
    await expect(shouts).to_have_count(1)
    await expect(page.locator("#audit")).to_contain_text("all cars")
    await picture(page, LAPTOP, "stopped")
    await picture(page, PHONE, "stopped")

    await good.disconnect()
    await expect(card).to_have_class("box car stale")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.reload()
    await expect(page.get_by_label("Name")).to_be_visible()


async def test_a_viewer_looks_and_has_no_buttons(page: Page, town: Desktop) -> None:
    await town.drive_in(FakeCar(CITY, "car1", Place("1", 0.2)))
    await town.fleet.change_traffic(
        lambda traffic: replace(traffic, rules=traffic.rules.with_edge("9", True))
    )
    await log_in(page, town, "viewer")
    await expect(page.locator("#cars > li")).to_have_count(1)
    await expect(page.locator("#closed")).to_have_text("Closed streets: 9")
    assert await page.locator(".map-closed").get_attribute("d")
    buttons = page.get_by_role("button")
    await expect(buttons).to_have_text(["Log out"])
    card = page.locator("#cars > li")
    await expect(card).to_have_class("box car")
    await page.route("**/api/operator/cars", lambda _: None)  # keeps its answer back
    await expect(card).to_have_class("box car stale")
    await page.unroute("**/api/operator/cars")
    await page.route("**/api/operator/cars", lambda route: route.abort())
    await expect(page.locator("#shouts")).to_contain_text("The server does not answer")
    await expect(card).to_have_class("box car stale")
    await page.unroute("**/api/operator/cars")
    await expect(page.locator("#shouts")).to_be_empty()
    await expect(card).to_have_class("box car")
    await page.evaluate("sessionStorage.setItem('pixelopolis.operator', '{\"token\": \"x\"}')")
    await expect(page.locator("#login-fault")).to_have_text("Your session has ended. Log in again.")
