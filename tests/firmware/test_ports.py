"""The ports' use of registers: clocks, pins, watchdog, and the half-duplex line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.vehicle.control_table import BUS_BAUD, MOTOR_BAUDS, BoardButton
from tests.support.fake_chip import RING, FakeChip
from tests.support.headers import NUCLEOS, Pin, read_pins

MODES = {"INPUT": 0, "OUTPUT": 1, "ALTERNATE": 2, "ANALOG": 3}
PULLS = {"NONE": 0, "UP": 1}
CORE_HZ = 72_000_000


@pytest.fixture(params=NUCLEOS)
def board(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def chip(board: str) -> FakeChip:
    return FakeChip(board)


def port_of(chip: FakeChip, pin: Pin) -> int:
    return chip.header.bases[f"GPIO{pin.port}"]


def is_high(chip: FakeChip, pin: Pin) -> bool:
    return bool(chip.output(port_of(chip, pin)) >> pin.bit & 1)


@pytest.mark.parametrize("st_link_runs", [True, False])
def test_f411_runs_at_72_mhz_from_either_clock(st_link_runs: bool) -> None:
    """RM0383: PLL in 1 to 2 MHz, VCO 100 to 432 MHz, APB1 at most 50 MHz, ADC at most 36 MHz."""
    chip = FakeChip("nucleo-f411re", st_link_runs)
    assert chip.field("RCC_PLLCFGR_PLLSRC") == st_link_runs
    assert chip.field("RCC_CR_CSSON") == st_link_runs
    source_hz = 8_000_000 if st_link_runs else 16_000_000
    pll_in_hz = source_hz / chip.field("RCC_PLLCFGR_PLLM")
    vco_hz = pll_in_hz * chip.field("RCC_PLLCFGR_PLLN")
    assert 1_000_000 <= pll_in_hz <= 2_000_000
    assert 100_000_000 <= vco_hz <= 432_000_000
    assert vco_hz / (2, 4, 6, 8)[chip.field("RCC_PLLCFGR_PLLP")] == CORE_HZ
    assert 2 <= chip.field("RCC_PLLCFGR_PLLQ") <= 15
    assert vco_hz / chip.field("RCC_PLLCFGR_PLLQ") <= 48_000_000
    assert chip.field("RCC_CFGR_SW") == 2
    assert chip.field("FLASH_ACR_LATENCY") >= 2
    apb1_hz = CORE_HZ / {0: 1, 4: 2, 5: 4}[chip.field("RCC_CFGR_PPRE1")]
    assert apb1_hz <= 50_000_000
    assert apb1_hz / chip.peek("USART_BRR", chip.host_usart) == BUS_BAUD
    assert CORE_HZ / chip.peek("USART_BRR", chip.motor_usart) == BUS_BAUD
    assert CORE_HZ / (2, 4, 6, 8)[chip.field("ADC_COMMON_CCR_ADCPRE", "ADC_COMMON")] <= 36_000_000


def test_l432_runs_at_72_mhz() -> None:
    """RM0394: PLL in 4 to 16 MHz, VCO 64 to 344 MHz, core at most 80 MHz in range 1."""
    chip = FakeChip("nucleo-l432kc")
    assert chip.field("RCC_PLLCFGR_PLLSRC") == 2
    pll_in_hz = 16_000_000 / (chip.field("RCC_PLLCFGR_PLLM") + 1)
    vco_hz = pll_in_hz * chip.field("RCC_PLLCFGR_PLLN")
    assert 4_000_000 <= pll_in_hz <= 16_000_000
    assert 64_000_000 <= vco_hz <= 344_000_000
    assert vco_hz / (2, 4, 6, 8)[chip.field("RCC_PLLCFGR_PLLR")] == CORE_HZ
    assert chip.field("RCC_PLLCFGR_PLLREN") == 1
    assert chip.field("RCC_CFGR_SW") == 3
    assert chip.field("FLASH_ACR_LATENCY") == 4
    for usart in (chip.host_usart, chip.motor_usart):
        assert CORE_HZ / chip.peek("USART_BRR", usart) == BUS_BAUD


def test_every_rate_of_the_motors_divides_the_clock() -> None:
    assert [CORE_HZ % baud for baud in MOTOR_BAUDS] == [0] * len(MOTOR_BAUDS)
    assert min(CORE_HZ // baud for baud in MOTOR_BAUDS) >= 16, "oversampling by 16"


def test_pins_are_set_up_as_their_table_says(chip: FakeChip, board: str) -> None:
    for pin in read_pins(board).values():
        port = port_of(chip, pin)
        assert chip.peek("GPIO_MODER", port) >> 2 * pin.bit & 3 == MODES[pin.mode], pin
        assert chip.peek("GPIO_PUPDR", port) >> 2 * pin.bit & 3 == PULLS[pin.pull], pin
        alternates = chip.peek("GPIO_AFRL" if pin.bit < 8 else "GPIO_AFRH", port)
        assert alternates >> 4 * (pin.bit % 8) & 15 == pin.alternate, pin
        if pin.mode == "OUTPUT":
            assert not is_high(chip, pin), pin


@pytest.mark.parametrize(
    ("output", "signal"),
    [
        ("motor_power", "MOTOR_POWER"),
        ("board_led", "BOARD_LED"),
        ("motor_led", "MOTOR_LED"),
        ("fan", "FAN"),
    ],
)
def test_outputs_reach_their_pins_and_no_other(
    chip: FakeChip, board: str, output: str, signal: str
) -> None:
    pins = [pin for pin in read_pins(board).values() if pin.mode == "OUTPUT"]
    chip.apply(**{output: True})
    assert [pin.signal for pin in pins if is_high(chip, pin)] == [signal]
    chip.apply()
    assert [pin.signal for pin in pins if is_high(chip, pin)] == []


def test_the_watchdog_barks_after_50_ms_and_is_fed_only_by_a_core_that_is_well(
    chip: FakeChip,
) -> None:
    assert chip.peek("IWDG_PR") == 0
    assert chip.peek("IWDG_RLR") * 4 / 32_000 == 0.05
    chip.poke("IWDG_KR", 0)
    chip.apply(feed_watchdog=False)
    assert chip.peek("IWDG_KR") == 0
    chip.apply(feed_watchdog=True)
    assert chip.peek("IWDG_KR") == 0xAAAA


@given(st.integers(0, 4095))
def test_the_battery_is_what_the_divider_makes_of_it(counts: int) -> None:
    for board in NUCLEOS:
        chip = FakeChip(board)
        chip.poke("ADC_DR", counts, "ADC1")
        expected_mv = counts / 4095 * 3300 * (33 + 10) / 10
        assert chip.measure().battery_mv == pytest.approx(expected_mv, abs=1)


def test_buttons_close_to_ground_and_the_stop_opens(chip: FakeChip, board: str) -> None:
    pins = read_pins(board)
    closed_is_pressed = {
        "USER_BUTTON": BoardButton.USER,
        "RESET_BUTTON": BoardButton.RESET,
    }
    names = ("USER_BUTTON", "RESET_BUTTON", "ESTOP")
    for levels in range(8):
        high = {name for at, name in enumerate(names) if levels >> at & 1}
        for port in {port_of(chip, pins[name]) for name in names}:
            bits = sum(1 << pins[n].bit for n in high if port_of(chip, pins[n]) == port)
            chip.poke("GPIO_IDR", bits, port)
        expected = BoardButton.ESTOP if "ESTOP" in high else BoardButton(0)
        for name, button in closed_is_pressed.items():
            expected |= button if name not in high else BoardButton(0)
        assert chip.measure().buttons == expected


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=5))
def test_the_bus_is_driven_from_the_first_byte_to_the_last_bit(data: bytes, echo: bytes) -> None:
    for board in NUCLEOS:
        chip, direction = FakeChip(board), read_pins(board)["MOTOR_DIRECTION"]
        assert not is_high(chip, direction)
        chip.write(data)
        assert is_high(chip, direction)
        assert chip.sent() == b""
        out = b""
        while len(out) < len(data):
            chip.interrupt()
            out += chip.sent()
            for byte in echo:
                chip.receive(byte)
            chip.flag(can_take=True)
            assert is_high(chip, direction)
        chip.interrupt()
        assert is_high(chip, direction), "the last byte is still being shifted out"
        chip.flag(all_left=True)
        chip.interrupt()
        assert not is_high(chip, direction)
        assert out == data
        assert chip.read() == b"", "an echo was taken for an answer"
        for byte in data:
            chip.receive(byte)
        assert chip.read() == data


def test_more_bytes_may_follow_while_the_last_one_leaves(chip: FakeChip, board: str) -> None:
    direction = read_pins(board)["MOTOR_DIRECTION"]
    chip.write(b"a")
    chip.interrupt()
    chip.flag(can_take=True)
    chip.interrupt()  # waits for the last bit now
    chip.write(b"b")
    chip.interrupt()
    assert chip.sent() == b"ab"
    chip.flag(can_take=True)
    chip.interrupt()
    assert is_high(chip, direction)
    chip.flag(all_left=True)
    chip.interrupt()
    assert not is_high(chip, direction)


def test_a_full_ring_loses_the_newest_and_goes_on(chip: FakeChip) -> None:
    for at in range(RING + 3):
        chip.receive(at & 0xFF)
    assert chip.read() == bytes(at & 0xFF for at in range(RING))
    chip.receive(7)
    assert chip.read() == b"\7"
    assert chip.space() == RING
    chip.write(bytes(RING))
    assert chip.space() == 0
