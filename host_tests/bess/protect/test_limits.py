"""Limits by temperature, voltage, charge and the cell model; slew; power."""

from rigs.limits import Cells

from bess.measure.signals import BLOCKED_CHARGE, BLOCKED_DISCHARGE, Signals
from bess.parameters import Parameters
from bess.protect.limits import (
    CHARGE_BY_TEMPERATURE,
    DISCHARGE_BY_TEMPERATURE,
    AllowedPower,
    from_table,
)


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
    for dc in range(150, 700, 11):
        now = limits_of(Cells(high_dc=dc))
        assert last is None or (now[0] <= last[0] and now[1] <= last[1]), dc
        last = now
    last = None
    for dc in range(250, -450, -11):
        now = limits_of(Cells(low_dc=dc))
        assert last is None or (now[0] <= last[0] and now[1] <= last[1]), dc
        last = now
    last = None
    for dmv in range(32000, 37000, 31):
        now = limits_of(Cells(high_dmv=dmv))[0]
        assert last is None or now <= last, dmv
        last = now
    last = None
    for dmv in range(33000, 20000, -31):
        now = limits_of(Cells(low_dmv=dmv))[1]
        assert last is None or now <= last, dmv
        last = now
    last = None
    for soc in range(0, 10001, 41):
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


def test_before_the_first_scan_nothing_is_allowed():
    limits = AllowedPower(Parameters(), Signals())
    assert (limits.charge_ma, limits.discharge_ma, limits.charge_w, limits.discharge_w) == (0,) * 4
    assert not limits.charge_only


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
