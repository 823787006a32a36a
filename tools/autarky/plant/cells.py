"""Two-RC lithium cells with hysteresis, Arrhenius resistance and spread, vectorised.

All arrays are (cabinets, cells). Current is positive in discharge, as in the firmware.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bess.estimate.chemistry import POINTS, Chemistry
from bess.estimate.lfp import TABLE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Rested cell: the measured LFP cell of the firmware's own table, moved by up to 2 mV, so that the
# firmware never meets exactly what it expects.
OCV_SOC = np.linspace(0.0, 1.0, POINTS)
OCV_V = np.array(Chemistry(TABLE).ocv_dmv) / 1e4 + 0.002 * np.sin(9.0 * OCV_SOC)
KELVIN = 273.15


def any_of(flags: Bools) -> bool:
    """flags.any() of small arrays in a tenth of its time."""
    return 1 in flags.tobytes()


@dataclass(frozen=True)
class CellModel:
    """Parameters of the mean cell; r in ohm at 25 degC, tau in s.

    Resistance of 0.45 mohm and its growth to 3.5 times at -20 degC from design page thermal.md.
    """

    capacity_ah: float = 280.0
    r0: float = 0.45e-3
    r1: float = 0.20e-3
    tau1: float = 20.0
    r2: float = 0.30e-3
    tau2: float = 400.0
    activation_k: float = 2101.0  # ln(3.5) / (1/253.15 - 1/298.15)
    hysteresis_v: float = 0.010
    hysteresis_ah: float = 5.6  # 2 % of capacity carries the state to its other side


class Cells:
    """`soc`, `v1`, `v2`, `h` (-1 charged side .. +1) and `temperature_c` of every cell.

    step(current_a, dt_s): current_a is (cabinets,), the mean over the step.
    """

    def __init__(
        self,
        cabinets: int,
        cells: int,
        soc: float = 0.5,
        temperature_c: float = 25.0,
        model: CellModel | None = None,
        spread: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.model = model = model or CellModel()
        rng = np.random.default_rng(seed)
        shape = (cabinets, cells)
        self.capacity_ah = model.capacity_ah * (1 + spread * rng.uniform(-1, 1, shape))
        self._r_spread = 1 + 5 * spread * rng.uniform(-1, 1, shape)
        self.soc: Floats = np.clip(soc + spread * rng.uniform(-1, 1, shape), 0.0, 1.0)
        self.v1: Floats = np.zeros(shape)
        self.v2: Floats = np.zeros(shape)
        self.h: Floats = np.zeros(shape)
        self.temperature_c: Floats = np.full(shape, float(temperature_c))
        self.bleed_a: Floats = np.zeros(shape)  # through closed balancing switches
        self.offset_v: Floats = np.zeros(shape)  # a cell forced away: over-voltage and the like
        self._drift_v_s: Floats | None = None  # of cells that are drawn away slowly
        self._refresh_resistance()
        self._refresh_emf()

    def _refresh_resistance(self) -> None:
        kelvin = self.temperature_c + KELVIN
        factor = np.exp(self.model.activation_k * (1 / kelvin - 1 / 298.15)) * self._r_spread
        self.r0 = self.model.r0 * factor
        self._r1 = self.model.r1 * factor
        self._r2 = self.model.r2 * factor
        self.string_r0: Floats = self.r0.sum(axis=1)

    def _refresh_emf(self) -> None:
        self.emf: Floats = (
            np.interp(self.soc, OCV_SOC, OCV_V)
            - self.model.hysteresis_v * self.h
            - self.v1
            - self.v2
            + self.offset_v
        )
        self.string_emf: Floats = self.emf.sum(axis=1)

    def usable_soc(self) -> Floats:
        """What can be drawn over what lies between empty and full, 0..1, (cabinets,).

        The string is empty with its first cell and full with its first: the meaning of a
        cabinet's reported SOC.
        """
        down_ah = (self.soc * self.capacity_ah).min(axis=1)
        up_ah = ((1 - self.soc) * self.capacity_ah).min(axis=1)
        return down_ah / (down_ah + up_ah)

    def set_temperature(self, temperature_c: Floats) -> None:
        """New temperatures of all cells; the resistances follow."""
        self.temperature_c = temperature_c
        self._refresh_resistance()

    def set_soc(self, cabinet: int, soc: float) -> None:
        """Put all cells of a cabinet at one state of charge, rested."""
        self.soc[cabinet] = soc
        self.v1[cabinet] = self.v2[cabinet] = self.h[cabinet] = 0.0
        self._refresh_emf()

    def force_voltage(self, cabinet: int, cell: int | slice, volts: float | Floats) -> None:
        """Hold open-circuit voltages away from their model, as a fault does."""
        self.offset_v[cabinet, cell] = 0.0
        self._refresh_emf()
        self.offset_v[cabinet, cell] = volts - self.emf[cabinet, cell]
        self._refresh_emf()

    def drift(self, cabinet: int, cell: int, volts_per_s: float) -> None:
        """Draw a cell's open-circuit voltage away from its model, as a slow defect does."""
        if self._drift_v_s is None:
            self._drift_v_s = np.zeros_like(self.offset_v)
        self._drift_v_s[cabinet, cell] = volts_per_s

    def release(self, cabinet: int) -> None:
        """End of all forced voltages of a cabinet, and of what draws them away."""
        self.offset_v[cabinet] = 0.0
        if self._drift_v_s is not None:
            self._drift_v_s[cabinet] = 0.0
        self._refresh_emf()

    def step(self, current_a: Floats, dt_s: float) -> None:
        """Advance by dt_s at a constant current, exactly for the RC pairs."""
        model = self.model
        current = current_a[:, None]
        drawn = current + self.bleed_a
        self.soc = np.clip(self.soc - drawn * (dt_s / 3600.0) / self.capacity_ah, 0.0, 1.0)
        e1, e2 = np.exp(-dt_s / model.tau1), np.exp(-dt_s / model.tau2)
        self.v1 = self.v1 * e1 + self._r1 * current * (1 - e1)
        self.v2 = self.v2 * e2 + self._r2 * current * (1 - e2)
        moved = np.exp(-np.abs(current) * (dt_s / 3600.0) / model.hysteresis_ah)
        self.h = np.sign(current) + (self.h - np.sign(current)) * moved
        if self._drift_v_s is not None:
            self.offset_v += self._drift_v_s * dt_s
        self._refresh_emf()

    def voltages(self, current_a: Floats) -> Floats:
        """Terminal voltage of every cell, (cabinets, cells)."""
        return self.emf - self.r0 * current_a[:, None]

    def voltage(self, cabinet: int, current_a: float) -> Floats:
        """Terminal voltage of every cell of one cabinet."""
        return self.emf[cabinet] - self.r0[cabinet] * current_a

    def heat_w(self, current_a: Floats) -> Floats:
        """I2R heat of every cell, RC pairs included, (cabinets, cells)."""
        current = current_a[:, None]
        return self.r0 * current**2 + self.v1**2 / self._r1 + self.v2**2 / self._r2
