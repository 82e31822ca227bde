"""One control cycle through every kind of board, as measured by `bench bus`."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.realtime


def bench_bus(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixelopolis", "bench", "bus", "--cycles", "30", "--json"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


def test_cycles_reach_the_motors_without_and_with_a_board() -> None:
    done = bench_bus("--board", "direct", "--board", "device")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["original_command_ms"] == 129.0
    for board in ("direct", "device"):
        row = document[board]
        assert row["cycles"] == 30
        # each cycle reads back what it wrote; a busy computer may lose some
        assert row["lost"] < 15
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["speedup_vs_original"] == pytest.approx(129 / row["p50_ms"], rel=0.1)
