"""Hand-written register definitions match the manufacturer's."""

import re
from collections import Counter

import pytest

from tests.support.headers import PORTS, Chip, read_header

# F41x: the family's largest chip; registers of the F405 and F411 have the same addresses
CHIPS = {"stm32f4.h": "STM32F41x", "stm32l4.h": "STM32L4x2", "cortex_m4.h": "STM32L4x2"}
COMMON = {"STM32F41x": "C_ADC", "STM32L4x2": "ADC123_Common"}


@pytest.fixture(params=CHIPS)
def header(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def like(peripheral: str, chip: str) -> str:
    """Return a peripheral of the kind named by a register's prefix."""
    firsts = {"USART": "USART1", "GPIO": "GPIOA", "TIM": "TIM2", "ADC": "ADC1"}
    return firsts.get(peripheral, COMMON[chip] if peripheral == "ADC_COMMON" else peripheral)


def split(name: str, chip: str) -> tuple[str, str]:
    """Return (peripheral, register) of a name such as ADC_COMMON_CCR."""
    peripheral, register = name.rsplit("_", 1)
    return like(peripheral, chip), register


def test_addresses(header: str) -> None:
    chip, found = Chip(CHIPS[header]), read_header(header).bases
    assert found
    for name, address in found.items():
        assert chip.base(like(name, CHIPS[header])) == address, name


def test_offsets(header: str) -> None:
    chip, found = Chip(CHIPS[header]), read_header(header).offsets
    assert found
    for name, offset in found.items():
        assert chip.offset(*split(name, CHIPS[header])) == offset, name


def test_fields(header: str) -> None:
    chip, found = Chip(CHIPS[header]), read_header(header)
    assert found.fields
    for name, mask in found.fields.items():
        register = max((each for each in found.offsets if name.startswith(f"{each}_")), key=len)
        field = name.removeprefix(f"{register}_")
        assert chip.mask(*split(register, CHIPS[header]), field) == mask, name


def test_interrupts(header: str) -> None:
    chip = Chip(CHIPS[header])
    for name, number in read_header(header).interrupts.items():
        assert chip.interrupts[name] == number, name


def test_nothing_else_is_defined_there(header: str) -> None:
    assert set(read_header(header).others) <= {"AIRCR_KEY"}


def test_every_register_is_used() -> None:
    code = "".join(path.read_text("utf-8") for path in PORTS.rglob("*.[ch]"))
    words = Counter(re.findall(r"\w+", code))
    words.subtract(re.findall(r"#define (\w+)", code))
    # GPIO##port: the letters come from the pin tables
    unused = [
        name
        for header in CHIPS
        for name in (*read_header(header).bases, *read_header(header).offsets)
        if words[name] <= 0 and not re.fullmatch("GPIO[A-C]", name)
    ]
    assert unused == []
