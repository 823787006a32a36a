"""Heat of every module and what moves it: loop, unit, air and its water, vectorised over cabinets.

Modules lose heat to the cabinet's air and that to ambient and sun; a loop of coolant or the fans'
air exchanges heat with each module (effectiveness by NTU, so that any step is stable); heater and
compressor act on the loop, an air conditioner on the cabinet's air. Water enters by leaks and the
door and leaves by the dryer, by an air conditioner's coil, and onto surfaces below the dew point.
Numbers: thermal_model.py. Known answers: host_tests/autarky_tools/plant/test_thermal*.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant import moist_air
from autarky.plant.cells import KELVIN, Bools, CellModel, Floats, any_of
from autarky.plant.cooling_unit import Compressor, Heater, drained_kg_s
from autarky.plant.hoses import SLICES, Hoses
from autarky.plant.moist_air import AIR_J_KG_K, EVAPORATION_J_KG, saturated_kg_kg
from autarky.plant.thermal_model import (
    LONGEST_STEP_S,
    MODELS,
    Kind,
    ThermalModel,
    absorbed_w,
    numbers,
)

__all__ = ["MODELS", "Heat", "Kind", "ThermalModel", "absorbed_w", "string_heat_w"]

_FAN_EXPONENT = 0.8  # turbulent heat transfer over speed (Dittus-Boelter)
_FLOW_PROVEN = 0.2  # of rated fan speed
_HUMIDITY = 0.4  # of the air at the start, inside and outside
_CELL = CellModel()


def string_heat_w(current_a: Floats, temperature_c: Floats, cells: int) -> Floats:
    """Ohmic heat of a string, W: 0.45 mohm a cell at 25 degC, 3.5 times that at -20.

    For loops without the full cell model, whose two RC pairs add as much again after ten minutes.
    """
    growth = np.exp(_CELL.activation_k * (1.0 / (temperature_c + KELVIN) - 1.0 / 298.15))
    return current_a**2 * (_CELL.r0 * cells) * growth


class Heat:
    """`module_c` (cabinets, modules) and all that surrounds it; every other array (cabinets,).

    Inputs: `pump` (air: the fans' supply), `heater`, `compressor`, `feed` (the contactor in series
    with the heater), `dryer`, `door_open`; `drive` 0..1 (compressor speed; air: fan speed);
    `ambient_c`, `sun_w` absorbed outside, `outside_kg_kg` water in outside air, `pcs_loss_w`.
    Defects: `pump_failed`, `compressor_failed`, `heater_welded`, `heater_failed`, `fan_failed`
    (air: the fans; else the condenser's, on which the high-pressure switch ends cooling).

    Outputs: `supply_c` and `return_c` at the unit, `air_c`, `flowing` (proven), `fan_share`,
    `heating` (the heater has current), `power_w` (electric, of all this equipment),
    `compressor_starts`, `compressor_running`, `compressor_well`, `pcs_inlet_c`, `humidity`,
    `dew_c`, `surface_c` (coldest that may get wet), `condensed_kg` (only grows).
    Heat of the last step in W: `heater_heat_w`, `chilled_w`, `outward_w` (to ambient),
    `equipment_w` (pump, fans, dryer), `latent_w` (freed by water that became liquid).
    """

    def __init__(
        self,
        cabinets: int,
        modules: int,
        temperature_c: float | Floats,
        models: ThermalModel | Sequence[ThermalModel] | None = None,
        kinds: Kind | Sequence[Kind] = Kind.LIQUID,
    ) -> None:
        self.kinds = [kinds] * cabinets if isinstance(kinds, Kind) else list(kinds)
        if models is None:
            models = [MODELS[kind] for kind in self.kinds]
        elif isinstance(models, ThermalModel):
            models = [models] * cabinets
        if len(models) != cabinets or len(self.kinds) != cabinets:
            raise AutarkyError(
                f"{len(models)} thermal models and {len(self.kinds)} kinds of cooling do not make "
                f"{cabinets} cabinets: give one of each or one for all"
            )
        self.models = list(models)
        self._p = p = numbers(self.models)
        self._is_air = np.array([kind == Kind.AIR for kind in self.kinds])
        self._is_liquid = ~self._is_air
        self._any_air, self._all_air = bool(self._is_air.any()), bool(self._is_air.all())
        self._module_air_w_k = (p.loss_w_k / p.loss_inside - p.hose_w_k)[:, None] / modules
        self._enclosure_w_k = p.loss_w_k / (1.0 - p.loss_inside)
        self._door_w_k = p.air_kg * AIR_J_KG_K / p.door_s
        self._dried_kg_kg = saturated_kg_kg(p.dryer_dew_c)
        hoses_j_k = 2.0 * p.flow_w_k * p.transport_s * self._is_liquid
        self._module_j_k = (p.heat_capacity_j_k - p.heater_j_k - hoses_j_k)[:, None] / modules
        tilt = np.linspace(1.0, -1.0, modules) if modules > 1 else np.zeros(1)
        self._module_share = (1.0 + p.flow_spread[:, None] * tilt) / modules
        self._module_w_k = p.module_w_k[:, None] * np.ones(modules)

        start_c = np.full(cabinets, temperature_c, dtype=float)
        self.module_c: Floats = np.repeat(start_c[:, None], modules, axis=1)
        self._bools(cabinets)
        self.feed: Bools = np.ones(cabinets, dtype=bool)
        self.drive: Floats = np.ones(cabinets)
        self.ambient_c: Floats = start_c.copy()
        self.sun_w: Floats = np.zeros(cabinets)
        self.pcs_loss_w: Floats = np.zeros(cabinets)
        self.outside_kg_kg: Floats = moist_air.humid_kg_kg(np.full(cabinets, _HUMIDITY), start_c)
        self.water_kg_kg: Floats = self.outside_kg_kg.copy()
        self.condensed_kg: Floats = np.zeros(cabinets)
        self.air_c: Floats = start_c.copy()
        self.supply_c: Floats = start_c.copy()
        self.return_c: Floats = start_c.copy()
        self.surface_c: Floats = start_c.copy()
        self._nothing: Floats = np.zeros(cabinets)
        self._may_hold_c = np.zeros((3, cabinets))
        self.fan_share: Floats = np.zeros(cabinets)
        self.power_w: Floats = np.zeros(cabinets)
        self.heater_unit = Heater(p, start_c)
        self.compressor_unit = Compressor(p)
        self._hoses = Hoses(start_c, p.flow_w_k * p.transport_s / SLICES, p.hose_w_k)
        self._pumped_s: Floats = np.zeros(cabinets)
        self._dt_s = 0.0
        self._share: Floats = np.full(cabinets, -1.0)  # of full flow, for which all is prepared

    def _bools(self, cabinets: int) -> None:
        self.pump: Bools = np.zeros(cabinets, dtype=bool)
        self.heater: Bools = np.zeros(cabinets, dtype=bool)
        self.compressor: Bools = np.zeros(cabinets, dtype=bool)
        self.dryer: Bools = np.zeros(cabinets, dtype=bool)
        self.door_open: Bools = np.zeros(cabinets, dtype=bool)
        self.pump_failed: Bools = np.zeros(cabinets, dtype=bool)
        self.fan_failed: Bools = np.zeros(cabinets, dtype=bool)
        self.compressor_failed: Bools = np.zeros(cabinets, dtype=bool)
        self.heater_failed: Bools = np.zeros(cabinets, dtype=bool)
        self.heater_welded: Bools = np.zeros(cabinets, dtype=bool)
        self.flowing: Bools = np.zeros(cabinets, dtype=bool)

    @property
    def heating(self) -> Bools:
        return self.heater_unit.heating

    @property
    def heater_heat_w(self) -> Floats:
        return self.heater_unit.heat_w

    @property
    def compressor_running(self) -> Bools:
        return self.compressor_unit.running

    @property
    def compressor_starts(self) -> np.ndarray:
        return self.compressor_unit.starts

    @property
    def compressor_well(self) -> Bools:
        """Its own switches are closed."""
        return ~self.compressor_failed & (~self.fan_failed | self._is_air)

    @property
    def humidity(self) -> Floats:
        return moist_air.relative_humidity(self.water_kg_kg, self.air_c)

    @property
    def dew_c(self) -> Floats:
        return moist_air.dew_point_c(self.water_kg_kg)

    @property
    def pcs_inlet_c(self) -> Floats:
        """Air that the PCS draws in: outside air, and some of the cabinet's."""
        return self.ambient_c + self._p.pcs_share * (self.air_c - self.ambient_c)

    @property
    def stored_j(self) -> Floats:
        """Heat above 0 degC in modules, air, heater and hoses."""
        p = self._p
        hoses_c = self._hoses.slice_c.sum(axis=(1, 2)) * self._is_liquid
        return (
            (self.module_c * self._module_j_k).sum(axis=1)
            + self.air_c * p.air_j_k
            + self.heater_unit.block_c * p.heater_j_k
            + hoses_c * self._hoses.slice_j_k
        )

    def _move(self, dt_s: float) -> None:
        """Pump and fans: `flowing`, `fan_share`; all that depends on flow, where it changed."""
        self._pumping = pumping = self.pump & ~self.pump_failed
        self._pumped_s = (self._pumped_s + dt_s) * pumping
        self.flowing = self._pumped_s >= self._p.flow_start_s
        share = self.flowing.astype(np.float64)
        if self._any_air:
            if dt_s != self._dt_s:
                self._fan_follows = -np.expm1(-dt_s / self._p.flow_start_s)
            goal = self.drive * (pumping & ~self.fan_failed & self._is_air)
            self.fan_share = self.fan_share + (goal - self.fan_share) * self._fan_follows
            moving = np.where(self.fan_share >= 0.01, self.fan_share, 0.0)
            share = np.where(self._is_air, moving, share)
            self.flowing = np.where(self._is_air, self.fan_share >= _FLOW_PROVEN, self.flowing)
        if dt_s != self._dt_s or any_of(share != self._share):
            self._prepare(dt_s, share)

    def _prepare(self, dt_s: float, share: Floats) -> None:
        p = self._p
        if dt_s != self._dt_s:
            self._hoses.prepare(dt_s, p.transport_s)
            self._module_k_w = dt_s / self._module_j_k
            self._air_k_w = dt_s / p.air_j_k
            self._leaks = np.exp(-dt_s / p.leak_s), np.exp(-dt_s / p.door_s)
        self._dt_s, self._share = dt_s, share
        self._moving = share > 0.0
        self._flow_w_k = flow_w_k = p.flow_w_k * share
        self._divisor_w_k = np.maximum(flow_w_k, 1e-6)
        stream_w_k = self._divisor_w_k[:, None] * self._module_share
        film_w_k = self._module_w_k * (share**_FAN_EXPONENT)[:, None]
        exchange_w_k = stream_w_k * -np.expm1(-film_w_k / stream_w_k)
        self._exchange_w_k = exchange_w_k * self._moving[:, None]
        self._coolant_moves = self._moving & self._is_liquid
        self._coil_meets_air = self._moving | self._is_air
        self.heater_unit.prepare(dt_s, flow_w_k)
        self.compressor_unit.prepare(dt_s)
        self._cold_w_k = np.where(self._is_air, p.coil_w_k, flow_w_k)
        fans_w = p.pump_w * np.where(self._is_air, share**3, 0.0)
        self._moving_w = fans_w
        self._into_medium_w = np.where(self._is_air, fans_w, p.pump_w * p.pump_heat * share)

    def step(self, loss_w: Floats, dt_s: float) -> None:
        """Advance by dt_s, 0.1..10; loss_w (cabinets, modules) is the cells' own heat.

        Raises AutarkyError for a longer or shorter step.
        """
        if not 0.0 < dt_s <= LONGEST_STEP_S:
            raise AutarkyError(
                f"the thermal plant takes no step of {dt_s:g} s: give 0.1 to {LONGEST_STEP_S:g} s"
            )
        self._move(dt_s)
        p, moving, air_c = self._p, self._moving, self.air_c
        leaving_c = self._hoses.leaving_c()
        inlet_c = np.where(self._coolant_moves, leaving_c[:, 1], air_c)
        closed = (self.heater | self.heater_welded) & self.feed & ~self.heater_failed
        heater_w = self.heater_unit.step(closed, inlet_c)
        on = self.compressor & self.compressor_well & self._coil_meets_air
        cold_w = self.compressor_unit.step(on, self.drive, self.ambient_c, self._cold_w_k, inlet_c)
        # unit and modules
        stream_w = heater_w * moving + self._into_medium_w - cold_w * self._is_liquid
        outlet_c = inlet_c + stream_w / self._divisor_w_k
        arriving_c = leaving_c[:, 0]
        if self._any_air:
            arriving_c = np.where(self._is_air, outlet_c, arriving_c)
        into_w = self._exchange_w_k * (arriving_c[:, None] - self.module_c)
        taken_w = np.add.reduce(into_w, axis=1)
        back_c = arriving_c - taken_w / self._divisor_w_k
        dryer_w = p.dryer_w * self.dryer
        air_w = self._air_around(heater_w) + dryer_w
        if not self._all_air:
            air_w = air_w + self._hoses.step(outlet_c, back_c, self._coolant_moves, air_c)
            self.supply_c = self._hoses.slice_c[:, 0, 0].copy()
            self.return_c = self._hoses.slice_c[:, 1, -1].copy()
        if self._any_air:
            air_w = air_w + (stream_w - taken_w) * (self._is_air & moving)
            self.supply_c = np.where(self._is_air, outlet_c, self.supply_c)
            self.return_c = np.where(self._is_air, np.where(moving, back_c, air_c), self.return_c)
        # modules to air and neighbours
        to_air_w = self._module_air_w_k * (self.module_c - air_c[:, None])
        gain_w = loss_w + into_w - to_air_w
        if gain_w.shape[1] > 1:
            step_w = p.neighbour_w_k[:, None] * (self.module_c[:, 1:] - self.module_c[:, :-1])
            gain_w[:, :-1] += step_w
            gain_w[:, 1:] -= step_w
        self.module_c = self.module_c + gain_w * self._module_k_w
        air_w = air_w + np.add.reduce(to_air_w, axis=1)
        self._water(air_w, cold_w, dt_s)
        self.equipment_w = self._into_medium_w + dryer_w
        self.power_w = (
            self.heater_unit.electric_w + self.compressor_unit.electric_w + self._moving_w
            + dryer_w + p.pump_w * (self._pumping & self._is_liquid)
        )  # fmt: skip

    def _air_around(self, heater_w: Floats) -> Floats:
        """Heat that the cabinet's air gets from outside, the PCS and a heater without flow."""
        p = self._p
        over_k = self.air_c - self.ambient_c
        self.outward_w = self._enclosure_w_k * (over_k - self.sun_w / p.skin_w_k)
        if any_of(self.door_open):
            self.outward_w = self.outward_w + self._door_w_k * over_k * self.door_open
        return (
            heater_w * ~self._moving + p.pcs_share * self.pcs_loss_w - self.outward_w
        )  # fmt: skip

    def _water(self, air_w: Floats, cold_w: Floats, dt_s: float) -> None:
        """Water of the cabinet's air, and the air's temperature with the heat that water frees."""
        p = self._p
        water = self.water_kg_kg
        removed_kg_s = self._nothing
        if any_of(self.dryer):
            removed_kg_s = np.maximum(water - self._dried_kg_kg, 0.0) * p.dryer_kg_s * self.dryer
        self.chilled_w = cold_w
        if self._any_air:
            removed_kg_s = removed_kg_s + drained_kg_s(p, cold_w, self.air_c, water) * self._is_air
            air_w = air_w - cold_w * self._is_air
        self.latent_w = removed_kg_s * EVAPORATION_J_KG
        if removed_kg_s is not self._nothing:
            water = water - removed_kg_s * (dt_s / p.air_kg)
            air_w = air_w + self.latent_w
        self.air_c = self.air_c + air_w * self._air_k_w
        surface_c = np.minimum(np.minimum.reduce(self.module_c, axis=1), self.supply_c)
        self.surface_c = surface_c
        self._may_hold_c[0], self._may_hold_c[1] = surface_c, self.air_c
        self._may_hold_c[2] = self.ambient_c
        holds = saturated_kg_kg(self._may_hold_c)
        # no air outside holds more than that, whatever a user says of it
        outside = np.minimum(self.outside_kg_kg, holds[2])
        closed, opened = self._leaks
        water = outside + (water - outside) * np.where(self.door_open, opened, closed)
        if any_of(water > np.minimum(holds[0], holds[1])):
            onto = np.minimum(p.wet_w_k * (dt_s / AIR_J_KG_K), p.air_kg)
            wet_kg = np.maximum(water - holds[0], 0.0) * onto
            fog_kg = np.maximum(water - holds[1], 0.0) * p.air_kg
            wet_kg = np.maximum(wet_kg, fog_kg)
            self.condensed_kg = self.condensed_kg + wet_kg
            water = water - wet_kg / p.air_kg
        self.water_kg_kg = water
