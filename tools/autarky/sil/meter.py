"""What a site takes from its grid, tick by tick.

A load steps within a tick and the batteries follow 0.2 s later: samples of now and then miss it.
"""

from __future__ import annotations

from dataclasses import dataclass

from autarky.sil.plants import TICK_MS

BEYOND = 1.01  # times the contract: a set-point that is held at it swings around it
_TICK_S = TICK_MS / 1000


@dataclass
class Meter:
    """`tick` with each tick's powers, `row` for the means since the last row.

    Energies in W s, discharged_ws and charged_ws both positive. Of the grid: spike_w, the most in
    any tick; above_ws, the energy above the contract; beyond_ticks and longest_ticks, how long it
    gave more than BEYOND times the contract, in all and without a break.
    """

    contract_w: float | None = None
    discharged_ws: float = 0.0
    charged_ws: float = 0.0
    above_ws: float = 0.0
    spike_w: float = 0.0
    beyond_ticks: int = 0
    longest_ticks: int = 0
    _unbroken_ticks: int = 0
    _ticks: int = 0
    _load_w: float = 0.0
    _grid_w: float = 0.0
    _most_w: float = 0.0

    def tick(self, load_w: float, battery_w: float) -> None:
        """battery_w: positive out of the batteries."""
        grid_w = load_w - battery_w
        self.discharged_ws += max(battery_w, 0.0) * _TICK_S
        self.charged_ws += max(-battery_w, 0.0) * _TICK_S
        self._most_w = grid_w if self._ticks == 0 else max(self._most_w, grid_w)
        self.spike_w = max(self.spike_w, grid_w)
        self._ticks += 1
        self._load_w += load_w
        self._grid_w += grid_w
        if self.contract_w is not None:
            self.above_ws += max(grid_w - self.contract_w, 0.0) * _TICK_S
            beyond = grid_w > BEYOND * self.contract_w
            self.beyond_ticks += beyond
            self._unbroken_ticks = self._unbroken_ticks + 1 if beyond else 0
            self.longest_ticks = max(self.longest_ticks, self._unbroken_ticks)

    def row(self) -> dict[str, float]:
        """Means of load, grid and batteries since the last row, and the grid's highest tick."""
        ticks = max(self._ticks, 1)
        load_w, grid_w, most_w = self._load_w / ticks, self._grid_w / ticks, self._most_w
        self._ticks, self._load_w, self._grid_w, self._most_w = 0, 0.0, 0.0, 0.0
        return {
            "load_w": load_w, "grid_w": grid_w, "battery_w": load_w - grid_w,
            "grid_most_w": most_w,
        }  # fmt: skip

    def peak_kw(self, rows: list[dict[str, float]]) -> dict[str, float]:
        """Of these rows: highest means and what the batteries saved of them; what went beyond."""
        load_kw = max((row["load_w"] for row in rows), default=0.0) / 1000
        grid_kw = max((row["grid_w"] for row in rows), default=0.0) / 1000
        found = {
            "load_kw": load_kw, "grid_kw": grid_kw, "saved_kw": load_kw - grid_kw,
            "grid_spike_kw": self.spike_w / 1000,
        }  # fmt: skip
        if self.contract_w is not None:
            contract_kw = self.contract_w / 1000
            found |= {
                "contract_kw": contract_kw,
                "exceeded_kw": max(grid_kw - contract_kw, 0.0),
                "exceeded_s": self.beyond_ticks * TICK_MS / 1000,
                "exceeded_longest_s": self.longest_ticks * TICK_MS / 1000,
                "exceeded_kwh": self.above_ws / 3.6e6,
            }
        return found
