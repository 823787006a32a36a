"""What others do with the same pump, heater and compressor: thermostats that know no schedule.

A known product heats below 10 up to 15 and cools above 28 down to 22 degC; another way is to hold
the pack at +5 degC. Both keep what any unit needs: the pump's lead and lag, minimum times. They run
heater and compressor at full power, which costs the least pump time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarky.plant.cells import Bools, Floats

LEAD_S, LAG_S = 10.0, 120.0
COMPRESSOR_S, HEATER_S = 180.0, 60.0


@dataclass(frozen=True)
class Settings:
    """degC: heats when the coldest is below, cools when the hottest is above."""

    heat_on_c: float
    heat_off_c: float
    cool_on_c: float = 28.0
    cool_off_c: float = 22.0


RIVALS = {"thermostat": Settings(10.0, 15.0), "hold": Settings(5.0, 7.0)}


class Thermostat:
    """Vectorised over n columns; `pump`, `heater`, `compressor` after each `step`."""

    def __init__(self, settings: Settings, columns: int) -> None:
        self._settings = settings
        self._heats: Bools = np.zeros(columns, dtype=bool)
        self._cools: Bools = np.zeros(columns, dtype=bool)
        self.pump: Bools = np.zeros(columns, dtype=bool)
        self.heater: Bools = np.zeros(columns, dtype=bool)
        self.compressor: Bools = np.zeros(columns, dtype=bool)
        long_s = np.full(columns, 1e9)
        self._pumped_s: Floats = np.zeros(columns)
        self._idle_s: Floats = long_s.copy()
        self._heater_s: Floats = long_s.copy()  # since it was switched
        self._compressor_s: Floats = long_s.copy()

    def step(self, low_c: Floats, high_c: Floats, flowing: Bools, dt_s: float) -> None:
        """low_c, high_c: coldest and hottest module; flowing: proven; dt_s since the last step."""
        s = self._settings
        self._cools = (high_c > s.cool_on_c) | (self._cools & (high_c > s.cool_off_c))
        self._heats = (low_c < s.heat_on_c) | (self._heats & (low_c < s.heat_off_c))
        self._heats &= ~self._cools
        self._pumped_s = (self._pumped_s + dt_s) * (self.pump & flowing)
        self._heater_s += dt_s
        self._compressor_s += dt_s
        proven = self._pumped_s >= LEAD_S
        heater = self._heats & proven | (self.heater & (self._heater_s < HEATER_S) & flowing)
        settled = self._compressor_s >= COMPRESSOR_S
        running = self.compressor & (self._cools | ~settled) & flowing
        compressor = running | (self._cools & proven & settled & ~heater)
        self._heater_s[heater != self.heater] = 0.0
        self._compressor_s[compressor != self.compressor] = 0.0
        self.heater, self.compressor = heater & ~compressor, compressor
        busy = self._heats | self._cools | self.heater | self.compressor
        self._idle_s = np.where(busy, 0.0, self._idle_s + dt_s)
        self.pump = busy | (self.pump & (self._idle_s < LAG_S))
