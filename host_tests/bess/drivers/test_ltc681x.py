"""The driver against the register-level chain model, transaction by transaction."""

import numpy as np
import pytest

from autarky.plant.ltc6813 import Chain as Model
from autarky.plant.ltc6813 import pec15
from bess.drivers import ltc681x
from bess.drivers.ltc681x import Chain
from bess.port import leaves

DEVICES = 3
CELLS = 16


class Bench:
    """SPI and chip select wired to a chain model, with a clock."""

    def __init__(self, devices: int = DEVICES) -> None:
        self.model = Model([CELLS] * devices)
        self.now_us = 0
        self.volts = 3.2 + 0.001 * np.arange(devices * CELLS)
        self.celsius = 20.0 + np.arange(devices * 5)
        self.model.feed(self.volts, self.celsius)
        self.chain = Chain(self, self, devices, leaves, self.wait_us)

    def value(self, level: int) -> None:
        if level:
            self.model.wake(self.now_us)

    def wait_us(self, delay_us: int) -> None:
        self.now_us += delay_us

    def write_readinto(self, tx: bytearray, rx: bytearray) -> None:
        answer = self.model.transaction(bytes(tx), self.now_us)
        rx[: len(answer)] = answer

    def ready(self) -> "Bench":
        self.chain.wake()
        self.now_us += 10_000
        return self


class Wire:
    """What the driver does to its pins, in order."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.chain = Chain(self, self, DEVICES, leaves, self.wait_us)

    def value(self, level: int) -> None:
        self.done.append("select" if level == 0 else "release" if level == 1 else level)

    def wait_us(self, delay_us: int) -> None:
        self.done.append(delay_us)

    def write_readinto(self, tx: bytearray, rx: bytearray) -> None:
        self.done.append(bytes(tx))

    def doing(self, act) -> list[object]:
        self.done.clear()
        act()
        return self.done


@pytest.mark.parametrize(("name", "code"), [
    ("WRCFGA", 0x001), ("WRCFGB", 0x024), ("RDCFGA", 0x002), ("RDCFGB", 0x026),
    ("RDCVA", 0x004), ("RDCVB", 0x006), ("RDCVC", 0x008), ("RDCVD", 0x00A), ("RDCVE", 0x009),
    ("RDCVF", 0x00B), ("RDAUXA", 0x00C), ("RDAUXB", 0x00E), ("RDSTATA", 0x010),
    ("RDSTATB", 0x012), ("ADCV", 0x360), ("ADAX", 0x560), ("ADSTAT", 0x568), ("CVST", 0x327),
    ("ADOW_PULL_UP", 0x368), ("ADOW_PULL_DOWN", 0x328), ("SELF_TEST_RESULT", 0x9555),
    ("CELLS_PER_DEVICE", 18), ("SUM_FACTOR", 30),
])  # fmt: skip
def test_codes_are_those_of_the_data_sheet_in_its_7_khz_mode(name: str, code: int) -> None:
    assert getattr(ltc681x, name) == code


def test_waking_is_a_pulse_and_10_us_for_each_device() -> None:
    wire = Wire()
    assert wire.doing(wire.chain.wake) == ["select", "release", 10 * DEVICES]


def test_a_transaction_is_framed_by_chip_select() -> None:
    """ADCV and RDCVA with the PEC of the data sheet's method, and nothing beyond the last PEC."""
    wire = Wire()
    chain = wire.chain
    command = wire.doing(lambda: chain.command(ltc681x.ADCV))
    assert command == [
        "select",
        bytes((0x03, 0x60)) + pec15(b"\x03\x60").to_bytes(2, "big"),
        "release",
    ]
    read = wire.doing(lambda: chain.read(ltc681x.RDCVA))
    head = bytes((0x00, 0x04)) + pec15(b"\x00\x04").to_bytes(2, "big")
    assert read == ["select", head + b"\xff" * 8 * DEVICES, "release"]


def test_what_was_received_is_the_answer_to_the_newest_read(bench: Bench) -> None:
    bench.chain.read(ltc681x.RDCFGA)
    assert len(bench.chain.received) == 4 + 8 * DEVICES
    assert bench.chain.received[4] == 0xF8, "GPIO pull-downs off, REFON 0: reset"


def test_configuration_keeps_references_on_and_pull_downs_off() -> None:
    wire = Wire()
    done = wire.doing(wire.chain.write_config)
    assert done[0] == done[3] == "select"
    assert done[2] == done[5] == "release"
    for frame, command, first in ((done[1], b"\x00\x01", 0xFC), (done[4], b"\x00\x24", 0x0F)):
        data = bytes((first, 0, 0, 0, 0, 0))
        expected = command + pec15(command).to_bytes(2, "big")
        assert frame == expected + DEVICES * (data + pec15(data).to_bytes(2, "big"))


def test_a_configuration_was_written_once_it_was_written(bench: Bench) -> None:
    assert bench.chain.config_written is False
    bench.chain.write_config()
    assert bench.chain.config_written is True


@pytest.mark.parametrize("cell", range(18))
@pytest.mark.parametrize("device", range(DEVICES))
def test_each_discharge_switch_is_its_own_cells(bench: Bench, device: int, cell: int) -> None:
    bench.chain.set_discharge(device, 1 << cell)
    bench.chain.prepare_config()
    bench.chain.write_config()
    expected = [0] * DEVICES
    expected[device] = 1 << cell
    assert bench.model.discharge_masks == expected


@pytest.fixture
def bench() -> Bench:
    return Bench().ready()


def cells(bench: Bench) -> list[int]:
    out = [0] * (DEVICES * CELLS)
    for group, command in enumerate(ltc681x.CELL_READS):
        bench.chain.read(command)
        for device in range(DEVICES):
            for i in range(3):
                cell = 3 * group + i
                if cell < CELLS:
                    out[device * CELLS + cell] = bench.chain.word(device, i)
    return out


def test_asleep_chain_answers_nothing_and_wakes() -> None:
    bench = Bench()
    assert bench.chain.read(ltc681x.RDCVA) == 0
    bench.now_us += 10_000
    assert bench.chain.read(ltc681x.RDCVA) == DEVICES


def test_cells_read_to_the_tenth_of_a_millivolt(bench: Bench) -> None:
    bench.chain.command(ltc681x.ADCV)
    bench.now_us += 10_000
    assert cells(bench) == [round(v * 1e4) for v in bench.volts]


def test_before_the_conversion_ended_registers_are_still_cleared(bench: Bench) -> None:
    bench.chain.command(ltc681x.ADCV)
    bench.now_us += 2_000
    assert set(cells(bench)) == {0xFFFF}
    bench.now_us += 400
    assert cells(bench)[0] == round(bench.volts[0] * 1e4)


def test_a_dead_device_is_invalid_and_the_others_are_not(bench: Bench) -> None:
    bench.model.dead.add(1)
    for expected in (1, 2, 3):
        assert bench.chain.read(ltc681x.RDCVA) == DEVICES - 1
        assert list(bench.chain.valid) == [1, 0, 1]
        assert bench.chain.crc_streak[1] == expected
    bench.model.dead.clear()
    bench.chain.read(ltc681x.RDCVA)
    assert bench.chain.crc_streak[1] == 0


def test_a_broken_chain_loses_what_lies_behind(bench: Bench) -> None:
    bench.model.broken_at = 1
    bench.chain.read(ltc681x.RDCVA)
    assert list(bench.chain.valid) == [1, 0, 0]


def test_single_bit_errors_are_caught(bench: Bench) -> None:
    bench.model.bit_error_devices[2] = 1.0
    for _ in range(50):
        assert bench.chain.read(ltc681x.RDCVA) == DEVICES - 1
    assert bench.chain.crc_errors == 50


def test_discharge_switches_reach_their_cells_in_the_chain_s_order(bench: Bench) -> None:
    masks = [0b1, 0b10_0000_0000_0000_0001, 0x3FFFF]
    for device, mask in enumerate(masks):
        bench.chain.set_discharge(device, mask)
    bench.chain.prepare_config()
    bench.chain.write_config()
    assert bench.model.discharge_masks == masks
    assert differing(bench) == [0, 0]


def differing(bench: Bench) -> list[int]:
    """Devices that hold another CFGRA, CFGRB than was written."""
    found = []
    for group in (ltc681x.RDCFGA, ltc681x.RDCFGB):
        bench.chain.read(group)
        found.append(bench.chain.config_differs(group))
    return found


def test_config_that_was_lost_differs(bench: Bench) -> None:
    bench.chain.write_config()
    bench.now_us += 3_000_000  # the chain falls asleep and forgets
    bench.model.tick(bench.now_us)
    bench.chain.wake()
    bench.now_us += 10_000
    assert differing(bench) == [DEVICES, 0]


def test_config_of_one_device_that_was_reset_differs(bench: Bench) -> None:
    bench.chain.set_discharge(1, 0x3FFFF)
    bench.chain.prepare_config()
    bench.chain.write_config()
    bench.model.reset_device(1)
    assert differing(bench) == [1, 1]


def test_a_changed_choice_of_switches_hides_no_reset(bench: Bench) -> None:
    """What balancing has prepared is not written yet: that is no loss, a lost REFON is one."""
    bench.chain.write_config()
    bench.chain.set_discharge(0, 0x3FFFF)
    bench.chain.prepare_config()
    assert differing(bench) == [0, 0]
    bench.model.reset_device(2)
    assert differing(bench) == [1, 0]


def test_a_device_that_does_not_answer_says_nothing_of_its_config(bench: Bench) -> None:
    bench.chain.write_config()
    bench.model.reset_device(1)
    bench.model.dead.add(1)
    assert differing(bench) == [0, 0]


def test_self_test_gives_the_data_sheet_s_pattern(bench: Bench) -> None:
    bench.chain.command(ltc681x.CVST)
    bench.now_us += 10_000
    assert set(cells(bench)) == {0x9555}
    bench.model.wrong_converter.add(0)
    bench.chain.command(ltc681x.CVST)
    bench.now_us += 10_000
    assert cells(bench)[0] != 0x9555


def test_sum_of_cells_is_within_its_resolution(bench: Bench) -> None:
    bench.chain.command(ltc681x.ADSTAT)
    bench.now_us += 10_000
    bench.chain.read(ltc681x.RDSTATA)
    total = round(bench.volts[:CELLS].sum() * 1e4)
    assert abs(bench.chain.word(0, 0) * ltc681x.SUM_FACTOR - total) <= 15


@pytest.mark.parametrize("pin", [0, 1, 8, 15, 16])
def test_open_wire_shows_as_the_data_sheet_says(bench: Bench, pin: int) -> None:
    bench.model.open_wires.add((1, pin))
    readings = []
    for command in (ltc681x.ADOW_PULL_UP, ltc681x.ADOW_PULL_DOWN):
        bench.chain.command(command)
        bench.now_us += 10_000
        bench.chain.command(command)
        bench.now_us += 10_000
        readings.append(cells(bench)[CELLS : 2 * CELLS])
    up, down = readings
    if pin == 0:
        assert up[0] == 0
    elif pin == CELLS:
        assert down[CELLS - 1] == 0
    else:
        assert up[pin] - down[pin] < -4000
    assert leaves.open_wires(up, down, [CELLS], 4000) == 1


def test_a_command_with_wrong_pec_is_ignored(bench: Bench) -> None:
    bench.model.transaction(bytes((0x03, 0x60, 0, 0)), bench.now_us)
    assert bench.model.commands_ignored >= 1
    bench.now_us += 10_000
    assert set(cells(bench)) == {0xFFFF}
