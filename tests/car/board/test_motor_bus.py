"""Late, truncated or foreign answers cost one exchange and nothing else."""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from car.board.motor_bus import LostPacketError, MotorBus, Port
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import XL430, MotorRegister
from sim.hardware.bus import VirtualBus
from sim.hardware.dynamixel import (
    Instruction,
    Packet,
    Parser,
    encode,
    encode_fast_status,
    encode_status,
)

pytestmark = pytest.mark.realtime

FIRST, LAST = MotorRegister.GOAL_VELOCITY, MotorRegister.PRESENT_POSITION
LENGTH = XL430.block(FIRST, LAST)[1]
DATA = bytes(LENGTH)
EXPECTED = 1 + 2 * (LENGTH + 4)

Device = Callable[[Packet], bytes]


@contextmanager
def answered_by(device: Device) -> Iterator[MotorBus]:
    """A bus on a pty whose other end answers freely."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    end = threading.Event()

    def serve() -> None:
        parser = Parser()
        while not end.is_set():
            if select.select([ours], [], [], 0.02)[0]:
                for packet in parser.feed(os.read(ours, 4096)):
                    os.write(ours, device(packet))

    thread = threading.Thread(target=serve)
    thread.start()
    bus = MotorBus(os.ttyname(theirs), 1_000_000)
    try:
        yield bus
    finally:
        bus.close()
        end.set()
        thread.join()
        os.close(ours)
        os.close(theirs)


def whole(*ids: int) -> bytes:
    return encode_fast_status([(each, 0, DATA) for each in ids], EXPECTED)


@pytest.mark.parametrize(
    "answer",
    [
        encode_status(1, 0, DATA),  # a late answer
        whole(1),  # the second motor is missing
        whole(1, 3),  # a motor that was not asked
        whole(1, 2)[:-3],
        b"",
    ],
    ids=["late", "one", "other", "cut", "none"],
)
def test_a_wrong_answer_to_a_fast_read_is_a_lost_packet(answer: bytes) -> None:
    wrong = True

    def device(packet: Packet) -> bytes:
        assert packet.instruction == Instruction.FAST_SYNC_READ
        return answer if wrong else whole(1, 2)

    with answered_by(device) as bus:
        with pytest.raises(LostPacketError):
            bus.read_all(XL430, FIRST, LAST, (1, 2))
        assert bus.lost_packets == 1
        wrong = False
        seen = bus.read_all(XL430, FIRST, LAST, (1, 2))
        assert seen[2][MotorRegister.PRESENT_POSITION] == 0
        assert bus.lost_packets == 1


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.binary(max_size=60), tail=st.binary(max_size=20))
def test_noise_around_an_answer_costs_at_most_that_exchange(noise: bytes, tail: bytes) -> None:
    clean = False

    def device(packet: Packet) -> bytes:
        right = encode_status(packet.id, 0, (1060).to_bytes(2, "little") + b"\x2e")
        return right if clean else noise + right + tail

    with answered_by(device) as bus:
        bus.ping(1)
        clean = True
        assert bus.ping(1) == 1060


def test_a_ping_to_all_finds_all() -> None:
    line = VirtualBus()
    line.set_power(True, 0.0)

    def device(packet: Packet) -> bytes:
        return line.receive(encode(packet.id, packet.instruction, packet.parameters), 10.0)

    with answered_by(device) as bus:
        assert [(a.id, a.model) for a in bus.ping_all()] == [(1, 1060), (2, 1060), (200, 20568)]


def test_answers_are_waited_for_by_the_slowest_wire() -> None:
    port = Port("none")
    waits = []
    for baud in (1_000_000, 57_600, 9_600):
        port.wire_baud = baud
        port.setPacketTimeout(100)
        waits.append(port.packet_timeout)
    assert waits == [pytest.approx(31), pytest.approx(47.4, abs=0.1), pytest.approx(134.2, abs=0.1)]


def test_a_rate_that_no_port_has_is_an_error() -> None:
    with answered_by(lambda _: b"") as bus:
        with pytest.raises(BoardError, match="cannot do -5 bit/s"):
            bus.set_baud(-5)
        bus.set_baud(57_600)
        assert bus.baud == 57_600
