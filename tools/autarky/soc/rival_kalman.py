"""Kalman filters on charge and two RC voltages, by filterpy: extended, unscented, sigma-point.

All run the same two-RC cell of the same table, with the constants of the design page
estimation.md's quick reference: measurement variance 0.05 V^2, process noise small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from filterpy.kalman import ExtendedKalmanFilter, MerweScaledSigmaPoints, UnscentedKalmanFilter

from autarky.soc.evaluate import Errors, spoil
from autarky.soc.traces import Floats, Trace
from bess.estimate.chemistry import Chemistry

_SPREAD = 3  # sigma points lie at sqrt(3) deviations: the fourth moment of a Gaussian
_START_RC_VARIANCE = 1e-6  # V^2
_PROCESS = (1e-12, 1e-9, 1e-9)  # a sample, of charge^2 and V^2
_MEASUREMENT_V2 = 0.05
_LEAST_SOC, _MOST_SOC = -0.03, 1.03
# of the sigma-point filter's two states more: hysteresis -1..1, offset of the sensor in C
_HYSTERESIS_VARIANCE, _HYSTERESIS_PROCESS = 1.0, 1e-8
_OFFSET_VARIANCE, _OFFSET_PROCESS = 0.002**2, 1e-14


@dataclass(frozen=True)
class TwoRcCell:
    """What a table makes of a trace of n samples; states (soc, fast V, slow V), + in discharge.

    start (3,) and start_covariance (3, 3); keep (n, 3): what is left of each state since the sample
    before; per_c (n, 3): what 1 C adds to each meanwhile; ohmic_v (n,): drop at once at 1 C;
    current_c, voltage_v (n,): as the sensors tell; gap_v: half of that between the branches;
    warm_k (n,): kelvin above 25 degC. Curves of 101 points over charge, held level beyond 0..1.
    """

    start: Floats
    start_covariance: Floats
    keep: Floats
    per_c: Floats
    ohmic_v: Floats
    current_c: Floats
    voltage_v: Floats
    warm_k: Floats
    ocv_v: list[float]
    ocv_slope_v: list[float]
    entropy_v_k: list[float]
    entropy_slope_v_k: list[float]
    gap_v: list[float]
    reversals: float

    def __len__(self) -> int:
        return len(self.voltage_v)

    def advance(self, state: Floats, i: int, current_c: float) -> Floats:
        """The state (3,) at sample i, from that of the sample before."""
        return self.keep[i] * state + self.per_c[i] * current_c

    def terminal_v(self, state: Floats, i: int, current_c: float) -> float:
        """Voltage of sample i in a state (3,) without hysteresis, in V."""
        rest_v = place(self.ocv_v, state[0]) + place(self.entropy_v_k, state[0]) * self.warm_k[i]
        return rest_v - state[1] - state[2] - self.ohmic_v[i] * current_c

    def slope_v(self, soc: float, i: int) -> float:
        """Slope of the rest voltage over charge at sample i, V for 0..1."""
        return place(self.ocv_slope_v, soc) + place(self.entropy_slope_v_k, soc) * self.warm_k[i]


def place(curve: list[float], soc: float) -> float:
    """A curve of 101 points at a charge; np.interp takes ten times as long for one number."""
    at = min(max(soc, 0.0), 1.0) * 100
    row = min(int(at), 99)
    return curve[row] + (curve[row + 1] - curve[row]) * (at - row)


def two_rc_cell(
    trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors
) -> TwoRcCell:
    """The cell under a trace with spoiled sensors, resistances by temperature."""
    assert trace.soc is not None
    seen = spoil(trace, errors, capacity_ah)
    table = np.array(chemistry.resistance).reshape(-1, 4)
    ohmic_v, fast_v, slow_v = (
        np.exp(np.interp(seen.temperature_c * 10, table[:, 0], np.log(column * 1e-5)))
        for column in table[:, 1:].T
    )
    dt_s = np.diff(seen.time_s, prepend=seen.time_s[0])
    keep = np.stack(
        [
            np.ones(len(dt_s)),
            *(np.exp(-dt_s / chemistry.values[f"{k}_tau_s"]) for k in ("fast", "slow")),
        ],
        axis=1,
    )
    per_c = np.stack([-dt_s / 3600, fast_v * (1 - keep[:, 1]), slow_v * (1 - keep[:, 2])], axis=1)
    ocv_v, entropy_v_k = np.array(chemistry.ocv_dmv) * 1e-4, np.array(chemistry.entropy) * 1e-5
    soc = float(np.clip(trace.soc[0] + errors.start_error_pct / 100, 0, 1))
    return TwoRcCell(
        start=np.array([soc, 0.0, 0.0]),
        start_covariance=np.diag([errors.sigma**2, _START_RC_VARIANCE, _START_RC_VARIANCE]),
        keep=keep, per_c=per_c, ohmic_v=ohmic_v,
        current_c=seen.current_a / capacity_ah, voltage_v=seen.voltage_v,
        warm_k=seen.temperature_c - 25,
        ocv_v=ocv_v.tolist(), ocv_slope_v=np.gradient(ocv_v, 0.01).tolist(),
        entropy_v_k=entropy_v_k.tolist(), entropy_slope_v_k=np.gradient(entropy_v_k, 0.01).tolist(),
        gap_v=[v * 1e-4 for v in chemistry.gap_dmv], reversals=chemistry.values["reversals"],
    )  # fmt: skip


def extended(trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors) -> Floats:
    """filterpy's extended Kalman filter: charge 0..1 of every sample (n,)."""
    cell = two_rc_cell(trace, chemistry, capacity_ah, errors)
    ekf = ExtendedKalmanFilter(dim_x=3, dim_z=1)
    ekf.x = cell.start[:, None]
    ekf.P = cell.start_covariance
    ekf.R = np.array([[_MEASUREMENT_V2]])
    process = np.diag(_PROCESS)
    out = np.empty(len(cell))
    for i, current_c in enumerate(cell.current_c):
        ekf.x = cell.advance(ekf.x[:, 0], i, current_c)[:, None]
        ekf.P = ekf.P * np.outer(cell.keep[i], cell.keep[i]) + process
        ekf.update(
            np.array([[cell.voltage_v[i]]]),
            lambda x, at=i: np.array([[cell.slope_v(x[0, 0], at), -1.0, -1.0]]),
            lambda x, at=i, c=current_c: np.array([[cell.terminal_v(x[:, 0], at, c)]]),
        )
        ekf.x[0, 0] = out[i] = min(max(ekf.x[0, 0], _LEAST_SOC), _MOST_SOC)
    return np.clip(out, 0, 1)


def unscented(trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors) -> Floats:
    """filterpy's unscented Kalman filter on the same states: charge 0..1 of every sample (n,).

    After Julier and Uhlmann, Unscented filtering and nonlinear estimation, Proc. IEEE 92 (2004).
    """
    cell = two_rc_cell(trace, chemistry, capacity_ah, errors)
    return _sigma_point(
        cell, cell.start, cell.start_covariance, np.diag(_PROCESS),
        lambda x, dt, at: cell.advance(x, at, cell.current_c[at]),
        lambda x, at: np.array([cell.terminal_v(x, at, cell.current_c[at])]),
    )  # fmt: skip


def sigma_point_hysteresis(
    trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors
) -> Floats:
    """Plett's sigma-point filter on his enhanced self-correcting cell: charge 0..1, (n,).

    After G. Plett, Sigma-point Kalman filtering for battery management systems, J. Power Sources
    161 (2006) 1356 and 1369: hysteresis is a state that decays with the charge that passes, the
    current sensor's offset another. Start of both: branch unknown, 0 +- 0.2 % of 1 C. Left out: a
    hysteresis that jumps with the current's sign, which the table does not know; noise of current
    as part of the sigma points, here added; parameters of the cell as states; and his program's
    widening of charge after large innovations.
    """
    cell = two_rc_cell(trace, chemistry, capacity_ah, errors)
    start = np.concatenate([cell.start, [0.0, 0.0]])
    variances = np.diag(cell.start_covariance).tolist()
    covariance = np.diag([*variances, _HYSTERESIS_VARIANCE, _OFFSET_VARIANCE])
    follow = -np.expm1(-np.abs(cell.per_c[:, 0] * cell.current_c) * cell.reversals)
    side = -np.sign(cell.current_c)  # +1: on the branch of charge

    def advance(x: Floats, dt: float, at: int) -> Floats:
        state = cell.advance(x[:3], at, cell.current_c[at] - x[4])
        return np.array([*state, x[3] + (side[at] - x[3]) * follow[at], x[4]])

    def terminal_v(x: Floats, at: int) -> Floats:
        level_v = place(cell.gap_v, x[0]) * min(max(x[3], -1.0), 1.0)
        return np.array([cell.terminal_v(x, at, cell.current_c[at] - x[4]) + level_v])

    process = np.diag([*_PROCESS, _HYSTERESIS_PROCESS, _OFFSET_PROCESS])
    return _sigma_point(cell, start, covariance, process, advance, terminal_v)


def _sigma_point(
    cell: TwoRcCell,
    start: Floats,
    covariance: Floats,
    process: Floats,
    advance: Callable[[Floats, float, int], Floats],
    terminal_v: Callable[[Floats, int], Floats],
) -> Floats:
    states = len(start)
    points = MerweScaledSigmaPoints(states, alpha=1.0, beta=2.0, kappa=_SPREAD - states)
    ukf = UnscentedKalmanFilter(states, 1, dt=1.0, hx=terminal_v, fx=advance, points=points)
    ukf.x = start.copy()
    ukf.P = covariance
    ukf.Q = process
    ukf.R = np.array([[_MEASUREMENT_V2]])
    out = np.empty(len(cell))
    for i in range(len(cell)):
        ukf.predict(at=i)
        ukf.update(cell.voltage_v[i : i + 1], at=i)
        ukf.x[0] = out[i] = min(max(ukf.x[0], _LEAST_SOC), _MOST_SOC)
    return np.clip(out, 0, 1)
