"""The coordinator's control law: a pure function of a snapshot of the site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autarky.coordinator.allocation import allocate

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


@dataclass(frozen=True)
class PeakShaving:
    """Keep the meter between two powers: discharge above `peak_w`, recharge below `recharge_w`.

    Between them the batteries rest. soc_target ends the recharge.
    """

    peak_w: float
    recharge_w: float
    soc_target: float = 0.9


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Mean of those that are known, None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def wanted_power_w(rule: PeakShaving, load_w: float, mean_soc: float | None) -> float:
    """Total battery power (+ = discharge) that the rule wants at a load.

    Nothing is charged into a site whose charge is not known.
    """
    if load_w > rule.peak_w:
        return load_w - rule.peak_w
    if load_w < rule.recharge_w and mean_soc is not None and mean_soc < rule.soc_target:
        return load_w - rule.recharge_w
    return 0.0


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
