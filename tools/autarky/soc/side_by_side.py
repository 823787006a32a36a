"""Ours beside the rivals on the same traces, with the same tables and the same spoiled sensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from autarky.soc.evaluate import SCORED_ABOVE, SCORED_AFTER_S, Errors, evaluate
from autarky.soc.rivals import RIVALS
from autarky.soc.traces import Floats, Trace
from bess.estimate.chemistry import Chemistry

STARTS_PCT = (0.0, -20.0)
NAMES = (*RIVALS, "ours")


@dataclass(frozen=True)
class Score:
    """Error of charge in %: root of the mean square, and largest; the worst of several runs."""

    rmse_pct: float
    max_pct: float

    def __str__(self) -> str:
        return f"{self.rmse_pct:.2f} / {self.max_pct:.2f}"

    def worse(self, other: Score) -> Score:
        return Score(max(self.rmse_pct, other.rmse_pct), max(self.max_pct, other.max_pct))


def score(trace: Trace, soc: Floats) -> Score:
    """Of estimates (n,), 0..1, against the trace's reference: after 1 h, above 5 % of charge."""
    assert trace.soc is not None
    scored = (trace.time_s - trace.time_s[0] >= SCORED_AFTER_S) & (trace.soc > SCORED_ABOVE)
    error = np.abs(soc - trace.soc)[scored]
    return Score(100 * float(np.sqrt(np.mean(error**2))), 100 * float(error.max()))


def compare(
    trace: Trace, table: bytes, capacity_ah: float, sensors: tuple[Errors, ...], start_pct: float
) -> list[Score]:
    """Scores in the order of NAMES, each the worst over all sensors; start_pct: error of start."""
    chemistry = Chemistry(table)
    worst: list[Score] = []
    for sensor in sensors:
        errors = replace(sensor, start_error_pct=start_pct)
        each = [
            score(trace, rival(trace, chemistry, capacity_ah, errors)) for rival in RIVALS.values()
        ]
        each.append(score(trace, evaluate(trace, table, capacity_ah, errors).soc))
        worst = [a.worse(b) for a, b in zip(worst, each, strict=True)] if worst else each
    return worst


class SideBySide:
    """Collects the lines of the comparison."""

    def __init__(self, sensors: tuple[Errors, ...], progress: Callable[[str], None]) -> None:
        self._sensors = sensors
        self._progress = progress
        self._lines: list[str] = []

    def add(self, name: str, trace: Trace, table: bytes, capacity_ah: float) -> None:
        """Judge all on a trace, from a right start and from one that is 20 % wrong."""
        for start_pct in STARTS_PCT:
            title = f"{name}, start {start_pct:+.0f} %" if start_pct else name
            scores = compare(trace, table, capacity_ah, self._sensors, start_pct)
            self._lines.append(f"| {title} | " + " | ".join(map(str, scores)) + " |")
            self._progress("   " + self._lines[-1])

    def markdown(self) -> list[str]:
        return [
            "RMSE / max in % side by side, same traces, tables and spoiled sensors; each figure is "
            "the worse of sensor + and -:", "",
            "| trace | " + " | ".join(NAMES) + " |", "|---|" + "---|" * len(NAMES), *self._lines,
        ]  # fmt: skip
