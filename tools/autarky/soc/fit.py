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

import matplotlib  # what is missing is said now, not after minutes of work
import numpy as np
from scipy.optimize import least_squares, lsq_linear
from scipy.signal import lfilter

from autarky.soc.runs import Run, prepare
from autarky.soc.traces import Floats, Trace, TraceError
from bess.estimate.cell_model import EMPTY_SOC, KELVIN, TWO_R_OVER_F

_KNOTS = np.array(
    [0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.275,
     0.3, 0.325, 0.35, 0.375, 0.4, 0.425, 0.45, 0.5, 0.55, 0.6, 0.65, 0.675, 0.7, 0.725, 0.75,
     0.775, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 1.0]
)  # fmt: skip
_ENTROPY_KNOTS = np.array([0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0])
_GAP_KNOTS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0])
_CLUSTER_K = 5.0
_MOST_GAP_V = 0.025
_LEAST_V = 2e-4  # at 1 C


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
    runs, skipped, used_ah = prepare(traces, full_v, empty_v, capacity_ah)
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

    def __init__(self, runs: list[Run], temperatures: list[float]) -> None:
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


def plot(result: Fit, path: Path) -> None:
    """Rest voltage with its branches, resistances, and what the model missed."""
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
