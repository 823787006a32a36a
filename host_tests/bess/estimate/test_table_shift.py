from itertools import pairwise

import numpy as np
import pytest
from kit.table_plant import TablePlant

from bess.estimate import lfp
from bess.estimate.cell_model import CellModel
from bess.estimate.chemistry import Chemistry
from bess.estimate.soc_filter import SocFilter
from bess.estimate.table_shift import TableShift, shift_dmv


def learner(applied_dmv=None):
    return TableShift(applied_dmv or [0] * 11)


def test_only_a_known_charge_near_a_knot_teaches():
    shift = learner()
    shift.learn(0.5, 0.02, 0.01)
    shift.learn(0.55, 0.01, 0.01)
    shift.learn(1.06, 0.01, 0.01)
    shift.learn(-0.06, 0.01, 0.01)
    assert bytes(shift.looks) == bytes(11)
    shift.learn(0.52, 0.01, 0.01)
    assert (shift.looks[5], shift.learned_dmv[5]) == (1, 100)


def test_a_mean_goes_on_for_ever_and_is_bounded():
    shift = learner()
    for _ in range(1000):
        shift.learn(0.3, 0.01, 0.0100)
    assert (shift.looks[3], shift.learned_dmv[3]) == (250, 100)
    shift.learn(0.3, 0.01, 0.9)  # one look moves little
    assert shift.learned_dmv[3] == 135
    for _ in range(1000):
        shift.learn(0.3, 0.01, 0.0101)
    assert shift.learned_dmv[3] == 101  # what a step rounds away is not lost
    for _ in range(2000):
        shift.learn(0.3, 0.01, -0.5)
    assert shift.learned_dmv[3] == -400


def test_what_is_learned_is_told_from_the_table_as_shipped():
    shift = learner([0] * 5 + [80] + [0] * 5)
    for _ in range(100):
        shift.learn(0.5, 0.01, 0.002)
    assert shift.learned_dmv[5] == 100


def test_a_shifted_table_lies_straight_between_knots_and_never_falls():
    knots = [0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0]
    assert [shift_dmv(knots, percent) for percent in (0, 30, 35, 40, 41, 50, 100)] == [
        0, 0, 50, 100, 90, 0, 0,
    ]  # fmt: skip
    shipped, shifted = Chemistry(lfp.TABLE).ocv_dmv, Chemistry(lfp.TABLE, knots).ocv_dmv
    assert shifted[40] == shipped[40] + 100
    assert all(a <= b for a, b in pairwise(shifted))
    assert shifted[41] == max(shifted[40], shipped[41] + 90)
    assert shifted[60:] == shipped[60:]


@pytest.mark.parametrize("shift_mv", [-8, 8])
def test_another_plateau_is_learned_and_with_it_the_voltage_fits(shift_mv):
    """A cell 8 mV off between 30 and 70 %, charge known from its full start on."""
    truth = [0, 0, 0] + [10 * shift_mv] * 5 + [0, 0, 0]
    rows = Chemistry(lfp.TABLE, truth).ocv_dmv
    text = b"\n".join(
        b"soc %s %d %s" % (fields[1], rows[int(fields[1])], b" ".join(fields[3:]))
        if (fields := line.split())[0] == b"soc" else line
        for line in lfp.TABLE.splitlines()
    )  # fmt: skip
    soc_filter = SocFilter(CellModel(Chemistry(lfp.TABLE)))
    soc_filter.start(0.72, 0.005)
    shift = learner()
    soc_filter.learn = shift.learn
    plant = TablePlant(text, [25.0], [0.72], np.array([1.0]))
    rng = np.random.default_rng(1)
    current = 0.0
    for second in range(3 * 3600):
        if second % 30 == 0:
            current = float(rng.normal(0.13, 0.1))
        plant.step([current])
        volts = float(plant.voltage(np.array([current]))[0])
        soc_filter.step(current / 3600, current, 1.0, 25.0, volts)
    assert [k for k in range(11) if shift.looks[k] >= 30] == [4, 5, 6, 7]
    for knot in (4, 5, 6):
        # the charge leans on the table too, so that a part of its error stays with it
        assert 0.5 < shift.learned_dmv[knot] / truth[knot] < 1.2
