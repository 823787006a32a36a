from bess.measure.signals import (
    BLOCKED_CHARGE,
    BLOCKED_DISCHARGE,
    CHARGE_OVERLOAD,
    DISCHARGE_OVERLOAD,
    Signals,
)
from bess.parameters import Parameters
from bess.protect.limits import (
    CHARGE_BY_TEMPERATURE,
    DISCHARGE_BY_TEMPERATURE,
    AllowedPower,
    from_table,
)


class Cells:
    def __init__(self, low_dc=250, high_dc=250, low_dmv=33000, high_dmv=33000):
        self.temp_min_dc = low_dc
        self.temp_max_dc = high_dc
        self.cell_min_dmv = low_dmv
        self.cell_max_dmv = high_dmv


def limits_of(cells, soc_cpct=5000, closed=False, factor=1000):
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(cells, soc_cpct, 768000, closed, factor)
    return limits.charge_ma, limits.discharge_ma


def test_temperature_tables_are_the_page_s():
    """Points typed from design page protection.md, in 0.1 degC and permille of C."""
    charge = (
        (-400, 0), (-10, 0), (0, 0), (19, 0), (20, 50), (49, 50), (50, 100), (100, 200),
        (149, 298), (150, 500), (449, 500), (450, 500), (475, 250), (500, 0), (600, 0),
    )  # fmt: skip
    for dc, permille in charge:
        assert from_table(CHARGE_BY_TEMPERATURE, dc) == permille, dc
    discharge = (
        (-400, 0), (-331, 0), (-330, 100), (-201, 100), (-200, 200), (19, 200),
        (20, 300), (50, 500), (500, 500), (525, 250), (550, 0), (700, 0),
    )  # fmt: skip
    for dc, permille in discharge:
        assert from_table(DISCHARGE_BY_TEMPERATURE, dc) == permille, dc


def test_full_power_in_the_middle():
    assert limits_of(Cells()) == (140000, 140000)


def test_no_charge_at_or_below_zero():
    for low in range(-400, 20):
        assert limits_of(Cells(low_dc=low))[0] == 0


def test_tapers_end_at_zero_and_begin_at_full():
    assert limits_of(Cells(high_dmv=34500))[0] == 140000
    assert limits_of(Cells(high_dmv=35000))[0] == 70000
    assert limits_of(Cells(high_dmv=35500))[0] == 0
    assert limits_of(Cells(low_dmv=31500))[1] == 140000
    assert limits_of(Cells(low_dmv=30750))[1] == 70000
    assert limits_of(Cells(low_dmv=30000))[1] == 0


class Tapers:
    """Parameters of an NMC cabinet: full at 4.16 V, empty at 3.20 V."""

    def get(self, name):
        own = {
            "charge_taper_from_dmv": 41000, "charge_taper_to_dmv": 41600,
            "discharge_taper_from_dmv": 34000, "discharge_taper_to_dmv": 32000,
        }  # fmt: skip
        return own[name] if name in own else Parameters().get(name)


def test_tapers_follow_the_parameters_for_another_chemistry():
    limits = AllowedPower(Tapers(), Signals())
    for high_dmv, charge_ma in ((36000, 140000), (41000, 140000), (41300, 70000), (41600, 0)):
        limits.evaluate(Cells(low_dmv=36000, high_dmv=high_dmv), 5000, 768000, False, 1000)
        assert limits.charge_ma == charge_ma
        assert limits.discharge_ma == 140000
    for low_dmv, discharge_ma in ((34000, 140000), (33000, 70000), (32000, 0), (31500, 0)):
        limits.evaluate(Cells(low_dmv=low_dmv, high_dmv=36000), 5000, 768000, False, 1000)
        assert limits.discharge_ma == discharge_ma


def test_soc_tapers_keep_a_twentieth_c():
    """Only voltage ends a charge: an SOC that reads high cannot block the anchor."""
    assert limits_of(Cells(), soc_cpct=10000)[0] == 14000
    assert limits_of(Cells(), soc_cpct=0)[1] == 14000


def test_monotone_in_temperature_voltage_and_soc():
    """Sweeps towards harm never raise a limit."""
    last = None
    for dc in range(150, 700, 3):
        now = limits_of(Cells(high_dc=dc))
        assert last is None or (now[0] <= last[0] and now[1] <= last[1]), dc
        last = now
    last = None
    for dc in range(250, -450, -3):
        now = limits_of(Cells(low_dc=dc))
        assert last is None or (now[0] <= last[0] and now[1] <= last[1]), dc
        last = now
    last = None
    for dmv in range(32000, 37000, 7):
        now = limits_of(Cells(high_dmv=dmv))[0]
        assert last is None or now <= last, dmv
        last = now
    last = None
    for dmv in range(33000, 20000, -7):
        now = limits_of(Cells(low_dmv=dmv))[1]
        assert last is None or now <= last, dmv
        last = now
    last = None
    for soc in range(0, 10001, 11):
        now = limits_of(Cells(), soc_cpct=soc)[0]
        assert last is None or now <= last, soc
        last = now


def test_a_limit_falls_at_once_and_rises_by_slew():
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    limits.evaluate(Cells(high_dc=600), 5000, 768000, True, 1000)
    assert (limits.charge_ma, limits.discharge_ma) == (0, 0)
    rises = []
    last = 0
    for _ in range(20):
        limits.evaluate(Cells(), 5000, 768000, True, 1000)
        rises.append(limits.charge_ma - last)
        last = limits.charge_ma
    # 0.5 A/s per 100 A of 280 A: 1.4 A/s, 140 mA in each 100 ms
    assert set(rises) == {140}


def test_a_block_takes_its_direction_at_once():
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    limits.follow_blocks(True, False)
    assert (limits.charge_w, limits.charge_ma) == (0, 0)
    assert limits.discharge_w > 100000


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


def test_power_is_current_times_voltage_and_at_most_the_pcs():
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    assert limits.discharge_w == 107520
    limits.evaluate(Cells(), 5000, 999000, False, 1000)
    assert limits.discharge_w == 125000


def test_a_discharge_block_takes_discharge_alone():
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    limits.follow_blocks(False, True)
    assert limits.discharge_ma == limits.discharge_w == 0
    assert limits.charge_ma > 0
    assert limits.charge_w > 0
    limits.follow_blocks(False, False)
    assert limits.charge_ma > 0


def exact(**changes):
    """Charge and discharge in mA for one changed input; 500 permille of 280 A is 140 A."""
    soc_cpct = changes.pop("soc_cpct", 5000)
    return limits_of(Cells(**changes), soc_cpct=soc_cpct)


def test_tapers_are_exact_to_one_unit():
    """Typed from protection.md: 3.45..3.55 V, 3.15..3.00 V, SOC 95..100 % and 10..5 %."""
    permille = 280
    for dmv, charge in (
        (34500, 500), (34501, 499), (34600, 450), (35000, 250), (35400, 50), (35490, 5),
        (35498, 1), (35499, 0), (35500, 0), (36000, 0),
    ):  # fmt: skip
        assert exact(high_dmv=dmv)[0] == charge * permille, dmv
    for dmv, discharge in (
        (31500, 500), (31499, 499), (31350, 450), (30750, 250), (30003, 1), (30002, 0), (30000, 0),
    ):  # fmt: skip
        assert exact(low_dmv=dmv)[1] == discharge * permille, dmv
    for cpct, charge in (
        (9500, 500),
        (9501, 499),
        (9750, 250),
        (9949, 51),
        (9950, 50),
        (10000, 50),
    ):
        assert exact(soc_cpct=cpct)[0] == charge * permille, cpct
    for cpct, discharge in ((1000, 500), (999, 499), (750, 250), (551, 51), (550, 50), (0, 50)):
        assert exact(soc_cpct=cpct)[1] == discharge * permille, cpct


def test_power_is_exact():
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(Cells(high_dmv=35000, low_dmv=30750), 5000, 768_050, False, 1000)
    assert (limits.charge_ma, limits.discharge_ma) == (70_000, 70_000)
    assert limits.charge_w == 7680 * 700 // 100
    assert limits.discharge_w == 7680 * 700 // 100
    limits.evaluate(Cells(), 5000, 1_000_000, False, 1000)
    assert limits.charge_w == limits.discharge_w == 125_000


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


def test_before_the_first_scan_nothing_is_allowed():
    limits = AllowedPower(Parameters(), Signals())
    assert (limits.charge_ma, limits.discharge_ma, limits.charge_w, limits.discharge_w) == (0,) * 4
    assert not limits.charge_only


def test_charge_only_ends_above_three_volts_and_only_with_every_cell_read():
    limits = AllowedPower(Parameters(), Signals())
    limits.charge_only = True
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
    limits.charge_only = True
    limits.evaluate(Cells(low_dmv=29000), 5000, 768000, False, 1000)
    assert (limits.charge_ma, limits.discharge_ma) == (14000, 0)


def test_the_smallest_limit_of_an_overload_is_exact():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    limits.overload(14_000 * 5, True)
    assert signals.value[DISCHARGE_OVERLOAD] == (70_000 >> 6) * 1000 // (14_000 >> 6)


def test_the_tables_are_typed_as_on_the_page():
    """protection.md, "Allowed power": from, permille at the start and at the end of a stretch."""
    assert list(CHARGE_BY_TEMPERATURE) == [
        -32768, 0, 0,
        20, 50, 50,
        50, 100, 300,
        150, 500, 500,
        450, 500, 0,
        500, 0, 0,
    ]  # fmt: skip
    assert list(DISCHARGE_BY_TEMPERATURE) == [
        -32768, 0, 0,
        -330, 100, 100,
        -200, 200, 200,
        20, 300, 300,
        50, 500, 500,
        500, 500, 0,
        550, 0, 0,
    ]  # fmt: skip


def test_the_cell_model_lowers_a_limit_and_never_raises_one():
    limits = AllowedPower(Parameters(), Signals())
    for charge_ma, discharge_ma in ((139999, 140001), (140001, 139999), (0, 0), (1, 2)):
        limits.follow_model(charge_ma, discharge_ma)
        limits.evaluate(Cells(), 5000, 768000, False, 1000)
        assert limits.charge_ma == min(charge_ma, 140000)
        assert limits.discharge_ma == min(discharge_ma, 140000)
        assert limits.discharge_w == 7680 * (limits.discharge_ma // 100) // 100


def test_without_a_cell_model_the_tables_alone_decide():
    assert limits_of(Cells()) == (140000, 140000)


def test_what_the_cell_model_says_acts_at_once_with_contactors_closed():
    limits = AllowedPower(Parameters(), Signals())
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    limits.follow_model(50000, 60000)
    limits.evaluate(Cells(), 5000, 768000, True, 1000)
    assert (limits.charge_ma, limits.discharge_ma) == (50000, 60000)
    limits.follow_model(140000, 140000)
    limits.evaluate(Cells(), 5000, 768000, True, 1000)
    assert 50000 < limits.charge_ma < 60000


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


def test_before_the_first_scan_nothing_is_allowed_and_nothing_recharges():
    signals = Signals()
    limits = AllowedPower(Parameters(), signals)
    assert (limits.charge_only, limits.recharging) == (False, False)
    limits.overload(28000, True)
    assert signals.value[BLOCKED_DISCHARGE] > 0
    limits.overload(-28000, True)
    assert signals.value[BLOCKED_CHARGE] > 0


def test_a_negative_string_voltage_allows_no_power_in_either_direction():
    """A negative limit would be read as the command of the other direction."""
    for string_mv in (-1, -100, -768000, 0, 99):
        limits = AllowedPower(Parameters(), Signals())
        limits.evaluate(Cells(), 5000, string_mv, False, 1000)
        assert (limits.charge_w, limits.discharge_w) == (0, 0), string_mv
    limits.evaluate(Cells(), 5000, 768000, False, 1000)
    assert limits.charge_w > 0
