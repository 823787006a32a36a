"""What others do, on the same spoiled traces: `RIVALS` by name.

Each takes a trace with its reference charge, the table, the capacity in Ah and what to spoil, and
returns charge 0..1 of every sample, (n,).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autarky.soc.evaluate import Errors, spoil
from autarky.soc.rival_fisher import fisher_fusion
from autarky.soc.rival_kalman import extended, sigma_point_hysteresis, unscented
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


RIVALS: dict[str, Callable[[Trace, Chemistry, float, Errors], Floats]] = {
    "counting": counting,
    "rest-voltage overwrite": overwriting,
    "filterpy EKF": extended,
    "filterpy UKF": unscented,
    "sigma points, hysteresis, offset (Plett)": sigma_point_hysteresis,
    "Fisher fusion (Shi et al.)": fisher_fusion,
}
