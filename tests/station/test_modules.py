"""The page's pure modules, run in a browser: states, geometry, video, requests."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from pixelopolis.reasons import ReasonCode
from tests.support.station_desk import ScriptedDesk

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with ScriptedDesk() as desk:
        page = await browser.new_page()
        await page.goto(f"{desk.url}/favicon.svg")  # the origin, without the page's own scripts
        yield page
        await page.close()


async def call(page: Page, module: str, body: str, argument: object = None) -> Any:
    """Run JavaScript with the module as `m` and the argument as `a`."""
    return await page.evaluate(
        f"async a => {{ const m = await import('/{module}'); {body} }}", argument
    )


BOOKING = {"id": "b1", "car_id": "car1", "destination_id": "museum", "eta_s": 30}
BOOKING |= {"reason_code": None, "video_url": "http://car/video.mjpg", "path_m": [[0, 0], [1, 0]]}
CARS = [{"id": "car1", "state": "driving", "online": True, "x_m": 0, "y_m": 0, "heading_rad": 0}]


async def view_after(page: Page, *events: dict[str, Any], now_s: float = 0.0) -> dict[str, Any]:
    body = """
      const state = a.events.reduce((s, e) => m.reduce(s, e, e.at ?? 0), m.START);
      return m.view(state, a.now);
    """
    view: dict[str, Any] = await call(page, "ride.js", body, {"events": events, "now": now_s})
    return view


def booking(state: str, **fields: object) -> dict[str, Any]:
    return {"type": "booking", "booking": {**BOOKING, "state": state, **fields}}


async def test_a_visitor_goes_from_language_to_place_to_ride_to_arrival(page: Page) -> None:
    up = {"type": "link", "link": "up"}
    steps = [up, {"type": "language"}, {"type": "choose", "id": "museum"}, {"type": "ask"}]
    steps += [booking("booked"), booking("driving"), booking("arrived")]
    seen = [(await view_after(page, *steps[:n]))["screen"] for n in range(len(steps) + 1)]
    assert seen == ["welcome"] * 2 + ["choose"] * 3 + ["ride"] * 2 + ["end"]
    assert (await view_after(page, *steps[:3]))["canBook"]
    assert not (await view_after(page, *steps[:4]))["canBook"], "one tap, one car"
    assert not (await view_after(page, *steps[1:3]))["canBook"], "no server, no booking"


async def test_an_ended_ride_is_not_woken_by_a_late_event(page: Page) -> None:
    view = await view_after(page, booking("driving"), booking("arrived"), booking("driving"))
    assert view["title"] == "status.arrived"
    left = [booking("driving"), booking("arrived"), {"type": "next"}, booking("arrived")]
    assert (await view_after(page, *left))["screen"] == "choose"


async def test_somebody_elses_ended_ride_is_not_shown(page: Page) -> None:
    assert (await view_after(page, booking("arrived")))["screen"] == "welcome"


async def test_own_cancel_leads_back_and_an_operators_is_explained(page: Page) -> None:
    own = await view_after(page, booking("driving"), {"type": "cancel"}, booking("cancelled"))
    assert (own["screen"], own["notice"]) == ("choose", "notice.cancelled")
    other = await view_after(page, booking("driving"), booking("cancelled"))
    assert (other["screen"], other["title"]) == ("end", "status.cancelled")


async def test_a_booking_that_the_server_forgot_has_failed(page: Page) -> None:
    view = await view_after(page, booking("driving"), {"type": "gone"})
    assert (view["title"], view["reason"]) == ("status.failed", "failure.unknown")


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        (ReasonCode.PART_SILENT, {"part": "camera"}, "reason.camera"),
        (ReasonCode.PART_LATE, {"part": "detector"}, "reason.camera"),
        (ReasonCode.PART_UNHEARD, {"part": "wheels"}, "reason.wheels"),
        (ReasonCode.PART_SILENT, {"part": "server"}, "reason.offline"),
        (ReasonCode.EDGE_HELD_BY_STOPPED, {}, "reason.car"),
        (ReasonCode.JUNCTION_CROSSED, {}, "reason.car"),
        (ReasonCode.MAKES_WAY, {}, "reason.car"),
        (ReasonCode.SILENT, {}, "reason.offline"),
        (ReasonCode.LOST, {}, "reason.lost"),
        (ReasonCode.STUCK, {}, "reason.stuck"),
        (ReasonCode.CAR_AHEAD, {"gap_m": 0.1}, "reason.ahead"),
        (ReasonCode.ENDED_ELSEWHERE, {}, "reason.stuck"),
        (ReasonCode.NOT_CONNECTED, {}, "reason.offline"),
        (ReasonCode.AT_GRANT_END, {}, "reason.traffic"),
        ("of-a-newer-server", {}, "reason.traffic"),
        (None, {}, "reason.traffic"),
    ],
)
async def test_why_a_car_waits_is_said_in_the_visitors_words(
    page: Page, code: str | None, values: dict[str, str], words: str
) -> None:
    waiting = booking("waiting", reason_code=code, reason_values=values)
    assert (await view_after(page, waiting))["reason"] == words


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        (ReasonCode.LETS_GO_FIRST, {"car": "car2"}, "reason.first"),
        (ReasonCode.JUNCTION_CROSSED, {"node": "3", "cars": "car2, car3"}, "reason.crossing"),
        (ReasonCode.EDGE_HELD, {"edge": "3", "car": "car2"}, "reason.street"),
    ],
)
async def test_the_car_that_is_waited_for_is_named(
    page: Page, code: str, values: dict[str, str], words: str
) -> None:
    blue = {**CARS[0], "id": "car2", "color": "blue"}
    waiting = booking("waiting", reason_code=code, reason_values=values)
    view = await view_after(page, {"type": "cars", "cars": [CARS[0], blue]}, waiting)
    assert (view["reason"], view["reasonCar"]["color"]) == (words, "blue")
    unknown = await view_after(page, {"type": "cars", "cars": CARS}, waiting)
    assert (unknown["reason"], unknown["reasonCar"]) == ("reason.car", None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (ReasonCode.NO_CAR, "failure.no-car"),
        (ReasonCode.VISITOR_GONE, "failure.away"),
        (ReasonCode.NO_ROUTE, "failure.no-way"),
        (ReasonCode.ENDED_BY_OPERATOR, "failure.staff"),
        (ReasonCode.TOO_LONG, "failure.unknown"),
        (None, "failure.unknown"),
    ],
)
async def test_why_a_ride_failed_is_said(page: Page, code: str | None, words: str) -> None:
    view = await view_after(page, booking("driving"), booking("failed", reason_code=code))
    assert view["reason"] == words


async def absent_after(page: Page, *events: dict[str, Any], now_s: float) -> bool:
    body = """
      const state = a.events.reduce((s, e) => m.reduce(s, e, e.at ?? 0), m.START);
      return m.isAbsent(state, a.now, 0);
    """
    absent: bool = await call(page, "ride.js", body, {"events": events, "now": now_s})
    return absent


LANGUAGE_CHOSEN = {"type": "language"}
IN_LINE = {"car_id": None, "place_in_line": 2, "expected_wait_s": 400}


async def test_who_waits_is_there_without_a_touch(page: Page) -> None:
    assert await absent_after(page, LANGUAGE_CHOSEN, now_s=91)
    assert not await absent_after(page, LANGUAGE_CHOSEN, now_s=89)
    assert not await absent_after(page, booking("queued", **IN_LINE), now_s=3600)
    assert not await absent_after(page, booking("driving"), now_s=3600)
    assert not await absent_after(page, LANGUAGE_CHOSEN, {"type": "ask"}, now_s=3600)
    assert not await absent_after(page, now_s=3600), "the welcome page greets for ever"


async def test_who_has_just_been_told_something_has_time_to_read_it(page: Page) -> None:
    busy = {"type": "cars", "cars": [CARS[0]]}
    free = {"type": "cars", "cars": [{**CARS[0], "state": "ready"}], "at": 82}
    assert not await absent_after(page, LANGUAGE_CHOSEN, busy, free, now_s=100)
    assert await absent_after(page, LANGUAGE_CHOSEN, busy, free, now_s=173)
    arrived = {**booking("arrived"), "at": 500}
    assert not await absent_after(page, booking("driving"), arrived, now_s=580)
    assert await absent_after(page, booking("driving"), arrived, now_s=591)


async def test_a_visitor_is_called_from_the_line_once(page: Page) -> None:
    queued, come = booking("queued", **IN_LINE), {**booking("booked"), "at": 100}
    assert not (await view_after(page, queued))["isCalled"]
    assert (await view_after(page, queued, come, now_s=101))["isCalled"]
    assert not (await view_after(page, queued, come, {"type": "call-seen"}, now_s=101))["isCalled"]
    assert not (await view_after(page, queued, come, now_s=120))["isCalled"]
    assert not (await view_after(page, booking("booked")))["isCalled"], "nobody waited"


THOUGHT = {"seen": [], "lane": [], "way": [], "spread_m": 0.01, "read": None}


async def told_after(page: Page, *thoughts: dict[str, Any], now_s: float) -> dict[str, Any]:
    body = """
      const mind = a.thoughts.reduce((s, e) => m.reflect(s, e, e.at), m.NO_THOUGHTS);
      return m.told(mind, a.now);
    """
    told: dict[str, Any] = await call(
        page, "thoughts.js", body, {"thoughts": thoughts, "now": now_s}
    )
    return told


async def test_what_is_seen_stays_long_enough_to_read_and_keeps_its_order(page: Page) -> None:
    def sees(at: float, *signs: str, **more: object) -> dict[str, Any]:
        return {**THOUGHT, "seen": [{"sign": sign} for sign in signs], "at": at, **more}

    flicker = [sees(0, "Go"), sees(0.1, "Car", "Go"), sees(0.2, "Car")]
    assert (await told_after(page, *flicker, now_s=0.3))["things"] == ["Go", "Car"]
    assert (await told_after(page, *flicker, now_s=1.65))["things"] == ["Car"]
    read = sees(10, read={"sign": "Museum", "age_s": 1.0})
    assert (await told_after(page, read, now_s=16.9))["read"] == "Museum"
    assert (await told_after(page, read, now_s=17.1))["read"] is None
    unsure = await told_after(page, sees(5, spread_m=0.08), now_s=5.1)
    assert unsure["unsure"]
    assert not (await told_after(page, sees(5), now_s=5.1))["unsure"]


async def test_a_thought_is_found_in_the_head_of_a_part(page: Page) -> None:
    script = "return a.map(head => m.thoughtIn(head));"
    heads = [
        'Content-Type: image/jpeg\r\nThought: {"seen":[]}\r\nX: y',
        "Content-Type: image/jpeg",
        "Thought: of a newer car",
    ]
    assert await call(page, "thoughts.js", script, heads) == [{"seen": []}, None, None]


@pytest.mark.parametrize(
    ("panel", "inside"), [((300, 300), (300, 400, 0, -70)), ((600, 400), (600, 800, 0, -280))]
)
async def test_boxes_are_drawn_where_the_video_shows_them(
    page: Page, panel: tuple[int, int], inside: tuple[float, ...]
) -> None:
    """Like `object-fit: cover` at `50% 70%`."""
    body = """
      const picture = { width: 240, height: 320 };
      const { scale, left, top } = m.covering(picture, { width: a[0], height: a[1] });
      return [240 * scale, 320 * scale, left, top];
    """
    assert await call(page, "sight.js", body, panel) == pytest.approx(inside)


async def test_every_language_has_the_plurals_that_it_needs(page: Page) -> None:
    script = """
      const wrong = [];
      for (const { code } of m.LANGUAGES) {
        const texts = await (await fetch(`/i18n/${code}.json`)).json();
        const needed = new Intl.PluralRules(code).resolvedOptions().pluralCategories.sort();
        for (const [key, text] of Object.entries(texts)) {
          if (typeof text !== "object") continue;
          const has = Object.keys(text).sort();
          if (String(has) !== String(needed)) wrong.push(`${code} ${key}: ${has}, not ${needed}`);
        }
      }
      return wrong;
    """
    assert await call(page, "i18n.js", script) == []


async def test_numbers_and_lists_are_written_as_the_language_does(page: Page) -> None:
    script = """
      const said = [];
      for (const code of ["en", "de", "ar", "hi"]) {
        await m.setLanguage(code);
        said.push(m.t("choose.free", { count: 1 }), m.t("choose.free", { count: 3 }));
      }
      await m.setLanguage("es");
      return [...said, m.list(["a", "b", "c"])];
    """
    assert await call(page, "i18n.js", script) == [
        "1 free car",
        "3 free cars",
        "1 freies Auto",
        "3 freie Autos",
        "سيارة واحدة متاحة (1)",
        "3 سيارات متاحة",
        "1 ख़ाली कार",
        "3 ख़ाली कारें",
        "a, b y c",
    ]


async def test_the_page_has_words_for_every_reason_code(page: Page) -> None:
    known = await call(page, "reasons.js", "return Object.keys(m.WORDS)", None)
    assert known == [str(code) for code in ReasonCode]


async def test_a_car_out_of_reach_is_said_whatever_it_last_did(page: Page) -> None:
    cars = {"type": "cars", "cars": [{**CARS[0], "online": False}]}
    assert (await view_after(page, booking("driving"), cars))["reason"] == "reason.offline"


async def test_the_time_left_counts_down_from_when_it_came(page: Page) -> None:
    event = {**booking("driving"), "at": 100.0}
    assert (await view_after(page, event, now_s=112.0))["remainingS"] == 18
    assert (await view_after(page, event, now_s=999.0))["remainingS"] == 0
    assert (await view_after(page, booking("driving", eta_s=None)))["remainingS"] is None


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (409, "no_route", "notice.no-way"),
        (409, "station_busy", "notice.refused"),
        (0, "unreachable", "notice.unreachable"),
        (503, "database_down", "notice.unreachable"),
        (404, "unknown_destination", "notice.refused"),
    ],
)
async def test_why_no_car_comes(page: Page, status: int, code: str, words: str) -> None:
    refused = {"type": "refused", "status": status, "code": code}
    assert (await view_after(page, {"type": "ask"}, refused))["notice"] == words


async def test_a_visitor_in_line_is_told_the_place_and_the_wait(page: Page) -> None:
    fields = {"car_id": None, "video_url": None, "place_in_line": 3, "expected_wait_s": 40}
    queued = {**booking("queued", **fields), "at": 100.0}
    view = await view_after(page, queued, now_s=110.0)
    assert (view["screen"], view["placeInLine"], view["waitS"]) == ("ride", 3, 30)
    assert (view["carId"], view["canCancel"], view["reason"]) == (None, True, None)
    unknown = booking("queued", **{**fields, "expected_wait_s": None})
    assert (await view_after(page, unknown))["waitS"] is None
    assert (await view_after(page, queued, booking("booked")))["placeInLine"] is None


async def test_progress_follows_the_car_and_never_goes_back(page: Page) -> None:
    # a lap of a square, then the first side again
    path = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0], [2, 0]]
    body = "let p = 0; return a.places.map(place => (p = m.progress(a.path, place, p)));"
    places = [[0.0, 0.05], [1, 0], [0.9, 0], [2, 1], [9, 9], [0, 1], [1, 0.1], [2, 0]]
    parts = await call(page, "geometry.js", body, {"path": path, "places": places})
    assert parts == pytest.approx([0, 0.1, 0.1, 0.3, 0.3, 0.7, 0.9, 1.0], abs=0.02)


async def test_progress_is_found_again_after_a_reload_in_mid_ride(page: Page) -> None:
    path = [[0, 0], [2, 0], [2, 2], [0, 2]]
    body = "return m.progress(a, [1, 2], 0);"
    assert await call(page, "geometry.js", body, path) == pytest.approx(5 / 6, abs=0.01)


async def test_a_line_beside_a_line(page: Page) -> None:
    body = "return m.offset([[0, 0], [1, 0], [2, 0]], 0.5);"
    assert await call(page, "geometry.js", body) == [[0, 0.5], [1, 0.5], [2, 0.5]]


async def test_a_turning_car_takes_the_short_way(page: Page) -> None:
    body = "return [m.unwrap(3.1, -3.1), m.unwrap(-3.1, 3.1), m.unwrap(12.6, 0)];"
    assert await call(page, "geometry.js", body) == pytest.approx([3.183, -3.183, 12.566], abs=0.01)


async def test_parts_of_a_stream_come_out_whole_however_they_are_cut(page: Page) -> None:
    bodies = ["first", "", "with --frame inside", "last"]
    stream = "preamble\r\n"
    for body in bodies:
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}"
        stream += f"{head}\r\n\r\n{body}\r\n"
    script = """
      const bytes = new TextEncoder().encode(a);
      const out = [];
      for (let size = 1; size <= bytes.length; size++) {
        const reader = new m.PartReader('multipart/x-mixed-replace; boundary="frame"');
        const got = [];
        for (let at = 0; at < bytes.length; at += size) {
          got.push(...reader.push(bytes.slice(at, at + size)));
        }
        out.push(got.map(({ body }) => new TextDecoder().decode(body)));
      }
      return out;
    """
    results = await call(page, "video.js", script, stream)
    assert len(results) == len(stream)
    assert all(result == bodies for result in results)


async def test_parts_without_a_length_end_at_the_next_boundary(page: Page) -> None:
    script = """
      const reader = new m.PartReader("multipart/x-mixed-replace;boundary=--frame");
      const bytes = new TextEncoder().encode(a);
      return reader.push(bytes).map(({ body }) => new TextDecoder().decode(body).trim());
    """
    stream = "--frame\r\nX: y\r\n\r\none\r\n--frame\r\nX: y\r\n\r\ntwo\r\n--frame\r\n"
    assert await call(page, "video.js", script, stream) == ["one", "two"]


async def test_an_answer_that_is_no_stream_is_refused(page: Page) -> None:
    script = "try { new m.PartReader('text/html'); } catch (error) { return error.message; }"
    assert "text/html" in await call(page, "video.js", script)


async def test_streams_of_this_machine_are_asked_of_the_one_that_served_the_page(
    page: Page,
) -> None:
    script = "return a.map(url => m.reachable(url, 'museum.test'));"
    urls = ["http://0.0.0.0:81/v", "http://127.0.0.1:82/v", "http://car7:80/v", None]
    assert await call(page, "video.js", script, urls) == [
        "http://museum.test:81/v",
        "http://museum.test:82/v",
        "http://car7/v",
        None,
    ]


async def test_what_is_no_address_of_a_stream_is_no_stream(page: Page) -> None:
    broken = [
        "http://[my car]:8080/v",
        "http://x:99999/v",
        "http://[fe80::1%eth0]:8080/v",
        "http://",
    ]
    script = "return a.map(url => m.reachable(url));"
    assert await call(page, "video.js", script, broken) == [None] * 4


async def test_the_device_id_needs_no_secure_page(page: Page) -> None:
    script = """
      const old = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) };
      return [m.newId(old), m.newId(old), m.newId()];
    """
    ids = await call(page, "api.js", script)
    assert len(set(ids)) == 3
    for each in ids:
        assert uuid.UUID(each).version == 4
        assert str(uuid.UUID(each)) == each


async def test_waits_between_tries_grow_and_stay_bounded(page: Page) -> None:
    script = "return a.map(([n, random]) => m.retryDelayMs(n, random));"
    tries = [[n, random] for n in range(40) for random in (0.0, 0.999)]
    delays = await call(page, "api.js", script, tries)
    low, high = delays[0::2], delays[1::2]
    assert low == sorted(low)
    assert low[0] >= 300
    assert max(high) <= 8000
    assert all(a < b for a, b in zip(low, high, strict=True)), json.dumps(delays)


async def test_the_first_preferred_language_that_we_speak(page: Page) -> None:
    script = "return a.map(wishes => m.preferred(wishes));"
    wishes = [["de-DE", "ja-JP", "en"], ["ar-EG"], ["pt"], []]
    assert await call(page, "i18n.js", script, wishes) == ["de", "ar", "en", "en"]
