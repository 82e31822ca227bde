"""`make strangers`: hostile requests and messages, none of which may be let through.

A real server and mongod; strangers with wrong, stolen, expired, ended and replayed credentials, of
too small a role, of other stations, rides and cars, and on pages from elsewhere, ask for everything
that the server has. Prints `attempts`, `let_through`, `server_errors` and attempts by kind; exit
code 1 if any was let through or answered with 5xx.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from pixelopolis.city.sources import load_city
from pixelopolis.identity.signatures import enrollment_proof, public_text, sign
from pixelopolis.vda5050.frames import Refusal, decode_from_server, encode
from server.http.app import OPERATIONS
from server.http.operations import Operation
from server.identity.access import ApiAccess, Role
from server.identity.codes import new_code
from server.identity.operator_store import Operator, OperatorStore
from server.identity.passwords import hash_password
from server.identity.secrets_store import ServerSecrets
from server.identity.stations import UNUSED_S
from server.identity.tokens import TokenKind, digest, new_token
from server.storage.mongo import DATABASE
from tests.soak.served import Served
from tests.support.credentials import bearer, key_of, make_known, signed_by, token_of
from tests.support.fake_car import FakeCar
from tests.support.operators import PASSWORD

PRIVATE: Final = [op for op in OPERATIONS if op.access is not ApiAccess.PUBLIC]
SOCKET_HEADERS: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ELSEWHERE: Final = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Host": "evil.example"},
    {"Origin": "http://127.0.0.1"},
)
ADDRESSES: Final = 100
"""Strangers come from so many addresses, so that limits of one do not hide what they try."""


@dataclass
class Strangers:
    """What strangers try, and what came of it.

    Args:
        base: address of the server.
        database: its database, to make what was stolen, ended or expired.
        seed: of everything random.
    """

    base: str
    database: AsyncDatabase[dict[str, Any]]
    seed: int
    let_through: list[str] = field(default_factory=list)
    server_errors: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    async def attack(self, attempts: int) -> dict[str, Any]:
        """Try so many things; return the report."""
        self._rng = random.Random(self.seed)
        tries: tuple[Callable[[], Awaitable[None]], ...] = (
            self._with_a_bad_token,
            self._from_elsewhere,
            self._as_a_car,
            self._guessing,
            self._as_another_car,
        )
        async with AsyncExitStack() as stack:
            self._sessions = [
                await stack.enter_async_context(
                    aiohttp.ClientSession(
                        connector=aiohttp.TCPConnector(local_addr=(f"127.0.1.{n + 1}", 0)),
                        timeout=aiohttp.ClientTimeout(total=60),
                    )
                )
                for n in range(min(ADDRESSES, 1 + attempts // 50))
            ]
            await self._prepare()
            for _ in range(attempts):
                await self._rng.choices(tries, weights=(60, 15, 15, 5, 5))[0]()
        return {
            "seed": self.seed,
            "attempts": self.kinds.total(),
            "let_through": self.let_through,
            "server_errors": self.server_errors,
            "kinds": dict(sorted(self.kinds.items())),
            "statuses": dict(sorted(self.statuses.items())),
        }

    async def _prepare(self) -> None:
        """Make a town with honest people, and what strangers have of them."""
        now_s = time.time()
        await make_known(self.database, ("car1", "thief", "revoked"), ("kiosk", "other", "gone"))
        await self.database["car_keys"].delete_one({"_id": "revoked"})
        await self.database["stations"].update_one(
            {"_id": "gone"}, {"$set": {"seen_s": now_s - UNUSED_S - 10}}
        )
        self._booking = "a" * 32
        await self.database["bookings"].insert_one(_booking(self._booking))
        secrets = await ServerSecrets.load(self.database)
        operators = OperatorStore(self.database)
        stored = hash_password(PASSWORD)
        self._sessions_of: dict[str, str] = {}
        for name, role in (*((str(r), r) for r in Role), ("fired", Role.ADMIN)):
            operator = Operator(name, role, stored)
            await operators.put(operator)
            token = self._sessions_of[name] = new_token(TokenKind.OPERATOR)
            await operators.begin_session(digest(token), operator, now_s + 3600, now_s)
        self._expired = new_token(TokenKind.OPERATOR)
        await self.database["sessions"].insert_one(
            {"_id": digest(self._expired), "operator": "admin", "ends_s": now_s - 1}
        )
        await operators.remove("fired")
        self._ended = {
            "a token that nobody has": new_token(TokenKind.STATION),
            "a session that nobody has": new_token(TokenKind.OPERATOR),
            "a ride token that nobody has": new_token(TokenKind.RIDE),
            "another ride's token": secrets.ride_token("another"),
            "an expired station": token_of("gone"),
            "an expired session": self._expired,
            "a removed operator": self._sessions_of["fired"],
            "a digest": digest(token_of("kiosk")),
            "no token": "",
        }
        self._used = await self._signed("car1")
        async with self._any().get(
            self._url("/api/cars/car1/link"), headers=self._used | SOCKET_HEADERS
        ) as answer:
            assert answer.status == 101, await answer.text()

    # --- what they try --------------------------------------------------------------------------

    async def _with_a_bad_token(self) -> None:
        op = self._rng.choice([op for op in PRIVATE if op.access is not ApiAccess.CAR])
        bad = {**self._ended, **self._of_others(op.access)}
        kind, token = self._rng.choice(sorted(bad.items()))
        if token and self._rng.random() < 0.1:
            kind, token = "a changed token", token[:-1] + self._rng.choice("AB_-~ ").strip()
            if token in {token_of("kiosk"), token_of("other"), *self._sessions_of.values()}:
                return
        await self._ask(kind, op, bearer(token) if token else {})

    def _of_others(self, access: ApiAccess | Role) -> dict[str, str]:
        """Return valid tokens that are not enough for an access."""
        stolen = {"another station": token_of("other")}
        if access is ApiAccess.STATION:
            return {f"an operator: {name}": t for name, t in self._sessions_of.items()}
        if access is ApiAccess.RIDE:
            return stolen
        assert isinstance(access, Role)
        small = {
            f"an operator: {role}": self._sessions_of[role]
            for role in Role
            if not role.includes(access)
        }
        return {**stolen, **small, "a station": token_of("kiosk")}

    async def _from_elsewhere(self) -> None:
        """Valid credentials, on a page from elsewhere."""
        op = self._rng.choice(OPERATIONS)
        if op.access is ApiAccess.CAR:
            headers = await self._signed("thief")
        elif isinstance(op.access, Role):
            headers = bearer(self._sessions_of["admin"])
        else:
            headers = bearer(token_of("kiosk"))
        await self._ask("a page from elsewhere", op, headers | self._rng.choice(ELSEWHERE))

    async def _as_a_car(self) -> None:
        (op,) = [op for op in PRIVATE if op.access is ApiAccess.CAR]
        kind = self._rng.choice(("replayed", "other key", "revoked", "unknown", "other nonce"))
        serial, headers = "car1", self._used
        if kind == "other key":
            headers = signed_by("car1", await self._nonce("car1"), key_of("thief"))
        elif kind in ("revoked", "unknown"):
            serial, headers = kind, await self._signed(kind)
        elif kind == "other nonce":
            headers = signed_by("car1", self._rng.randbytes(40).hex()[:54])
        await self._ask(f"a car: {kind}", op, headers, serial)

    async def _guessing(self) -> None:
        if self._rng.random() < 0.5:
            path, serial = "/api/cars/enroll", self._rng.choice(("car1", "new"))
            code, key = new_code(), key_of("new")
            body = {
                "serial": serial,
                "code": code,
                "public_key": public_text(key.public_key()),
                "proof": sign(key, enrollment_proof(serial, code)),
            }
        else:
            path = "/api/operator/login"
            name = self._rng.choice(("admin", "fired", "nobody"))
            body = {"name": name, "password": self._rng.choice(("admin", "password", "x" * 200))}
        (op,) = [op for op in OPERATIONS if op.path == path]
        await self._ask(f"guessing: {path}", op, {}, body=body)

    async def _as_another_car(self) -> None:
        """A car that is enrolled speaks for another one."""
        self.kinds["a message of another car"] += 1
        state = FakeCar(load_city("pixelopolis"), "car1", _place()).state()
        headers = await self._signed("thief")
        async with self._any().ws_connect(
            self._url("/api/cars/thief/link"), headers=headers
        ) as socket:
            await socket.send_str(encode(state))
            answer = await socket.receive(timeout=60)
            is_refused = answer.type is aiohttp.WSMsgType.TEXT and isinstance(
                decode_from_server(answer.data), Refusal
            )
            if not is_refused:
                self.let_through.append(f"a message of another car: {answer}")

    # --- how ------------------------------------------------------------------------------------

    async def _ask(
        self,
        kind: str,
        op: Operation,
        headers: dict[str, str],
        serial: str = "car1",
        body: Any = None,
    ) -> None:
        known = {"id": self._booking, "serial": serial}
        path = re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "1"), op.path)
        self.kinds[kind] += 1
        more = SOCKET_HEADERS if op.is_socket else {}
        async with self._any().request(
            op.method,
            self._url(path),
            headers=headers | more,
            json=_body(op) if body is None else body,
        ) as answer:
            self.statuses[answer.status] += 1
            said = f"{kind}: {op.method} {path}: {answer.status}"
            if answer.status >= 500:
                self.server_errors.append(said)
            elif answer.status < 400:
                self.let_through.append(said)

    def _any(self) -> aiohttp.ClientSession:
        return self._rng.choice(self._sessions)

    def _url(self, path: str) -> str:
        return f"{self.base}{path}"

    async def _nonce(self, serial: str) -> str:
        async with self._any().post(self._url(f"/api/cars/{serial}/challenge")) as answer:
            return str((await answer.json())["nonce"])

    async def _signed(self, serial: str) -> dict[str, str]:
        return signed_by(serial, await self._nonce(serial))


def _place() -> Any:
    from pixelopolis.city.route import Place

    return Place("1", 0.5)


def _body(op: Operation) -> Any:
    if op.body is None:
        return None
    known = {"station_device_id": "kiosk", "destination_id": "museum", "device_id": "kiosk"}
    fields = op.body.model_fields
    return {name: known.get(name, "x" * 12) for name in itertools.islice(fields, 10)}


def _booking(id_: str) -> dict[str, Any]:
    from server.booking import Booking, BookingState, to_document

    ended = Booking(
        id=id_,
        station_device_id="kiosk",
        car_id="car1",
        destination_id="museum",
        language="en",
        created_s=0.0,
        state=BookingState.ARRIVED,
        ended_s=1.0,
        sequence=1,
    )
    return {**to_document(ended), "city": "pixelopolis"}


async def strangers(attempts: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run a server, and let strangers try it; return the report."""
    served = Served("pixelopolis", folder)
    await served.start()
    try:
        async with AsyncMongoClient[dict[str, Any]](served.mongodb_uri()) as client:
            report = await Strangers(served.base, client[DATABASE], seed).attack(attempts)
        return report | {"parts_ended": await served.ended()}
    finally:
        await served.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make strangers", description=__doc__)
    parser.add_argument("--attempts", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strangers-") as folder:
        report = asyncio.run(strangers(asked.attempts, asked.seed, Path(folder)))
    print(json.dumps(report, indent=1))
    return 1 if report["let_through"] or report["server_errors"] or report["parts_ended"] else 0


if __name__ == "__main__":
    sys.exit(main())
