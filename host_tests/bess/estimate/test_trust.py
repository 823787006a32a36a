import math

import numpy as np
import pytest
from kit.table_plant import TablePlant

from bess.estimate import lfp
from bess.estimate.cell_model import CellModel
from bess.estimate.chemistry import Chemistry
from bess.estimate.soc_filter import SocFilter
from bess.estimate.trust import Trust


def other_cell(shift_dmv):
    """The table of a cell whose voltages all lie elsewhere."""
    lines = []
    for line in lfp.TABLE.splitlines():
        if line.startswith(b"soc "):
            soc, ocv, gap, entropy = (int(field) for field in line.split()[1:])
            lines.append(b"soc %d %d %d %d" % (soc, ocv + shift_dmv, gap, entropy))
        else:
            lines.append(line)
    return b"\n".join(lines)


def lived(table, hours=9, offset_c=0.0, start=0.9, sigma=0.01, capacity=1.0):
    """(filter with the table of lfp, charge truly left, charge as counted, worst |error| / sigma)
    after a cell of `table` was discharged."""
    soc_filter = SocFilter(CellModel(Chemistry(lfp.TABLE)))
    soc_filter.start(start, sigma)
    plant = TablePlant(table, [25.0], [start], np.array([1.0]))
    rng = np.random.default_rng(3)
    counted, worst, current = start, 0.0, 0.0
    for second in range(hours * 3600):
        if second % 30 == 0:
            current = float(rng.normal(0.09, 0.15))
        plant.step([current])
        seen = (current + offset_c) / capacity
        counted -= seen / 3600
        volts = float(plant.voltage(np.array([current]))[0])
        soc_filter.step(seen / 3600, seen, 1.0, 25.0, volts)
        worst = max(worst, abs(soc_filter.soc - plant.soc[0]) / soc_filter.sigma)
    return soc_filter, float(plant.soc[0]), counted, worst


@pytest.mark.parametrize("shift_dmv", [300, -300])
def test_with_another_cells_table_the_counter_is_believed(shift_dmv):
    soc_filter, truth, counted, worst = lived(other_cell(shift_dmv), offset_c=0.001)
    assert soc_filter.trust.doubt > 0.9
    assert soc_filter.soc == pytest.approx(counted, abs=0.01)
    assert abs(soc_filter.soc - truth) < 0.02
    assert worst < 3


def test_with_its_own_table_the_counter_is_corrected():
    soc_filter, truth, counted, worst = lived(lfp.TABLE, offset_c=0.006)
    assert counted < truth - 0.05
    assert soc_filter.trust.doubt < 0.1
    assert abs(soc_filter.soc - truth) < 0.02
    assert worst < 3


@pytest.mark.parametrize("capacity", [0.9, 1.1])
def test_a_capacity_told_a_tenth_wrong_stays_inside_three_sigma(capacity):
    soc_filter, _, _, worst = lived(lfp.TABLE, hours=8, capacity=capacity)
    assert soc_filter.trust.doubt < 0.5  # it is not the table
    assert worst < 3


def test_anchors_turn_the_odds_and_turn_them_back():
    trust = Trust(float)
    trust.start(0.01)
    first = trust.odds
    for _ in range(3):  # the counter was right, the table 0.4 off
        trust.anchor(0.0, 0.005, -0.4, 0.01)
    assert trust.odds == -3.0
    for _ in range(3):
        trust.start(0.01)
        trust.anchor(0.1, 0.005, 0.0, 0.01)
    assert trust.odds == first == 3.0


def test_before_a_charge_is_known_an_anchor_says_nothing_of_the_table():
    trust = Trust(float)
    trust.start(0.1)
    assert not trust.known
    before = trust.odds
    trust.anchor(0.4, 0.005, 0.4, 0.05)
    assert trust.odds == before
    assert trust.known


def test_what_both_witnesses_differ_by_is_in_the_deviation():
    trust = Trust(float)
    trust.start(0.01)
    away, sigma = trust.weigh(0.03, 0.004)
    part = trust.doubt
    assert 0 < part < 1
    assert away == pytest.approx((1 - part) * 0.03)
    inner = (1 - part) * 0.004**2 + part * 0.01**2
    assert sigma == pytest.approx(math.sqrt(inner + part * (1 - part) * 0.03**2))


def test_the_worst_that_was_seen_since_a_known_charge_is_not_forgotten():
    trust = Trust(float)
    trust.start(0.01)
    trust.weigh(0.06, 0.004)
    doubt = trust.doubt
    trust.weigh(0.0, 0.004)
    assert trust.doubt == doubt > 0.5


def test_only_charge_further_from_the_known_one_than_ever_adds_an_unknown_capacity():
    trust = Trust(float)
    trust.start(0.01)
    assert trust.reach(0.2, 0.03) == pytest.approx((0.03 * 0.2) ** 2)
    assert trust.reach(-0.1, 0.03) == 0
    assert trust.reach(-0.4, 0.03) == pytest.approx(0.03**2 * (0.4**2 - 0.2**2))
