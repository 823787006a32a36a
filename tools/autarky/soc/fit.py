"""`autarky fit`: a chemistry table out of measured currents, voltages and temperatures.

Rest voltage, entropy, hysteresis and the linear resistances follow from one bounded linear least
squares problem, nested inside a small nonlinear one (time constants, charge transfer): variable
projection. Slow runs give the rest voltage, dynamic ones the resistances, both together
the hysteresis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, lsq_linear
from scipy.signal import lfilter

from autarky.soc.traces import Floats, Trace, TraceError, capacity_from, read_table
from bess.estimate.cell_model import EMPTY_SOC, KELVIN, RESTING_C, TWO_R_OVER_F
from bess.estimate.chemistry import Chemistry

_KNOTS = np.array(
    [0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.275,
     0.3, 0.325, 0.35, 0.375, 0.4, 0.425, 0.45, 0.5, 0.55, 0.6, 0.65, 0.675, 0.7, 0.725, 0.75,
     0.775, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 1.0]
)  # fmt: skip
_ENTROPY_KNOTS = np.array([0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0])
_GAP_KNOTS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0])
_REVERSALS = 20  # hysteresis crosses over within about 5 % of charge
_CLUSTER_K = 5.0
_SLOW_C = 0.06  # below it a run counts as slow
_DYNAMIC_S, _SLOW_S = 5, 60  # what is used of the samples
_MOST_GAP_V = 0.025
_LEAST_V = 2e-4  # at 1 C
_COLDEST_C, _WARMEST_C = -30.0, 55.0


@dataclass
class _Run:
    """One trace on a grid of 1 s, and the samples of it that are fitted."""

    name: str
    temperature_c: float
    soc: Floats
    current_c: Floats
    voltage_v: Floats
    lean: Floats
    use: NDArray[np.intp]
    weight: Floats


@dataclass
class Fit:
    """What was fitted. Volts at 1 C; `residual_mv` by run name: (soc, mV)."""

    temperatures_c: list[float]
    capacity_ah: float
    fast_s: float
    slow_s: float
    growth: float
    ohmic: Floats
    transfer: Floats
    diffusion: Floats
    ocv_v: Floats
    entropy_v_k: Floats
    gap_v: Floats
    residual_mv: dict[str, tuple[Floats, Floats]]
    skipped: list[str]

    @property
    def rms_mv(self) -> float:
        inner = [r[(s > 0.05) & (s < 0.97)] for s, r in self.residual_mv.values()]
        return float(np.sqrt(np.mean(np.concatenate(inner) ** 2)))


def fit(
    traces: list[Trace],
    full_v: float,
    empty_v: float,
    capacity_ah: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Fit:
    """Fit all traces of one cell. full_v, empty_v: where counting may start without a reference.

    Raises TraceError when the traces cannot carry a model, with the reason.
    """
    runs, skipped, used_ah = _prepare(traces, full_v, empty_v, capacity_ah)
    for line in skipped:
        progress(f"left out {line}")
    dynamic = [run for run in runs if np.abs(run.current_c).max() > 0.3]
    if not dynamic:
        raise TraceError(
            "no trace goes beyond 0.3 C: resistances need a dynamic run; "
            + "; ".join(skipped or ["give one"])
        )
    temperatures = _clusters([run.temperature_c for run in dynamic])
    runs = [run for run in runs if min(abs(run.temperature_c - t) for t in temperatures) <= 6]
    span = np.concatenate([run.soc for run in runs])
    if np.ptp(span) < 0.5:
        raise TraceError(
            f"the traces cover {100 * span.min():.0f}..{100 * span.max():.0f} % of charge; a table "
            "needs at least half of the range"
        )
    problem = _Problem(runs, temperatures)
    start = np.log([30, 500, 4, *[0.02 * np.exp((25 - t) / 20) for t in temperatures]])
    count = len(temperatures)
    low = np.log([5, 150, 0.05, *[0.002] * count])
    high = np.log([150, 1000, 20, *[2.0] * count])
    progress(f"fitting {sum(len(r.use) for r in runs)} samples of {len(runs)} runs")
    found = least_squares(
        lambda p: problem.solve(p)[1], np.clip(start, low + 0.01, high - 0.01),
        bounds=(low, high), loss="soft_l1", f_scale=5, max_nfev=15,
    )  # fmt: skip
    return problem.result(found.x, used_ah, skipped)


def _clusters(values: list[float]) -> list[float]:
    """Means of temperatures that lie within 5 K of each other."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value - groups[-1][0] <= _CLUSTER_K:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [round(float(np.mean(group)), 1) for group in groups]


def _prepare(
    traces: list[Trace], full_v: float, empty_v: float, capacity_ah: float | None
) -> tuple[list[_Run], list[str], float]:
    runs: list[_Run] = []
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


def _run(trace: Trace, ah: float, soc: Floats, full_v: float) -> _Run:
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
    return _Run(
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
    follow = 1 - np.exp(-np.abs(current_c) / 3600 * _REVERSALS)
    lean = np.empty(len(current_c))
    state = start
    for i, (to, part) in enumerate(zip(side.tolist(), follow.tolist(), strict=True)):
        state += (to - state) * part
        lean[i] = state
    return lean


def _hat(soc: Floats, knots: Floats) -> Floats:
    """Piecewise linear basis (n, knots)."""
    inside = np.clip(soc, knots[0], knots[-1])
    at = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(knots) - 2)
    part = (inside - knots[at]) / (knots[at + 1] - knots[at])
    basis = np.zeros((len(soc), len(knots)))
    row = np.arange(len(soc))
    basis[row, at] = 1 - part
    basis[row, at + 1] += part
    return basis


class _Problem:
    """The linear problem for given time constants and charge-transfer resistances."""

    def __init__(self, runs: list[_Run], temperatures: list[float]) -> None:
        self._runs = runs
        self._temperatures = temperatures
        self._index = [
            int(np.argmin([abs(run.temperature_c - t) for t in temperatures])) for run in runs
        ]
        self._fixed = []
        for run in runs:
            soc = run.soc[run.use]
            warm = (run.temperature_c - 25) / 20
            self._fixed.append(
                run.weight[:, None]
                * np.hstack(
                    [
                        _hat(soc, _KNOTS),
                        warm * _hat(soc, _ENTROPY_KNOTS),
                        -run.lean[run.use][:, None] * _hat(soc, _GAP_KNOTS),
                    ]
                )
            )
        self._target = np.concatenate([run.voltage_v[run.use] * run.weight for run in runs])
        count = len(temperatures)
        self._sizes = (len(_KNOTS), len(_ENTROPY_KNOTS), len(_GAP_KNOTS), count, count)
        self._edges = np.cumsum((0, *self._sizes))
        self._regular, self._regular_target = self._regularisation()

    def _regularisation(self) -> tuple[Floats, Floats]:
        """Entropy towards 0, gap towards 12 mV, and a smooth OCV: what no data speaks of."""
        ocv, entropy, gap = self._edges[:3]
        width = int(self._edges[-1])
        rows, target = [], []
        for k in range(self._sizes[1]):
            row = np.zeros(width)
            row[entropy + k] = 0.3
            rows.append(row)
            target.append(0.0)
        for k in range(self._sizes[2]):
            row = np.zeros(width)
            row[gap + k] = 1.0
            rows.append(row)
            target.append(0.012)
        for k in range(1, self._sizes[0] - 1):
            row = np.zeros(width)
            left, right = _KNOTS[k] - _KNOTS[k - 1], _KNOTS[k + 1] - _KNOTS[k]
            row[ocv + k - 1 : ocv + k + 2] = 1 / left, -1 / left - 1 / right, 1 / right
            rows.append(row * 3e-6)
            target.append(0.0)
        scale = 0.05 * np.sqrt(len(self._target))
        return np.array(rows) * scale, np.array(target) * scale

    def _build(self, p: Floats) -> tuple[Floats, Floats]:
        fast_s, slow_s, growth = np.exp(p[:3])
        transfer = np.exp(p[3:])
        blocks, drops = [], []
        count = len(self._temperatures)
        for run, at, fixed in zip(self._runs, self._index, self._fixed, strict=True):
            fast_c = _settled(run.current_c, fast_s)[run.use]
            slow_c = _settled(run.current_c, slow_s)[run.use]
            thermal = TWO_R_OVER_F * (run.temperature_c + KELVIN)
            drop = thermal * np.arcsinh(fast_c * transfer[at] / thermal)
            linear = np.zeros((len(run.use), 2 * count))
            linear[:, at] = -run.current_c[run.use]
            linear[:, count + at] = -slow_c * (1 + growth * np.exp(-run.soc[run.use] / EMPTY_SOC))
            blocks.append(np.hstack([fixed, run.weight[:, None] * linear]))
            drops.append(run.weight * drop)
        return np.vstack(blocks), np.concatenate(drops)

    def solve(self, p: Floats) -> tuple[Floats, Floats]:
        """(linear parameters, weighted residual in mV)."""
        matrix, drop = self._build(p)
        goal = self._target + drop
        whole = np.vstack([matrix, self._regular])
        target = np.concatenate([goal, self._regular_target])
        normal = whole.T @ whole
        ridge = 1e-9 * np.trace(normal) / len(normal)
        factor = np.linalg.cholesky(normal + ridge * np.eye(len(normal))).T
        right = np.linalg.solve(factor.T, whole.T @ target)
        gap, ohmic = self._edges[2], self._edges[3]
        low = np.full(len(normal), -np.inf)
        low[gap:ohmic] = 0.001
        low[ohmic:] = _LEAST_V
        high = np.full(len(normal), np.inf)
        high[gap:ohmic] = _MOST_GAP_V
        x = np.linalg.solve(factor, right)
        if (x < low).any() or (x > high).any():
            x = lsq_linear(factor, right, bounds=(low, high)).x
        return x, (matrix @ x - goal) * 1000

    def result(self, p: Floats, capacity_ah: float, skipped: list[str]) -> Fit:
        x, weighted = self.solve(p)
        ocv, entropy, gap, ohmic, diffusion = (
            x[a:b] for a, b in zip(self._edges[:-1], self._edges[1:], strict=True)
        )
        grid = np.linspace(0, 1, 101)
        residual = {}
        at = 0
        for run in self._runs:
            count = len(run.use)
            residual[run.name] = (run.soc[run.use], weighted[at : at + count] / run.weight)
            at += count
        rest = np.interp(grid, _KNOTS, ocv)
        return Fit(
            temperatures_c=list(self._temperatures), capacity_ah=capacity_ah,
            fast_s=float(np.exp(p[0])), slow_s=float(np.exp(p[1])), growth=float(np.exp(p[2])),
            ohmic=ohmic, transfer=np.exp(p[3:]), diffusion=diffusion,
            ocv_v=np.maximum.accumulate(np.clip(rest, 1.0, 6.0)),
            entropy_v_k=np.interp(grid, _ENTROPY_KNOTS, entropy) / 20,
            gap_v=np.interp(grid, _GAP_KNOTS, gap), residual_mv=residual, skipped=skipped,
        )  # fmt: skip


def _settled(current_c: Floats, tau_s: float) -> Floats:
    part = 1 - np.exp(-1 / tau_s)
    return np.asarray(lfilter([part], [1, part - 1], current_c))


def resistance_rows(result: Fit, like: Chemistry | None) -> list[tuple[float, Floats]]:
    """(degC, volts at 1 C of ohmic, transfer, diffusion) from -30 to 55 degC.

    Beyond the fitted temperatures: with three or more, the curve of the logarithm over 1/T goes on
    (only towards cold, and no steeper than 12 % a kelvin); else as `like` changes there.
    """
    at = np.array(result.temperatures_c)
    values = np.stack([result.ohmic, result.transfer, result.diffusion], axis=1)
    rows = list(zip(at.tolist(), values, strict=True))
    if len(at) >= 3 and at[0] > _COLDEST_C:
        inverse = 1 / (at[:3] + KELVIN)
        cold = []
        for column in values.T:
            curve = np.polyfit(inverse - inverse[0], np.log(column[:3]), 2)
            step = 1 / (_COLDEST_C + KELVIN) - inverse[0]
            rise = np.polyval(curve, step) - np.log(column[0])
            cold.append(np.exp(np.clip(rise, 0, 0.12 * (at[0] - _COLDEST_C))) * column[0])
        rows.insert(0, (_COLDEST_C, np.array(cold)))
    elif like is not None and at[0] > _COLDEST_C:
        rows.insert(0, (_COLDEST_C, values[0] * _change(like, float(at[0]), _COLDEST_C)))
    if at[-1] < _WARMEST_C and like is not None and len(at) < 2:
        rows.append((_WARMEST_C, values[-1] * _change(like, float(at[-1]), _WARMEST_C)))
    if len(rows) < 2:
        raise TraceError(
            "one temperature only: name the family it belongs to (--like lfp or nmc), whose "
            "change with temperature is taken over"
        )
    return rows


def _change(like: Chemistry, from_c: float, to_c: float) -> Floats:
    table = np.array(like.resistance).reshape(-1, 4)
    logs = np.log(table[:, 1:])
    there = [np.interp([from_c * 10, to_c * 10], table[:, 0], column) for column in logs.T]
    return np.array([np.exp(to - start) for start, to in there])


def table_of(
    result: Fit, origin: list[str], singles: dict[str, int], like: Chemistry | None
) -> str:
    """The chemistry table as text, with where it came from."""
    lines = [f"# {line}" for line in origin]
    for name, value in singles.items():
        lines.append(f"{name} {value}")
    lines += [
        f"fast_tau_s {round(result.fast_s)}",
        f"slow_tau_s {round(result.slow_s)}",
        f"empty_growth_permille {round(1000 * result.growth)}",
        f"reversals {_REVERSALS}",
        "# 0.1 degC; 10 uV at 1 C: ohmic, charge transfer, diffusion",
    ]
    for celsius, values in resistance_rows(result, like):
        numbers = " ".join(str(max(round(1e5 * v), 1)) for v in values)
        lines.append(f"temperature {round(10 * celsius)} {numbers}")
    lines.append("# %, rest voltage and half hysteresis gap 0.1 mV, entropy 10 uV/K")
    for percent in range(101):
        lines.append(
            f"soc {percent} {round(1e4 * result.ocv_v[percent])} "
            f"{round(1e4 * result.gap_v[percent])} "
            f"{round(np.clip(1e5 * result.entropy_v_k[percent], -127, 127))}"
        )
    return "\n".join(lines) + "\n"


def singles_of(values: dict[str, int]) -> dict[str, int]:
    """The numbers of a family that a fit takes over; the rest it finds."""
    found = ("fast_tau_s", "slow_tau_s", "empty_growth_permille", "reversals")
    return {name: value for name, value in values.items() if name not in found}


# a curve alone: the gap and the drops are another cell's, and its charge axis unproved
_CURVE_ONLY = {"error_dmv": 150, "error_cpct": 500, "error_span_cpct": 2400}


def curve_table(path: Path, family: bytes, name: str) -> str:
    """A table with the mean rest voltage of SOC_OCV, OCV_charge and OCV_discharge, else a family's.

    Such curves are measured at an unknown current, which widens their gap: the family's is kept.
    Raises TraceError.
    """
    table = read_table(path)
    missing = {"SOC_OCV", "OCV_charge", "OCV_discharge"} - set(table.column_names)
    if missing:
        raise TraceError(
            f"{path}: no column {', '.join(sorted(missing))} beside SOC_OCV: a table of rest "
            "voltages has both branches"
        )
    percent, up, down = (
        table.column(column).to_numpy().astype(float)
        for column in ("SOC_OCV", "OCV_charge", "OCV_discharge")
    )
    if percent.min() > 5 or percent.max() < 95 or (np.diff(percent) <= 0).any():
        raise TraceError(f"{path}: SOC_OCV must rise from 0 to 100 %")
    mean_dmv = np.interp(np.arange(101), percent, (up + down) / 2) * 1e4
    origin = f"# rest voltage of {path.name}, all else of {name}"
    lines = [origin]
    for line in family.decode().splitlines():
        fields = line.split()
        if fields[:1] == ["soc"]:
            lines.append(f"soc {fields[1]} {round(mean_dmv[int(fields[1])])} {fields[3]} 0")
        elif fields[:1] and fields[0] in _CURVE_ONLY:
            lines.append(f"{fields[0]} {_CURVE_ONLY[fields[0]]}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def plot(result: Fit, path: Path) -> None:
    """Rest voltage with its branches, resistances, and what the model missed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (curve, resistance, missed) = plt.subplots(1, 3, figsize=(16, 5))
    percent = np.arange(101)
    curve.plot(percent, result.ocv_v, label="rest")
    curve.fill_between(
        percent, result.ocv_v - result.gap_v, result.ocv_v + result.gap_v, alpha=0.3,
        label="hysteresis",
    )  # fmt: skip
    curve.set(xlabel="charge %", ylabel="V", title="open-circuit voltage")
    curve.legend()
    for name in ("ohmic", "transfer", "diffusion"):
        resistance.semilogy(result.temperatures_c, 1000 * getattr(result, name), "o-", label=name)
    resistance.set(xlabel="degC", ylabel="mV at 1 C", title="resistances")
    resistance.legend()
    for name, (soc, residual) in result.residual_mv.items():
        missed.plot(100 * soc, residual, ".", ms=0.6, alpha=0.5, label=name)
    missed.set(
        xlabel="charge %", ylabel="mV", ylim=(-60, 60),
        title=f"model minus measured, rms {result.rms_mv:.1f} mV",
    )  # fmt: skip
    missed.legend(fontsize=6, markerscale=12)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
