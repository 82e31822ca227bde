"""Cars enroll once, and show at each connection that they have their key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pixelopolis.identity.signatures import enrollment_proof, link_proof, public_text, sign
from pixelopolis.refusals import RequestRefusedError
from server.identity.car_store import CarStore
from server.identity.cars import GUESSES, Cars
from server.identity.codes import VALID_S
from server.storage.mongo import Store
from tests.support.credentials import key_of


class At:
    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


CLOCK = At()


@pytest.fixture
async def cars(mongodb_uri: str, database: str) -> AsyncIterator[Cars]:
    async with Store(mongodb_uri, "town", database) as store:
        yield Cars(CarStore(store.database), CLOCK, CLOCK)


async def enroll(cars: Cars, serial: str, code: str, address: str = "here") -> None:
    key = key_of(serial)
    proof = sign(key, enrollment_proof(serial, code))
    await cars.enroll(serial, code, public_text(key.public_key()), proof, address)


def shown(serial: str, nonce: str, by: str = "") -> str:
    return f"{nonce}.{sign(key_of(by or serial), link_proof(serial, nonce))}"


async def refusal(work: object) -> tuple[int, str]:
    with pytest.raises(RequestRefusedError) as refused:
        await work  # type: ignore[misc]
    return refused.value.status, refused.value.word


async def test_a_code_enrolls_one_car_once(cars: Cars) -> None:
    code = await cars.invite()
    await enroll(cars, "car1", code.lower().replace("-", " "))
    assert await refusal(enroll(cars, "car2", code)) == (403, "invalid_code")
    assert [car.serial for car in await cars.store.all()] == ["car1"]


async def test_of_many_that_use_a_code_at_once_one_is_enrolled(cars: Cars) -> None:
    code = await cars.invite()
    ends = await asyncio.gather(
        *(enroll(cars, f"car{i}", code) for i in range(5)), return_exceptions=True
    )
    assert [end for end in ends if end is None] == [None]
    assert len(await cars.store.all()) == 1


async def test_a_code_ends_and_a_serial_is_not_taken_over(cars: Cars) -> None:
    code = await cars.invite()
    CLOCK.now_s += VALID_S
    assert await refusal(enroll(cars, "car1", code)) == (403, "invalid_code")
    await enroll(cars, "car1", await cars.invite())
    before = await cars.store.find("car1")
    assert await refusal(enroll(cars, "car1", await cars.invite())) == (409, "serial_enrolled")
    assert await cars.store.find("car1") == before


async def test_a_key_that_is_anothers_is_not_enrolled(cars: Cars) -> None:
    code = await cars.invite()
    theirs = public_text(key_of("car2").public_key())
    proof = sign(key_of("car1"), enrollment_proof("car1", code))
    assert await refusal(cars.enroll("car1", code, theirs, proof, "here")) == (400, "invalid_key")
    await enroll(cars, "car1", code)  # the code is not used up


async def test_guessing_codes_is_slowed_down_for_the_guesser(cars: Cars) -> None:
    code = await cars.invite()
    for _ in range(int(GUESSES.burst)):
        assert await refusal(enroll(cars, "car1", "00000-00000", "there")) == (403, "invalid_code")
    assert (await refusal(enroll(cars, "car1", code, "there")))[0] == 429
    await enroll(cars, "car1", code, "here")


async def test_only_the_key_itself_opens_a_link_and_each_signature_once(cars: Cars) -> None:
    for serial in ("car1", "car2"):
        await enroll(cars, serial, await cars.invite())
    nonce = cars.challenge()
    for wrong in (
        shown("car1", nonce, by="car2"),
        shown("car2", nonce),
        f"{nonce}.",
        nonce,
        "",
        shown("car1", "AAAA"),
    ):
        assert await cars.shown_by("car1", wrong) is None
    assert await cars.shown_by("stranger", shown("stranger", nonce)) is None
    right = shown("car1", nonce)
    at_once = await asyncio.gather(*(cars.shown_by("car1", right) for _ in range(5)))
    assert [car.serial for car in at_once if car] == ["car1"]
    assert await cars.shown_by("car1", right) is None, "a replay"
    assert await cars.store.revoke("car1")
    assert await cars.shown_by("car1", shown("car1", cars.challenge())) is None
