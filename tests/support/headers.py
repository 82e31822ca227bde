"""Reads register headers, pin tables, and the manufacturers' descriptions of chips."""

from __future__ import annotations

import importlib.util
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.support.paths import ROOT

PORTS = ROOT / "firmware" / "ports"
NUCLEOS = ("nucleo-f411re", "nucleo-l432kc")

DEFINE = re.compile(r"^#define (\w+) (.+?)(?: /\*.*)?$", re.M)
BASE = re.compile(r"0x([0-9A-F]{8})u$")
OFFSET = re.compile(r"0x([0-9A-F]{2,3})u$")
FIELD = re.compile(r"BITS\((\d+), (\d+)\)$")
PIN = re.compile(r'PIN\((\w+), ([A-H]), (\d+), "([\w-]+)", (\w+), (\d+), (\w+)\)')


class Header(NamedTuple):
    """Registers of a header; a field is its mask, a name is `PERIPHERAL_REGISTER`."""

    bases: dict[str, int]
    offsets: dict[str, int]
    fields: dict[str, int]
    interrupts: dict[str, int]
    others: dict[str, str]


def read_header(name: str) -> Header:
    header = Header({}, {}, {}, {}, {})
    for defined, value in DEFINE.findall((PORTS / "stm32" / name).read_text("utf-8")):
        if match := BASE.match(value):
            header.bases[defined] = int(match[1], 16)
        elif match := OFFSET.match(value):
            header.offsets[defined] = int(match[1], 16)
        elif match := FIELD.match(value):
            header.fields[defined] = ((1 << int(match[2])) - 1) << int(match[1])
        elif defined.endswith("_IRQ"):
            header.interrupts[defined.removesuffix("_IRQ")] = int(value)
        else:
            header.others[defined] = value
    return header


class Chip:
    """A chip by its manufacturer's description (CMSIS-SVD), from pyOCD's files."""

    def __init__(self, svd: str) -> None:
        root = ElementTree.fromstring(_svd(svd))
        self._peripherals = {found.findtext("name", ""): found for found in root.iter("peripheral")}
        self.interrupts = {
            found.findtext("name", "").removesuffix("_IRQ"): int(found.findtext("value", ""))
            for found in root.iter("interrupt")
        }

    def base(self, peripheral: str) -> int:
        return int(self._peripherals[peripheral].findtext("baseAddress", ""), 0)

    def register(self, peripheral: str, register: str) -> ElementTree.Element:
        found = self._peripherals[peripheral]
        if found.find("registers") is None:
            found = self._peripherals[found.get("derivedFrom", "")]
        return next(each for each in found.iter("register") if each.findtext("name") == register)

    def offset(self, peripheral: str, register: str) -> int:
        return int(self.register(peripheral, register).findtext("addressOffset", ""), 0)

    def mask(self, peripheral: str, register: str, field: str) -> int:
        """Return a field's mask; some files list a number's bits singly, as PLLM0, PLLM1 ..."""
        mask = 0
        for each in self.register(peripheral, register).iter("field"):
            if re.fullmatch(rf"{field}\d?", each.findtext("name", "")):
                first = int(each.findtext("bitOffset", ""), 0)
                width = int(each.findtext("bitWidth", ""), 0)
                mask |= ((1 << width) - 1) << first
        return mask


@cache
def _svd(name: str) -> bytes:
    spec = importlib.util.find_spec("pyocd")  # without importing it
    assert spec is not None
    assert spec.origin is not None
    with zipfile.ZipFile(Path(spec.origin).parent / "debug" / "svd" / "svd_data.zip") as archive:
        return archive.read(f"{name}.svd")


class Pin(NamedTuple):
    """A row of a board's pin table."""

    signal: str
    port: str
    bit: int
    label: str
    mode: str
    alternate: int
    pull: str

    @property
    def name(self) -> str:
        """Its name in the datasheet."""
        return f"P{self.port}{self.bit}"


def read_pins(board: str) -> dict[str, Pin]:
    """Return the pins of a board by signal."""
    return {pin.signal: pin for pin in _pins((PORTS / board / "pins.h").read_text("utf-8"))}


def _pins(text: str) -> Iterator[Pin]:
    rows = PIN.findall(text)
    assert len(rows) == len(re.findall(r"^ +PIN\(", text, re.M)), "a row of another form"
    for signal, port, bit, label, mode, alternate, pull in rows:
        yield Pin(signal, port, int(bit), label, mode, int(alternate), pull)
