"""Who is still at a station."""

from __future__ import annotations

from server.presence import FORGET_S, Presence


def test_a_visitor_is_there_as_long_as_a_page_is_open() -> None:
    it = Presence(10.0)
    assert it.last_seen_s("kiosk", 50.0) == 10.0, "nobody could be heard before"
    it.opened("kiosk")
    it.opened("kiosk")
    assert it.last_seen_s("kiosk", 500.0) == 500.0
    it.closed("kiosk", 600.0)
    assert it.last_seen_s("kiosk", 700.0) == 700.0, "another page of it is open"
    it.closed("kiosk", 700.0)
    assert it.last_seen_s("kiosk", 800.0) == 700.0
    it.seen("kiosk", 750.0)
    assert it.last_seen_s("kiosk", 800.0) == 750.0


def test_pages_that_follow_a_ride_are_counted_apart_and_keep_its_visitor_there() -> None:
    it = Presence(0.0)
    it.opened("kiosk")
    it.opened("kiosk", "r1")
    it.opened("kiosk", "r1")
    assert (it.pages("kiosk"), it.pages("kiosk", "r1"), it.pages("kiosk", "r2")) == (1, 2, 0)
    it.closed("kiosk", 5.0)
    it.closed("kiosk", 5.0, "r1")
    assert (it.pages("kiosk"), it.pages("kiosk", "r1")) == (0, 1)
    assert it.last_seen_s("kiosk", 90.0) == 90.0, "the visitor left with the phone"
    it.closed("kiosk", 90.0, "r1")
    assert it.last_seen_s("kiosk", 95.0) == 90.0
    assert not it._pages


def test_a_server_that_begins_to_lead_gives_everybody_time() -> None:
    it = Presence(0.0)
    it.seen("kiosk", 5.0)
    it.begin(1000.0)
    assert it.last_seen_s("kiosk", 1001.0) == 1000.0


def test_stations_that_come_once_are_forgotten() -> None:
    it = Presence(0.0)
    for i in range(5000):
        it.seen(f"kiosk{i}", float(10 * i))
    assert len(it._seen_s) <= max(1001, FORGET_S / 10 + 1)


def test_a_station_that_was_seen_lately_is_not_forgotten_with_the_others() -> None:
    it = Presence(0.0)
    it.seen("old", 5.0)
    it.seen("few", 10_000.0)
    assert it.last_seen_s("old", 10_000.0) == 5.0, "few stations need no forgetting"
    for i in range(2000):
        it.seen(f"kiosk{i}", 10_000.0 + i)
    assert it.last_seen_s("few", 12_000.0) == 10_000.0
    assert it.last_seen_s("old", 12_000.0) == 0.0


def test_a_station_without_pages_takes_no_memory() -> None:
    it = Presence(0.0)
    it.opened("kiosk")
    it.closed("kiosk", 1.0)
    assert not it._pages
