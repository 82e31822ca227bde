"""The core's packets agree with the simulator's parser and dynamixel-sdk, for any bytes."""

import ctypes
from itertools import pairwise

import pytest
from dynamixel_sdk import Protocol2PacketHandler
from hypothesis import example, given
from hypothesis import strategies as st

from sim.hardware.dynamixel import MAX_LENGTH, Packet, Parser, crc16, encode
from tests.support.firmware_core import PACKET_SIZE, CoreParser, library

SDK = Protocol2PacketHandler()

# noise and data with many special bytes
chunks = st.one_of(
    st.sampled_from([b"\xff\xff\xfd", b"\xff\xff\xfd\xfd", b"\xff\xff\xfd\0\1", b"\xff"]),
    st.sampled_from([b"\xfd", b"\0", b"\1", b"\3", b"\xfe", b"\x55"]),
    st.binary(min_size=1, max_size=1),
)
noise = st.lists(chunks, max_size=40).map(b"".join)
data = st.lists(chunks, max_size=30).map(b"".join)
ids = st.one_of(st.integers(0, 252), st.just(254))
packets = st.builds(Packet, ids, st.integers(0, 255), data, st.just(True))


def as_bytes(packet: Packet) -> bytes:
    return encode(packet.id, packet.instruction, packet.parameters)


def damage(raw: bytes, bit: int) -> bytes:
    damaged = bytearray(raw)
    damaged[bit // 8 % len(raw)] ^= 1 << bit % 8
    return bytes(damaged)


damaged_packets = st.builds(damage, packets.map(as_bytes), st.integers(0, 10_000))
streams = st.lists(st.one_of(packets.map(as_bytes), noise, damaged_packets), max_size=6).map(
    b"".join
)


@given(st.binary(max_size=300), st.integers(0, 2**16 - 1))
def test_crc_equals_the_sdks(sample: bytes, start: int) -> None:
    ours = library().dxl_crc(start, sample, len(sample))
    assert ours == SDK.updateCRC(start, sample, len(sample))


@given(packets)
def test_encoding_equals_the_simulators(packet: Packet) -> None:
    buffer = ctypes.create_string_buffer(PACKET_SIZE)
    size = library().dxl_encode(
        buffer, packet.id, packet.instruction, packet.parameters, len(packet.parameters)
    )
    # an instruction of 0xFF would look like a header; no real one is
    if packet.instruction != 0xFF:
        assert buffer[:size] == as_bytes(packet)


@given(noise, st.lists(packets, min_size=1, max_size=4))
@example(b"\xff\xff\xfd\x00\x01\xff\x03\x03\xff\xff", [Packet(1, 1, b"")])
@example(b"\xff\xff\xfd\x00\x01\x07\x00\x02\x84\x00", [Packet(2, 1, b"")])
@example(b"\xff\xff\xfd\x00\x01\x03\x00\x01", [Packet(1, 1, b"")])
def test_valid_packets_are_found_behind_any_noise(before: bytes, sent: list[Packet]) -> None:
    stream = before + b"".join(map(as_bytes, sent))
    found = CoreParser().feed(stream)
    assert [packet for packet in found if packet.crc_ok][-len(sent) :] == sent


@given(streams)
def test_every_stream_is_parsed_as_the_simulator_does(stream: bytes) -> None:
    assert CoreParser().feed(stream) == Parser().feed(stream)


@given(streams, st.lists(st.integers(0, 400), max_size=12))
def test_fragments_do_not_matter_to_the_simulator_either(stream: bytes, cuts: list[int]) -> None:
    # the core takes single bytes, the Python parser chunks
    parser = Parser()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    got = [packet for a, b in pairwise(edges) for packet in parser.feed(stream[a:b])]
    assert CoreParser().feed(stream) == got


def test_the_longest_packet_passes_and_a_longer_one_is_noise() -> None:
    longest = encode(1, 3, bytes(MAX_LENGTH - 3))
    too_long = b"\xff\xff\xfd\x00\x01\x01\x04" + bytes(MAX_LENGTH + 1)
    ping = encode(2, 1)
    found = CoreParser().feed(longest + too_long + ping)
    assert found == [Packet(1, 3, bytes(MAX_LENGTH - 3)), Packet(2, 1, b"")]
    # stuffing counts: 256 headers become 1024 bytes, which do not all fit
    body = b"\xff\xff\xfd" * 255
    assert CoreParser().feed(encode(1, 3, body)) == [Packet(1, 3, body)]


def test_a_packet_has_an_instruction() -> None:
    head = b"\xff\xff\xfd\x00\x01\x02\x00"
    stream = head + crc16(head).to_bytes(2, "little") + encode(2, 1)
    assert CoreParser().feed(stream) == Parser().feed(stream) == [Packet(2, 1, b"")]


def test_a_header_at_a_packets_very_end_ends_it_too() -> None:
    head = b"\xff\xff\xfd\x00\x01\x06\x00\x03\xff\xff\xfd"
    stream = head + crc16(head).to_bytes(2, "little") + encode(2, 1)
    assert CoreParser().feed(stream) == Parser().feed(stream) == [Packet(2, 1, b"")]


@pytest.mark.parametrize("device", [253, 255])
def test_there_is_nobody_with_such_an_id(device: int) -> None:
    head = bytes([0xFF, 0xFF, 0xFD, 0, device])
    assert CoreParser().feed(head + encode(1, 1)) == [Packet(1, 1, b"")]


def test_all_bytes_of_a_packet_that_never_ends_are_let_go() -> None:
    parser = CoreParser()
    for _ in range(50):
        parser.feed(b"\xff\xff\xfd\x00\x01\xff\x03" + b"\xaa" * 100)
    assert parser.feed(encode(7, 1)) == [Packet(7, 1, b"")]
