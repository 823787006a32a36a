"""Published limits applied to thousands of random strings of a plant that is none of ours."""

import numpy as np
import pytest
from kit.table_plant import TablePlant
from soak import SOAK

from bess.estimate import lfp
from bess.estimate.cell_model import CellModel
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.chemistry import Chemistry
from bess.estimate.power_limits import HORIZONS_S, PowerLimits
from bess.estimate.string_soc import StringSoc

CAPACITY_MAH = 100_000
STATES = 10_000 if SOAK else 3_000
HISTORY_S = 120
LOW_V, HIGH_V, MOST_C = 2.80, 3.60, 3.0
LFP = Chemistry(lfp.TABLE)


def build(soc, scale):
    counter = ChargeCounter(2000)
    counter.add(0, 0)
    string = StringSoc(LFP, CellModel(LFP), counter, CAPACITY_MAH)
    string.start(soc, 0.01, scale)
    return counter, string, PowerLimits(LFP, string, CAPACITY_MAH, 1)


@pytest.fixture(scope="module")
def states():
    """(plant after its history, limits in C by direction): random charge, temperature, age, load.

    Strings that have run before: their resistance is known to 3 %.
    """
    rng = np.random.default_rng(11)
    celsius = np.round(rng.uniform(-20, 45, STATES), 1)
    start, lean = rng.uniform(0.03, 0.97, STATES), rng.uniform(-1, 1, STATES)
    scale = np.exp(rng.uniform(np.log(0.7), np.log(4), STATES))
    plant = TablePlant(lfp.TABLE, celsius, start, scale, lean)
    cold = np.where(celsius < 0, 0.3, 1.0)
    mean, current = rng.uniform(-0.4, 0.4, STATES) * cold, np.zeros(STATES)
    currents, volts = np.zeros((HISTORY_S, STATES)), np.zeros((HISTORY_S, STATES))
    for second in range(HISTORY_S):
        change = rng.random(STATES) < 0.1
        current = np.where(change, mean + rng.normal(0, 0.3, STATES) * cold, current)
        current = np.where((plant.soc < 0.02) & (current > 0), -current / 3, current)
        current = np.where((plant.soc > 0.98) & (current < 0), -current / 3, current)
        plant.step(current)
        currents[second] = current
        volts[second] = plant.voltage(current) + rng.normal(0, 3e-4, STATES)
    known = scale * rng.uniform(0.97, 1.03, STATES)
    limits = np.zeros((STATES, 2))
    milliamps = np.rint(currents * CAPACITY_MAH).astype(int).T.tolist()
    deci_millivolts = np.rint(volts * 1e4).astype(int).T.tolist()
    for i in range(STATES):
        counter, string, power = build(float(start[i]), float(known[i]))
        string.model.lean = float(lean[i])
        dmv = 0
        for second in range(HISTORY_S):
            counter.add(milliamps[i][second], 1000 * second + 500)
            counter.add(milliamps[i][second], 1000 * second + 1000)
            dmv = deci_millivolts[i][second]
            string.step(1.0, float(celsius[i]), dmv, dmv, dmv, True)
        power.solve(0, dmv, dmv, dmv)
        power.solve(1, dmv, dmv, dmv)
        limits[i] = power.discharge_ma[0], power.charge_ma[0]
    return plant, limits / CAPACITY_MAH


@pytest.mark.slow
@pytest.mark.parametrize(("way", "limit_v"), [(1, LOW_V), (-1, HIGH_V)])
def test_the_ten_second_limit_is_safe_and_near_the_truth(states, way, limit_v):
    plant, limits = states
    published = limits[:, 0 if way > 0 else 1]
    room = np.maximum((plant.soc if way > 0 else 1 - plant.soc) * 3600 / 10, 0.05)
    true = plant.largest_c(way, limit_v, 10, np.minimum(MOST_C, room))
    low, high = plant.held(way * published, 10)
    rest_low, rest_high = plant.held(np.zeros(STATES), 10)
    # a cell that is beyond its limit without any current is no matter of power
    rested = (rest_low >= limit_v) if way > 0 else (rest_high <= limit_v)
    over = (limit_v - low) if way > 0 else (high - limit_v)
    asked = rested & (published > 0)
    print("violations", int((over[asked] > 0).sum()), "worst mV", 1000 * over[asked].max())
    assert (over[asked] <= 0).all()
    possible = true > 0.02
    ratio = published[possible] / true[possible]
    print("published over true, 1 5 10 50 %:", np.percentile(ratio, [1, 5, 10, 50]).round(3))
    assert np.mean(ratio >= 0.95) >= 0.90
    assert ratio.max() <= 1.02


def test_longer_horizons_leave_less_and_power_is_current_times_end_voltage():
    counter, string, power = build(0.3, 2.0)
    for second in range(60):
        counter.add(30000, 500 + 1000 * second)
        counter.add(30000, 1000 + 1000 * second)
        string.step(1.0, 10.0, 32000, 32000, 32000, True)
    for job in range(power.JOBS):
        power.solve(job, 32000, 32000, 32000)
    for currents, powers in (
        (power.discharge_ma, power.discharge_w),
        (power.charge_ma, power.charge_w),
    ):
        assert currents[0] >= currents[1] >= currents[2] > 0
        for current_ma, power_w in zip(currents, powers):
            assert 2.7 < 1000 * power_w / current_ma < 3.7
    assert len(HORIZONS_S) == len(power.discharge_ma) == 3
    # a quarter of an hour cannot take more than what is left
    assert power.discharge_ma[2] <= 4 * string.usable_mah()[1]


@pytest.mark.parametrize(("soc", "low_dmv", "job"), [(0.0, 24000, 0), (1.0, 36500, 1)])
def test_an_empty_string_gives_and_a_full_one_takes_nothing(soc, low_dmv, job):
    _, string, power = build(soc, 1.0)
    string.step(1.0, 25.0, low_dmv, low_dmv, low_dmv, True)
    power.solve(job, low_dmv, low_dmv, low_dmv)
    assert (power.discharge_ma if job == 0 else power.charge_ma)[0] == 0


def test_an_estimate_that_reads_full_leaves_a_twentieth_c_to_reach_the_anchor():
    _, string, power = build(1.0, 1.0)
    string.step(1.0, 25.0, 33500, 33500, 33500, True)
    string.filter.soc = 1.02
    power.solve(1, 33500, 33500, 33500)
    assert power.charge_ma[0] == CAPACITY_MAH // 20


def test_the_weakest_cell_sets_the_limit():
    limits = []
    for low_dmv in (32500, 31500):
        _, string, power = build(0.3, 8.0)
        string.step(1.0, 25.0, 32500, 32500, 32500, True)
        power.solve(0, low_dmv, 32500, 32600)
        limits.append(power.discharge_ma[0])
    assert limits[1] < limits[0]
