"""What tests give to worker processes. Each process imports it, so it imports little itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from pixelopolis.errors import CityError, Fault


def worker(broken: int, item: int) -> int:
    """Take longer for early items; one of them cannot be done."""
    time.sleep(0.02 * max(0, 5 - item))
    if item == broken:
        raise CityError(f"item {item} is no town.", "Take another.", (Fault("town", "bad"),))
    return item * item


def leave(item: int) -> int:
    if item == 1:
        os._exit(3)
    return item


def crash(marks: Path, number: int, times: int, item: int) -> int:
    """Be ended by a signal in the middle of item 1, the first `times` that somebody tries it."""
    if item == 1:
        tries = len(list(marks.glob("1-*")))
        (marks / f"1-{tries}").touch()
        if tries < times:
            os.kill(os.getpid(), number)
    (marks / f"{item}-{os.getpid()}").touch()
    return item


def idle_or_crash(marks: Path, item: int) -> int:
    """Answer with the process at once for item 0; the others crash twice, when they are told to."""
    if item:
        wait_for(marks / "go", 30.0)
        crash(marks, signal.SIGSEGV, 2, item)
    return os.getpid()


def fail_early(marks: Path, item: int) -> int:
    """Fail at item 1; let item 0 give the others time to begin, which they may not."""
    (marks / f"{item}").touch()
    if item == 1:
        raise CityError("item 1 is no town.", "Take another.")
    if item == 0:
        wait_for(marks / "1", 30.0)
        wait_for(marks / "2", 0.5)
    return item


def stay(marks: Path, item: int) -> None:
    """Begin item 4 and those after it, and never end them."""
    (marks / f"{item}").touch()
    if item >= 4:
        wait_for(marks / "never", 60.0)


def wait_for(mark: Path, longest_s: float) -> None:
    end_s = time.monotonic() + longest_s
    while not mark.exists() and time.monotonic() < end_s:
        time.sleep(0.01)


class OddError(Exception):
    """Cannot be unpickled: it is made with more than it keeps."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def odd(item: int) -> object:
    if item == 1:
        raise OddError("no", "paint")
    return lambda: item


def rasterizers(_: int) -> list[str]:
    """Render, and name the threads that the driver has made for it."""
    from pixelopolis.city.sources import load_city
    from pixelopolis.vehicle.camera import Camera
    from sim.looks.look import plain_look
    from sim.render.renderer import Renderer, car_view

    with Renderer(load_city("straight"), plain_look()) as renderer:
        view = car_view(Camera(), next(iter(renderer.city.edges.values())).curve.pose_at(0.1))
        assert renderer.render(view).rgb.std() > 3
        names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if name.startswith("llvmpipe")]


def begin(item: int) -> None:
    os.write(1, b"begun\n")
    time.sleep(600)
