"""Cells that obey a chemistry table, vectorised and written apart from the firmware's model."""

from __future__ import annotations

import math

import numpy as np

from bess.table import rows

KELVIN = 273.15


class TablePlant:
    """n cells at their own temperature (degC), charge and resistance scale; arrays (n,).

    Current in C, + = discharge. `voltage(c)` now, `step(c)` one second on.
    """

    def __init__(self, table, temperature_c, soc, scale, lean=None):
        soc_rows = np.array(
            [[int(x) for x in fields[1:]] for fields in rows(table) if fields[0] == "soc"], float
        )
        resistances = np.array(
            [[int(x) for x in f[1:]] for f in rows(table) if f[0] == "temperature"], float
        )
        single = {f[0]: int(f[1]) for f in rows(table) if f[0] not in ("soc", "temperature")}
        self.percent = soc_rows[:, 0]
        self.rest_v, self.half_gap_v = soc_rows[:, 1] / 1e4, soc_rows[:, 2] / 1e4
        self.entropy_v_k = soc_rows[:, 3] / 1e5
        self.temperature_c = np.asarray(temperature_c, float)
        logs = [np.interp(self.temperature_c, resistances[:, 0] / 10, np.log(column / 1e5))
                for column in resistances[:, 1:].T]  # fmt: skip
        self.ohmic, self.transfer, self.diffusion = (np.exp(log) * scale for log in logs)
        self.scale = scale
        self.thermal = 1.7235e-4 * (self.temperature_c + KELVIN)
        self.fast_s, self.slow_s = single["fast_tau_s"], single["slow_tau_s"]
        self.fast_part, self.slow_part = (1 - np.exp(-1 / s) for s in (self.fast_s, self.slow_s))
        self.growth, self.reversals = single["empty_growth_permille"] / 1000, single["reversals"]
        self.soc = np.array(soc, float)
        self.fast_c = np.zeros_like(self.soc)
        self.slow_c = np.zeros_like(self.soc)
        self.lean = np.zeros_like(self.soc) if lean is None else np.array(lean, float)

    def step(self, current_c):
        current_c = np.asarray(current_c, float)
        self.fast_c += self.fast_part * (current_c - self.fast_c)
        self.slow_c += self.slow_part * (current_c - self.slow_c)
        moved = current_c / 3600
        self.soc = self.soc - moved
        side = np.sign(current_c) * (np.abs(current_c) > 0.004)
        self.lean += (1 - np.exp(-np.abs(moved) * self.reversals)) * (side - self.lean)

    def course(self, current_c):
        """Voltage and charge of a single cell after each second of current_c (seconds,)."""
        states = np.empty((4, len(current_c)))
        (fast_c,), (slow_c,), (soc,), (lean,) = self.fast_c, self.slow_c, self.soc, self.lean
        fast_part, slow_part = float(self.fast_part), float(self.slow_part)
        for at, current in enumerate(current_c.tolist()):
            fast_c += fast_part * (current - fast_c)
            slow_c += slow_part * (current - slow_c)
            moved = current / 3600
            soc -= moved
            side = 1 if current > 0.004 else -1 if current < -0.004 else 0
            lean += (1 - math.exp(-abs(moved) * self.reversals)) * (side - lean)
            states[:, at] = fast_c, slow_c, soc, lean
        self.fast_c, self.slow_c, self.soc, self.lean = states
        voltage, charge = self.voltage(current_c), self.soc
        self.fast_c, self.slow_c, self.soc, self.lean = states[:, -1:].copy()
        return voltage, charge

    def voltage(self, current_c):
        percent = 100 * self.soc
        rest = np.interp(percent, self.percent, self.rest_v)
        warm = (self.temperature_c - 25) * np.interp(percent, self.percent, self.entropy_v_k)
        gap = self.lean * np.interp(percent, self.percent, self.half_gap_v)
        transfer = (
            self.scale
            * self.thermal
            * np.arcsinh(self.fast_c * self.transfer / self.scale / self.thermal)
        )
        steep = 1 + self.growth * np.exp(-np.minimum(np.maximum(self.soc, 0), 1) / 0.1)
        return (
            rest
            + warm
            - gap
            - current_c * self.ohmic
            - transfer
            - self.slow_c * steep * self.diffusion
        )

    def held(self, current_c, seconds):
        """Lowest and highest voltage while a current is held from now, without moving on."""
        kept = {k: getattr(self, k).copy() for k in ("soc", "fast_c", "slow_c", "lean")}
        low = high = self.voltage(current_c)
        for _ in range(seconds):
            self.step(current_c)
            v = self.voltage(current_c)
            low, high = np.minimum(low, v), np.maximum(high, v)
        for name, value in kept.items():
            setattr(self, name, value)
        return low, high

    def largest_c(self, way, limit_v, seconds, most_c):
        """True limit in C by bisection: way 1 discharge, -1 charge."""
        low, high = np.zeros_like(self.soc), np.broadcast_to(most_c, self.soc.shape).copy()
        for _ in range(22):
            middle = (low + high) / 2
            bottom, top = self.held(way * middle, seconds)
            good = bottom >= limit_v if way > 0 else top <= limit_v
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        return low
