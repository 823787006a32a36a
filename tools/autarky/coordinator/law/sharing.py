"""Shares a power among cabinets by their headroom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autarky.coordinator.law.allocation import allocate

SOC_MIN = 0.05
SOC_MAX = 0.98
_SMALLEST_WEIGHT = 1e-3


@dataclass(frozen=True)
class CabinetSnapshot:
    """What the law needs of a cabinet; limits in W, both >= 0, soc 0..1; None: not known."""

    available: bool
    soc: float | None
    energy_kwh: float | None
    charge_limit_w: float
    discharge_limit_w: float


def share(total_w: float, cabinets: Sequence[CabinetSnapshot]) -> tuple[list[float], float]:
    """Share a total by headroom so that all unclipped cabinets finish together.

    Weights: discharging (SOC - SOC_min) E, charging (SOC_max - SOC) E. A cabinet that is not
    available gets 0; one whose charge is not known comes last, within its limits. Returns (powers
    in W, deficit).
    """
    weights, lower, upper = [], [], []
    for cabinet in cabinets:
        weight = 0.0
        if cabinet.soc is not None and cabinet.energy_kwh is not None:
            headroom = cabinet.soc - SOC_MIN if total_w >= 0 else SOC_MAX - cabinet.soc
            weight = headroom * cabinet.energy_kwh
        weights.append(max(weight, _SMALLEST_WEIGHT))
        usable = cabinet.available
        lower.append(-cabinet.charge_limit_w if usable and total_w < 0 else 0.0)
        upper.append(cabinet.discharge_limit_w if usable and total_w > 0 else 0.0)
    if not cabinets:
        return [], total_w
    return allocate(total_w, weights, lower, upper)
