"""The exit code of the renderer's process says how it ended."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from pixelopolis.vehicle.camera import Camera
from sim.live.render_messages import LiveScene, RenderTask

RUN = """
import socket, sys, time
from sim.live import render_process
from sim.live.render_messages import LiveScene

def fail(data):
    raise ValueError("not expected")

if sys.argv[3] == "fails":
    LiveScene.decode = staticmethod(fail)
render_process.render = lambda task, exchange: exchange.closed.wait()
raise SystemExit(render_process.main(int(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.parametrize(("what", "code"), [("is heard", 0), ("fails", 1)])
def test_how_an_exchange_ended_is_its_process_code(what: str, code: int) -> None:
    parent, its = socket.socketpair()
    with parent, its:
        parent.sendall(bytes(LiveScene.size(0)))
        parent.shutdown(socket.SHUT_WR)
        task = RenderTask("square", {}, Camera(), 1).to_json()
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(its.fileno()), task, what],
            pass_fds=[its.fileno()],
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    assert done.returncode == code
    assert (b"not expected" in done.stderr) == (code == 1)
