"""The coordinator's control law: a pure function of a snapshot of the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autarky.coordinator.allocation import allocate

SOC_MIN = 0.05
SOC_MAX = 0.98
_SMALLEST_WEIGHT = 1e-3


@dataclass(frozen=True)
class CabinetSnapshot:
    """What the law needs of a cabinet; limits in W, both >= 0, soc 0..1."""

    available: bool
    soc: float
    energy_kwh: float
    charge_limit_w: float
    discharge_limit_w: float


@dataclass(frozen=True)
class PeakShaving:
    """Keep the meter between two powers: discharge above `peak_w`, recharge below `recharge_w`.

    Between them the batteries rest. soc_target ends the recharge.
    """

    peak_w: float
    recharge_w: float
    soc_target: float = 0.9


def wanted_power_w(rule: PeakShaving, load_w: float, mean_soc: float) -> float:
    """Total battery power (+ = discharge) that the rule wants at a load."""
    if load_w > rule.peak_w:
        return load_w - rule.peak_w
    if load_w < rule.recharge_w and mean_soc < rule.soc_target:
        return load_w - rule.recharge_w
    return 0.0


def share(total_w: float, cabinets: Sequence[CabinetSnapshot]) -> tuple[list[float], float]:
    """Share a total by headroom so that all unclipped cabinets finish together.

    Weights: discharging (SOC - SOC_min) E, charging (SOC_max - SOC) E. A cabinet that is not
    available gets 0. Returns (powers in W, deficit).
    """
    weights, lower, upper = [], [], []
    for cabinet in cabinets:
        headroom = cabinet.soc - SOC_MIN if total_w >= 0 else SOC_MAX - cabinet.soc
        weights.append(max(headroom * cabinet.energy_kwh, _SMALLEST_WEIGHT))
        usable = cabinet.available
        lower.append(-cabinet.charge_limit_w if usable and total_w < 0 else 0.0)
        upper.append(cabinet.discharge_limit_w if usable and total_w > 0 else 0.0)
    if not cabinets:
        return [], total_w
    return allocate(total_w, weights, lower, upper)
