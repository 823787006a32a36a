"""Sharing power: exact against the KKT conditions, limits never exceeded."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from autarky.coordinator.law.allocation import allocate
from autarky.coordinator.law.peak import PeakShaving, mean_of_known, wanted_power_w
from autarky.coordinator.law.sharing import CabinetSnapshot, share

CABINET = st.tuples(st.floats(0.01, 1000.0), st.floats(-1e5, 1e5), st.floats(0.0, 1e5)).map(
    lambda t: (t[0], t[1], t[1] + t[2])
)


@settings(max_examples=300)
@given(cabinets=st.lists(CABINET, min_size=1, max_size=20), total=st.floats(-3e6, 3e6))
def test_allocation_is_optimal_and_within_limits(cabinets, total) -> None:
    weights, lower, upper = (list(x) for x in zip(*cabinets, strict=True))
    powers, deficit = allocate(total, weights, lower, upper)
    for p, low, high in zip(powers, lower, upper, strict=True):
        assert low - 1e-9 <= p <= high + 1e-9
    if sum(lower) <= total <= sum(upper):
        assert abs(deficit) <= 1e-3
        # KKT: one multiplier explains every unclipped cabinet, and the clipped ones obey it
        prices = [
            p / w
            for p, w, low, high in zip(powers, weights, lower, upper, strict=True)
            if low + 1e-6 < p < high - 1e-6
        ]
        if prices:
            price = prices[0]
            scale = 1e-6 * max(abs(price), 1.0)
            for p, w, low, high in zip(powers, weights, lower, upper, strict=True):
                if high - low <= 2e-6:
                    continue  # fixed from both sides: no price has a say
                if p <= low + 1e-6:
                    assert price * w <= low + max(scale * w, 1e-2)
                elif p >= high - 1e-6:
                    assert price * w >= high - max(scale * w, 1e-2)
                else:
                    assert p / w == pytest.approx(price, rel=1e-5, abs=1e-3 / w)
    elif total > sum(upper):
        assert powers == upper
    else:
        assert powers == lower


def test_forced_cabinets_are_served_first() -> None:
    powers, deficit = allocate(100.0, [1.0, 1.0], [80.0, 0.0], [100.0, 100.0])
    assert powers == pytest.approx([80.0, 20.0])
    assert abs(deficit) < 1e-6


def test_mixed_directions_are_solved() -> None:
    powers, _ = allocate(-10.0, [1.0, 2.0, 1.0], [-50.0, 5.0, -50.0], [50.0, 40.0, -1.0])
    assert sum(powers) == pytest.approx(-10.0)
    assert powers[1] == pytest.approx(5.0)


def test_crossed_limits_and_bad_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lower limit 1\S* W above upper"):
        allocate(0.0, [1.0], [1.0], [0.0])
    with pytest.raises(ValueError, match=r"weight .* is not positive"):
        allocate(0.0, [0.0], [0.0], [0.0])


def cabinet(**options) -> CabinetSnapshot:
    base = {"available": True, "soc": 0.5, "energy_kwh": 215.0, "charge_limit_w": 1e5,
            "discharge_limit_w": 1e5}  # fmt: skip
    return CabinetSnapshot(**{**base, **options})


def test_the_fuller_cabinet_discharges_more_and_charges_less() -> None:
    cabinets = [cabinet(soc=0.8), cabinet(soc=0.4)]
    out, _ = share(80_000.0, cabinets)
    assert out[0] > out[1] > 0
    back, _ = share(-80_000.0, cabinets)
    assert back[1] < back[0] < 0


def test_unavailable_cabinets_get_nothing_and_others_take_over() -> None:
    powers, deficit = share(80_000.0, [cabinet(), cabinet(available=False)])
    assert powers == pytest.approx([80_000.0, 0.0])
    assert abs(deficit) < 1e-6
    powers, deficit = share(180_000.0, [cabinet(), cabinet(available=False)])
    assert powers[0] == 1e5
    assert deficit == pytest.approx(80_000.0)


def test_peak_shaving_rests_between_its_powers() -> None:
    rule = PeakShaving(peak_w=100.0, recharge_w=50.0)
    assert wanted_power_w(rule, 130.0, 0.5) == 30.0
    assert wanted_power_w(rule, 70.0, 0.5) == 0.0
    assert wanted_power_w(rule, 20.0, 0.5) == -30.0
    assert wanted_power_w(rule, 20.0, 0.95) == 0.0


def test_an_unknown_charge_is_not_an_empty_one() -> None:
    rule = PeakShaving(peak_w=100.0, recharge_w=50.0)
    assert wanted_power_w(rule, 20.0, None) == 0.0
    assert wanted_power_w(rule, 130.0, None) == 30.0
    assert mean_of_known([None, 0.4, 0.6]) == 0.5
    assert mean_of_known([None]) is None


def test_a_cabinet_of_unknown_charge_gets_its_share_last_and_within_its_limits() -> None:
    known = CabinetSnapshot(True, 0.5, 100.0, 1000.0, 1000.0)
    unknown = CabinetSnapshot(True, None, None, 1000.0, 1000.0)
    powers, _ = share(800.0, [unknown, known])
    assert powers[0] < 1.0
    for sign in (1.0, -1.0):
        powers, deficit = share(sign * 1500.0, [unknown, known])
        assert powers == pytest.approx([sign * 500.0, sign * 1000.0])
        assert abs(deficit) < 1e-6


# --- forced cabinets, mixed signs; in kW ---

_DEAR = 1e4  # a kW missing of the sum, against powers of 100 kW at weights of 1
LIMIT = st.floats(0.0, 150.0)
SNAPSHOT = st.builds(
    CabinetSnapshot,
    available=st.sampled_from((True, True, True, False)),
    soc=st.none() | st.floats(0.0, 1.0),
    energy_kwh=st.floats(1.0, 300.0),
    charge_limit_w=LIMIT,
    discharge_limit_w=LIMIT,
    forced_w=st.none() | st.floats(-200.0, 200.0),
)


def own_limits(c: CabinetSnapshot) -> tuple[float, float]:
    return (-c.charge_limit_w, c.discharge_limit_w) if c.available else (0.0, 0.0)


def solver(total, weights, lower, upper) -> np.ndarray:
    """The same problem as bounded least squares by active sets, its sum held by a dear row."""
    weights, lower, upper = (np.array(x) for x in (weights, lower, upper))
    powers = lower.copy()
    free = upper > lower
    if free.any():
        rows = np.vstack((np.diag(1 / np.sqrt(weights[free])), np.full(free.sum(), _DEAR)))
        wanted = np.append(np.zeros(free.sum()), _DEAR * (total - lower[~free].sum()))
        bounds = (lower[free], upper[free])
        powers[free] = lsq_linear(rows, wanted, bounds, method="bvls", tol=1e-14).x
    return powers


MIXED = st.tuples(
    st.floats(0.5, 50.0), st.floats(-100, 100), st.just(0.0) | st.floats(0.01, 100)
).map(lambda t: (t[0], t[1], t[1] + t[2]))


@settings(max_examples=100)
@given(cabinets=st.lists(MIXED, min_size=1, max_size=8), part=st.floats(0.0, 1.0))
def test_a_solver_of_another_kind_finds_no_better_powers(cabinets, part) -> None:
    weights, lower, upper = (list(x) for x in zip(*cabinets, strict=True))
    total = sum(lower) + part * (sum(upper) - sum(lower))
    powers, deficit = allocate(total, weights, lower, upper)
    assert abs(deficit) <= 1e-9
    other = solver(total, weights, lower, upper)
    assert sum(other) == pytest.approx(total, abs=1e-3)
    assert powers == pytest.approx(other, abs=1e-2)


@settings(max_examples=300)
@given(cabinets=st.lists(SNAPSHOT, min_size=1, max_size=12), total=st.floats(-1500.0, 1500.0))
def test_forced_or_not_the_sum_is_the_target_or_the_deficit_says_by_how_much(
    cabinets, total
) -> None:
    powers, deficit = share(total, cabinets)
    assert sum(powers) + deficit == pytest.approx(total, abs=1e-6)
    for power, c in zip(powers, cabinets):
        low, high = own_limits(c)
        assert low - 1e-9 <= power <= high + 1e-9
        if c.forced_w is not None:
            assert power == pytest.approx(min(max(c.forced_w, low), high))
    forced = sum(p for p, c in zip(powers, cabinets) if c.forced_w is not None)
    free = [(p, *own_limits(c)) for p, c in zip(powers, cabinets) if c.forced_w is None]
    rest = total - forced
    assert all(math.copysign(1.0, rest) * p >= -1e-9 for p, _, _ in free)  # none charges another
    if abs(deficit) > 1e-6:
        assert math.copysign(1.0, deficit) == math.copysign(1.0, rest)
        assert all(p == pytest.approx(high if rest > 0 else low) for p, low, high in free)


def test_a_forced_cabinet_does_not_add_to_the_target() -> None:
    powers, deficit = share(50_000.0, [cabinet(forced_w=40_000.0), cabinet()])
    assert powers == pytest.approx([40_000.0, 10_000.0])
    assert abs(deficit) < 1e-6


def test_the_others_carry_a_forced_charge_while_the_site_discharges() -> None:
    powers, deficit = share(50_000.0, [cabinet(forced_w=-40_000.0), cabinet(), cabinet()])
    assert powers == pytest.approx([-40_000.0, 45_000.0, 45_000.0])
    assert abs(deficit) < 1e-6
    powers, deficit = share(50_000.0, [cabinet(forced_w=-60_000.0), cabinet()])
    assert powers == pytest.approx([-60_000.0, 100_000.0])
    assert deficit == pytest.approx(10_000.0)


def test_the_others_take_in_what_a_forced_cabinet_gives_too_much() -> None:
    powers, deficit = share(0.0, [cabinet(forced_w=20_000.0), cabinet(soc=0.9), cabinet(soc=0.2)])
    assert powers[0] == 20_000.0
    assert powers[2] < powers[1] < 0
    assert abs(deficit) < 1e-6


def test_a_forced_power_ends_at_the_cabinets_own_limit() -> None:
    powers, deficit = share(0.0, [cabinet(forced_w=1e6), cabinet(charge_limit_w=3e4)])
    assert powers == pytest.approx([1e5, -3e4])
    assert deficit == pytest.approx(-7e4)


def test_no_cabinet_shares_nothing() -> None:
    assert share(5.0, []) == ([], 5.0)
    assert share(-5.0, []) == ([], -5.0)
