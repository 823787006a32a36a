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
    """What the law needs of a cabinet; limits in W, both >= 0, soc 0..1; None: not known.

    forced_w: a power of its own (+ = discharge), whatever the others do; None: it takes its share.
    """

    available: bool
    soc: float | None
    energy_kwh: float | None
    charge_limit_w: float
    discharge_limit_w: float
    forced_w: float | None = None

    def limits_w(self, rest_w: float) -> tuple[float, float]:
        """(lowest, highest) power while all that are not forced shall give rest_w.

        Nothing from one that is not available; a forced one has equal limits, within its own; those
        that share go all one way, so that none of them charges another.
        """
        if not self.available:
            return 0.0, 0.0
        if self.forced_w is not None:
            fixed_w = min(max(self.forced_w, -self.charge_limit_w), self.discharge_limit_w)
            return fixed_w, fixed_w
        return (0.0, self.discharge_limit_w) if rest_w > 0 else (-self.charge_limit_w, 0.0)

    def weight(self, rest_w: float) -> float:
        """Headroom in kWh in the direction of rest_w."""
        if self.soc is None or self.energy_kwh is None:
            return _SMALLEST_WEIGHT
        headroom = self.soc - SOC_MIN if rest_w >= 0 else SOC_MAX - self.soc
        return max(headroom * self.energy_kwh, _SMALLEST_WEIGHT)


def share(total_w: float, cabinets: Sequence[CabinetSnapshot]) -> tuple[list[float], float]:
    """Share a total by headroom so that all unclipped cabinets finish together.

    Weights: discharging (SOC - SOC_min) E, charging (SOC_max - SOC) E. A cabinet that is not
    available gets 0; a forced one its own power, and the others make up the rest; one whose charge
    is not known comes last, within its limits. Returns (powers in W, deficit = total - their sum).
    """
    forced = (c.limits_w(0.0)[0] for c in cabinets if c.forced_w is not None)
    rest_w = total_w - sum(forced)
    limits = [cabinet.limits_w(rest_w) for cabinet in cabinets]
    return allocate(
        total_w,
        [cabinet.weight(rest_w) for cabinet in cabinets],
        [lower for lower, _ in limits],
        [upper for _, upper in limits],
    )
