"""A car with an original board, written from the description of the published firmware.

Text at 9,600 bit/s on a line shared with the motor bus: packets to the motors appear on it too.
While a command is executed (0.1 s) the receiver keeps one byte and loses the rest. No watchdog.
"""

import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from sim.hardware.dynamixel import Instruction, encode
from sim.hardware.serial_port import SerialPort
from sim.physics.vehicle import Vehicle

STEP_S = 0.005
BUSY_S = 0.047
"""Duration of one motor's write: a pause of 30 ms, and 16 bytes at 9,600 bit/s."""
DIGITS = "0123456789abcdefghijklmno"
GOAL_VELOCITY = (104).to_bytes(2, "little")


class OriginalCar:
    """Wheels and an original board behind a serial port.

    Args:
        link: of the port.
        skip: number of ignored characters of a command: 1 as published, 0 as corrected.
        report_s: interval of battery reports; 5 s in the firmware.
    """

    def __init__(self, link: Path, skip: int = 1, report_s: float = 0.5) -> None:
        self.link = link
        self.skip = skip
        self.vehicle = Vehicle(Pose(0.0, 0.0, 0.0))
        self.torque = True
        self.battery = 95
        self.mute = False
        self.tokens: list[str] = []
        self._said_torque = self.torque
        self._report_s = report_s
        self._goal = [0, 0]
        self._token = b""
        self._port: SerialPort | None = None
        self._busy_until_s = 0.0
        self._todo: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> str:
        return str(self.link)

    def __enter__(self) -> "OriginalCar":
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
        due_s = report_s = time.monotonic()
        while not self._end.is_set():
            now_s = time.monotonic()
            with self._lock:
                port = self._port
                if port is not None and select.select([port.fd], [], [], 0)[0]:
                    data = port.read() if port.baud == 9600 else port.read() and b""
                    self._receive(b"" if self.mute else data, now_s)
                if now_s >= self._busy_until_s and self._todo:
                    self._todo.pop(0)()
                    self._busy_until_s = now_s + BUSY_S
                if self.torque != self._said_torque:
                    self._said_torque = self.torque
                    self._say(f"{'Enable' if self.torque else 'Disable'} Torque Mode\n")
                if now_s >= report_s and not self._todo:
                    report_s = now_s + self._report_s
                    self._say(f"\nb{self.battery}\n\nid2\n")
            while now_s >= due_s:
                self.vehicle.step(STEP_S)
                due_s += STEP_S
            speeds = [units * MOTOR_UNIT_RAD_S * self.torque for units in self._goal]
            self.vehicle.set_goal(speeds[0], speeds[1])
            time.sleep(0.001)

    def _say(self, text: str | bytes) -> None:
        if self._port is not None and not self.mute:
            self._port.write(text.encode() if isinstance(text, str) else text)

    def _receive(self, data: bytes, now_s: float) -> None:
        busy = now_s < self._busy_until_s or self._todo
        for byte in data[:1] if busy else data:
            if byte not in b" \n":
                self._token += bytes([byte])
            elif self._token and not busy:
                token, self._token = self._token.decode("latin-1"), b""
                self._obey(token, now_s)
                busy = True

    def _obey(self, token: str, now_s: float) -> None:
        self.tokens.append(token)
        digits = [DIGITS.find(c) for c in token[self.skip : self.skip + 4].ljust(4, "0")]
        left, right = (24 * high + low - 288 for high, low in (digits[:2], digits[2:]))
        self._say(f"read = {token}\n{abs(left)}-{int(left < 0)} || {abs(right)}-{int(right < 0)}\n")
        if right == 0:  # a bug of the firmware, whatever the left wheel's command
            left = 0
            self._say("STOP LEFT RIGHT\n")
        self._todo = [lambda: self._write(0, left), lambda: self._write(1, right)]
        self._busy_until_s = now_s + 0.028

    def _write(self, motor: int, units: int) -> None:
        # ones' complement, as published: one unit too much backward
        value = units if units >= 0 else units - 1
        data = GOAL_VELOCITY + value.to_bytes(4, "little", signed=True)
        self._say(encode(motor, Instruction.WRITE, data))
        self._goal[motor] = value
