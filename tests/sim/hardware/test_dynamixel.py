"""Packets from any fragments and noise, byte for byte like dynamixel-sdk's."""

from itertools import pairwise

from dynamixel_sdk import Protocol2PacketHandler
from hypothesis import example, given
from hypothesis import strategies as st

from sim.hardware.dynamixel import (
    MAX_LENGTH,
    Instruction,
    Packet,
    Parser,
    crc16,
    encode,
    encode_fast_status,
    encode_status,
    stuff,
    unstuff,
)

SDK = Protocol2PacketHandler()

# noise and data with many special bytes
nasty = st.sampled_from([0xFF, 0xFF, 0xFD, 0x00, 0x01, 0x03, 0xFE, 0x55])
noise = st.lists(st.one_of(nasty, st.integers(0, 255)), max_size=60).map(bytes)
data = st.lists(st.one_of(nasty, st.integers(0, 255)), max_size=40).map(bytes)
ids = st.one_of(st.integers(0, 252), st.just(254))
packets = st.builds(Packet, ids, st.integers(0, 255), data, st.just(True))


def as_bytes(packet: Packet) -> bytes:
    return encode(packet.id, packet.instruction, packet.parameters)


@given(noise)
def test_crc_equals_the_sdks(sample: bytes) -> None:
    assert crc16(sample) == SDK.updateCRC(0, sample, len(sample))


def test_packets_of_the_manual() -> None:
    # e-manual, Protocol 2.0: ping of id 1, and its answer from an XM430-W210
    assert encode(1, Instruction.PING).hex(" ") == "ff ff fd 00 01 03 00 01 19 4e"
    answer = encode_status(1, 0, bytes([0x06, 0x04, 0x26]))
    assert answer.hex(" ") == "ff ff fd 00 01 07 00 55 00 06 04 26 65 5d"
    # sync write of goal positions 150 and 170
    blocks = bytes.fromhex("74000400 01 96000000 02 aa000000".replace(" ", ""))
    assert encode(0xFE, Instruction.SYNC_WRITE, blocks)[-2:].hex(" ") == "82 87"


@given(data)
def test_stuffing_round_trip(body: bytes) -> None:
    stuffed = stuff(body)
    assert unstuff(stuffed) == body
    assert b"\xff\xff\xfd" not in stuffed.replace(b"\xff\xff\xfd\xfd", b"")


@given(packets)
def test_encoding_equals_the_sdks(packet: Packet) -> None:
    length = len(packet.parameters) + 3
    raw = [0xFF, 0xFF, 0xFD, 0, packet.id, length & 255, length >> 8, packet.instruction]
    theirs = SDK.addStuffing([*raw, *packet.parameters, 0, 0])
    crc = SDK.updateCRC(0, theirs, len(theirs) - 2)
    assert as_bytes(packet) == bytes([*theirs[:-2], crc & 255, crc >> 8])


@given(st.lists(packets, max_size=5), st.lists(st.integers(0, 400), max_size=12))
def test_any_fragments(sent: list[Packet], cuts: list[int]) -> None:
    stream = b"".join(map(as_bytes, sent))
    parser = Parser()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    got = [packet for a, b in pairwise(edges) for packet in parser.feed(stream[a:b])]
    assert got == sent


@given(noise, packets)
@example(b"\xff\xff\xfd\x00\x01\xff\x03\x03\xff\xff", Packet(1, 1, b""))
@example(b"\xff\xff\xfd\x00\x01\x07\x00\x02\x84\x00", Packet(2, 1, b""))
@example(b"\xff\xff", Packet(1, 1, b""))
@example(b"\xff\xff\xfd", Packet(1, 1, b""))
@example(b"\xff\xff\xfd\x00\x01\x03\x00\x01", Packet(1, 1, b""))
def test_any_noise_before_a_packet(before: bytes, packet: Packet) -> None:
    found = Parser().feed(before + as_bytes(packet))
    assert [p for p in found if p.crc_ok][-1:] == [packet]


@given(noise, st.lists(packets, min_size=1, max_size=4))
def test_byte_by_byte_with_noise(before: bytes, sent: list[Packet]) -> None:
    parser = Parser()
    stream = before + b"".join(map(as_bytes, sent))
    found = [packet for byte in stream for packet in parser.feed(bytes([byte]))]
    assert [p for p in found if p.crc_ok][-len(sent) :] == sent


@given(packets, st.data())
def test_one_wrong_bit_is_noticed(packet: Packet, draw: st.DataObject) -> None:
    raw = bytearray(as_bytes(packet))
    bit = draw.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    good = encode(9, Instruction.PING)
    found = Parser().feed(bytes(raw) + good)
    assert [p for p in found if p.crc_ok] == [Packet(9, Instruction.PING, b"")]


def test_memory_stays_bounded() -> None:
    parser = Parser()
    for _ in range(2000):
        parser.feed(b"\xff\xff\xfd\x00\x01\xff\x03" + b"\xaa" * 100)
    assert len(parser._buffer) <= MAX_LENGTH + 200


def test_fast_status_chains_its_crcs() -> None:
    blocks = [(1, 0, b"\xff\xff\xfd\x00"), (2, 0, b"\x01\x02\x03\x04")]
    packet = encode_fast_status(blocks, 1 + 2 * 8)
    assert int.from_bytes(packet[5:7], "little") == len(packet) - 7
    first = packet[: 8 + 6]
    assert crc16(first).to_bytes(2, "little") == packet[14:16]
    assert crc16(packet[:-2]).to_bytes(2, "little") == packet[-2:]
