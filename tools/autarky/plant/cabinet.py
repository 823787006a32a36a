"""Battery cabinets: cells, power path, heat, chips, sensors and PCS, vectorised over cabinets.

What a cabinet's firmware sees of them in bits and words is the lock-step's business (sil/plants).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autarky.plant.cells import CellModel, Cells, Floats
from autarky.plant.chiller import ChillerFace
from autarky.plant.iso165c import Iso165c
from autarky.plant.ivt_s import IvtS
from autarky.plant.ltc6813 import Chain
from autarky.plant.pcs import PcsFace
from autarky.plant.string import Strings
from autarky.plant.thermal import Heat, Kind, ThermalModel

_CELL_TICKS = 10  # cells advance every 100 ms with the mean current of it
_HEAT_TICKS = 100
_BLEED_OHM = 33.0
# of a PCS that runs, 98 % efficient at full power: its own supply, and in proportion to power
_PCS_IDLE_W = 100.0
_PCS_LOSS = 0.02


@dataclass(frozen=True)
class Build:
    """How a cabinet is built; layout: cells of each front end along the chain."""

    modules: int
    cells_per_module: int
    layout: Sequence[int]
    sensors_per_afe: int
    capacity_ah: float


class CabinetPlants:
    """`n` cabinets: `cells`, `strings`, `heat`; of each its `chains`, `sensors`, `faces` (PCS).

    `chillers[i]` is the CAN face of a smart chiller where `kinds[i]` is one, else None.

    `hvil_open`, `estop`, `reset_key` (bool lists), `strings.module_out` are what a person
    or a scenario moves. `temperature_forced_c[i]` overrides what the NTCs of a cabinet feel,
    `sensor_forced_c[i]` single ones, `temperature_shift_c[i]` moves all; `drift_sensor` moves one
    slowly until `sensors_back`. `analog_forced[i]` holds analog quantities by name.
    """

    def __init__(
        self,
        n: int,
        build: Build,
        soc: float,
        temperature_c: float,
        seed: int,
        dt_s: float,
        kinds: Kind | Sequence[Kind] = Kind.LIQUID,
        models: ThermalModel | Sequence[ThermalModel] | None = None,
    ) -> None:
        self.n = n
        self._dt_s = dt_s
        self.modules = modules = build.modules
        self.layout = list(build.layout)
        self.devices_per_module = len(self.layout) // modules
        cells = modules * build.cells_per_module
        model = CellModel(capacity_ah=build.capacity_ah)
        self.cells = Cells(n, cells, soc, temperature_c, model, seed=seed)
        self.strings = Strings(self.cells, modules)
        self.heat = Heat(n, modules, temperature_c, models, kinds)
        self.chillers = [
            ChillerFace() if kind == Kind.CHILLER else None for kind in self.heat.kinds
        ]
        self.chains = [Chain(self.layout, build.sensors_per_afe, seed + i) for i in range(n)]
        self.sensors = [IvtS() for _ in range(n)]
        self.faces = [PcsFace() for _ in range(n)]
        self.monitors = [Iso165c() for _ in range(n)]
        rng = np.random.default_rng(seed + 1)
        # hot and cold places within a module, fixed for its life
        self._cell_offset_c = rng.uniform(-0.5, 0.5, (n, cells))
        self._module_of_cell = np.repeat(np.arange(modules), build.cells_per_module)
        self._module_of_sensor = np.repeat(
            np.arange(modules), self.devices_per_module * build.sensors_per_afe
        )
        self._sensor_offset_c = rng.uniform(-0.5, 0.5, (n, len(self._module_of_sensor)))
        self.temperature_forced_c: list[float | None] = [None] * n
        self.temperature_shift_c = [0.0] * n
        self.sensor_forced_c: list[dict[int, float]] = [{} for _ in range(n)]
        self._sensor_drift: list[dict[int, tuple[float, int]]] = [{} for _ in range(n)]
        self.analog_forced: list[dict[str, float]] = [{} for _ in range(n)]
        self.hvil_open = [False] * n
        self.estop = [False] * n
        self.reset_key = [False] * n
        self._charge_as = np.zeros(n)
        self._ticks = 0
        self._feel_air()
        self._set_cell_temperatures()
        self.refresh()

    def analog_values(self, i: int) -> dict[str, float]:
        """Analog quantities of cabinet i: V of the supply, degC, shares of humidity, reference."""
        heat = self.heat
        warm_c = 25.0 + 20.0 * (self.current_a[i] / 280.0) ** 2
        return {
            "supply": 24.0, "terminal_plus": warm_c, "terminal_minus": warm_c,
            "coolant_supply": float(heat.supply_c[i]), "ambient": float(heat.air_c[i]),
            "humidity": float(self._humidity[i]), "board": 45.0, "reference": 1.0,
            "fan_speed": float(heat.fan_share[i]),
            **self.analog_forced[i],
        }  # fmt: skip

    def _set_cell_temperatures(self) -> None:
        self.cells.set_temperature(
            self.heat.module_c[:, self._module_of_cell] + self._cell_offset_c
        )

    def sensor_c(self, i: int) -> Floats:
        """What the NTCs of cabinet i feel."""
        return self.sensors_c()[i]

    def sensors_c(self) -> Floats:
        """What the NTCs feel, (cabinets, sensors)."""
        felt = self.heat.module_c[:, self._module_of_sensor] + self._sensor_offset_c
        felt += np.array(self.temperature_shift_c)[:, None]
        for i, forced_c in enumerate(self.temperature_forced_c):
            if forced_c is not None:
                felt[i] = forced_c
            for sensor, (kelvin_per_s, since) in self._sensor_drift[i].items():
                felt[i, sensor] += kelvin_per_s * (self._ticks - since) * self._dt_s
            for sensor, value in self.sensor_forced_c[i].items():
                felt[i, sensor] = value
        return felt

    def drift_sensor(self, i: int, sensor: int, kelvin_per_s: float) -> None:
        """An NTC of cabinet i ages from now on, before anything that it is forced to."""
        self._sensor_drift[i][sensor] = kelvin_per_s, self._ticks

    def sensors_back(self, i: int) -> None:
        """The NTCs of cabinet i feel their cells again."""
        self.temperature_forced_c[i] = None
        self.temperature_shift_c[i] = 0.0
        self.sensor_forced_c[i].clear()
        self._sensor_drift[i].clear()

    def refresh(self) -> None:
        """Copy array values to plain lists, which the per-cabinet code reads fast."""
        strings = self.strings
        self.current_a: list[float] = strings.current_a.tolist()
        self.string_v, self.outer_plus_v, self.outer_minus_v = strings.measured()
        self.link_v: list[float] = strings.link_v.tolist()
        self.pcs_power_w: list[float] = strings.pcs_power_w.tolist()
        self.pcs_state: list[int] = strings.pcs_state.tolist()
        self._feedback: list[list[bool]] = strings.contactors.feedback.tolist()
        self._flowing: list[bool] = self.heat.flowing.tolist()
        self._compressor_well: list[bool] = self.heat.compressor_well.tolist()
        self._any_out: list[bool] = np.any(strings.module_out, axis=1).tolist()
        self._at_pins: tuple[Floats, Floats] | None = None

    def feed_chain(self, i: int) -> None:
        """Put the present cell voltages and temperatures at the pins of cabinet i's chain."""
        if self._at_pins is None:  # of all at once: most chains measure in the same ticks
            self._at_pins = self.cells.voltages(self.strings.current_a), self.sensors_c()
        cell_v, ntc_c = self._at_pins
        self.chains[i].feed(cell_v[i], ntc_c[i])

    def advance(self) -> bool:
        """Everything by one tick, `refresh` not yet done; True where temperatures moved."""
        strings, dt_s = self.strings, self._dt_s
        for face in self.faces:
            face.step(dt_s)
        strings.pcs_request = np.array([face.wants_to_run for face in self.faces])
        strings.pcs_setpoint_w = np.array([float(face.target_w) for face in self.faces])
        strings.step(dt_s)
        self._charge_as += strings.current_a
        self._ticks += 1
        if self._ticks % _CELL_TICKS:
            return False
        mean_a = self._charge_as / _CELL_TICKS
        self._charge_as = np.zeros(self.n)
        self._bleed()
        self.cells.step(mean_a, _CELL_TICKS * dt_s)
        if self._ticks % _HEAT_TICKS:
            return False
        loss_w = self.cells.heat_w(mean_a).reshape(self.n, self.modules, -1).sum(axis=2)
        self._heat(loss_w, _HEAT_TICKS * dt_s)
        self._set_cell_temperatures()
        return True

    def _heat(self, loss_w: Floats, dt_s: float) -> None:
        heat, strings = self.heat, self.strings
        for i, face in enumerate(self.chillers):
            if face is not None:
                face.step(heat, i, dt_s)
        power_w = np.abs(strings.pcs_power_w)
        heat.pcs_loss_w = (_PCS_IDLE_W + _PCS_LOSS * power_w) * (power_w > 0.0)
        heat.step(loss_w, dt_s)
        self._feel_air()

    def _feel_air(self) -> None:
        self._humidity = self.heat.humidity
        for face, inlet_c in zip(self.faces, self.heat.pcs_inlet_c.tolist(), strict=True):
            face.inlet_c = inlet_c

    def _bleed(self) -> None:
        """Current of the closed balancing switches."""
        for i, chain in enumerate(self.chains):
            if not chain.any_discharge:
                if self.cells.bleed_a[i].any():
                    self.cells.bleed_a[i] = 0.0
                continue
            closed = []
            for count, mask in zip(self.layout, chain.discharge_masks, strict=True):
                closed += [mask >> bit & 1 for bit in range(count)]
            self.cells.bleed_a[i] = np.array(closed) * self.cells.emf[i] / _BLEED_OHM

    def pull_module(self, i: int, module: int) -> None:
        """Draw a module out: presence opens now, pins part later, the chain breaks there."""
        self.strings.module_out[i, module] = True
        self.chains[i].broken_at = module * self.devices_per_module
        self.chains[i].fault_changed()
        self.refresh()

    def insert_module(self, i: int, module: int) -> None:
        """Push it back."""
        self.strings.module_out[i, module] = False
        self.chains[i].broken_at = None
        self.chains[i].fault_changed()
        self.refresh()
