"""A virtual car on a real pty, served by a thread, for tests of the board driver."""

import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pixelopolis.geometry import Pose
from sim.hardware.bus import VirtualBus
from sim.hardware.serial_port import SerialPort
from sim.physics.vehicle import Vehicle

STEP_S = 0.005


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Wait for a condition; the limit is for broken code only."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"never happened: {what}"
        time.sleep(0.01)


class VirtualCar:
    """Wheels, motors and board (or motors alone) behind a serial port."""

    def __init__(self, link: Path, bus: Any = None) -> None:
        self.link = link
        self.bus = bus or VirtualBus(1)
        self.vehicle = Vehicle(Pose(0.0, 0.0, 0.0))
        self.mute = False
        """Swallow everything, like a board without power."""
        self.blocked = False
        """Hold the wheels."""
        self._port: SerialPort | None = None
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> str:
        return str(self.link)

    def __enter__(self) -> "VirtualCar":
        self.plug()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        self.unplug()

    def plug(self) -> None:
        with self._lock:
            self._port = SerialPort(self.link)

    def unplug(self) -> None:
        with self._lock:
            if self._port is not None:
                self._port.close()
                self._port = None

    def _serve(self) -> None:
        goal = (0.0, 0.0)
        due_s = time.monotonic()
        while not self._end.is_set():
            with self._lock:
                port = self._port
                if port is not None and select.select([port.fd], [], [], 0)[0]:
                    data = port.read()
                    if not self.mute:
                        port.write(self.bus.receive(data, time.monotonic(), port.baud))
            now_s = time.monotonic()
            while now_s >= due_s:
                self.bus.observe(self.vehicle.wheel_rad, self.vehicle.wheel_rad_s)
                self.bus.step(now_s)
                if self.bus.wheel_goal_rad_s != goal:
                    goal = self.bus.wheel_goal_rad_s
                    self.vehicle.set_goal(*goal)
                if not self.blocked:
                    self.vehicle.step(STEP_S)
                due_s += STEP_S
            time.sleep(0.0005)
