"""Peak shaving: what the batteries shall do at a load, all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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
