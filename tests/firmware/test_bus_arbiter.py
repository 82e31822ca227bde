"""Between host link and motor bus: byte for byte, one packet at a time, despite other traffic."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.vehicle.control_table import BOARD_ID
from sim.hardware.dynamixel import Instruction, Packet, Parser, crc16, encode, encode_status
from sim.hardware.instructions import READS_OF_SEVERAL, WRITES_OF_SEVERAL, reads
from tests.firmware.test_dxl import as_bytes, damage, data, noise, packets
from tests.support.firmware_core import Core, words

BROADCAST = 254
QUIET_MS = 3
"""Longer than the core waits for an answer."""
HOST_ROOM = 2048


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


def for_motors(packet: Packet) -> bool:
    """Whether the board passes a packet on unchanged and does not answer it."""
    return packet.id != BOARD_ID and packet.instruction != Instruction.STATUS


@given(
    st.lists(packets.filter(for_motors), max_size=5),
    st.lists(noise, min_size=6, max_size=6),
    st.lists(st.integers(0, 300), max_size=10),
)
def test_what_is_for_the_motors_reaches_them_byte_for_byte(
    sent: list[Packet], between: list[bytes], cuts: list[int]
) -> None:
    core = Core()
    stream = between[0] + b"".join(
        as_bytes(packet) + some for packet, some in zip(sent, between[1:], strict=False)
    )
    # noise may form packets, and swallow what follows
    expected = [p for p in Parser().feed(stream) if p.crc_ok and for_motors(p)]
    only_ours = [
        p
        for p in expected
        if p.id == BROADCAST
        and p.instruction in READS_OF_SEVERAL
        and {read.id for read in reads(p)} == {BOARD_ID}
    ]
    heard = b""
    for piece in pieces(stream, cuts):
        core.from_host(piece)
        core.step()
        heard += core.to_motors()
    for _ in range(len(expected) + 1):
        # keep the host alive, so that the board does not stop the wheels
        core.send(BOARD_ID, Instruction.PING)
        heard += core.wait(30)[1]
    # a board that is named in a sync read answers on the bus too
    said = [p for p in Parser().feed(heard) if p.instruction != Instruction.STATUS]
    assert said == [p for p in expected if p not in only_ours]
    if not any(p.instruction in READS_OF_SEVERAL for p in expected):
        assert heard == b"".join(map(as_bytes, expected))


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=10))
def test_what_motors_say_reaches_the_host_byte_for_byte(said: bytes, cuts: list[int]) -> None:
    core = Core()
    heard = b""
    for piece in pieces(said, cuts):
        core.from_motors(piece)
        core.step()
        heard += core.to_host()
    assert heard == said


@given(noise, st.lists(st.integers(0, 60), max_size=5), st.integers(0, 3))
def test_the_board_answers_whatever_came_before(
    before: bytes, cuts: list[int], motor_noise: int
) -> None:
    core = Core()
    for piece in pieces(before, cuts):
        core.from_host(piece)
        core.from_motors(before[:motor_noise])
        core.step()
    # whatever the noise requested has timed out
    core.wait(60)
    core.to_host()
    core.send(BOARD_ID, Instruction.PING)
    said = core.to_host() + core.wait(60)[0]
    assert [p.id for p in Parser().feed(said) if p.crc_ok][-1:] == [BOARD_ID]


@given(packets.filter(for_motors), st.integers(0, 2000))
def test_damaged_packets_stay_away_from_the_motors(packet: Packet, bit: int) -> None:
    raw = damage(as_bytes(packet), bit)
    if [p for p in Parser().feed(raw) if p.crc_ok]:
        return
    core = Core()
    core.from_host(raw)
    core.step()
    assert core.to_motors() + core.wait(2)[1] == b""


def test_nothing_is_said_to_an_echo() -> None:
    core = Core()
    core.from_host(encode_status(BOARD_ID, 0) + encode_status(1, 0))
    core.step()
    assert core.wait(5) == (b"", b"")
    assert core.read("host_packets") == 1
    assert core.read("bad_packets") == 0


def test_the_driver_is_on_from_before_the_first_byte_until_the_last_has_left() -> None:
    core = Core()
    ping = encode(1, Instruction.PING)
    assert not core.out.motor_transmit
    core.from_host(ping)
    core.step()
    assert core.out.motor_transmit
    # the port takes it in two pieces and is slow to send them
    core.inputs.motor_transmit_idle = False
    assert core.to_motors(4) == ping[:4]
    core.inputs.motor_transmit_idle = True
    core.step()
    assert core.out.motor_transmit
    core.inputs.motor_transmit_idle = False
    assert core.to_motors() == ping[4:]
    core.wait(1)
    assert core.out.motor_transmit
    core.inputs.motor_transmit_idle = True
    core.step()
    assert not core.out.motor_transmit


def test_the_next_packet_waits_for_the_answer_to_the_one_before() -> None:
    core = Core()
    read = encode(1, Instruction.READ, words(132, 4))
    write = encode(2, Instruction.WRITE, words(65) + b"\1")
    core.from_host(read + write)
    core.step()
    assert core.to_motors() == read
    core.now_us += 100
    core.step()
    answer = encode_status(1, 0, bytes(4))
    core.from_motors(answer[:5])
    core.step()
    assert (core.to_host(), core.to_motors()) == (answer[:5], b"")
    core.from_motors(answer[5:])
    core.step()
    assert (core.to_host(), core.to_motors()) == (answer[5:], write)


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        (encode(BROADCAST, Instruction.SYNC_READ, words(64, 1) + b"\1\2\7"), 3),
        (encode(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1) + b"\1\2\7"), 1),
        (encode(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1)), 0),
        (encode(BROADCAST, Instruction.FAST_BULK_READ), 0),
        (encode(BROADCAST, 0x92, b"\1" + words(64, 1) + b"\2" + words(64, 1)), 2),
        (encode(BROADCAST, 0x9A, b"\1" + words(64, 1) + b"\2" + words(64, 1)), 1),
        (encode(BROADCAST, Instruction.SYNC_WRITE, words(65, 1) + b"\1\1"), 0),
        (encode(BROADCAST, Instruction.SYNC_READ, words(64)), 0),
        (encode(BROADCAST, Instruction.WRITE, words(65) + b"\1"), 0),
        (encode(1, Instruction.REBOOT), 1),
        (encode(1, Instruction.READ, words(64)), 1),
    ],
)
def test_as_many_answers_are_awaited_as_will_come(asked: bytes, answers: int) -> None:
    core = Core()
    ping = encode(3, Instruction.PING)
    core.from_host(asked + ping)
    core.step()
    assert core.to_motors() == asked
    core.now_us += 50
    core.step()
    for motor in range(answers):
        assert core.to_motors() == b""
        core.from_motors(encode_status(motor, 0, b"\0"))
        core.now_us += 50
        core.step()
    assert core.to_motors() == ping


def test_more_answers_than_were_awaited_are_passed_on() -> None:
    core = Core()
    core.send(1, Instruction.PING)
    core.to_motors()
    core.wait(1)
    said = encode_status(1, 0) + encode_status(1, 0) + encode(1, Instruction.PING)
    core.from_motors(said)
    core.step()
    assert core.to_host() == said
    core.send(2, Instruction.PING)
    assert core.to_motors() == encode(2, Instruction.PING)


def test_a_silent_motor_holds_nothing_up_for_long() -> None:
    core = Core()
    pings = [encode(motor, Instruction.PING) for motor in (1, 2)]
    core.from_host(b"".join(pings))
    core.step()
    assert core.to_motors() == pings[0]
    assert core.wait(1.9)[1] == b""
    assert core.wait(1.2)[1] == pings[1]


def test_an_answer_that_stops_half_way_holds_nothing_up_for_long() -> None:
    core = Core()
    pings = [encode(motor, Instruction.PING) for motor in (1, 2)]
    core.from_host(b"".join(pings))
    core.step()
    core.to_motors()
    core.wait(1)
    core.from_motors(encode_status(1, 0, b"abc")[:-3])
    core.step()
    assert core.wait(1.5, 500)[1] == b""
    assert core.wait(1.5)[1] == pings[1]
    # the rest of a damaged answer does not hide the next one
    core.from_motors(encode_status(2, 0))
    core.step()
    core.send(3, Instruction.PING)
    assert core.to_motors() == encode(3, Instruction.PING)


def test_a_babbling_bus_holds_nothing_up_for_long() -> None:
    core = Core()
    pings = [encode(motor, Instruction.PING) for motor in (1, 2)]
    core.from_host(b"".join(pings))
    core.step()
    core.to_motors()
    passed = b""
    for millisecond in range(30):
        core.from_motors(b"\xff\x00\xff\xff")
        passed += core.wait(1)[1]
        assert (passed == pings[1]) == (millisecond >= 25), millisecond


def test_a_flood_from_the_host_is_cut_and_survived() -> None:
    core = Core()
    assert core.host_room() == core.motor_room() == HOST_ROOM
    core.from_host(bytes(1500))
    assert core.host_room() == HOST_ROOM - 1500
    core.from_host(bytes(1500))
    assert core.host_room() == 0
    core.step()
    assert core.host_room() == HOST_ROOM
    core.from_motors(bytes(5000))
    assert core.motor_room() == 0
    core.step()
    assert core.to_host() == bytes(HOST_ROOM)
    assert core.ask(BOARD_ID, Instruction.PING)[0].id == BOARD_ID


def test_answers_are_lost_whole_when_the_host_takes_none() -> None:
    core = Core()
    core.from_motors(bytes(HOST_ROOM - 14))
    core.step()
    # a ping's answer has 14 bytes: the first fits, the second does not
    core.send(BOARD_ID, Instruction.PING)
    core.send(BOARD_ID, Instruction.PING)
    assert len(core.to_host()) == HOST_ROOM
    core.send(BOARD_ID, Instruction.PING)
    assert len(core.to_host()) == 14
    core.from_motors(bytes(HOST_ROOM - 13))
    core.step()
    core.send(BOARD_ID, Instruction.PING)
    assert core.to_host() == bytes(HOST_ROOM - 13)


def own_status(core: Core, address: int, length: int) -> bytes:
    core.send(BOARD_ID, Instruction.READ, words(address, length))
    return core.to_host()


def test_in_a_mixed_sync_read_the_board_speaks_in_its_place_and_motors_hear_it() -> None:
    core = Core()
    own = own_status(core, 64, 4)
    asked = encode(BROADCAST, Instruction.SYNC_READ, words(64, 4) + bytes([1, BOARD_ID, 2]))
    core.from_host(asked)
    core.step()
    assert (core.to_motors(), core.to_host()) == (asked, b"")
    core.now_us += 100
    core.step()
    first, second = encode_status(1, 0, b"abcd"), encode_status(2, 0, b"efgh")
    core.from_motors(first)
    core.step()
    assert (core.to_host(), core.to_motors()) == (first + own, own)
    core.from_motors(second)
    core.step()
    assert (core.to_host(), core.to_motors()) == (second, b"")
    # all have answered, so the bus is free at once
    core.send(3, Instruction.PING)
    assert core.to_motors() == encode(3, Instruction.PING)


def test_in_a_mixed_sync_read_silent_motors_are_gone_past() -> None:
    core = Core()
    own = own_status(core, 64, 4)
    ids = bytes([1, BOARD_ID, 7, BOARD_ID, BOARD_ID])
    core.send(BROADCAST, Instruction.SYNC_READ, words(64, 4) + ids)
    core.to_motors()
    # motor 1 is silent: after a moment it is the board's turn, then motor 7's
    host, motors = core.wait(QUIET_MS)
    assert (host, motors) == (own, own)
    host, motors = core.wait(QUIET_MS)
    assert (host, motors) == (own + own, b"")
    # a motor out of turn skips the motors before it, but not the board
    core.send(BROADCAST, Instruction.SYNC_READ, words(64, 4) + bytes([1, BOARD_ID, 7, 2]))
    core.to_motors()
    core.wait(1)
    status, stray = encode_status(2, 0, b"efgh"), encode_status(9, 0)
    core.from_motors(stray + status)
    core.step()
    assert core.to_host() == stray + own + status
    # a late answer is passed on
    core.send(BROADCAST, Instruction.SYNC_READ, words(64, 4) + bytes([BOARD_ID, 2]))
    core.to_motors()
    core.wait(1)
    core.from_motors(status + status)
    core.step()
    assert core.to_host() == status + status
    # an answer with the board's id from another device passes and changes nothing
    core.send(BROADCAST, Instruction.SYNC_READ, words(64, 4) + bytes([1, BOARD_ID]))
    core.to_motors()
    core.wait(1)
    core.from_motors(encode_status(BOARD_ID, 3))
    core.step()
    assert core.to_host() == encode_status(BOARD_ID, 3)
    assert core.wait(QUIET_MS)[0] == own


def test_a_sync_read_of_the_board_alone_does_not_trouble_the_motors() -> None:
    core = Core()
    own = own_status(core, 64, 4)
    core.send(BROADCAST, Instruction.SYNC_READ, words(64, 4) + bytes([BOARD_ID]))
    assert (core.to_host(), core.to_motors()) == (own, b"")
    core.send(BROADCAST, Instruction.SYNC_READ, words(8, 4) + bytes([BOARD_ID]))
    assert (core.to_host(), core.to_motors()) == (encode_status(BOARD_ID, 7), b"")


def test_half_an_answer_from_before_a_mixed_sync_read_is_passed_on_once() -> None:
    core = Core()
    late, status = encode_status(1, 0, b"late"), encode_status(1, 0, b"abcd")
    core.from_motors(late[:9])
    core.step()
    assert core.to_host() == late[:9]
    core.send(BROADCAST, Instruction.SYNC_READ, words(64, 4) + bytes([1, BOARD_ID]))
    core.to_motors()
    core.wait(1)
    core.from_motors(late[9:] + status)
    core.step()
    heard = core.to_host()
    assert heard.startswith(status)
    assert Parser().feed(heard[len(status) :])[0].id == BOARD_ID


@pytest.mark.parametrize(("motors", "heard"), [(1001, True), (1002, False)])
def test_behind_a_long_question_the_board_is_heard_if_there_is_room(
    motors: int, heard: bool
) -> None:
    core = Core()
    own = own_status(core, 64, 4)
    ids = bytes([BOARD_ID]) + bytes([1]) * motors
    asked = encode(BROADCAST, Instruction.SYNC_READ, words(64, 4) + ids)
    core.from_host(asked)
    core.step()
    assert core.to_host() == own
    # 1031 bytes are sent at once
    assert core.to_motors() == asked + (own if heard else b"")


def block(before: bytes, error: int, device: int, content: bytes) -> bytes:
    new = bytes([error, device]) + content
    return new + words(crc16(before + new))


def test_in_a_fast_sync_read_the_board_adds_its_block() -> None:
    core = Core()
    ids = bytes([1, BOARD_ID, 2])
    asked = encode(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1) + ids)
    core.from_host(asked)
    core.step()
    assert (core.to_motors(), core.to_host()) == (asked, b"")
    core.now_us += 100
    core.step()
    chain = b"\xff\xff\xfd\x00\xfe" + words(1 + 3 * 5) + b"\x55"
    chain += block(chain, 0, 1, b"\1")
    core.from_motors(chain[:-1])
    core.step()
    assert (core.to_host(), core.to_motors()) == (chain[:-1], b"")
    core.from_motors(chain[-1:])
    core.step()
    ours = block(chain, 0, BOARD_ID, b"\0")
    assert (core.to_host(), core.to_motors()) == (chain[-1:] + ours, ours)
    theirs = block(chain + ours, 0, 2, b"\2")
    core.from_motors(theirs)
    core.step()
    assert core.to_host() == theirs
    (whole,) = Parser().feed(chain + ours + theirs)
    assert whole.crc_ok
    # what follows it is passed on, and the bus is free at once
    core.from_motors(b"more" + encode_status(2, 0))
    core.step()
    assert core.to_host() == b"more" + encode_status(2, 0)
    core.send(3, Instruction.PING)
    assert core.to_motors() == encode(3, Instruction.PING)


def bulk(*asked: tuple[int, int, int]) -> bytes:
    """Return the parameters of a bulk read of (id, address, length) each."""
    return b"".join(bytes([device]) + words(address, length) for device, address, length in asked)


def test_in_a_mixed_bulk_read_everybody_is_asked_for_something_else() -> None:
    core = Core()
    own = own_status(core, 64, 4)
    asked = encode(
        BROADCAST,
        Instruction.BULK_READ,
        bulk((7, 64, 1), (1, 132, 4), (BOARD_ID, 64, 4), (2, 0, 2)),
    )
    core.from_host(asked)
    core.step()
    assert (core.to_motors(), core.to_host()) == (asked, b"")
    core.now_us += 100
    core.step()
    first, second = encode_status(1, 0, b"abcd"), encode_status(2, 0, b"ef")
    core.from_motors(first)
    core.step()
    assert (core.to_host(), core.to_motors()) == (first + own, own)
    core.from_motors(second)
    core.step()
    assert (core.to_host(), core.to_motors()) == (second, b"")
    core.send(3, Instruction.PING)
    assert core.to_motors() == encode(3, Instruction.PING)


def test_in_a_fast_bulk_read_the_board_adds_its_block() -> None:
    core = Core()
    asked = encode(
        BROADCAST, Instruction.FAST_BULK_READ, bulk((1, 132, 4), (BOARD_ID, 64, 1), (2, 144, 2))
    )
    core.from_host(asked)
    core.step()
    assert (core.to_motors(), core.to_host()) == (asked, b"")
    core.now_us += 100
    core.step()
    chain = b"\xff\xff\xfd\x00\xfe" + words(1 + 8 + 5 + 6) + b"\x55"
    chain += block(chain, 0, 1, b"abcd")
    core.from_motors(chain)
    core.step()
    ours = block(chain, 0, BOARD_ID, b"\0")
    assert (core.to_host(), core.to_motors()) == (chain + ours, ours)
    theirs = block(chain + ours, 0, 2, b"ef")
    core.from_motors(theirs)
    core.step()
    assert core.to_host() == theirs
    (whole,) = Parser().feed(chain + ours + theirs)
    assert whole.crc_ok
    core.send(3, Instruction.PING)
    assert core.to_motors() == encode(3, Instruction.PING)


@pytest.mark.parametrize("fast", [False, True])
def test_a_bulk_read_of_the_board_alone_does_not_trouble_the_motors(fast: bool) -> None:
    core = Core()
    own = own_status(core, 64, 4)
    instruction = Instruction.FAST_BULK_READ if fast else Instruction.BULK_READ
    core.send(BROADCAST, instruction, bulk((BOARD_ID, 64, 4)))
    answer = core.to_host()
    if fast:
        (status,) = Parser().feed(answer)
        assert status.parameters[:2] == bytes([0, BOARD_ID])
    else:
        assert answer == own
    assert core.to_motors() == b""


@pytest.mark.parametrize("instruction", [Instruction.BULK_READ, Instruction.FAST_BULK_READ])
def test_a_bulk_read_that_is_cut_off_gets_no_answer(instruction: int) -> None:
    core = Core()
    asked = bulk((BOARD_ID, 64, 4))[:-1]
    core.send(BROADCAST, instruction, asked)
    assert core.to_motors() == encode(BROADCAST, instruction, asked)
    assert core.wait(QUIET_MS)[0] == b""


def test_bulk_reads_reach_the_motors_while_the_board_stops_them_and_writes_do_not() -> None:
    core = Core()
    core.write("estop", 1)
    core.to_motors()
    core.send(BROADCAST, Instruction.BULK_WRITE, bulk((1, 64, 1)) + b"\1")
    assert core.to_motors() == b""
    for instruction in (Instruction.BULK_READ, Instruction.FAST_BULK_READ):
        core.send(BROADCAST, instruction, bulk((1, 64, 1)))
        assert core.to_motors() == encode(BROADCAST, instruction, bulk((1, 64, 1)))
        core.wait(QUIET_MS)


def test_a_bulk_write_reaches_the_board_if_it_is_whole() -> None:
    core = Core()
    told = bulk((1, 65, 1)) + b"\1" + bulk((BOARD_ID, 66, 1)) + b"\x55"
    core.send(BROADCAST, Instruction.BULK_WRITE, told)
    assert core.to_motors() == encode(BROADCAST, Instruction.BULK_WRITE, told)
    core.wait(QUIET_MS)
    core.to_host()
    assert core.read("heartbeat") == 0x55
    for cut in range(1, 6):
        core.send(BROADCAST, Instruction.BULK_WRITE, bulk((BOARD_ID, 66, 1)) + b"\7" + told[:-cut])
        core.wait(QUIET_MS)
        core.to_host()
        assert core.read("heartbeat") == 0x55


def test_the_rate_of_the_motor_bus_changes_behind_the_packet_that_is_on_it() -> None:
    core = Core()
    core.inputs.motor_transmit_idle = False
    told = bulk((1, 9, 1)) + b"\0" + bulk((BOARD_ID, 69, 1)) + b"\1"
    core.send(BROADCAST, Instruction.BULK_WRITE, told)
    core.to_motors()
    core.wait(1)
    assert core.out.motor_baud == 1_000_000
    core.inputs.motor_transmit_idle = True
    core.wait(QUIET_MS)
    assert core.out.motor_baud == 57_600


def test_after_a_broken_block_the_board_stays_silent() -> None:
    core = Core()
    core.send(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1) + bytes([1, BOARD_ID]))
    core.to_motors()
    core.wait(1)
    chain = b"\xff\xff\xfd\x00\xfe" + words(1 + 2 * 5) + b"\x55"
    chain += block(chain, 0, 1, b"\1")
    core.from_motors(chain[:-1] + bytes([chain[-1] ^ 1]))
    core.step()
    assert len(core.to_host()) == len(chain)
    assert core.wait(QUIET_MS) == (b"", b"")
    # it does not answer either if the motor before it is silent
    core.send(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1) + bytes([1, BOARD_ID]))
    core.to_motors()
    assert core.wait(QUIET_MS) == (b"", b"")


def test_a_fast_answer_has_the_length_of_a_packet_at_most() -> None:
    core = Core()
    # 1 + (1019 + 4) is the greatest length; the board has no such register and reports it
    core.send(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1019) + bytes([BOARD_ID]))
    (answer,) = Parser().feed(core.to_host())
    assert answer.parameters == bytes([7, BOARD_ID]) + bytes(1019)
    # missing bytes are sent as zeros, whatever was sent before
    core.send(BROADCAST, Instruction.FAST_SYNC_READ, words(16, 4) + bytes([BOARD_ID]))
    assert Parser().feed(core.to_host())[0].parameters[2:] == words(90, 20)
    core.send(BROADCAST, Instruction.FAST_SYNC_READ, words(8, 4) + bytes([BOARD_ID]))
    assert Parser().feed(core.to_host())[0].parameters == bytes([7, BOARD_ID, 0, 0, 0, 0])
    core.send(BROADCAST, Instruction.FAST_SYNC_READ, words(64, 1020) + bytes([BOARD_ID]))
    assert core.to_host() + core.wait(QUIET_MS)[0] == b""


def test_the_board_answers_a_ping_to_all_behind_the_motors() -> None:
    core = Core()
    core.from_host(encode(BROADCAST, Instruction.PING))
    core.step()
    core.to_motors()
    core.wait(1)
    answers = encode_status(1, 0, b"\x24\x04\x2e") + encode_status(2, 0, b"\x24\x04\x2e")
    core.from_motors(answers)
    core.step()
    assert core.to_host() == answers
    assert core.wait(19)[0] == b""
    (own,) = Parser().feed(core.wait(2)[0])
    assert (own.id, own.parameters) == (BOARD_ID, b"\0" + words(20568) + b"\1")
    # noise on the bus does not prevent an answer
    core.from_host(encode(BROADCAST, Instruction.PING))
    core.step()
    core.to_motors()
    said = b""
    for _ in range(30):
        core.from_motors(b"\x11")
        said += core.wait(1)[0]
    assert [p.id for p in Parser().feed(said)] == [BOARD_ID]


@given(data)
def test_any_parameters_for_several_devices_are_harmless(parameters: bytes) -> None:
    core = Core()
    for instruction in (*READS_OF_SEVERAL, *WRITES_OF_SEVERAL):
        core.send(BROADCAST, instruction, parameters)
        core.wait(30)
    assert core.ask(BOARD_ID, Instruction.PING)[0].id == BOARD_ID


def test_a_port_that_does_not_send_starves_the_independent_watchdog() -> None:
    core = Core()
    core.inputs.motor_transmit_idle = False
    core.send(1, Instruction.PING)
    core.wait(1499)
    assert core.out.feed_watchdog
    core.wait(2)
    assert not core.out.feed_watchdog
    core.to_motors()
    core.inputs.motor_transmit_idle = True
    core.wait(1)
    assert core.out.feed_watchdog
