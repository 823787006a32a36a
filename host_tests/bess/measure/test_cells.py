"""The cell monitor on the chain model: schedule, freshness, temperatures, diagnosis."""

import numpy as np
import pytest

from autarky.plant.ltc6813 import READS
from autarky.plant.ltc6813 import Chain as Model
from bess.app import chain_layout
from bess.drivers.ltc681x import Chain
from bess.measure import signals as s
from bess.measure.cells import CellMonitor
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves


class Rig:
    """Monitor and model; counts what each tick does on the SPI."""

    def __init__(self) -> None:
        self.layout = chain_layout(5, 48)
        self.model = Model(list(self.layout))
        self.now_us = 0
        self.volts = np.full(240, 3.3)
        self.celsius = np.full(75, 25.0)
        self.tick_commands: list[int] = []
        self.ticks: list[list[int]] = []
        self.signals = Signals()
        self.chain = Chain(self, self, 15, leaves, lambda us: None)
        self.monitor = CellMonitor(self.chain, self.layout, 5, Parameters(), self.signals, leaves)

    def value(self, level: int) -> None:
        if level:
            self.model.wake(self.now_us)

    def write_readinto(self, tx: bytearray, rx: bytearray) -> None:
        self.tick_commands.append((tx[0] << 8 | tx[1]) & 0x7FF)
        self.model.feed(self.volts, self.celsius)
        answer = self.model.transaction(bytes(tx), self.now_us)
        rx[: len(answer)] = answer

    def run(self, ticks: int) -> "Rig":
        for _ in range(ticks):
            now_ms = self.now_us // 1000
            self.monitor.slice(now_ms)
            if (now_ms // 10) % 10 == 6:
                self.monitor.evaluate(now_ms)
            self.ticks.append(self.tick_commands)
            self.tick_commands = []
            self.now_us += 10_000
        return self

    def signal(self, number: int) -> int:
        return self.signals.value[number]


@pytest.fixture
def rig() -> Rig:
    return Rig().run(160)


def test_at_most_two_transactions_a_tick_and_no_read_where_a_conversion_starts(rig: Rig) -> None:
    for commands in rig.ticks:
        assert len(commands) <= 2
        starts = [c for c in commands if c not in READS and c not in (0x001, 0x024)]
        reads = [c for c in commands if c in READS]
        assert not (starts and reads), [hex(c) for c in commands]


def test_every_cell_is_converted_and_read_every_100_ms(rig: Rig) -> None:
    for start in range(20, 150, 10):
        commands = [c for tick in rig.ticks[start : start + 10] for c in tick]
        assert commands.count(0x360) == 1
        for read in (0x004, 0x006, 0x008, 0x00A, 0x009, 0x00B, 0x00C, 0x00E):
            assert read in commands


def test_extremes_and_their_places_are_found(rig: Rig) -> None:
    rig.volts[17] = 3.6123
    rig.volts[203] = 2.9001
    rig.run(20)
    assert rig.monitor.cell_max_dmv == 36123
    assert rig.monitor.cell_max_index == 17
    assert rig.monitor.cell_min_dmv == 29001
    assert rig.monitor.cell_min_index == 203
    assert rig.signal(s.CELL_MAX) == 36123


def test_a_cell_far_from_the_others_still_reaches_protection(rig: Rig) -> None:
    """Defect of a known BMS: a cell over the spread limit was dropped before min and max."""
    rig.volts[100] = 5.9
    rig.run(20)
    assert rig.signal(s.CELL_MAX) == 59000


@pytest.mark.parametrize("celsius", [-40, -35, -20, 0, 5, 25, 45, 55, 60, 70])
def test_temperatures_are_within_a_third_of_a_degree(rig: Rig, celsius: int) -> None:
    rig.celsius[:] = celsius
    rig.run(20)
    assert abs(rig.monitor.temp_min_dc - 10 * celsius) <= 3
    assert abs(rig.monitor.temp_max_dc - 10 * celsius) <= 3


def test_hot_and_cold_sensors_are_found_by_place(rig: Rig) -> None:
    rig.celsius[42] = 58.0
    rig.celsius[7] = -12.0
    rig.run(20)
    assert rig.monitor.temp_max_index == 42
    assert rig.monitor.temp_min_index == 7


@pytest.mark.parametrize("celsius", [-200.0, 200.0])
def test_an_open_or_shorted_sensor_is_never_a_temperature(rig: Rig, celsius: float) -> None:
    rig.celsius[10] = celsius
    before = rig.signals.count[s.TEMP_MAX]
    rig.run(100)
    assert rig.signals.count[s.TEMP_MAX] > before
    assert rig.signals.partial[s.TEMP_MAX] == 1
    assert 240 <= rig.monitor.temp_max_dc <= 260
    assert rig.signal(s.TEMP_AGE) >= 900


def test_a_dead_device_makes_samples_partial_and_its_cells_old(rig: Rig) -> None:
    rig.model.dead.add(4)
    rig.run(50)
    assert rig.signals.partial[s.CELL_MAX] == 1
    assert 400 <= rig.signal(s.AFE_AGE) <= 600
    assert rig.signal(s.AFE_CRC) > 5


def test_all_devices_dead_gives_no_sample_and_growing_age(rig: Rig) -> None:
    """Rule 3: all readings invalid is never well."""
    rig.model.dead.update(range(15))
    rig.run(10)
    before = rig.signals.count[s.CELL_MAX]
    rig.run(100)
    assert rig.signals.count[s.CELL_MAX] == before
    assert rig.signal(s.AFE_AGE) > 900


def test_a_never_answering_chain_ages_from_the_start() -> None:
    rig = Rig()
    rig.model.dead.update(range(15))
    rig.run(350)
    assert rig.signal(s.AFE_AGE) > 3000
    assert not rig.monitor.seen_all


def test_cold_shift_lowers_the_under_voltage_limit_below_zero(rig: Rig) -> None:
    rig.celsius[:] = -5.0
    rig.run(30)
    assert rig.signal(s.CELL_MIN) == 33000 + 2000


@pytest.mark.parametrize(("device", "pin"), [(0, 0), (3, 5), (7, 1), (14, 16), (14, 15)])
def test_an_open_wire_is_found_within_two_rounds(rig: Rig, device: int, pin: int) -> None:
    assert rig.signal(s.OPEN_WIRE) == 0
    rig.model.open_wires.add((device, pin))
    rig.run(140)
    assert rig.signal(s.OPEN_WIRE) >= 1


def test_self_test_names_a_wrong_converter(rig: Rig) -> None:
    assert rig.signals.count[s.AFE_SELF_TEST] > 0
    assert rig.signal(s.AFE_SELF_TEST) == 0
    rig.model.wrong_converter.add(9)
    rig.run(140)
    assert rig.signal(s.AFE_SELF_TEST) == 18


def test_sums_agree_and_a_wrong_one_is_seen(rig: Rig) -> None:
    assert rig.signals.count[s.AFE_SUM] > 0
    assert rig.signal(s.AFE_SUM) <= 1
    original = rig.model._convert_status

    def wrong(now_us: int) -> None:
        original(now_us)
        rig.model._next["stat"][3, 0] -= 600

    rig.model._convert_status = wrong
    rig.run(140)
    assert rig.signal(s.AFE_SUM) > 20


def test_lost_configuration_is_noticed_and_written_again(rig: Rig) -> None:
    assert rig.monitor.config_good
    rig.model._registers["cfga"][3, 0] = 0x00F8
    rig.run(80)
    assert rig.monitor.config_good


@pytest.mark.parametrize(("modules", "cells", "expected"), [
    (5, 48, [16] * 15), (1, 16, [16]), (2, 52, [18, 17, 17] * 2), (1, 19, [10, 9]),
    (3, 18, [18] * 3),
])  # fmt: skip
def test_layout_spreads_a_module_over_its_devices(modules, cells, expected) -> None:
    assert list(chain_layout(modules, cells)) == expected
