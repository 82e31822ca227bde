"""`make schemathesis`: requests made from the server's own OpenAPI document, by schemathesis.

A real server and mongod. Schemathesis asks as nobody, as a station, and as an operator of each
role; it checks that no answer is a 5xx, that each is as the document says, and that nothing opens
without the right. Prints one JSON document; exit code 1 if anything was found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from server.identity.access import Role
from server.identity.operator_store import Operator, OperatorStore
from server.identity.passwords import hash_password
from server.identity.tokens import TokenKind, digest, new_token
from server.storage.mongo import DATABASE
from tests.soak.served import Served
from tests.support.credentials import make_known, token_of
from tests.support.operators import PASSWORD

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)
CALLERS: Final = ("nobody", "station", *(str(role) for role in Role))
LEFT_OUT: Final = "^/(api/operator/logout|readyz|healthz|metrics)$"
"""The first would end the session; the others answer 503 on purpose, or are not JSON."""


async def _tokens(database: AsyncDatabase[dict[str, Any]]) -> dict[str, str]:
    """Return a token for everybody who asks, "" for nobody."""
    await make_known(database, ("car1",), ("kiosk",))
    tokens = {"nobody": "", "station": token_of("kiosk")}
    operators, now_s = OperatorStore(database), time.time()
    stored = hash_password(PASSWORD)
    for role in Role:
        operator = Operator(str(role), role, stored)
        await operators.put(operator)
        tokens[str(role)] = token = new_token(TokenKind.OPERATOR)
        await operators.begin_session(digest(token), operator, now_s + 36000, now_s)
    return tokens


async def _run(base: str, token: str, examples: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run schemathesis as one caller; return its exit code and what it found."""
    argv = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    argv += [f"{base}/api/openapi.json", "--checks", ",".join(CHECKS), "--no-color"]
    argv += ["--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"]
    argv += ["--exclude-path-regex", LEFT_OUT, "--generation-database", "none", "--warnings", "off"]
    argv += ["--request-timeout", "30", "--rate-limit", "150/s"]
    if token:
        argv += ["--header", f"Authorization: Bearer {token}"]
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder
    )
    said, _ = await process.communicate()
    text = said.decode(errors="replace")
    cases = re.search(r"(\d+) generated", text)
    return {
        "exit_code": process.returncode,
        "cases": int(cases[1]) if cases else 0,
        "found": text[-6000:] if process.returncode else "",
    }


async def ask_all(
    examples: int, seed: int, folder: Path, callers: Iterable[str] = CALLERS
) -> dict[str, Any]:
    """Run a server and let schemathesis ask it as some or all of `CALLERS`; return the report."""
    served = Served("pixelopolis", folder)
    await served.start()
    try:
        async with AsyncMongoClient[dict[str, Any]](served.mongodb_uri()) as client:
            tokens = await _tokens(client[DATABASE])
        runs = {
            who: await _run(served.base, tokens[who], examples, seed, folder) for who in callers
        }
        return {"seed": seed, "as": runs, "parts_ended": await served.ended()}
    finally:
        await served.stop()


def has_passed(report: dict[str, Any]) -> bool:
    """Whether nothing was found and nothing ended."""
    return not report["parts_ended"] and all(
        run["exit_code"] == 0 and run["cases"] > 0 for run in report["as"].values()
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make schemathesis", description=__doc__)
    parser.add_argument("--examples", type=int, default=50, help="for each operation and caller")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="schemathesis-") as folder:
        report = asyncio.run(ask_all(asked.examples, asked.seed, Path(folder)))
    print(json.dumps(report, indent=1))
    return 0 if has_passed(report) else 1


if __name__ == "__main__":
    sys.exit(main())
