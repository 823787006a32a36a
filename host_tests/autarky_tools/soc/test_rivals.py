"""The rivals where the answer is known: straight cells, filters in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kit import straight_cell as cell
from kit.straight_cell import AH, SLOPE_V, driven, straight, straight_trace

from autarky.soc.evaluate import Errors, spoil
from autarky.soc.rival_fisher import fisher_fusion, identify
from autarky.soc.rival_kalman import extended, sigma_point_hysteresis, unscented
from autarky.soc.rivals import RIVALS, counting
from autarky.soc.traces import Floats, Trace

WRONG = Errors(-20, 0.5, 0.2, 1)


def linear_kalman(trace: Trace, errors: Errors, with_offset: bool) -> Floats:
    """A Kalman filter of the straight cell, written as matrices; charge (n,)."""
    assert trace.soc is not None
    seen = spoil(trace, errors, AH)
    current_c = seen.current_a / AH
    keep = np.exp([-1 / cell.FAST_S, -1 / cell.SLOW_S])
    per_c = np.array([-1 / 3600, cell.FAST_V * (1 - keep[0]), cell.SLOW_V * (1 - keep[1])])
    states = 4 if with_offset else 3
    transition = np.eye(states)
    transition[1, 1], transition[2, 2] = keep
    gain, look = np.zeros(states), np.array([SLOPE_V, -1.0, -1.0, cell.OHMIC_V][:states])
    gain[:3] = per_c
    if with_offset:
        transition[:3, 3] = -per_c
    variances = [errors.sigma**2, 1e-6, 1e-6, 0.002**2]
    process = np.diag([1e-12, 1e-9, 1e-9, 1e-14][:states])
    x, covariance = np.zeros(states), np.diag(variances[:states])
    x[0] = trace.soc[0] + errors.start_error_pct / 100
    out = np.empty(len(current_c))
    for i, now_c in enumerate(current_c):
        if i:
            x = transition @ x + gain * now_c
            covariance = transition @ covariance @ transition.T
        covariance = covariance + process
        innovation = seen.voltage_v[i] - (cell.EMPTY_V + look @ x - cell.OHMIC_V * now_c)
        weight = covariance @ look / (look @ covariance @ look + 0.05)
        x = x + weight * innovation
        covariance = covariance - np.outer(weight, look) @ covariance
        out[i] = x[0]
    return out


@pytest.mark.parametrize(
    ("rival", "with_offset"),
    [(extended, False), (unscented, False), (sigma_point_hysteresis, True)],
)
def test_on_a_straight_cell_they_are_the_linear_filter(rival, with_offset: bool) -> None:
    trace = straight_trace(driven(1500), 0.6)
    assert trace.soc is not None
    known = linear_kalman(trace, WRONG, with_offset)
    found = rival(trace, straight(), AH, WRONG)
    assert found == pytest.approx(known, abs=1e-8)
    assert abs(found[-1] - trace.soc[-1]) < 0.04


def test_a_right_start_and_right_sensors_stay_right() -> None:
    trace = straight_trace(driven(600), 0.6)
    for name, rival in RIVALS.items():  # the fusion's derivatives lag a few seconds
        assert rival(trace, straight(), AH, Errors()) == pytest.approx(trace.soc, abs=0.01), name


def test_a_known_branch_is_no_charge_for_the_filter_with_hysteresis() -> None:
    """In steady discharge the cell lies 24 mV below rest, which is 5 % of charge."""
    trace = straight_trace(np.full(4000, 0.3), 0.8, lean_v=-0.024)
    assert trace.soc is not None
    table = straight(gap_v=0.024)
    without = unscented(trace, table, AH, Errors(-10)) - trace.soc
    found = sigma_point_hysteresis(trace, table, AH, Errors(-10)) - trace.soc
    assert without[-1] == pytest.approx(-0.05, abs=0.01)
    assert abs(found[-1]) < 0.02


def test_the_regression_takes_a_rest_voltage_from_its_drops() -> None:
    current_c = driven(1500)
    trace = straight_trace(current_c, 0.5)
    assert trace.soc is not None
    rest_v = cell.EMPTY_V + SLOPE_V * trace.soc
    found = identify(current_c, trace.voltage_v - rest_v + 3.3)
    assert np.abs(found.ocv_v - 3.3)[300:].max() < 1e-4
    assert found.variance_v2[300:].max() < 0.01**2


def test_without_excitation_the_fusion_counts() -> None:
    trace = straight_trace(np.full(1000, 0.3), 0.7)
    settled = np.full(1000, 3.2)
    assert identify(np.full(1000, 0.3), settled).variance_v2 == pytest.approx(1e10)
    steady = replace(trace, voltage_v=settled)
    errors = Errors(-20)
    assert fisher_fusion(steady, straight(), AH, errors) == pytest.approx(
        counting(steady, straight(), AH, errors), abs=1e-6
    )


def test_with_excitation_the_fusion_mends_a_wrong_start() -> None:
    trace = straight_trace(driven(3600), 0.6)
    assert trace.soc is not None
    error = fisher_fusion(trace, straight(), AH, WRONG) - trace.soc
    assert error[0] == pytest.approx(-0.2, abs=1e-3)
    assert np.abs(error[-1200:]).max() < 0.02
