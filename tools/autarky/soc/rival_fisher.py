"""Fusion of counting with an identified rest voltage, weighed by Fisher information.

After J. Shi, S. Jiang, S. Tao, J. Lee, M. Borah, S. Moura: An Adaptive Estimation Approach based on
Fisher Information to Overcome the Challenges of LFP Battery SOC Estimation, arXiv 2507.01173
(2025). Built from the paper's description; its constants are those that the authors publish. The
method: (1) filters of second order give smooth voltage and current with two derivatives, (2) a
regression over 300 s takes the rest voltage of a two-RC cell apart from its unknown resistances,
(3) a hysteresis state follows the current's direction, (4) the rest voltage on the branch of that
state is a charge, (5) a Kalman filter of one state fuses it with counting. Its measurement variance
is the Cramer-Rao bound of the regression's rest voltage, times the squared slope of charge over it.

What differs: the OCV-hysteresis-charge map is the table's rest voltage and gap, the same that every
rival gets, not one measured on the cell with minor loops; hysteresis crosses over as that table
says; start and its deviation are the given ones (the authors start at 100 % with a variance of 2);
the filters start settled; noise of current is theirs for the size of the cell. Left out: the
simulated 10-bit converter, and all of what the authors train or compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import cont2discrete, lfilter, lfilter_zi

from autarky.soc.evaluate import Errors, spoil
from autarky.soc.traces import Floats, Trace
from bess.estimate.chemistry import Chemistry

_LAMBDA = (0.4, 9.0)  # of the filters s^k 0.4 / (s^2 + 9 s + 0.4), in s^-2 and s^-1
_WINDOW = 300  # samples of 1 s
_FIRST = 30  # five samples for each of six parameters, before voltage counts
_VOLTAGE_SIGMA_V = 0.01
_CURRENT_SIGMA_C = np.sqrt(0.0002) / 1.2  # 0.0002 A^2 on their 1.2 Ah cell
_DIRECTION_TAU_S = 10.0  # the current's sign is taken after this low pass
_NO_INFORMATION_V2 = 1e10
_SINGULAR = 1e-12  # of the largest eigenvalue: nothing excites that parameter
_LEAST_SLOPE_V = 1e-3  # V for a charge of 0..1; the rounded table has steps of none
_CHUNK = 2000  # windows at a time, for memory


@dataclass(frozen=True)
class RestVoltage:
    """Rest voltage V (n,) that the regression finds, and its variance V^2 (n,) by its bound."""

    ocv_v: Floats
    variance_v2: Floats


def identify(current_a: Floats, voltage_v: Floats) -> RestVoltage:
    """Rest voltage of every second from currents (+ = discharge) and voltages at 1 Hz, (n,) each.

    Where the current has not excited the cell within the window the variance is 1e10 V^2.
    """
    current, current_1, current_2 = _derivatives(current_a)
    voltage, voltage_1, voltage_2 = _derivatives(voltage_v)
    rows = np.stack(
        [np.ones_like(current), -current_2, -current_1, -current, -voltage_2, -voltage_1], axis=1
    )
    # unit size in each column: the eigenvalues of the window then tell what is excited
    size = np.sqrt(np.mean(rows**2, axis=0))
    size[size == 0] = 1.0
    padded = np.zeros((len(rows) + _WINDOW - 1, 7))
    padded[_WINDOW - 1 :, :6] = rows / size
    padded[_WINDOW - 1 :, 6] = voltage
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=0)
    ocv_v, variance_v2 = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        products = windows[part] @ windows[part].swapaxes(1, 2)
        values, vectors = np.linalg.eigh(products[:, :6, :6])
        known = values > _SINGULAR * values[:, -1:]
        inverse = np.where(known, 1 / np.where(known, values, 1.0), 0.0)
        onto = np.einsum("nij,ni->nj", vectors, products[:, :6, 6])
        first = vectors[:, 0, :]
        ocv_v[part] = np.sum(first * inverse * onto, axis=1)
        blind = np.any(~known & (first**2 > _SINGULAR), axis=1)
        variance = _VOLTAGE_SIGMA_V**2 * np.sum(first**2 * inverse, axis=1)
        variance_v2[part] = np.where(blind, _NO_INFORMATION_V2, variance)
    return RestVoltage(ocv_v, variance_v2)


def _derivatives(signal: Floats) -> list[Floats]:
    """The filtered signal (n,), 1 Hz, and its first and second derivative; settled at the start."""
    out = []
    for order in range(3):
        numerator = [_LAMBDA[0]] + [0.0] * order
        system: Any = cont2discrete((numerator, [1.0, *_LAMBDA[::-1]]), 1.0, method="zoh")
        b, a = np.ravel(system[0]), np.ravel(system[1])
        out.append(np.asarray(lfilter(b, a, signal, zi=lfilter_zi(b, a) * signal[0])[0]))
    return out


def _branch(current_c: Floats, reversals: float, start: float) -> Floats:
    """Hysteresis state (n,), -1 on the branch of discharge .. +1 on that of charge."""
    keep = np.exp(-1 / _DIRECTION_TAU_S)
    smooth_c = lfilter([0.0, 1 - keep], [1.0, -keep], current_c)
    follow = -np.expm1(-np.abs(current_c) / 3600 * reversals)
    out = np.empty(len(current_c))
    state = start
    for i, (way, part) in enumerate(zip(-np.sign(smooth_c), follow, strict=True)):
        if i:
            state += (way - state) * part
        out[i] = state
    return out


def _charge(ocv_v: Floats, branch: Floats, rest_v: Floats, gap_v: Floats) -> Floats:
    """Charge 0..1 (n,) at which each branch has that voltage; rest_v, gap_v: 101 points."""
    curves = np.maximum.accumulate(rest_v + branch[:, None] * gap_v, axis=1)
    row = np.clip((curves < ocv_v[:, None]).sum(axis=1) - 1, 0, len(rest_v) - 2)
    each = np.arange(len(row))
    low, high = curves[each, row], curves[each, row + 1]
    part = (ocv_v - low) / np.maximum(high - low, 1e-9)
    return (row + np.clip(part, 0, 1)) / (len(rest_v) - 1)


def fisher_fusion(trace: Trace, chemistry: Chemistry, capacity_ah: float, errors: Errors) -> Floats:
    """Charge 0..1 of every sample (n,); the method runs at 1 Hz, in between it is interpolated."""
    assert trace.soc is not None
    seen = spoil(trace, errors, capacity_ah)
    time_s = seen.time_s - seen.time_s[0]
    grid_s = np.arange(int(time_s[-1]) + 1)
    newest = np.clip(np.searchsorted(time_s, grid_s), 0, len(time_s) - 1)
    current_c = seen.current_a[newest] / capacity_ah
    voltage_v = np.interp(grid_s, time_s, seen.voltage_v)
    found = identify(current_c, voltage_v)

    warm_k = float(np.mean(seen.temperature_c)) - 25
    rest_v = np.array(chemistry.ocv_dmv) * 1e-4 + np.array(chemistry.entropy) * 1e-5 * warm_k
    gap_v = np.array(list(chemistry.gap_dmv)) * 1e-4
    soc = float(np.clip(trace.soc[0] + errors.start_error_pct / 100, 0, 1))
    # above the middle of the branches it came from charge, as the authors ask of 3.29 V
    from_charge = voltage_v[0] > np.interp(soc, np.linspace(0, 1, len(rest_v)), rest_v)
    branch = _branch(current_c, chemistry.values["reversals"], 1.0 if from_charge else -1.0)
    told = _charge(found.ocv_v, branch, rest_v, gap_v)
    slope_v, slope_of_gap_v = np.gradient(rest_v, 0.01), np.gradient(gap_v, 0.01)

    variance = errors.sigma**2
    out = np.empty(len(grid_s))
    for i in range(len(out)):
        soc -= current_c[i] / 3600 if i else 0.0
        row = min(max(round(soc * 100), 0), 100)
        if i >= _FIRST:
            variance += (_CURRENT_SIGMA_C / 3600) ** 2
            steep_v = max(slope_v[row] + branch[i] * slope_of_gap_v[row], _LEAST_SLOPE_V)
            gain = variance / (variance + found.variance_v2[i] / steep_v**2)
            soc += gain * (told[i] - soc)
            variance *= 1 - gain
        soc = out[i] = min(max(soc, 0.0), 1.0)
    return np.interp(time_s, grid_s, out)
