"""Invariants 6 to 9: no charge in frost, monotone, twin run, slew."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect.limits import AllowedPower

PARAMETERS = Parameters()


class Cells:
    all_fresh = True

    def __init__(self, values: dict[str, int]) -> None:
        self.temp_min_dc = min(values["temp_a"], values["temp_b"])
        self.temp_max_dc = max(values["temp_a"], values["temp_b"])
        self.cell_min_dmv = min(values["cell_a"], values["cell_b"])
        self.cell_max_dmv = max(values["cell_a"], values["cell_b"])


STATE = st.fixed_dictionaries(
    {
        "temp_a": st.integers(-450, 700), "temp_b": st.integers(-450, 700),
        "cell_a": st.integers(19000, 38000), "cell_b": st.integers(19000, 38000),
        "soc": st.integers(0, 10000), "factor": st.integers(0, 1000),
    }
)  # fmt: skip


WAYS = ["hotter", "colder", "fuller", "emptier", "less"]


def limits(values: dict[str, int], closed: bool = False, power: AllowedPower | None = None):
    power = power or AllowedPower(PARAMETERS, Signals())
    power.evaluate(Cells(values), values["soc"], 790_000, closed, values["factor"])
    return power


@settings(max_examples=500)
@given(STATE)
def test_no_charge_at_or_below_zero(values) -> None:
    power = limits(values)
    if min(values["temp_a"], values["temp_b"]) <= 0:
        assert power.charge_ma == 0
    assert 0 <= power.charge_ma <= 140_000
    assert 0 <= power.discharge_ma <= 140_000


@settings(max_examples=1000)
@given(
    STATE, st.integers(0, 400), st.sampled_from(["hotter", "colder", "fuller", "emptier", "less"])
)
def test_worsening_one_input_never_raises_the_limit_it_harms(values, by, way) -> None:
    """Twin run: the same state, one input worse."""
    worse = dict(values)
    high_t, low_t = (
        ("temp_a", "temp_b") if values["temp_a"] >= values["temp_b"] else ("temp_b", "temp_a")
    )
    high_v, low_v = (
        ("cell_a", "cell_b") if values["cell_a"] >= values["cell_b"] else ("cell_b", "cell_a")
    )
    before = limits(values)
    if way == "hotter":
        worse[high_t] += by
        if values[high_t] >= 150:  # beyond the best temperatures hotter is worse
            after = limits(worse)
            assert after.charge_ma <= before.charge_ma
            assert after.discharge_ma <= before.discharge_ma
    elif way == "colder":
        worse[low_t] -= by
        if values[low_t] <= 450:
            after = limits(worse)
            assert after.charge_ma <= before.charge_ma
            assert after.discharge_ma <= before.discharge_ma
    elif way == "fuller":
        worse[high_v] += by
        worse["soc"] = min(values["soc"] + by, 10000)
        assert limits(worse).charge_ma <= before.charge_ma
    elif way == "emptier":
        worse[low_v] -= by
        worse["soc"] = max(values["soc"] - by, 0)
        assert limits(worse).discharge_ma <= before.discharge_ma
    else:
        worse["factor"] = max(values["factor"] - by, 0)
        after = limits(worse)
        assert after.charge_ma <= before.charge_ma
        assert after.discharge_ma <= before.discharge_ma


@settings(max_examples=300)
@given(STATE, STATE)
def test_a_limit_falls_at_once_and_rises_by_slew(first, second) -> None:
    power = limits(first)
    start = power.charge_ma, power.discharge_ma
    target = limits(second)
    limits(second, closed=True, power=power)
    # 0.5 A/s per 100 A of 280 A: 1.4 A/s, 140 mA in the 100 ms of an evaluation
    assert power.charge_ma == min(target.charge_ma, start[0] + 140)
    assert power.discharge_ma == min(target.discharge_ma, start[1] + 140)


@settings(max_examples=300)
@given(STATE)
def test_out_of_an_under_voltage_trip_only_by_charging(values) -> None:
    power = AllowedPower(PARAMETERS, Signals())
    power.charge_first()
    limits(values, power=power)
    assert power.discharge_ma == 0
    assert power.charge_ma <= 14_000  # 0.05C
    assert power.charge_only == (min(values["cell_a"], values["cell_b"]) <= 30000)
