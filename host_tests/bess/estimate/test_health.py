import numpy as np
import pytest
from kit.table_plant import TablePlant
from soak import SOAK

from bess.estimate import lfp
from bess.estimate.cell_model import CellModel
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.chemistry import Chemistry
from bess.estimate.health import Health
from bess.estimate.string_soc import StringSoc

NOMINAL_MAH = 100_000
LFP = Chemistry(lfp.TABLE)


class Life:
    """A string of a true capacity, cycled in steps of ten seconds."""

    def __init__(self, true_mah, nominal_mah=NOMINAL_MAH, celsius=25.0):
        self.true_mah = true_mah
        self.celsius = celsius
        self.plant = TablePlant(lfp.TABLE, [celsius], [0.5], np.array([1.0]))
        self.counter = ChargeCounter(2000)
        self.counter.add(0, 0)
        self.now_ms = 0
        self.soc = StringSoc(LFP, CellModel(LFP), self.counter, nominal_mah)
        self.soc.start(0.5, 0.1, 1.0)
        self.health = Health(nominal_mah, self.counter, self.soc)
        self.capacities = []

    def second(self, current_ma):
        current_c = np.array([current_ma / self.true_mah])
        self.plant.step(current_c)
        for _ in range(2):
            self.now_ms = (self.now_ms + 500) % 2**30
            self.counter.add(current_ma, self.now_ms)
        dmv = round(1e4 * float(self.plant.voltage(current_c)[0]))
        self.soc.step(1.0, self.celsius, dmv, dmv, dmv, True)
        self.health.step(round(10 * self.celsius), dmv, True)
        self.soc.capacity_mah = self.health.capacity_mah
        self.capacities.append(self.health.capacity_mah)
        return dmv

    def cycle(self):
        current_ma = -40_000.0
        for _ in range(5 * 3600):
            if self.second(round(current_ma)) > 35500:
                current_ma *= 0.97
            if self.soc.anchored == 1:
                break
        else:
            raise AssertionError("never full")
        while self.plant.soc[0] > 0.06:
            self.second(40_000)


@pytest.mark.parametrize("true_mah", [90_000, 110_000] if SOAK else [90_000])
def test_capacity_is_within_two_percent_after_ten_daily_cycles_from_ten_percent_wrong(true_mah):
    life = Life(true_mah)
    for _ in range(10):
        life.cycle()
    assert life.health.capacity_mah == pytest.approx(true_mah, rel=0.02)
    assert life.health.soh_cpct == pytest.approx(true_mah / 10, rel=0.02)
    steps = np.abs(np.diff(life.capacities))
    assert steps.max() <= 0.0201 * NOMINAL_MAH


def test_half_a_cycle_between_unknown_charges_teaches_nothing():
    life = Life(90_000)
    for _ in range(3):
        for current_ma in (20_000, -20_000):
            for _ in range(1800):
                life.second(current_ma)
    assert life.health.capacity_mah == NOMINAL_MAH


def test_a_nonsense_charge_between_two_anchors_is_not_taken_up():
    life = Life(NOMINAL_MAH)
    life.health._known(1.0, 1e-5)
    life.counter.totals[2] += 300_000
    life.health._known(0.1, 1e-5)
    assert life.health.capacity_mah == NOMINAL_MAH


def test_cycles_count_charge_both_ways():
    life = Life(NOMINAL_MAH)
    life.counter.totals[4] = 150
    life.counter.totals[6] = 50
    assert life.health.cycles_permille == 1000


def test_time_at_temperature_goes_to_its_bin():
    life = Life(NOMINAL_MAH)
    for celsius_dc in (-250, -201, -200, -101, -100, 0, 99, 250, 600):
        life.health.step(celsius_dc, 33000, False)
    assert list(life.health.seconds_at) == [2, 2, 1, 2, 0, 1, 0, 1]


def test_resistance_is_the_scale_that_the_filter_learned():
    life = Life(NOMINAL_MAH)
    life.soc.filter.resistance.scale = 1.2345
    assert life.health.resistance_permille == 1235
