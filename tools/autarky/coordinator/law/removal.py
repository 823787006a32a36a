"""Whether a cabinet may leave: what the others could do without it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autarky.coordinator.law.sharing import SOC_MIN, CabinetSnapshot


@dataclass(frozen=True)
class Reserve:
    """What the storage has to be able to carry alone: critical load in W, for so many hours."""

    critical_w: float = 0.0
    hours: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.critical_w < math.inf and 0.0 <= self.hours < math.inf):
            raise ValueError(f"a reserve of {self.critical_w} W for {self.hours} h: give both >= 0")


@dataclass(frozen=True)
class Grant:
    """The answer with its numbers. left, of: cabinets that are available without it, and of how
    many; power_w they can give, reserve_h they carry the critical load (inf: there is none),
    missing_w and missing_kwh until the reserve is kept; overruled: an operator answers for it.
    """

    granted: bool
    left: int
    of: int
    power_w: float
    reserve_h: float
    missing_w: float
    missing_kwh: float
    overruled: bool = False

    def __str__(self) -> str:
        hours = (
            "no critical load" if math.isinf(self.reserve_h) else f"reserve {self.reserve_h:.1f} h"
        )
        left = f"{self.left} of {self.of} left, {self.power_w / 1000:.0f} kW, {hours}"
        if self.granted:
            return f"granted{' (overruled)' if self.overruled else ''}: {left}"
        lacks = [
            text
            for amount, text in (
                (self.missing_w, f"{self.missing_w / 1000:.1f} kW"),
                (self.missing_kwh, f"{self.missing_kwh:.1f} kWh"),
            )
            if amount > 0
        ]
        return f"denied: {' and '.join(lacks)} are missing; {left}"


def usable_kwh(cabinet: CabinetSnapshot) -> float:
    """Down to the lowest charge; 0 where that is not known."""
    if not cabinet.available or cabinet.soc is None or cabinet.energy_kwh is None:
        return 0.0
    return max(cabinet.soc - SOC_MIN, 0.0) * cabinet.energy_kwh


def carried_h(load_w: float, cabinets: Sequence[CabinetSnapshot]) -> float:
    """How long the cabinets carry a load, the best way shared: the longest T with
    sum min(P_i T, E_i) >= load T. 0 where they cannot at all, inf for no load.
    """
    if load_w <= 0.0:
        return math.inf
    each = [(c.discharge_limit_w, 1000.0 * usable_kwh(c)) for c in cabinets if c.available]
    each = sorted((e_wh / p_w, p_w, e_wh) for p_w, e_wh in each if p_w > 0.0)
    rest_w, empty_wh = sum(p_w for _, p_w, _ in each), 0.0
    if rest_w < load_w:
        return 0.0
    for empty_h, p_w, e_wh in each:
        if rest_w < load_w:
            hours = empty_wh / (load_w - rest_w)
            if hours <= empty_h:
                return hours
        rest_w -= p_w
        empty_wh += e_wh
    return empty_wh / load_w


def grant(
    staying: Sequence[CabinetSnapshot], of: int, reserve: Reserve,
    *, load_w: float = 0.0, island: bool = False, overruled: bool = False,
) -> Grant:  # fmt: skip
    """staying: those that would be left; of: how many there are now; load_w: what the plant gives
    now, which they have to carry too. An operator may overrule on the grid, never in an island.
    """
    there = [c for c in staying if c.available]
    power_w = sum(c.discharge_limit_w for c in there)
    within_kwh = sum(
        min(c.discharge_limit_w * reserve.hours / 1000.0, usable_kwh(c)) for c in there
    )
    missing_w = max(max(reserve.critical_w, load_w) - power_w, 0.0)
    missing_kwh = max(reserve.critical_w * reserve.hours / 1000.0 - within_kwh, 0.0)
    enough = missing_w <= 1.0 and missing_kwh <= 1e-9
    by_hand = overruled and not island and not enough
    return Grant(
        enough or by_hand, len(there), of, power_w, carried_h(reserve.critical_w, there),
        0.0 if enough else missing_w, 0.0 if enough else missing_kwh, by_hand,
    )  # fmt: skip
