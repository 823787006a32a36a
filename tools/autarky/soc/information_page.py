"""The report's section on what voltage can tell of charge between 20 and 80 %."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from autarky.soc.evaluate import SCORED_ABOVE, SCORED_AFTER_S
from autarky.soc.information import (
    FLAT_SOC,
    Course,
    Prior,
    VoltageError,
    bound_sigma,
    counting_sigma,
    course,
    voltage_error,
)  # fmt: skip
from autarky.soc.traces import Floats, Trace
from bess.estimate.chemistry import Chemistry

_PLATEAU_SOC = (0.40, 0.65)  # between the two steps of graphite
_KNOWN, _UNKNOWN = Prior(0.01), Prior(0.10)

_SHOWN = ("counted", "all", "rest", "branch", "drops", "plateau", "known_counted", "known_all")


@dataclass(frozen=True)
class Line:
    """One trace: bounds of the RMSE in %, and what its error is like.

    counted, all, rest, branch, drops: inside 20..80 %, from a start 10 % uncertain; plateau: all,
    inside 40..65 %; known_counted, known_all: inside 20..80 %, from a start good to 1 %.
    """

    name: str
    error: VoltageError
    counted: float
    all: float
    rest: float
    branch: float
    drops: float
    plateau: float
    known_counted: float
    known_all: float


def _rmse_pct(seen: Course, sigma: Floats) -> float:
    """Root of the mean variance in %, scored as errors are."""
    scored = (seen.time_s >= SCORED_AFTER_S) & (seen.soc > SCORED_ABOVE)
    return 100 * float(np.sqrt(np.mean(sigma[scored] ** 2)))


def line_of(name: str, trace: Trace, chemistry: Chemistry, capacity_ah: float) -> Line:
    """All bounds of a trace that stays more than an hour inside 20..80 % and inside 40..65 %."""
    whole = course(trace, chemistry, capacity_ah)
    flat, plateau = whole.inside(*FLAT_SOC), whole.inside(*_PLATEAU_SOC)
    error = voltage_error(flat)

    def bound(seen: Course, slope_v: Floats, prior: Prior = _UNKNOWN) -> float:
        return _rmse_pct(seen, bound_sigma(replace(seen, slope_v=slope_v), error, prior))

    return Line(
        name, error,
        counted=_rmse_pct(flat, counting_sigma(flat, _UNKNOWN)),
        all=bound(flat, flat.slope_v),
        rest=bound(flat, flat.slope_v - flat.branch_v - flat.drop_v),
        branch=bound(flat, flat.branch_v),
        drops=bound(flat, flat.drop_v),
        plateau=bound(plateau, plateau.slope_v),
        known_counted=_rmse_pct(flat, counting_sigma(flat, _KNOWN)),
        known_all=bound(flat, flat.slope_v, _KNOWN),
    )  # fmt: skip


class InformationPage:
    """Collects the lines of the section."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._lines: list[Line] = []

    def add(self, name: str, trace: Trace, table: bytes, capacity_ah: float) -> None:
        self._lines.append(line_of(name, trace, Chemistry(table), capacity_ah))
        self._progress(f"   bound: {self._lines[-1]}")

    def _range(self, field: str, unit: str = " %") -> str:
        values = [getattr(line, field) for line in self._lines]
        return f"{min(values):.1f}..{max(values):.1f}{unit}"

    def markdown(self) -> list[str]:
        """Table and text; nothing where no trace was added."""
        if not self._lines:
            return []
        return [
            "How much voltage can tell between 20 and 80 %: posterior Cramer-Rao bound of the RMSE in "
            "%, scored after 1 h. Start 10 % uncertain, then 1 %; offset 0.2 % of 1 C and gain 0.5 % "
            "constant and unknown. The model's error is what it shows along the trace at the "
            "reference charge: a part that stands along charge (rms, and over how much its "
            "correlation falls to 1/e) and noise (rms, correlation time). Resistances, branch and "
            "temperature are taken as known, and charges far away that fit as well are not looked "
            "at: the truth is worse.", "",
            "| trace | error standing, noise | counting | all | rest voltage | branch | drops | "
            "all, 40..65 % | 1 %: counting | 1 %: all |",
            "|---|---|" + "---|" * len(_SHOWN),
            *[self._row(line) for line in self._lines], "",
            "Between 20 and 80 % there is information, and the rest voltage's slope at the steps of "
            f"graphite holds most of it: alone it brings a start 10 % uncertain to "
            f"{self._range('rest')}, the hysteresis branch alone to {self._range('branch')}, "
            f"relaxation and other drops alone to {self._range('drops')}; who stays between the "
            f"steps, at 40..65 %, is left with {self._range('plateau')}. From a start good to 1 % "
            f"counting ends in {self._range('known_counted')}, the bound in "
            f"{self._range('known_all')}: no filter gains more than that.",
        ]  # fmt: skip

    def _row(self, line: Line) -> str:
        error = line.error
        return (
            f"| {line.name} | {1e3 * error.standing_v:.1f} mV over {100 * error.span_soc:.0f} %, "
            f"{1e3 * error.noise_v:.1f} mV over {error.noise_s:.0f} s | "
            + " | ".join(f"{getattr(line, field):.2f}" for field in _SHOWN)
            + " |"
        )
