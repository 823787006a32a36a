"""Lumped heat of every module, with coolant, heater and chiller, vectorised over cabinets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autarky.plant.cells import Floats


@dataclass(frozen=True)
class ThermalModel:
    """A 230 kWh cabinet, design page thermal.md: C 1.8 MJ/K, UA 30 W/K, both for the whole."""

    heat_capacity_j_k: float = 1.8e6
    loss_w_k: float = 30.0
    neighbour_w_k: float = 20.0
    heater_w: float = 6000.0
    heater_efficiency: float = 0.95
    chiller_w: float = 5000.0
    flow_start_s: float = 2.0


class Heat:
    """`module_c` (cabinets, modules). Inputs are the actuators' command lines (cabinets,)."""

    def __init__(
        self, cabinets: int, modules: int, temperature_c: float, model: ThermalModel | None = None
    ) -> None:
        self.model = model or ThermalModel()
        self.module_c: Floats = np.full((cabinets, modules), float(temperature_c))
        self.ambient_c: Floats = np.full(cabinets, float(temperature_c))
        self.pump: NDArray[np.bool_] = np.zeros(cabinets, dtype=bool)
        self.heater: NDArray[np.bool_] = np.zeros(cabinets, dtype=bool)
        self.chiller: NDArray[np.bool_] = np.zeros(cabinets, dtype=bool)
        self.pump_failed: NDArray[np.bool_] = np.zeros(cabinets, dtype=bool)
        self._pumped_s: Floats = np.zeros(cabinets)

    @property
    def flowing(self) -> NDArray[np.bool_]:
        return self._pumped_s >= self.model.flow_start_s

    def step(self, loss_w: Floats, dt_s: float) -> None:
        """Advance by dt_s; loss_w (cabinets, modules) is the cells' own heat."""
        model = self.model
        modules = self.module_c.shape[1]
        pumping = self.pump & ~self.pump_failed
        self._pumped_s = np.where(pumping, self._pumped_s + dt_s, 0.0)
        flowing = self.flowing
        added = np.where(self.heater & flowing, model.heater_w * model.heater_efficiency, 0.0)
        added = added - np.where(self.chiller & flowing, model.chiller_w, 0.0)
        flow = loss_w + (added / modules)[:, None]
        flow -= model.loss_w_k / modules * (self.module_c - self.ambient_c[:, None])
        if modules > 1:
            step = model.neighbour_w_k * np.diff(self.module_c, axis=1)
            flow[:, :-1] += step
            flow[:, 1:] -= step
        self.module_c = self.module_c + flow * (dt_s * modules / model.heat_capacity_j_k)
