"""What a bench may never exceed: every value that leaves for an instrument passes here first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autarky.errors import AutarkyError
from autarky.rig.description import Limits
from autarky.rig.instruments import CellEmulator, Supply


class BenchLimit(AutarkyError):
    """A scenario wants more than the bench allows; nothing was sent."""


def _allow(what: str, value: float, most: float, unit: str) -> None:
    # not <=: a value that is no number fails every comparison
    if not (math.isfinite(value) and 0.0 <= value <= most):
        raise BenchLimit(
            f"the bench allows 0..{most:g} {unit} of {what}, and {value:g} {unit} was asked for: "
            "nothing was sent; see limits in rig.yaml"
        )


class LimitedSupply:
    """A supply within the limits: V, A, and W as their product, since it could give both."""

    def __init__(self, inner: Supply, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits

    def set(self, volts: float, amps: float) -> None:
        """Raises BenchLimit, InstrumentError."""
        _allow("supply", volts, self._limits.volts, "V")
        _allow("supply", amps, self._limits.amps, "A")
        _allow("supply", volts * amps, self._limits.watts, "W")
        self._inner.set(volts, amps)

    def output(self, on: bool) -> None:
        self._inner.output(on)

    def measure(self) -> tuple[float, float]:
        return self._inner.measure()

    def arm(self, seconds: float) -> bool:
        return self._inner.arm(seconds)

    def feed(self) -> None:
        self._inner.feed()

    def idn(self) -> str:
        return self._inner.idn()

    def close(self) -> None:
        self._inner.close()


class LimitedCells:
    """A cell emulator within the limits, V."""

    def __init__(self, inner: CellEmulator, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits

    def set_cells(self, volts: Sequence[float]) -> None:
        """Raises BenchLimit, InstrumentError."""
        for number, value in enumerate(volts, 1):
            _allow(f"cell {number}", value, self._limits.cell_volts, "V")
        self._inner.set_cells(volts)

    def measure_cells(self) -> list[float]:
        return self._inner.measure_cells()

    def output(self, on: bool) -> None:
        self._inner.output(on)

    def idn(self) -> str:
        return self._inner.idn()

    def close(self) -> None:
        self._inner.close()
