"""What a fit takes of measured traces: runs on a grid of one second, each with its charge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autarky.soc.traces import Floats, Trace, TraceError, capacity_from
from bess.estimate.cell_model import RESTING_C

REVERSALS = 20  # hysteresis crosses over within about 5 % of charge
_SLOW_C = 0.06  # below it a run counts as slow
_DYNAMIC_S, _SLOW_S = 5, 60  # what is used of the samples


@dataclass
class Run:
    """One trace on a grid of 1 s, and the samples of it that are fitted."""

    name: str
    temperature_c: float
    soc: Floats
    current_c: Floats
    voltage_v: Floats
    lean: Floats
    use: NDArray[np.intp]
    weight: Floats


def prepare(
    traces: list[Trace], full_v: float, empty_v: float, capacity_ah: float | None
) -> tuple[list[Run], list[str], float]:
    """(runs that serve, why others do not, capacity in Ah). Raises TraceError when none serves."""
    runs: list[Run] = []
    skipped: list[str] = []
    capacities: list[float] = []
    for trace in traces:
        try:
            ah = capacity_ah or _own_capacity(trace, full_v, empty_v)
            soc = _charge(trace, ah, full_v, empty_v)
            runs.append(_run(trace, ah, soc, full_v))
            capacities.append(ah)
        except TraceError as error:
            skipped.append(str(error))
    if not runs:
        raise TraceError("no trace serves: " + "; ".join(skipped))
    return runs, skipped, float(np.median(capacities))


def _own_capacity(trace: Trace, full_v: float, empty_v: float) -> float:
    if trace.capacity_ah or trace.soc is not None:
        return capacity_from(trace)
    ends = trace.voltage_v.max() >= full_v - 0.03 and trace.voltage_v.min() <= empty_v + 0.1
    if not ends:
        raise TraceError(
            f"{trace.name}: no soc column, and the run does not go from full to empty; give "
            "--capacity-ah"
        )
    return float(np.ptp(trace.counted_ah()))


def _charge(trace: Trace, ah: float, full_v: float, empty_v: float) -> Floats:
    if trace.soc is not None:
        return trace.soc
    counted = trace.counted_ah() / ah
    if np.ptp(counted) < 0.2:
        raise TraceError(f"{trace.name}: less than a fifth of the charge is moved")
    if trace.voltage_v[0] >= full_v - 0.05 and abs(trace.current_a[0]) < 0.1 * ah:
        return 1.0 - counted
    if trace.voltage_v[0] <= empty_v + 0.1:
        return counted.max() - counted
    raise TraceError(f"{trace.name}: no soc column, and it starts neither full nor empty")


def _run(trace: Trace, ah: float, soc: Floats, full_v: float) -> Run:
    time_s = trace.time_s - trace.time_s[0]
    gap_s = float(np.percentile(np.diff(time_s), 99)) if len(time_s) > 2 else 0.0
    fastest = np.abs(trace.current_a).max() / ah
    if len(time_s) < 100:
        raise TraceError(f"{trace.name}: {len(time_s)} samples are too few")
    if fastest > 0.3 and gap_s > 2.5:
        raise TraceError(f"{trace.name}: a dynamic run needs a sample a second, has {gap_s:.0f} s")
    if np.ptp(trace.temperature_c) > 25:
        raise TraceError(f"{trace.name}: temperature changes by more than 25 K")
    grid = np.arange(int(time_s[-1]))
    newest = np.clip(np.searchsorted(time_s, grid), 0, len(time_s) - 1)
    current = trace.current_a[newest] / ah
    charge = np.interp(grid, time_s, soc)
    slow = fastest <= _SLOW_C
    use = np.arange(0, len(grid), _SLOW_S if slow else _DYNAMIC_S)
    # the curve's own steepness turns an error of charge into volts: weigh it less there
    slope = np.interp(charge[use], *_typical_slope())
    weight = 0.005 / (0.005 + 0.006 * slope) * np.where(charge[use] < 0.01, 0.1, 1.0)
    mean_c = float(np.mean(trace.temperature_c))
    if mean_c < 0:
        weight *= 0.1 if slow else 0.4  # a cold cell is not at rest at C/27; its drops are wide
    start = -1.0 if trace.voltage_v[0] >= full_v - 0.05 else 1.0 if charge[0] < 0.05 else 0.0
    return Run(
        trace.name, round(mean_c), charge, current, np.interp(grid, time_s, trace.voltage_v),
        _lean(current, start), use, weight,
    )  # fmt: skip


def _typical_slope() -> tuple[Floats, Floats]:
    """Slope of an LFP or NMC curve in V, an upper bound at both ends, for the weights."""
    soc = np.array(
        [0, 0.02, 0.05, 0.1, 0.15, 0.3, 0.4, 0.65, 0.7, 0.75, 0.8, 0.95, 0.97, 0.98, 0.99, 1]
    )
    slope = np.array([40, 8, 4, 1.5, 0.6, 0.25, 0.1, 0.13, 0.2, 0.2, 0.1, 0.5, 1.5, 3, 6, 12])
    return soc, slope


def _lean(current_c: Floats, start: float) -> Floats:
    """Hysteresis state of every second, as bess.estimate.cell_model advances it."""
    side = np.where(current_c > RESTING_C, 1.0, np.where(current_c < -RESTING_C, -1.0, 0.0))
    follow = 1 - np.exp(-np.abs(current_c) / 3600 * REVERSALS)
    lean = np.empty(len(current_c))
    state = start
    for i, (to, part) in enumerate(zip(side.tolist(), follow.tolist(), strict=True)):
        state += (to - state) * part
        lean[i] = state
    return lean
