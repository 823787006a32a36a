"""Cell sources held to their contract: LTC6813 chains on the register-level model, and another."""

from array import array
from collections.abc import Sequence

import pytest
from kit.cell_rig import Rig
from kit.cell_source_contract import CellSourceContract

from bess.drivers import ltc681x
from bess.measure import signals as s
from bess.measure.cells import TEMP_OFFSET_DC, CellMonitor
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.port.ticks import held, ticks_diff

READS = (
    *ltc681x.CELL_READS, ltc681x.RDSTATA, ltc681x.RDSTATB, ltc681x.RDCFGA, ltc681x.RDCFGB,
)  # fmt: skip


class LtcBench:
    """kit.cell_rig as the contract wants to see it."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.store, self.source, self.signals = self.rig.monitor, self.rig.source, self.rig.signals

    @property
    def now_ms(self) -> int:
        return self.rig.now_us // 1000

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        self.rig.now_us = now_ms * 1000

    def see(self, volts: Sequence[float], celsius: Sequence[float]) -> None:
        self.rig.volts[:] = volts
        self.rig.celsius[:] = celsius

    def lose(self, devices: set[int]) -> None:
        self.rig.model.dead = set(devices)
        self.rig.model.fault_changed()

    def closed(self) -> list[int]:
        return self.rig.model.discharge_masks

    def tick(self) -> None:
        self.rig.run(1)


class TestLtcScan(CellSourceContract):
    def bench(self) -> LtcBench:
        return LtcBench()

    @pytest.mark.parametrize("tick", range(70))
    def test_a_device_that_misses_one_read_of_a_round_makes_it_no_whole_one(
        self, tick: int
    ) -> None:
        rig = Rig()
        while rig.source.rounds == 0:
            rig.run(1)
        rig.run(tick)
        rig.model.dead.add(4)
        rig.model.fault_changed()
        rig.run(1)
        rig.model.dead.clear()
        rig.model.fault_changed()
        diagnoses = tick % 10 >= 6 and any(command in READS for command in rig.ticks[-1])
        rig.run(69 - tick)
        assert rig.source.rounds == (1 if diagnoses else 2)


class Bmu:
    """A made-up family: each device says its cells and sensors by itself every 100 ms."""

    def __init__(self, cells: CellMonitor, signals: Signals) -> None:
        self._cells = cells
        self._signals = signals
        self._tick = 0
        self._started = False
        self._whole_ms = 0
        self.volts: list[float] = [3.3] * cells.cell_count
        self.celsius: list[float] = [20.0] * cells.sensor_count
        self.silent: set[int] = set()
        self.switches = [0] * len(cells.layout)

    def slice(self, now_ms: int) -> None:
        cells = self._cells
        if not self._started:
            self._started = True
            self._whole_ms = now_ms
            cells.start(now_ms)
        cells.now_ms = now_ms
        self._tick = (self._tick + 1) % 10
        if self._tick != 5:
            return
        first = 0
        for device, count in enumerate(cells.layout):
            good = device not in self.silent
            for cell in range(first, first + count):
                cells.fresh[cell] = good
                if good:
                    cells.voltage_dmv[cell] = round(self.volts[cell] * 10000)
            for sensor in range(device * 2, device * 2 + 2):
                cells.temperature_fresh[sensor] = good
                if good:
                    cells.temperature[sensor] = round(self.celsius[sensor] * 10) + TEMP_OFFSET_DC
            if good:
                cells.device_ms[device] = now_ms
                cells.afe_temp_dc = 300
            first += count
        cells.temperatures_ms = now_ms
        cells.config_good = not self.silent
        if not self.silent:
            self._whole_ms = now_ms
        cells.end_scan()

    def report(self, now_ms: int) -> None:
        self._signals.put(s.DIAGNOSIS_AGE, ticks_diff(now_ms, self._whole_ms))

    def bleed(self, masks: array) -> None:
        self.switches = list(masks)

    def hold_stamps(self, now_ms: int) -> None:
        self._whole_ms = held(now_ms, self._whole_ms)


class BmuBench:
    def __init__(self) -> None:
        self.signals = Signals()
        self.store = CellMonitor(bytes((12, 13, 12)), 2, Parameters(), self.signals, leaves)
        self.source = self.store.source = Bmu(self.store, self.signals)
        self.now_ms = 0
        self._tick = 0

    def see(self, volts: Sequence[float], celsius: Sequence[float]) -> None:
        self.source.volts, self.source.celsius = list(volts), list(celsius)

    def lose(self, devices: set[int]) -> None:
        self.source.silent = set(devices)

    def closed(self) -> list[int]:
        return self.source.switches

    def tick(self) -> None:
        self.source.slice(self.now_ms)
        if self._tick % 10 == 6:
            self.store.evaluate(self.now_ms)
        self._tick += 1
        self.now_ms = (self.now_ms + 10) & 0x3FFFFFFF


class TestBmu(CellSourceContract):
    def bench(self) -> BmuBench:
        return BmuBench()


class Forgetful(Bmu):
    """Leaves the fresh marks of a silent device."""

    def slice(self, now_ms: int) -> None:
        kept = bytes(self._cells.fresh)
        super().slice(now_ms)
        for cell, mark in enumerate(kept):
            self._cells.fresh[cell] |= mark


class Swapped(Bmu):
    """Takes the first two devices' cells for each other's."""

    def slice(self, now_ms: int) -> None:
        whole = self.volts
        self.volts = whole[12:24] + whole[:12] + whole[24:]
        super().slice(now_ms)
        self.volts = whole


class Deaf(Bmu):
    """Never closes a switch."""

    def bleed(self, masks: array) -> None:
        pass


class Ageless(Bmu):
    """Stamps what it did not read."""

    def slice(self, now_ms: int) -> None:
        super().slice(now_ms)
        for device in range(len(self.switches)):
            self._cells.device_ms[device] = now_ms


@pytest.mark.parametrize("kind", [Forgetful, Swapped, Deaf, Ageless])
def test_a_broken_source_is_noticed(kind: type[Bmu]) -> None:
    class Broken(CellSourceContract):
        def bench(self) -> BmuBench:
            bench = BmuBench()
            bench.source = bench.store.source = kind(bench.store, bench.signals)
            return bench

    failed = 0
    for name in dir(Broken):
        if name.startswith("test_"):
            try:
                getattr(Broken(), name)()
            except AssertionError:
                failed += 1
    assert failed
