"""The core and the simulator's board react equally to the same packets, buttons and batteries.

Two cars: one with the simulator's board, one with the core in front of the simulator's motors. Both
get the same input; their answers, motors and power are compared.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    XL430,
    Access,
    BoardButton,
    BoardRegister,
    ControlTable,
    MotorRegister,
)
from sim.hardware.bus import MotorLine, VirtualBus
from sim.hardware.dynamixel import ALERT, Instruction, Packet, Parser, crc16, encode
from sim.hardware.instructions import (
    FAST_READS,
    READS_OF_SEVERAL,
    WRITES_OF_SEVERAL,
    may_answer,
    reads,
)
from tests.support.firmware_core import Core, words

BROADCAST = 254
EXCHANGE_MS = 27
"""Duration of an exchange: longer than any wait of the core. As all other times are multiples of 10
ms, no comparison coincides with a watchdog."""


class RealMotors(MotorLine):
    """Motors that hear each other and the board, as on a wire.

    In a fast sync read each appends its block to those before it, the board's included.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked: Packet | None = None
        self._chain = b""

    def hear(self, data: bytes, now_s: float, baud: int) -> bytes:
        packets = Parser().feed(data)
        command = packets[0] if packets and packets[0].instruction != Instruction.STATUS else None
        if command is None:
            return self._add(data, now_s) if self._asked else b""
        self._asked = None
        if command.instruction in FAST_READS and BOARD_ID in {read.id for read in reads(command)}:
            self._asked = command
            self._chain = b""
            for motor in self.motors:
                motor.line_baud = baud
            self._heard(command, now_s)
            # the board's own block may follow the request directly
            return self._add(data[len(encode(*command[:3])) :], now_s)
        return self.receive(data, now_s, baud)

    def _add(self, data: bytes, now_s: float) -> bytes:
        assert self._asked is not None
        self._chain += data
        asked = reads(self._asked)
        expected = 1 + sum(read.length + 4 for read in asked)
        ends = [8 + sum(r.length + 4 for r in asked[: i + 1]) for i in range(len(asked))]
        added = b""
        while expected <= 1024:
            done = sum(end <= len(self._chain) for end in ends)
            if done == len(asked) or asked[done].id == BOARD_ID:
                return added
            device_id, address, length = asked[done]
            devices = [
                device
                for device in self._present(device_id, now_s)
                if may_answer(device, self._asked.instruction)
            ]
            if len(devices) != 1:
                return added
            error, block = devices[0].read(address, length, now_s)
            error |= ALERT if devices[0].alert else 0
            head = b"" if self._chain else b"\xff\xff\xfd\x00\xfe" + words(expected) + b"\x55"
            new = head + bytes([error, device_id]) + block.ljust(length, b"\0")
            new += words(crc16(self._chain + new))
            self._chain += new
            added += new
        return added


class Cars:
    """The two cars and their common clock."""

    def __init__(self) -> None:
        self.now_us = 1_000_000
        self.python = VirtualBus()
        self.core = Core(self.now_us)
        self.motors = RealMotors()
        self.python.step(self._now_s)
        self._settle_bytes()

    @property
    def _now_s(self) -> float:
        return self.now_us / 1e6

    def _settle_bytes(self) -> bytes:
        """Exchange bytes between core and motors until none are left; return those to the host."""
        heard = b""
        while True:
            self.core.step()
            out = self.core.out
            self.motors.set_power(out.motor_power, self._now_s)
            sent = self.core.to_motors()
            if sent:
                self.core.from_motors(self.motors.hear(sent, self._now_s, out.motor_baud))
            said = self.core.to_host()
            heard += said
            if not sent and not said:
                return heard

    def pass_time(self, milliseconds: int, step_ms: int = 3) -> bytes:
        heard = b""
        until_us = self.now_us + milliseconds * 1000
        while self.now_us < until_us:
            self.now_us = min(self.now_us + step_ms * 1000, until_us)
            self.core.now_us = self.now_us
            self.python.step(self._now_s)
            heard += self._settle_bytes()
            self.motors.step(self._now_s)
        return heard

    def exchange(self, data: bytes) -> None:
        """Send bytes to both and compare the answers."""
        expected = self.python.receive(data, self._now_s)
        self.core.from_host(data)
        heard = self._settle_bytes()
        heard += self.pass_time(EXCHANGE_MS)
        assert heard == expected, (data.hex(" "), heard.hex(" "), expected.hex(" "))
        self.compare()

    def ping(self) -> None:
        self.exchange(encode(BOARD_ID, Instruction.PING))

    def linger(self, milliseconds: int) -> None:
        """Let time pass for a slow board, with an active host."""
        for _ in range(milliseconds // 60):
            self.core.from_host(encode(BOARD_ID, Instruction.PING))
            self.python.receive(encode(BOARD_ID, Instruction.PING), self._now_s)
            self.pass_time(60, 5)

    def agree(self) -> bool:
        """Let the core learn by reading that a motor has no torque."""
        if self._agreed:
            return True
        if not self.python.board[BoardRegister.MOTOR_POWER]:
            power = words(BOARD[BoardRegister.MOTOR_POWER].address) + b"\0"
            self.exchange(encode(BOARD_ID, Instruction.WRITE, power))
        self.linger(240)
        for motor in (1, 2):
            register = XL430[MotorRegister.TORQUE_ENABLE]
            self.exchange(encode(motor, Instruction.READ, words(register.address, 1)))
        return self._agreed

    @property
    def _agreed(self) -> bool:
        return self.core.driven == any(motor.torque for motor in self.python.motors)

    def be_silent(self, milliseconds: int) -> None:
        self.pass_time(milliseconds, 3 if milliseconds < 1000 else 5)
        self.compare()

    def feel(self, change: Callable[[VirtualBus | RealMotors], None], settle_ms: int) -> None:
        change(self.python)
        change(self.motors)
        self.core.inputs.battery_mv = self.python.pins.battery_mv
        self.core.inputs.buttons = self.python.pins.buttons
        self.linger(settle_ms)
        self.compare()

    def compare(self) -> None:
        board = self.python.board
        ours = self.core.out
        assert ours.motor_power == board[BoardRegister.MOTOR_POWER]
        # a motor with torque is always known
        assert self.core.driven or not any(motor.torque for motor in self.python.motors)
        for motor, other in zip(self.python.motors, self.motors.motors, strict=True):
            assert motor.powered == other.powered
            if motor.powered:
                assert motor._values == other._values
        assert self.motors.wheel_goal_rad_s == self.python.wheel_goal_rad_s


# --- stories -------------------------------------------------------------------------------------

UNSAFE = (
    # they change the bus
    MotorRegister.ID,
    MotorRegister.BAUD_RATE,
    MotorRegister.SECONDARY_ID,
    MotorRegister.PROTOCOL_TYPE,
    # it counts packets, whose timing differs between a fast simulated bus and a slow one
    MotorRegister.BUS_WATCHDOG,
    # a ramp starts when a packet arrives, and the core's own stop comes a little later
    MotorRegister.PROFILE_ACCELERATION,
    # with it a motor has torque that no packet gave it (see firmware/core/motors.h)
    MotorRegister.STARTUP_CONFIGURATION,
)
"""Motor registers that the stories do not write."""


def writable(table: ControlTable) -> list[str]:
    names = [r.name for r in table if r.access is Access.READ_WRITE and r.name not in UNSAFE]
    # two of the 56 cells are enough; otherwise hardly anything else would be written
    cells = [name for name in names if name.startswith("indirect")]
    return [name for name in names if name not in cells or name.endswith(("_1", "_29"))]


@st.composite
def board_write(draw: st.DrawFn) -> bytes:
    register = BOARD[draw(st.sampled_from(writable(BOARD)))]
    high = (register.max or 0) + 1
    if register.name == BoardRegister.BATTERY_GAIN:
        # the core's thresholds have hysteresis, so no voltage near one
        value = draw(st.sampled_from([800, 900, 1000, 1100, 1200, 799, 1201]))
    else:
        value = draw(st.integers(0, min(high, 2 ** (8 * register.size) - 1)))
    more = draw(st.sampled_from([b"", b"", b"\0", b"\1", b"\0\0\0"]))
    return words(register.address) + register.encode(value) + more


@st.composite
def motor_write(draw: st.DrawFn) -> bytes:
    register = XL430[draw(st.sampled_from(writable(XL430)))]
    low = register.min or 0
    value = draw(st.integers(low - (low < 0), min((register.max or 300) + 1, 2000)))
    size = register.size
    return words(register.address) + (value % 2 ** (8 * size)).to_bytes(size, "little")


def torque(on: int) -> bytes:
    return words(XL430[MotorRegister.TORQUE_ENABLE].address) + bytes([on])


@st.composite
def where(draw: st.DrawFn) -> bytes:
    address = draw(st.one_of(st.integers(0, 90), st.integers(0, 160), st.just(65535)))
    length = draw(st.one_of(st.integers(0, 40), st.sampled_from([88, 250, 65535])))
    # uptimes differ by milliseconds
    uptime = BOARD[BoardRegister.UPTIME_MS]
    if (
        address < uptime.end
        and address + length > uptime.address
        and address + length <= BOARD.size
    ):
        address, length = uptime.end, min(length, BOARD.size - uptime.end)
    return words(address, length)


ids = st.sampled_from([BOARD_ID, BOARD_ID, BOARD_ID, 1, 2, 7, BROADCAST])
named = st.lists(st.sampled_from([BOARD_ID, 1, 2, 7]), max_size=5).map(bytes)


def packet(device: int, instruction: int, parameters: bytes = b"") -> bytes:
    return encode(device, instruction, parameters)


@st.composite
def write_like(draw: st.DrawFn) -> bytes:
    device = draw(ids)
    body = draw(motor_write() if device in (1, 2, 7) else board_write())
    return packet(device, draw(st.sampled_from([Instruction.WRITE, Instruction.REG_WRITE])), body)


@st.composite
def sync_write(draw: st.DrawFn) -> bytes:
    body = draw(st.one_of(board_write(), motor_write(), st.sampled_from([torque(0), torque(1)])))
    blocks = b"".join(bytes([i]) + body[2:] for i in draw(named))
    length = len(body) - 2 + draw(st.sampled_from([0, 0, 0, 0, 1]))
    return packet(BROADCAST, Instruction.SYNC_WRITE, body[:2] + words(length) + blocks)


@st.composite
def bulk_read(draw: st.DrawFn) -> bytes:
    """Parameters; sometimes the end is cut off."""
    asked = b"".join(bytes([i]) + draw(where()) for i in draw(named))
    return asked[: len(asked) - draw(st.sampled_from([0, 0, 0, 0, 1]))]


@st.composite
def bulk_write(draw: st.DrawFn) -> bytes:
    parts = b""
    # each device once, as the manual demands: twice might switch power off and on at once
    for device in dict.fromkeys(draw(named)):
        body = draw(board_write() if device == BOARD_ID else motor_write())
        parts += bytes([device]) + body[:2] + words(len(body) - 2) + body[2:]
    cut = draw(st.sampled_from([0, 0, 0, 0, 1]))
    return packet(BROADCAST, Instruction.BULK_WRITE, parts[: len(parts) - cut])


packets = st.one_of(
    st.builds(packet, ids, st.just(Instruction.PING)),
    st.builds(packet, ids, st.just(Instruction.READ), where()),
    write_like(),
    write_like(),
    st.builds(
        packet,
        st.sampled_from([1, 2, BROADCAST]),
        st.just(Instruction.WRITE),
        st.builds(torque, st.integers(0, 1)),
    ),
    st.builds(packet, ids, st.sampled_from([Instruction.ACTION, Instruction.REBOOT])),
    st.builds(
        packet,
        st.sampled_from([BOARD_ID, 7]),
        st.just(Instruction.FACTORY_RESET),
        st.sampled_from([b"", b"\2", b"\xff"]),
    ),
    sync_write(),
    st.builds(
        lambda kind, where, ids: packet(BROADCAST, kind, where + ids),
        st.sampled_from([Instruction.SYNC_READ, Instruction.FAST_SYNC_READ]),
        where(),
        named,
    ),
    bulk_write(),
    st.builds(
        lambda kind, asked: packet(BROADCAST, kind, asked),
        st.sampled_from([Instruction.BULK_READ, Instruction.FAST_BULK_READ]),
        bulk_read(),
    ),
    # any instruction with any parameters
    st.builds(
        packet,
        ids,
        st.integers(0, 254).filter(lambda i: i not in tuple(Instruction)),
        st.binary(max_size=12),
    ),
    st.builds(
        packet,
        st.sampled_from([BOARD_ID, 1]),
        st.sampled_from([Instruction.READ, *READS_OF_SEVERAL, *WRITES_OF_SEVERAL]),
        st.binary(max_size=5),
    ),
    st.builds(packet, st.just(BOARD_ID), st.sampled_from(list(Instruction)), st.binary(max_size=3)),
)


def damage(raw: bytes, bit: int) -> bytes:
    damaged = bytearray(raw)
    damaged[bit // 8 % len(raw)] ^= 1 << bit % 8
    return bytes(damaged)


noise = st.one_of(
    st.builds(damage, packets, st.integers(0, 1000)),
    st.lists(st.sampled_from([0xFF, 0xFD, 0, 200, 3]), max_size=30).map(bytes),
)

exchanges = st.one_of(packets, packets, packets, noise).map(
    lambda data: (f"exchange {data.hex(' ')}", lambda cars: cars.exchange(data))
)
silences = st.sampled_from([10, 40, 80, 150, 150, 400, 5200]).map(
    lambda ms: (f"{ms} ms of silence", lambda cars: cars.be_silent(ms))
)


def battery(mv: int) -> Callable[[Cars], None]:
    def change(bus: VirtualBus | RealMotors) -> None:
        bus.pins.battery_mv = mv

    return lambda cars: cars.feel(change, 1800)


def buttons(pressed: int) -> Callable[[Cars], None]:
    def change(bus: VirtualBus | RealMotors) -> None:
        bus.pins.buttons = BoardButton(pressed)

    return lambda cars: cars.feel(change, 300)


batteries = st.sampled_from([11800, 10100, 9000]).map(lambda mv: (f"{mv} mV", battery(mv)))
presses = st.integers(0, 7).map(lambda pressed: (f"buttons {pressed}", buttons(pressed)))
happenings = st.one_of(exchanges, exchanges, exchanges, exchanges, silences, presses, batteries)


def ready(cars: Cars) -> None:
    """Power, velocity mode, and a host that read modes and torque, as the car's driver does."""
    power = BOARD[BoardRegister.MOTOR_POWER].address
    cars.exchange(encode(BOARD_ID, Instruction.WRITE, words(power) + b"\1"))
    cars.linger(240)
    for motor in (1, 2):
        mode = XL430[MotorRegister.OPERATING_MODE].address
        cars.exchange(encode(motor, Instruction.WRITE, words(mode) + b"\1"))
        for register in (MotorRegister.DRIVE_MODE, MotorRegister.TORQUE_ENABLE):
            cars.exchange(encode(motor, Instruction.READ, words(XL430[register].address, 1)))


def drive(cars: Cars) -> None:
    ready(cars)
    for motor in (1, 2):
        cars.exchange(encode(motor, Instruction.WRITE, torque(1)))
        goal = words(XL430[MotorRegister.GOAL_VELOCITY].address) + words(50, 0)
        cars.exchange(encode(motor, Instruction.WRITE, goal))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([lambda cars: None, ready, drive, drive]),
    st.lists(happenings, min_size=1, max_size=12),
)
def test_the_core_does_what_the_simulated_board_does(
    start: Callable[[Cars], None], story: list[tuple[str, Callable[[Cars], None]]]
) -> None:
    cars = Cars()
    start(cars)
    for what, happen in story:
        # without that knowledge, the core stops motors that need no stop
        if not cars.agree():
            return
        note(what)
        happen(cars)
