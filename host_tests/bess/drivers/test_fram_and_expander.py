"""FRAM and port expander drivers against register-level models of the chips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.spi_chips import ExpanderChip, FramChip

from bess.drivers.fram import SIZE, Fram, FramBytes, FramRegion
from bess.drivers.mcp23s17 import Expander
from bess.port.storage import SlotStore
from bess.protect.history import provision
from bess.protect.latches import Latches


class Bus:
    """One chip on an SPI bus and its chip select."""

    def __init__(self, chip) -> None:
        self.chip = chip
        self.selected = False
        self.stuck = None

    def value(self, level) -> None:
        if self.selected != (level == 0):
            self.selected = level == 0
            self.chip.select(self.selected)

    def _exchange(self, byte: int) -> int:
        assert self.selected, "a transfer without chip select"
        answer = self.chip.exchange(byte)
        return answer if self.stuck is None else self.stuck

    def write(self, data) -> None:
        for byte in bytes(data):
            self._exchange(byte)

    def readinto(self, buffer, write=0) -> None:
        for i in range(len(buffer)):
            buffer[i] = self._exchange(write)

    def write_readinto(self, out, into) -> None:
        for i, byte in enumerate(bytes(out)):
            into[i] = self._exchange(byte)


def fram() -> tuple[Fram, FramChip, Bus]:
    chip = FramChip()
    bus = Bus(chip)
    return Fram(bus, bus), chip, bus


@given(st.integers(0, SIZE - 300), st.binary(min_size=1, max_size=300))
def test_fram_keeps_what_is_written_where_it_is_written(address: int, data: bytes) -> None:
    driver, chip, _ = fram()
    driver.write(address, data)
    again = bytearray(len(data))
    driver.read(address, again)
    assert again == data
    assert chip.cells[address : address + len(data)] == data
    assert chip.cells.count(0xFF) >= len(chip.cells) - len(data)
    assert not chip.enabled  # no write can follow by accident


def test_regions_end_where_the_next_begins() -> None:
    driver, chip, bus = fram()
    first, second = FramRegion(driver, 100, 50), FramRegion(driver, 150, 50)
    first.write(0, bytes(50))
    second.write(0, b"\1" * 50)
    assert chip.cells[99] == 0xFF
    assert chip.cells[100:200] == bytes(50) + b"\1" * 50
    with pytest.raises(ValueError):
        first.write(40, bytes(11))
    first.erase()
    assert chip.cells[100:200] == b"\xff" * 50 + b"\1" * 50
    bus.stuck = 0xFF  # the chip is gone: what was written does not read back
    with pytest.raises(OSError):
        second.write(0, b"\2")


def test_a_value_survives_a_cut_at_every_byte_of_its_write() -> None:
    for cut in range(40):
        driver, chip, _ = fram()
        store = SlotStore(FramRegion(driver, 64, 512))
        store.load()
        assert store.save(b"before")
        chip.cut_after = cut
        try:
            finished = store.save(b"after!")
        except OSError:
            finished = False
        chip.cut_after = -1
        found = SlotStore(FramRegion(driver, 64, 512)).load()
        assert found == (b"after!" if finished else b"before")
    assert finished


def test_latches_lie_in_fram_bytes() -> None:
    driver, _, _ = fram()
    memory = FramBytes(driver, 0)
    assert Latches(memory).blank
    provision(memory)
    latches = Latches(memory)
    latches.add(17)
    latches.set_running(True)
    again = Latches(FramBytes(driver, 0))
    assert not again.blank
    assert again.has(17)
    assert again.running


@given(st.integers(0, 0xFFFF))
def test_closed_contacts_are_seated_modules(closed: int) -> None:
    chip = ExpanderChip()
    expander, _ = _expander(chip)
    chip.pulled_down = closed
    seen = sum(expander.pin(bit).value() << bit for bit in range(16))
    assert seen == closed


def _expander(chip: ExpanderChip) -> tuple[Expander, Bus]:
    bus = Bus(chip)
    return Expander(bus, bus), bus


@pytest.mark.parametrize("stuck", [0x00, 0xFF])
def test_a_dead_bus_is_no_module(stuck: int) -> None:
    chip = ExpanderChip()
    expander, bus = _expander(chip)
    chip.pulled_down = 0xFFFF
    assert expander.pin(3).value() == 1
    bus.stuck = stuck
    assert [expander.pin(bit).value() for bit in range(16)] == [0] * 16


def test_a_chip_that_lost_its_supply_is_set_up_again() -> None:
    chip = ExpanderChip()
    expander, _ = _expander(chip)
    chip.pulled_down = 0x0008
    chip.reset()
    assert expander.pin(3).value() == 0
    assert expander.pin(3).value() == 1
    assert expander.pin(4).value() == 0
