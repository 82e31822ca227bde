"""The visitor's page in a real browser with a scripted server: rides, and faults."""

import re

import cv2
import numpy as np
import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import (
    KIOSK,
    PHONE,
    SCREENS,
    Screen,
    call_a_car,
    car_moves,
    car_place,
    keep,
    touch,
    video_changes,
    video_pixels,
    visitor,
)
from tests.support.every_screen import THOUGHT
from tests.support.station_desk import ScriptedDesk
from tests.support.station_rides import start_ride

pytestmark = pytest.mark.asyncio(loop_scope="package")


CROSSING = {"reason_code": "junction_crossed", "reason_values": {"cars": "car2"}}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_a_ride_in_japanese(browser: Browser, desk: ScriptedDesk, screen: Screen) -> None:
    shots = f"scripted-ja-{screen.name}"
    async with visitor(browser, screen) as page:
        await call_a_car(page, desk.url, shots, "ja", "planetarium")
        title, detail = page.locator("#ride-title"), page.locator("#ride-detail")
        await expect(title).to_have_text("準備中です")
        await expect(page.locator("#ride-place")).to_have_text("プラネタリウム")
        await desk.change(state="driving", eta_s=42.0)
        await expect(title).to_have_text("走行中です")
        await expect(detail).to_contain_text("45")
        await expect(page.locator("#video-panel")).to_have_attribute("data-state", "live")
        await expect(page.locator("#bird-panel")).to_have_attribute("data-state", "live")
        await desk.drive_to(0.0)
        before, place = await video_pixels(page), await car_place(page)
        await desk.drive_to(0.2)
        await expect(page.locator("#progress")).to_have_attribute("style", re.compile("0\\.(19|2)"))
        await keep(page, f"{shots}-3-driving")
        await video_changes(page, before)
        await car_moves(page, place)
        await desk.change(
            state="waiting", reason_code="junction_crossed", reason_values={"cars": "car2"}
        )
        await expect(title).to_have_text("待機中です")
        await expect(detail).to_have_text("青い車が交差点を渡るのを待っています。")
        await keep(page, f"{shots}-4-waiting")
        await desk.arrive()
        await expect(page.locator("#end-title")).to_have_text("到着しました！")
        await expect(page.locator("#end-place")).to_have_text("プラネタリウム")
        await expect(page.locator("#photo canvas")).to_be_visible()
        await keep(page, f"{shots}-5-arrived")
        await touch(page, "#next")
        await expect(page.locator("#choose")).to_be_visible()
        assert desk.booked_with[0]["language"] == "ja"
        assert desk.booked_with[0]["station_device_id"] in desk.stations.values()


async def test_a_reload_in_mid_ride_goes_on_with_the_ride(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk, "th")
        await page.reload()
        await expect(page.locator("#ride-title")).to_have_text("กำลังเดินทาง")
        await expect(page.locator("#progress")).to_have_attribute("style", re.compile(r"0\.3"))
        await desk.arrive()
        await expect(page.locator("#end-title")).to_have_text("ถึงแล้ว!")
        assert len(desk.bookings) == len(desk.stations) == 1, "the same device after a reload"


async def test_who_waits_in_line_is_told_the_place_and_the_wait_and_then_rides(
    browser: Browser, desk: ScriptedDesk
) -> None:
    desk.line = 3
    for car in desk.cars.values():
        car["state"] = "driving"
    async with visitor(browser, PHONE) as page:
        await page.goto(desk.url)
        await page.locator('#languages [data-language="en"]').tap()
        await expect(page.locator("#map-caption")).to_have_text("0 free cars")
        await touch(page, '.place[data-id="museum"]')
        await touch(page, "#book")
        await expect(page.locator("#ride-title")).to_have_text("Waiting for a car")
        await expect(page.locator("#ride-detail")).to_contain_text("number 3 in line")
        await expect(page.locator("#video-panel")).to_be_hidden()
        await keep(page, "in-line")
        await desk.change(place_in_line=1, expected_wait_s=None)
        await expect(page.locator("#ride-detail")).to_have_text(
            "You are number 1 in line. We keep your place."
        )
        await desk.change(state="booked", car_id="car1", place_in_line=None)
        await expect(page.locator("#call-lead")).to_have_text(
            "It is your turn. Look for the red car."
        )
        await keep(page, "called")
        await touch(page, "#call-ok")
        await expect(page.locator("#call-dialog")).to_be_hidden()
        await expect(page.locator("#ride-title")).to_have_text("Getting ready")
        await expect(page.locator("#video-panel")).to_be_visible()


async def test_an_answer_that_gets_lost_makes_no_second_ride(
    browser: Browser, desk: ScriptedDesk
) -> None:
    desk.lost_answers = 2
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk, "en")
        await expect(page.locator("#ride-title")).to_be_visible()
        assert len(desk.bookings) == 1
        assert len(desk.booked_with) == 3
        assert len({wish["request_id"] for wish in desk.booked_with}) == 1


@pytest.mark.parametrize(("status", "words"), [(503, "did not answer"), (400, "did not work")])
async def test_a_refusal_is_said_in_the_pages_own_words(
    browser: Browser, desk: ScriptedDesk, status: int, words: str
) -> None:
    desk.refusal = (status, "PX000")
    async with visitor(browser, KIOSK) as page:
        await page.goto(desk.url)
        await page.locator('#languages [data-language="en"]').tap()
        await touch(page, '.place[data-id="museum"]')
        await touch(page, "#book")
        await expect(page.locator("#notice")).to_contain_text(words)


async def test_a_lost_server_is_said_and_found_again(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk)
        await desk.stop()
        await expect(page.locator("#lost")).to_contain_text("Connection to the city is lost")
        await keep(page, "server-lost")
        desk.booking.update(state="arrived")  # without an event to the page
        await desk.start()
        await expect(page.locator("#end-title")).to_have_text("You have arrived!")
        await expect(page.locator("#lost")).to_be_hidden()


async def test_a_ride_that_the_server_forgot_ends_with_words(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk)
        await desk.stop()
        desk.bookings.clear()
        await desk.start()
        await expect(page.locator("#end-title")).to_have_text("The ride had to stop")
        await keep(page, "ride-failed")
        await touch(page, "#next")
        await expect(page.locator("#choose")).to_be_visible()


async def test_a_lost_picture_is_said_and_comes_back(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk)
        desk.is_video_up = False
        await expect(page.locator("#video-words")).to_contain_text("The picture is lost")
        await keep(page, "video-lost")
        desk.is_video_up = True
        await expect(page.locator("#video-panel")).to_have_attribute("data-state", "live")
        await expect(page.locator(".video-lost")).to_be_hidden()


async def test_pictures_that_stop_coming_are_noticed(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk)
        desk.is_video_stalled = True  # the connection stays open
        await expect(page.locator("#video-panel")).to_have_attribute(
            "data-state", "lost", timeout=15_000
        )


async def test_cancel_asks_first_and_then_cancels(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk)
        await touch(page, "#cancel")
        await keep(page, "cancel")
        await touch(page, "#cancel-no")
        await expect(page.locator("#cancel-dialog")).to_be_hidden()
        assert desk.booking["state"] == "driving"
        await touch(page, "#cancel")
        await touch(page, "#cancel-yes")
        await expect(page.locator("#notice")).to_contain_text("Your ride is cancelled")
        assert desk.booking["state"] == "cancelled"


async def test_the_language_can_change_in_mid_ride(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, PHONE) as page:
        await start_ride(page, desk)
        await touch(page, "#open-languages")
        await touch(page, '#dialog-languages [data-language="ar"]')
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
        await expect(page.locator("#ride-title")).to_have_text("في الطريق")


async def test_other_cars_and_the_own_one_are_told_apart(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, KIOSK) as page:
        await start_ride(page, desk)
        await expect(page.locator(".map-car")).to_have_count(2)
        await expect(page.locator('.map-car.own[data-car="car1"]')).to_have_count(1)
        await desk.change_car("car2", online=False)
        await expect(page.locator('.map-car.offline[data-car="car2"]')).to_have_count(1)


async def test_the_own_car_has_one_color_and_name_on_map_card_and_way(
    browser: Browser, desk: ScriptedDesk
) -> None:
    red = "rgb(229, 72, 77)"
    async with visitor(browser, KIOSK) as page:
        await start_ride(page, desk)
        await expect(page.locator("#ride-car-name")).to_have_text("You ride in the red car.")
        for own in (".map-car.own .car-paint", "#ride-car use", ".progress-car use"):
            await expect(page.locator(own)).to_have_css("--paint", desk.cars["car1"]["color_rgb"])
        await expect(page.locator(".map-car.own .car-paint")).to_have_css("fill", red)
        await expect(page.locator('[data-car="car2"] .car-paint')).not_to_have_css("fill", red)


async def test_the_visitor_reads_what_the_car_sees_and_can_leave_it_away(
    browser: Browser, desk: ScriptedDesk
) -> None:
    desk.thought = THOUGHT
    async with visitor(browser, KIOSK) as page:
        await start_ride(page, desk)
        sees = page.locator("#thought-sees")
        await expect(sees).to_have_text("I see: Left or straight and a car.")
        await expect(page.locator("#thought-read")).to_have_text(
            "I read: Planetarium. So I know where I am."
        )
        await expect(page.locator("#thought-unsure")).to_be_visible()
        painted = """canvas => {
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          return data.some(value => value > 0);
        }"""
        assert await page.locator("#sight").evaluate(painted)
        await touch(page, "#show-sight")
        assert not await page.locator("#sight").evaluate(painted)
        await touch(page, "#open-languages")
        await touch(page, '#dialog-languages [data-language="de"]')
        await expect(sees).to_contain_text("Links oder geradeaus")
        await touch(page, "#open-how")
        await expect(page.locator("#how-dialog")).to_contain_text("Es findet seine Spur")


async def test_who_waits_in_line_is_never_sent_away(browser: Browser, desk: ScriptedDesk) -> None:
    desk.line = 2
    async with visitor(browser, KIOSK) as page:
        await page.clock.install()
        await page.goto(desk.url)
        await page.locator('#languages [data-language="en"]').click()
        await page.locator('.place[data-id="museum"]').click()
        await page.locator("#book").click()
        await expect(page.locator("#ride-title")).to_have_text("Waiting for a car")
        await page.clock.fast_forward(400_000)
        await desk.change(state="booked", car_id="car1", place_in_line=None)
        await expect(page.locator("#call-dialog")).to_be_visible()
        await page.clock.fast_forward(100_000)
        await expect(page.locator("#call-dialog")).to_be_hidden()
        await expect(page.locator("#ride-title")).to_have_text("Getting ready")


async def test_a_ride_is_carried_to_ones_own_phone(browser: Browser, desk: ScriptedDesk) -> None:
    async with visitor(browser, KIOSK) as kiosk, visitor(browser, PHONE) as phone:
        await start_ride(kiosk, desk)
        await expect(kiosk.locator("#open-phone")).to_be_hidden()  # 127.0.0.1 leads no phone here
        desk.url = desk.url.replace("127.0.0.1", "museum.test")
        await start_ride(kiosk, desk)
        await touch(kiosk, "#open-phone")
        code = kiosk.locator("#phone-code")
        await expect(code).to_be_visible()
        assert await code.evaluate("async e => { await e.decode(); return e.naturalWidth > 0; }")
        await keep(kiosk, "phone-code")
        picture = np.frombuffer(await kiosk.screenshot(), np.uint8)
        read, *_ = cv2.QRCodeDetector().detectAndDecode(cv2.imdecode(picture, cv2.IMREAD_COLOR))
        ride = desk.booking["id"]
        assert read == f"{desk.url}/#ride={ride}.ride-{ride}", (
            "as a phone's camera reads the screen"
        )
        await phone.goto(read)
        await expect(phone.locator("#ride-title")).to_have_text("On the way")
        await expect(phone.locator("#open-phone")).to_be_hidden()
        await expect(phone.locator("#video-panel")).to_have_attribute("data-state", "live")
        assert len(desk.stations) == 2, "the phone is no station"
        await desk.arrive()
        await expect(phone.locator("#end-title")).to_have_text("You have arrived!")
        async with phone.expect_navigation():  # what closes while it loads may hang
            await touch(phone, "#next")
        await expect(phone.locator("#welcome:visible, #choose:visible")).to_have_count(1)
        assert "#ride" not in phone.url


async def test_the_code_of_a_ride_that_is_over_leads_to_the_welcome_page(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, PHONE) as page:
        await page.goto(f"{desk.url}/#ride=long-ago.ride-long-ago")
        await expect(page.locator("#welcome")).to_be_visible()
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page).to_have_url(f"{desk.url}/")


async def test_without_a_view_from_above_there_is_no_hole(
    browser: Browser, desk: ScriptedDesk
) -> None:
    desk.has_bird = False
    async with visitor(browser, KIOSK) as page:
        await start_ride(page, desk)
        await expect(page.locator("#bird-panel")).to_be_hidden()
        await keep(page, "kiosk-without-bird")
        width = await page.locator("#map-panel").evaluate("e => e.getBoundingClientRect().width")
        assert width > 1000


async def test_a_page_by_http_on_a_network_works_and_asks_nobody_else(
    browser: Browser, desk: ScriptedDesk
) -> None:
    hosts: set[str] = set()
    complaints: list[str] = []
    async with visitor(browser, PHONE) as page:
        page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
        page.on("console", lambda message: complaints.append(message.text))
        desk.url = desk.url.replace("127.0.0.1", "museum.test")
        await start_ride(page, desk)
        assert not await page.evaluate("isSecureContext")
        await desk.arrive()
        await expect(page.locator("#end")).to_be_visible()
    assert hosts == {"museum.test"}
    assert complaints == []
    assert re.fullmatch(r"[0-9a-f-]{36}", next(iter(desk.stations.values())))


async def test_a_kiosk_that_is_left_alone_greets_the_next_visitor(
    browser: Browser, desk: ScriptedDesk
) -> None:
    async with visitor(browser, KIOSK) as page:
        await page.clock.install()
        await start_ride(page, desk, "ja")
        await page.clock.run_for(200_000)
        await expect(page.locator("#ride")).to_be_visible()  # a ride is never dropped
        await desk.arrive()
        await expect(page.locator("#end")).to_be_visible()
        await page.clock.run_for(95_000)
        await expect(page.locator("#welcome")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("#photo canvas")).to_have_count(0)
        assert await page.evaluate("localStorage.getItem('pixelopolis.language')") is None
