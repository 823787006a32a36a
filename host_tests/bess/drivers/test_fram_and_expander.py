"""FRAM and port expander drivers against register-level models of the chips."""

from errno import EIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.spi_chips import ExpanderChip, FramChip
from rigs.latches import latch

from bess.drivers import fram as fram_driver
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
        self.exchanged = 0

    def value(self, level) -> None:
        assert level in (0, 1)
        if self.selected != (level == 0):
            self.selected = level == 0
            self.chip.select(self.selected)

    def _exchange(self, byte: int) -> int:
        assert self.selected, "a transfer without chip select"
        self.exchanged += 1
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
    with pytest.raises(OSError) as caught:
        second.write(0, b"\2")
    assert caught.value.args == (EIO,)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 128, 150])
def test_erasing_reaches_every_byte_of_its_region_and_none_beyond(size: int) -> None:
    driver, chip, _ = fram()
    driver.write(100, bytes(300))
    FramRegion(driver, 150, size).erase()
    assert chip.cells[100:400] == bytes(50) + b"\xff" * size + bytes(250 - size)


def test_the_chip_has_512_kib() -> None:
    assert fram_driver.SIZE == 512 * 1024


@pytest.mark.parametrize("make", [
    lambda bus: Fram(bus, bus), lambda bus: Expander(bus, bus),
])  # fmt: skip
def test_a_chip_that_was_selected_at_the_start_is_released(make) -> None:
    bus = Bus(FramChip())
    bus.value(0)
    make(bus)
    assert not bus.selected


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
    latch(latches, 17)
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


def test_an_expander_that_was_half_addressed_at_the_start_still_takes_its_set_up() -> None:
    chip = ExpanderChip()
    bus = Bus(chip)
    bus.value(0)
    bus.write(b"\x40")
    Expander(bus, bus)
    assert chip.registers[0x02:0x04] == chip.registers[0x0C:0x0E] == b"\xff\xff"


@pytest.mark.parametrize("stuck", [0x00, 0xFF])
def test_a_dead_bus_is_no_module(stuck: int) -> None:
    chip = ExpanderChip()
    expander, bus = _expander(chip)
    chip.pulled_down = 0xFFFF
    assert expander.pin(3).value() == 1
    bus.stuck = stuck
    assert [expander.pin(bit).value() for bit in range(16)] == [0] * 16


@pytest.mark.parametrize(("register", "value"), [
    (0x0C, 0xFE), (0x0D, 0xFE), (0x0E, 0x01), (0x0F, 0x80),
])  # fmt: skip
def test_a_chip_that_lost_part_of_its_set_up_is_no_module_for_a_sweep(register, value) -> None:
    """Pull-ups of either port, and flags that no pin of ours can raise."""
    chip = ExpanderChip()
    expander, _ = _expander(chip)
    chip.pulled_down = 0xFFFF
    assert expander.pin(3).value() == 1
    chip.registers[register] = value
    assert [expander.pin(bit).value() for bit in range(16)] == [0] * 16


def test_a_sweep_of_all_slots_reads_the_chip_once() -> None:
    """Opcode, register and eight registers."""
    expander, bus = _expander(ExpanderChip())
    for _ in range(2):
        bus.exchanged = 0
        for bit in range(16):
            expander.pin(bit).value()
        assert bus.exchanged == 10


def test_a_chip_that_lost_its_supply_is_set_up_again() -> None:
    chip = ExpanderChip()
    expander, _ = _expander(chip)
    chip.pulled_down = 0x0008
    chip.reset()
    assert expander.pin(3).value() == 0
    assert expander.pin(3).value() == 1
    assert expander.pin(4).value() == 0
