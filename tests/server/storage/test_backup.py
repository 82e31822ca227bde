"""What is written to a backup comes back, and nothing else is written over."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pixelopolis.city.route import Place
from pixelopolis.errors import StoreError
from server.booking import Booking
from server.storage.backup import fill, read_backup, write_backup
from server.storage.mongo import Store
from server.storage.retention import forget_old
from server.traffic.reservations import Car, Traffic


async def test_a_town_comes_back_from_its_backup(
    mongodb_uri: str, database: str, tmp_path: Path
) -> None:
    file, again = tmp_path / "town.gz", f"{database}_again"
    traffic = Traffic().put(Car("car1", Place("9", 0.5)))
    async with Store(mongodb_uri, "town", database) as store:
        booking = Booking(
            "b1", "kiosk", "car1", "museum", "ja", 1.0, sequence=await store.next_sequence()
        )
        await store.add_booking(booking)
        assert await store.save_traffic(traffic)
        assert await store.acquire_lease("one", 60.0)
    assert await write_backup(mongodb_uri, database, file) == 3
    assert await fill(mongodb_uri, again, read_backup(file)) == 3
    async with Store(mongodb_uri, "town", again) as store:
        assert await store.active_bookings() == [booking]
        assert await store.load_traffic() == traffic
        assert await store.next_sequence() == 2
        assert await store.acquire_lease("another", 60.0), "who serves is not in a backup"
        with pytest.raises(StoreError, match="is not empty"):
            await fill(mongodb_uri, again, read_backup(file))
        await store._client.drop_database(again)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b"[1]\n", mtime=0),
        b"\x1f\x8b",
    ],
    ids=["empty", "plain", "object", "list", "cut"],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "strange"
    file.write_bytes(text)
    with pytest.raises(StoreError, match="is no whole backup"):
        read_backup(file)


async def test_what_ended_long_ago_is_forgotten_and_nothing_else(
    mongodb_uri: str, database: str
) -> None:
    async with Store(mongodb_uri, "town", database) as store:
        for id_, ended_s in (("old", 100.0), ("new", 900.0), ("active", None)):
            document = {
                "_id": id_,
                "city": "town",
                "car_id": id_,
                "station_device_id": id_,
                "active": ended_s is None,
                "created_s": 1.0,
                "ended_s": ended_s,
            }
            await store.database["bookings"].insert_one(document)
        await store.database["bookings"].insert_one(
            {"_id": "other town", "city": "other", "active": False, "ended_s": 1.0}
        )
        for sequence, at_s in ((1, 100.0), (2, 900.0)):
            entry = {"city": "town", "sequence": sequence, "at_s": at_s}
            await store.database["audit"].insert_one(entry)
        assert await forget_old(store.database, "town", 500.0) == 2
        left = {found["_id"] async for found in store.database["bookings"].find()}
        assert left == {"new", "active", "other town"}
        assert await store.database["audit"].count_documents({}) == 1
