"""A cell with a straight rest voltage, two RC pairs and no other surprise, for known answers."""

from __future__ import annotations

import numpy as np

from autarky.soc.traces import Floats, Trace
from bess.estimate.chemistry import Chemistry

EMPTY_V, SLOPE_V = 3.0, 0.48
OHMIC_V, FAST_V, SLOW_V = 0.02, 0.015, 0.03  # at 1 C
FAST_S, SLOW_S = 8.0, 60.0
AH = 2.0


def straight_table(gap_v: float = 0.0) -> bytes:
    """Rest voltage from EMPTY_V up by SLOPE_V; gap_v: half of it between the branches."""
    drops = " ".join(str(round(1e5 * v)) for v in (OHMIC_V, FAST_V, SLOW_V))
    lines = [
        f"fast_tau_s {FAST_S:.0f}", f"slow_tau_s {SLOW_S:.0f}", "empty_growth_permille 0",
        "reversals 20", f"temperature -300 {drops}", f"temperature 500 {drops}",
        *(
            f"soc {k} {round(1e4 * (EMPTY_V + SLOPE_V * k / 100))} {round(1e4 * gap_v)} 0"
            for k in range(101)
        ),
    ]  # fmt: skip
    return ("\n".join(lines) + "\n").encode()


def straight(gap_v: float = 0.0) -> Chemistry:
    """The table, parsed."""
    return Chemistry(straight_table(gap_v))


def straight_trace(current_c: Floats, start_soc: float, lean_v: float = 0.0) -> Trace:
    """The cell under a current (n,) in C, a sample a second; lean_v: added to its voltage."""
    fast_v = slow_v = 0.0
    soc, rows = start_soc, np.empty((len(current_c), 2))
    for i, now_c in enumerate(current_c):
        step_s = 1.0 if i else 0.0
        soc -= now_c * step_s / 3600
        fast_v += (FAST_V * now_c - fast_v) * (1 - np.exp(-step_s / FAST_S))
        slow_v += (SLOW_V * now_c - slow_v) * (1 - np.exp(-step_s / SLOW_S))
        rows[i] = EMPTY_V + SLOPE_V * soc + lean_v - OHMIC_V * now_c - fast_v - slow_v, soc
    time_s = np.arange(len(current_c), dtype=float)
    voltage_v, soc = rows.T
    return Trace("straight", time_s, AH * current_c, voltage_v, np.full(len(time_s), 25.0), soc, AH)


def driven(samples: int, seed: int = 1) -> Floats:
    """Current in C that changes every 7 s about zero, (samples,)."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(0, 0.5, samples // 7 + 1), 7)[:samples]
