"""The embedded mongod: found, started, stopped, restarted, and ended with the server."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest
from pymongo import AsyncMongoClient

import server.storage.embedded_mongod
from pixelopolis.errors import StoreError
from server.storage.embedded_mongod import Mongod, find_mongod


def test_no_mongod_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(
        server.storage.embedded_mongod.importlib.util, "find_spec", lambda name: None
    )
    with pytest.raises(StoreError, match="no MongoDB server") as caught:
        find_mongod()
    assert "MONGODB_URI" in caught.value.next_step


def test_a_mongod_on_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() == program


def fake_mongod(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "mongod"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


async def start_and_fail(folder: Path) -> StoreError:
    with pytest.raises(StoreError) as caught:
        async with Mongod(folder):
            pass
    return caught.value


async def test_a_processor_that_is_too_old_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_mongod(tmp_path, "#!/bin/sh\nkill -ILL $$\n", monkeypatch)
    failed = await start_and_fail(tmp_path / "data")
    assert "killed by SIGILL: this processor lacks instructions" in failed.message
    assert "AVX" in failed.message
    assert "MONGODB_URI" in failed.next_step


async def test_another_signal_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_mongod(tmp_path, "#!/bin/sh\nkill -SEGV $$\n", monkeypatch)
    assert "ended by SIGSEGV" in (await start_and_fail(tmp_path / "data")).message


async def test_a_program_for_another_machine_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_mongod(tmp_path, "\x7fELF no program", monkeypatch)
    failed = await start_and_fail(tmp_path / "data")
    assert "mongod cannot be started on this machine (Exec format error)" in failed.message


async def test_data_survives_a_restart_on_another_port(mongodb_uri: str, tmp_path: Path) -> None:
    ports = set()
    for round_ in range(2):
        mongod = Mongod(tmp_path)
        async with mongod as uri, AsyncMongoClient[dict[str, int]](uri) as client:
            ports.add(mongod.port)
            await client["t"]["t"].insert_one({"round": round_})
            assert await client["t"]["t"].count_documents({}) == round_ + 1
    assert len(ports) == 2


async def test_one_that_cannot_start_shows_its_log(mongodb_uri: str, tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "storage.bson").write_bytes(b"not a database")
    with pytest.raises(StoreError) as caught:
        async with Mongod(tmp_path):
            pass
    assert str(tmp_path) in caught.value.message
    assert "mongod.log" in caught.value.next_step


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
async def test_it_dies_with_a_server_that_is_killed(mongodb_uri: str, tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, server.storage.embedded_mongod\n"
        "async def main():\n"
        f"    m = server.storage.embedded_mongod.Mongod(pathlib.Path({str(tmp_path)!r}))\n"
        "    await m.start()\n"
        "    print(m._process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    assert child.name() == "mongod"
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    # the next server may start at once: it waits for the lock, and the data are intact
    async with Mongod(tmp_path) as uri, AsyncMongoClient[dict[str, int]](uri) as client:
        await client.admin.command("ping")
    await asyncio.to_thread(psutil.wait_procs, [child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_it_waits_for_a_predecessor_that_is_still_leaving(
    mongodb_uri: str, tmp_path: Path
) -> None:
    first, second = Mongod(tmp_path), Mongod(tmp_path)
    await first.start()
    starting = asyncio.create_task(second.start())
    try:
        for _ in range(10):  # both write into one log, and the ending one writes much
            await asyncio.sleep(0.1)
            with (tmp_path / "mongod.log").open("a") as file:
                file.write("leaving\n" * 1000)
        assert not starting.done()
        await first.stop()
        await starting
    finally:
        await first.stop()
        await second.stop()
