"""The pin tables match the boards and the wiring page."""

import re

import pytest

from tests.support.headers import NUCLEOS, PORTS, Pin, read_pins

DOCS = PORTS.parents[1] / "docs" / "how-to" / "build-the-board.md"
DEBUG_PINS = {"PA13", "PA14"}
CLOCK_PINS = {"PC14", "PC15", "PH0", "PH1"}

# datasheets, alternate functions: possible pins of a USART's lines, as (pin, function)
USART_PINS = {
    "nucleo-f411re": {
        "USART1_TX": {("PA9", 7), ("PA15", 7), ("PB6", 7)},
        "USART1_RX": {("PA10", 7), ("PB3", 7), ("PB7", 7)},
        "USART2_TX": {("PA2", 7), ("PD5", 7)},
        "USART2_RX": {("PA3", 7), ("PD6", 7)},
    },
    "nucleo-l432kc": {
        "USART1_TX": {("PA9", 7), ("PB6", 7)},
        "USART1_RX": {("PA10", 7), ("PB7", 7)},
        "USART2_TX": {("PA2", 7)},
        "USART2_RX": {("PA3", 7), ("PA15", 3)},
    },
}
# user manuals (UM1724, UM1956): what is wired to the ST-Link, and the headers' labels
ST_LINK = {"nucleo-f411re": ("PA2", "PA3"), "nucleo-l432kc": ("PA2", "PA15")}
LABELS = {
    "nucleo-f411re": "D2 PA10 D4 PB5 D6 PB10 D7 PA8 D8 PA9 D9 PC7 D10 PB6 D11 PA7 D12 PA6 D13 PA5"
    " A3 PB0",
    "nucleo-l432kc": "D0 PA10 D1 PA9 D2 PA12 D3 PB0 D6 PB1 D9 PA8 D10 PA11 D11 PB5 D12 PB4 D13 PB3"
    " A3 PA4",
}
ADC_PINS = {"nucleo-f411re": {8: "PB0"}, "nucleo-l432kc": {9: "PA4"}}


@pytest.fixture(params=NUCLEOS)
def board(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_no_pin_has_two_uses(board: str) -> None:
    names = [pin.name for pin in read_pins(board).values()]
    assert len(names) == len(set(names)) == 13
    assert not {*names} & (DEBUG_PINS | CLOCK_PINS)


def test_both_boards_have_the_same_signals() -> None:
    first, second = (read_pins(board) for board in NUCLEOS)
    assert list(first) == list(second)
    assert [(p.mode, p.pull) for p in first.values()] == [(p.mode, p.pull) for p in second.values()]


def test_labels_are_those_of_the_board(board: str) -> None:
    words = LABELS[board].split()
    printed = dict(zip(words[::2], words[1::2], strict=True))
    for pin in read_pins(board).values():
        if pin.label != "ST-Link":
            assert printed[pin.label] == pin.name


def test_serial_lines_come_out_where_the_chip_has_them(board: str) -> None:
    pins, chip = read_pins(board), (PORTS / board / "chip.h").read_text("utf-8")
    for link in ("HOST", "MOTOR"):
        usart = re.search(rf"#define {link}_USART (\w+)", chip)
        assert usart is not None
        for line in ("TX", "RX"):
            pin = pins[f"{link}_{line}"]
            assert pin.mode == "ALTERNATE"
            assert (pin.name, pin.alternate) in USART_PINS[board][f"{usart[1]}_{line}"]
    assert (pins["HOST_TX"].name, pins["HOST_RX"].name) == ST_LINK[board]


def test_the_pin_on_the_5_v_line_has_no_pull_up(board: str) -> None:
    """Datasheets: a 5 V tolerant pin is tolerant only without its internal resistors."""
    assert read_pins(board)["MOTOR_RX"].pull == "NONE"


def test_the_battery_is_measured_where_it_is(board: str) -> None:
    channel = re.search(r"#define BATTERY_CHANNEL (\d+)", (PORTS / board / "pins.h").read_text())
    assert channel is not None
    assert ADC_PINS[board][int(channel[1])] == read_pins(board)["BATTERY"].name


def test_ports_in_use_are_clocked(board: str) -> None:
    chip = (PORTS / board / "chip.c").read_text("utf-8")
    clocked = set(re.findall(r"GPIO([A-H])EN", chip))
    assert clocked == {pin.port for pin in read_pins(board).values()}


def test_nothing_switches_on_by_itself(board: str) -> None:
    """Pins with a pull-up at reset (JTAG) switch neither motors nor bus."""
    pins = read_pins(board)
    for signal in ("MOTOR_POWER", "MOTOR_DIRECTION", "FAN"):
        assert pins[signal].name not in {"PA15", "PB4"}
        assert pins[signal].pull == "NONE"


def test_the_wiring_page_shows_these_pins() -> None:
    def cell(pin: Pin) -> str:
        return f"{pin.label} ({pin.name})"

    first, second = (read_pins(board) for board in NUCLEOS)
    shown = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", DOCS.read_text("utf-8"), re.M)
    assert shown == [(name, cell(first[name]), cell(second[name])) for name in first]
