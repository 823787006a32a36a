"""What every cell source must do (measure/cells.py); subclass, name yours, inherit the tests."""

from array import array
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from bess.measure import signals as s
from bess.measure.cells import TEMP_OFFSET_DC, CellMonitor

TICK_MS = 10
SCAN_TICKS = 10
ROUND_TICKS = 70  # within it a source has looked at all of itself


class Bench(Protocol):
    """A source at work: `store` and `source`, and what its front ends see and do."""

    store: CellMonitor
    source: Any
    signals: Any
    now_ms: int

    def see(self, volts: Sequence[float], celsius: Sequence[float]) -> None: ...

    def lose(self, devices: set[int]) -> None: ...

    def closed(self) -> list[int]: ...

    def tick(self) -> None: ...


class CellSourceContract:
    """Describe a source; pytest collects the inherited tests of a subclass.

    off_dmv, off_dc: the most by which it may be off what its cells and sensors have.
    """

    __test__ = False
    off_dmv: ClassVar[int] = 10
    off_dc: ClassVar[int] = 5

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    def bench(self) -> Bench:
        raise NotImplementedError

    def run(self, bench: Bench, ticks: int) -> None:
        for _ in range(ticks):
            bench.tick()

    def known(self) -> Bench:
        """Every cell and sensor different, and looked at for two rounds."""
        bench = self.bench()
        store = bench.store
        bench.see(
            [3.0 + 0.001 * cell for cell in range(store.cell_count)],
            [10.0 + 0.1 * sensor for sensor in range(store.sensor_count)],
        )
        self.run(bench, 2 * ROUND_TICKS)
        return bench

    def test_nothing_is_fresh_before_it_was_read(self) -> None:
        store = self.bench().store
        assert not any(store.fresh)
        assert not any(store.temperature_fresh)
        assert (store.scans, store.seen_all, store.config_good) == (0, False, False)

    def test_each_cell_and_sensor_is_where_it_belongs(self) -> None:
        store = self.known().store
        assert all(store.fresh)
        assert all(store.temperature_fresh)
        for cell in range(store.cell_count):
            assert abs(store.voltage_dmv[cell] - (30000 + 10 * cell)) <= self.off_dmv, cell
        for sensor in range(store.sensor_count):
            found_dc = store.temperature[sensor] - TEMP_OFFSET_DC
            assert abs(found_dc - (100 + sensor)) <= self.off_dc, sensor
        assert store.seen_all
        assert store.config_good

    def test_a_scan_takes_100_ms(self) -> None:
        bench = self.known()
        before = bench.store.scans
        self.run(bench, 10 * SCAN_TICKS)
        assert bench.store.scans == before + 10

    def test_what_was_read_is_stamped_and_what_was_not_grows_old(self) -> None:
        bench = self.known()
        store = bench.store
        bench.lose({0})
        self.run(bench, 3 * SCAN_TICKS)
        ages = [bench.now_ms - at_ms for at_ms in store.device_ms]
        assert ages[0] > 200
        assert all(0 <= age <= 110 for age in ages[1:])
        first = store.layout[0]
        assert not any(store.fresh[:first])
        assert all(store.fresh[first:])
        assert not any(store.temperature_fresh[: store.sensors_per_device])
        assert all(store.temperature_fresh[store.sensors_per_device :])
        assert bench.signals.value[s.AFE_AGE] > 200
        assert bench.signals.partial[s.CELL_MAX]

    def test_a_silent_source_ages_from_its_first_tick_on(self) -> None:
        bench = self.bench()
        bench.lose(set(range(len(bench.store.layout))))
        self.run(bench, 3 * SCAN_TICKS)
        assert 200 <= bench.signals.value[s.AFE_AGE] <= 300
        assert 200 <= bench.signals.value[s.TEMP_AGE] <= 300
        assert not bench.store.cells_read
        assert not bench.store.seen_all

    def test_what_it_lost_and_found_again_is_whole_again(self) -> None:
        bench = self.known()
        bench.lose({1})
        self.run(bench, ROUND_TICKS)
        assert not bench.store.all_fresh
        bench.lose(set())
        self.run(bench, 2 * ROUND_TICKS)
        assert bench.store.all_fresh
        assert bench.store.config_good
        assert not bench.signals.partial[s.CELL_MAX]

    def test_a_switch_closes_where_it_was_told_within_a_round_and_opens_again(self) -> None:
        bench = self.known()
        devices = len(bench.store.layout)
        for masks in ([1 << device for device in range(devices)], [0] * devices):
            bench.source.bleed(array("i", masks))
            self.run(bench, ROUND_TICKS)
            assert bench.closed() == masks

    def test_a_die_is_heard_and_the_age_of_its_diagnosis_told(self) -> None:
        bench = self.known()
        assert -400 < bench.store.afe_temp_dc < 1250
        assert 0 <= bench.signals.value[s.DIAGNOSIS_AGE] <= 10 * ROUND_TICKS
        bench.lose({0})
        self.run(bench, 2 * ROUND_TICKS)
        assert bench.signals.value[s.DIAGNOSIS_AGE] > 10 * ROUND_TICKS

    def test_an_old_stamp_stays_old(self) -> None:
        bench = self.known()
        bench.lose(set(range(len(bench.store.layout))))
        for _ in range(20):
            bench.now_ms = (bench.now_ms + 0x08000000) & 0x3FFFFFFF
            bench.store.hold_stamps(bench.now_ms)
        self.run(bench, SCAN_TICKS)
        for signal in (s.AFE_AGE, s.DIAGNOSIS_AGE):
            assert bench.signals.value[signal] > 0x08000000, signal
