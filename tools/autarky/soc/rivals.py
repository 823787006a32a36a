"""What others do, on the same spoiled traces: counting, rest-voltage overwrite, a textbook EKF."""

from __future__ import annotations

import numpy as np
from filterpy.kalman import ExtendedKalmanFilter

from autarky.soc.evaluate import Errors, spoil
from autarky.soc.traces import Floats, Trace
from bess.estimate.chemistry import Chemistry

_REST_C = 0.01
_REST_S = 600  # as some open BMSs do


def counting(trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors) -> Floats:
    """Coulomb counting from the given start."""
    assert trace.soc is not None
    seen = spoil(trace, errors, capacity_ah)
    start = float(np.clip(trace.soc[0] + errors.start_error_pct / 100, 0, 1))
    return np.clip(start - seen.counted_ah() / capacity_ah, 0, 1)


def overwriting(trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors) -> Floats:
    """Counting, overwritten from the rest voltage after 600 s without current."""
    seen = spoil(trace, errors, capacity_ah)
    counted = counting(trace, chemistry, capacity_ah, errors)
    offset = errors.offset_pct_fs / 100 * (errors.full_scale_a or capacity_ah)
    resting = np.abs(seen.current_a - offset) < _REST_C * capacity_ah
    shift, since = 0.0, None
    out = np.empty_like(counted)
    for i in range(len(counted)):
        if not resting[i]:
            since = None
        elif since is None:
            since = seen.time_s[i]
        elif seen.time_s[i] - since >= _REST_S:
            told = chemistry.soc_cpct(round(1e4 * float(seen.voltage_v[i]))) / 1e4
            shift = told - counted[i]
        out[i] = np.clip(counted[i] + shift, 0, 1)
    return out


def textbook(trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors) -> Floats:
    """filterpy's extended Kalman filter on charge and two RC voltages, resistances by temperature.

    Measurement variance 0.05 V^2, process noise small: design page estimation.md's quick reference.
    """
    assert trace.soc is not None
    seen = spoil(trace, errors, capacity_ah)
    table = np.array(chemistry.resistance).reshape(-1, 4)
    ocv = np.array(chemistry.ocv_dmv) * 1e-4
    values = chemistry.values
    grid = np.linspace(0, 1, 101)
    slope = np.gradient(ocv, grid)
    taus = np.array([values["fast_tau_s"], values["slow_tau_s"]], dtype=float)

    ekf = ExtendedKalmanFilter(dim_x=3, dim_z=1)
    ekf.x = np.array([[np.clip(trace.soc[0] + errors.start_error_pct / 100, 0, 1)], [0.0], [0.0]])
    ekf.P = np.diag([errors.sigma**2, 1e-6, 1e-6])
    ekf.Q = np.diag([1e-12, 1e-9, 1e-9])
    ekf.R = np.array([[0.05]])
    ohmic = 0.0

    def jacobian(x: Floats) -> Floats:
        at = np.interp(np.clip(x[0, 0], 0, 1), grid, slope)
        return np.array([[at, -1.0, -1.0]])

    def measured(x: Floats) -> Floats:
        return np.array([[np.interp(x[0, 0], grid, ocv) - x[1, 0] - x[2, 0] - ohmic]])

    out = np.empty(len(seen.time_s))
    last_s = seen.time_s[0]
    for i in range(len(out)):
        dt_s = float(seen.time_s[i] - last_s)
        last_s = seen.time_s[i]
        current_c = float(seen.current_a[i]) / capacity_ah
        drops = [
            float(np.exp(np.interp(seen.temperature_c[i], table[:, 0] / 10, np.log(column * 1e-5))))
            for column in table[:, 1:].T
        ]
        keep = np.exp(-dt_s / taus)
        ekf.F = np.diag([1.0, keep[0], keep[1]])
        ekf.x = ekf.F @ ekf.x + np.array(
            [[-current_c * dt_s / 3600], [drops[1] * (1 - keep[0]) * current_c],
             [drops[2] * (1 - keep[1]) * current_c]]
        )  # fmt: skip
        ekf.P = ekf.F @ ekf.P @ ekf.F.T + ekf.Q
        ohmic = drops[0] * current_c
        ekf.update(np.array([[float(seen.voltage_v[i])]]), jacobian, measured)
        ekf.x[0, 0] = np.clip(ekf.x[0, 0], -0.03, 1.03)
        out[i] = ekf.x[0, 0]
    return np.clip(out, 0, 1)


RIVALS = {
    "counting": counting,
    "rest-voltage overwrite": overwriting,
    "filterpy EKF": textbook,
}
