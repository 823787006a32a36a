"""What flows beyond the limits: the overload, what flows against zero, and recharging."""

from rigs.limits import Cells

from bess.measure.signals import (
    BLOCKED_CHARGE,
    BLOCKED_DISCHARGE,
    CHARGE_OVERLOAD,
    DISCHARGE_OVERLOAD,
    Signals,
)
from bess.parameters import Parameters
from bess.protect.limits import AllowedPower


def test_a_dropping_limit_is_no_overload_by_itself():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    for _ in range(10):
        limits.evaluate(Cells(), 5000, 768000, False, 1000)
    for step in range(9):
        limits.evaluate(Cells(high_dc=600), 5000, 768000, True, 1000)
        limits.overload(140000, True)
        assert signals.value[DISCHARGE_OVERLOAD] <= 1001, step
    limits.evaluate(Cells(high_dc=600), 5000, 768000, True, 1000)
    limits.overload(140000, True)
    assert signals.value[DISCHARGE_OVERLOAD] > 1250


def test_overload_speaks_for_its_own_direction_only():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    limits.overload(-280000, True)
    assert signals.value[CHARGE_OVERLOAD] >= 1990
    assert signals.value[DISCHARGE_OVERLOAD] == 0


def test_overload_is_exact():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    for current_ma, discharge, charge in (
        (140_000, 1000, 0), (-140_000, 0, 1000), (175_000, 1250, 0), (-175_040, 0, 1250), (0, 0, 0),
        (70_000, 500, 0),
    ):  # fmt: skip
        limits.overload(current_ma, True)
        assert abs(signals.value[DISCHARGE_OVERLOAD] - discharge) <= 1, current_ma
        assert abs(signals.value[CHARGE_OVERLOAD] - charge) <= 1, current_ma


def test_overload_counts_against_a_twentieth_c_at_least():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.overload(14_000, True)
    assert signals.value[DISCHARGE_OVERLOAD] == 1000
    limits.overload(-28_000, True)
    assert signals.value[CHARGE_OVERLOAD] in (2000, 2004)


def test_the_largest_limit_of_the_last_second_counts_and_no_older_one():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    for _ in range(9):
        limits.evaluate(Cells(), 5000, 768000, False, 0)
        limits.overload(140_000, True)
        assert signals.value[DISCHARGE_OVERLOAD] == 1000
    limits.evaluate(Cells(), 5000, 768000, False, 0)
    limits.overload(140_000, True)
    assert signals.value[DISCHARGE_OVERLOAD] > 9000


def test_charge_only_ends_above_three_volts_and_only_with_every_cell_read():
    limits = AllowedPower(Parameters(), Signals())
    limits.charge_first()
    cells = Cells(low_dmv=30000)
    cells.all_fresh = True
    limits.evaluate(cells, 5000, 768000, False, 1000)
    assert limits.charge_only
    cells.cell_min_dmv = 30001
    cells.all_fresh = False
    limits.evaluate(cells, 5000, 768000, False, 1000)
    assert limits.charge_only
    cells.all_fresh = True
    limits.evaluate(cells, 5000, 768000, False, 1000)
    assert not limits.charge_only


class Small:
    """A string of 1 Ah, whose shares of a limit round to nothing."""

    def get(self, name):
        return 1000 if name == "capacity_mah" else Parameters().get(name)


def test_a_small_string_still_rises_and_still_has_an_overload():
    signals = Signals()
    limits = AllowedPower(Small(), signals)
    limits.evaluate(Cells(), 5000, 768000, True, 1000)
    assert (limits.charge_ma, limits.discharge_ma) == (1, 1)
    limits.overload(640, True)
    assert signals.value[DISCHARGE_OVERLOAD] == 10000
    limits.overload(-640, True)
    assert signals.value[CHARGE_OVERLOAD] == 10000


def test_charge_only_is_a_twentieth_c():
    limits = AllowedPower(Parameters(), Signals())
    limits.charge_first()
    limits.evaluate(Cells(low_dmv=29000), 5000, 768000, False, 1000)
    assert (limits.charge_ma, limits.discharge_ma) == (14000, 0)


def test_the_smallest_limit_of_an_overload_is_exact():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.overload(14_000 * 5, True)
    assert signals.value[DISCHARGE_OVERLOAD] == (70_000 >> 6) * 1000 // (14_000 >> 6)


def blocked(signals):
    return signals.value[BLOCKED_CHARGE], signals.value[BLOCKED_DISCHARGE]


def test_what_flows_against_a_limit_of_zero_is_told_in_permille_of_1c():
    """280 Ah: 2.8 A are 10 permille; only with closed contactors, only in its direction."""
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    for _ in range(10):
        limits.evaluate(Cells(low_dc=-400, high_dc=-400), 5000, 768000, True, 1000)
    for current_ma, expected in (
        (0, (0, 0)), (2816, (0, 10)), (-2816, (10, 0)), (280_000, (0, 1000)), (-280_000, (1000, 0)),
    ):  # fmt: skip
        limits.overload(current_ma, True)
        assert blocked(signals) == expected, current_ma
        limits.overload(current_ma, False)
        assert blocked(signals) == (0, 0)


def test_a_limit_is_zero_for_this_only_when_it_was_for_a_second():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    for n in range(1, 12):
        limits.evaluate(Cells(), 5000, 768000, False, 1000, True, True)
        assert (limits.charge_ma, limits.discharge_ma) == (0, 0)
        for current_ma in (28_000, -28_000):
            limits.overload(current_ma, True)
            expected = 0 if n < 10 else 99
            assert sum(blocked(signals)) == expected, n


def test_a_block_of_one_direction_speaks_for_that_one():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    for _ in range(10):
        limits.evaluate(Cells(), 5000, 768000, False, 1000, True, False)
    limits.overload(-28_000, True)
    assert blocked(signals) == (99, 0)
    limits.overload(28_000, True)
    assert blocked(signals) == (0, 0)
    assert limits.discharge_ma > 0


def test_recharging_ends_with_full_cells_and_when_the_string_is_emptied_further():
    limits = AllowedPower(Parameters(), Signals())
    limits.recharge(25000)
    assert limits.charge_only
    cells = Cells(low_dmv=24000)
    cells.all_fresh = True
    limits.evaluate(cells, 100, 768000, False, 1000)
    assert limits.recharging
    assert (limits.charge_ma, limits.discharge_ma) == (14000, 0)
    cells.cell_min_dmv = 23999
    limits.evaluate(cells, 100, 768000, False, 1000)
    assert not limits.recharging
    assert limits.charge_only
    limits.recharge(25000)
    cells.cell_min_dmv = 30001
    limits.evaluate(cells, 100, 768000, False, 1000)
    assert not limits.recharging
    assert not limits.charge_only
