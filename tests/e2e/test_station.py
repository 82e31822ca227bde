"""A visitor's ride through the real city, in a real browser, by touch, in Japanese.

Then the same car is carried away from another ride, and the city is killed.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from pixelopolis.city.sources import load_city
from tests.e2e.conftest import RunningDemo, all_gone, arrives, book, get, post, ride, truth, until
from tests.support.browser import (
    PHONE,
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

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

RIDE_MS = 400_000
"""A lap of the city on a shared computer that also renders it."""

SOON_MS = 60_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.asyncio(loop_scope="module")
async def test_a_visitor_rides_through_the_city(
    demo_of_one_car: RunningDemo, browser: Browser
) -> None:
    destination, shots = "landmark", "ja-phone"
    name = load_city("pixelopolis").destinations[destination].names["ja"]
    async with visitor(browser, PHONE) as page:
        await call_a_car(page, demo_of_one_car.url, shots, "ja", destination)
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


def test_a_car_that_is_carried_away_finds_itself_and_still_arrives(
    demo_of_one_car: RunningDemo,
) -> None:
    demo = demo_of_one_car
    booking = book(demo, "museum", "station-a")
    car = booking["car_id"]
    until("the car moves", lambda: truth(demo, car)["v_mps"] > 0.05)
    booking |= ride(demo, booking)  # now with its route
    # a lane that is not on its route, well before the sign at its end
    city, away = load_city("pixelopolis"), "9"
    assert city.edges[away].to_node not in {step["node"] for step in booking["route"]}
    assert any(sign.edge == away for sign in city.signs)
    post(f"{demo.sim_url}/place", {"car": car, "edge": away, "s_m": 0.4})
    way_from = booking["path_m"][0]

    def has_another_way() -> bool:
        now = ride(demo, booking)
        return bool(now["path_m"]) and now["path_m"][0] != way_from

    until("it finds itself, and gets another way", has_another_way)
    arrives(demo, booking)
    end = truth(demo, car)
    stop = next(
        each
        for each in get(f"{demo.url}/api/city")["destinations"]
        if each["id"] == booking["destination_id"]
    )
    assert (end["x_m"], end["y_m"]) == pytest.approx((stop["x_m"], stop["y_m"]), abs=0.2)


def test_killing_the_demo_leaves_nothing_behind(demo_of_one_car: RunningDemo) -> None:
    family = demo_of_one_car.family()
    demo_of_one_car.stop(signal.SIGKILL)
    all_gone(family)
