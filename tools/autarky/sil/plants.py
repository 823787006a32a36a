"""All plants of a site in one: vectorised over cabinets, stepped every 10 ms."""

from __future__ import annotations

import numpy as np

from autarky.paths import wire
from autarky.plant.cells import CellModel, Cells
from autarky.plant.iso165c import Iso165c
from autarky.plant.ivt_s import IvtS
from autarky.plant.ltc6813 import Chain, ntc_ratio
from autarky.plant.pcs import PcsFace
from autarky.plant.string import Strings
from autarky.plant.thermal import Heat
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.parameters import Parameters
from bess.topology import spread

TICK_MS = 10
_CELL_TICKS = 10  # cells advance every 100 ms with the mean current of it
_INPUT_BIT = {name: bit for bit, name in enumerate(wire.INPUTS)}
_BLEED_OHM = 33.0
_QUIET_LINES = sum(
    1 << _INPUT_BIT[name] for name in ("door", "smoke", "gas", "compressor_ok", "enable_ok")
)
_HEATER_OUT = 1 << wire.OUTPUTS.index("heater")
_HEATER_SHIFT = _INPUT_BIT["heater_on"] - wire.OUTPUTS.index("heater")
_SUPPLY_FULL_V = 40.0
_REFERENCE = round(2.5 / 3.3 * 65536)
_OUTPUT_BIT = {name: bit for bit, name in enumerate(wire.OUTPUTS)}


class Plants:
    """`n` cabinets: cells, strings, heat, chains, sensors, PCS faces and input lines.

    `hvil_open`, `estop`, `reset_key` (bool lists), `strings.module_out` are what a person
    or a scenario moves. `temperature_forced_c[i]` overrides what the NTCs of a cabinet feel,
    `sensor_forced_c[i]` single ones, `temperature_shift_c[i]` moves all. `input_forced[i]` and
    `analog_forced[i]` hold lines by name; `refresh_analog(i)` after a change of the latter.
    """

    def __init__(
        self,
        n: int,
        parameters: Parameters,
        soc: float = 0.5,
        temperature_c: float = 25.0,
        seed: int = 0,
    ) -> None:
        self.n = n
        modules = parameters.get("modules_per_string")
        per_module = parameters.get("cells_per_module")
        self.layout = list(spread(modules, per_module, CELLS_PER_DEVICE))
        self.modules = modules
        self.devices_per_module = len(self.layout) // modules
        sensors = parameters.get("sensors_per_afe")
        model = CellModel(capacity_ah=parameters.get("capacity_mah") / 1000)
        self.cells = Cells(n, modules * per_module, soc, temperature_c, model, seed=seed)
        self.strings = Strings(self.cells, modules)
        self.heat = Heat(n, modules, temperature_c)
        self.chains = [Chain(self.layout, sensors, seed + i) for i in range(n)]
        self.sensors = [IvtS() for _ in range(n)]
        self.faces = [PcsFace() for _ in range(n)]
        rng = np.random.default_rng(seed + 1)
        # hot and cold places within a module, fixed for its life
        self._cell_offset_c = rng.uniform(-0.5, 0.5, (n, modules * per_module))
        self._module_of_cell = np.repeat(np.arange(modules), per_module)
        self._module_of_sensor = np.repeat(np.arange(modules), self.devices_per_module * sensors)
        self._sensor_offset_c = rng.uniform(-0.5, 0.5, (n, len(self._module_of_sensor)))
        self.temperature_forced_c: list[float | None] = [None] * n
        self.temperature_shift_c = [0.0] * n
        self.sensor_forced_c: list[dict[int, float]] = [{} for _ in range(n)]
        self.monitors = [Iso165c() for _ in range(n)]
        self.input_forced: list[dict[str, bool]] = [{} for _ in range(n)]
        self.analog_forced: list[dict[str, float]] = [{} for _ in range(n)]
        self.analog = [b""] * n
        self.flags = [0] * n
        self.hvil_open = [False] * n
        self.estop = [False] * n
        self.reset_key = [False] * n
        self.outputs = [0] * n
        self._charge_as = np.zeros(n)
        self._ticks = 0
        self._all_slots = ((1 << modules) - 1) << wire.SLOT_BIT
        self._set_cell_temperatures()
        self.refresh()
        for i in range(n):
            self.refresh_analog(i)

    def refresh_analog(self, i: int) -> None:
        """Analog lines of cabinet i: V for the supply, degC, share of humidity."""
        warm_c = 25.0 + 20.0 * (self.current_a[i] / 280.0) ** 2
        values = {
            "supply": 24.0, "terminal_plus": warm_c, "terminal_minus": warm_c,
            "coolant_supply": float(self.heat.module_c[i].mean()),
            "ambient": float(self.heat.ambient_c[i]), "humidity": 0.4, "board": 45.0,
            "reference": 1.0,
        }  # fmt: skip
        values.update(self.analog_forced[i])
        raw = []
        for name in wire.ANALOG:
            value = values[name]
            if name == "supply":
                share = value / _SUPPLY_FULL_V
            elif name == "reference":
                share = value * _REFERENCE / 65536
            elif name == "humidity":
                share = value
            else:
                share = float(ntc_ratio(np.array(value)))
            raw.append(min(max(round(share * 65536), 0), 65535))
        self.analog[i] = np.array(raw, dtype="<u2").tobytes()

    def _set_cell_temperatures(self) -> None:
        self.cells.set_temperature(
            self.heat.module_c[:, self._module_of_cell] + self._cell_offset_c
        )

    def sensor_c(self, i: int) -> np.ndarray:
        """What the NTCs of cabinet i feel."""
        forced = self.temperature_forced_c[i]
        if forced is not None:
            felt = np.full(len(self._module_of_sensor), forced)
        else:
            felt = self.heat.module_c[i, self._module_of_sensor] + self._sensor_offset_c[i]
            felt = felt + self.temperature_shift_c[i]
        for sensor, value in self.sensor_forced_c[i].items():
            felt[sensor] = value
        return felt

    def refresh(self) -> None:
        """Copy array values to plain lists, which the per-cabinet code reads fast."""
        strings = self.strings
        self.current_a: list[float] = strings.current_a.tolist()
        self.string_v: list[float] = strings.measured_string_v.tolist()
        self.outer_plus_v: list[float] = strings.outer_plus_v.tolist()
        self.outer_minus_v: list[float] = strings.outer_minus_v.tolist()
        self.link_v: list[float] = strings.link_v.tolist()
        self.pcs_power_w: list[float] = strings.pcs_power_w.tolist()
        self.pcs_state: list[int] = strings.pcs_state.tolist()
        self._feedback: list[list[bool]] = strings.contactors.feedback.tolist()
        self._flowing: list[bool] = self.heat.flowing.tolist()
        self._any_out: list[bool] = np.any(strings.module_out, axis=1).tolist()

    def inputs(self, i: int) -> int:
        """Input lines of cabinet i as the bits of the TICK."""
        minus, plus, relay = self._feedback[i]
        bits = 0
        if not self.hvil_open[i]:
            bits |= 1
        if not self.estop[i]:
            bits |= 2
        if self.reset_key[i]:
            bits |= 4
        bits |= minus << 3 | plus << 4 | relay << 5 | self._flowing[i] << 6
        bits |= _QUIET_LINES | (self.outputs[i] & _HEATER_OUT) << _HEATER_SHIFT
        for name, level in self.input_forced[i].items():
            bit = 1 << _INPUT_BIT[name]
            bits = bits | bit if level else bits & ~bit
        slots = self._all_slots
        if self._any_out[i]:
            for module in np.flatnonzero(self.strings.module_out[i]):
                slots &= ~(1 << (wire.SLOT_BIT + int(module)))
        return bits | slots

    def apply(self, i: int, outputs: int) -> None:
        """Output lines of cabinet i."""
        if outputs == self.outputs[i]:
            return
        self.outputs[i] = outputs
        strings = self.strings
        strings.contactors.command[i] = (outputs & 1, outputs & 2, outputs & 4)
        strings.gates[i] = bool(outputs & 8)
        self.heat.pump[i] = bool(outputs & 16)
        self.heat.heater[i] = bool(outputs & 32)
        self.heat.chiller[i] = bool(outputs & 64)

    def output(self, i: int, name: str) -> bool:
        """State of an output line of cabinet i."""
        return bool(self.outputs[i] >> _OUTPUT_BIT[name] & 1)

    def feed_chain(self, i: int) -> None:
        """Put the present cell voltages and temperatures at the pins of cabinet i's chain."""
        self.chains[i].feed(self.cells.voltage(i, self.current_a[i]), self.sensor_c(i))

    def step(self) -> None:
        """Advance everything by 10 ms."""
        strings = self.strings
        for i, face in enumerate(self.faces):
            face.step(TICK_MS / 1000)
            strings.pcs_request[i] = face.wants_to_run
            strings.pcs_setpoint_w[i] = face.target_w
        strings.step(TICK_MS / 1000)
        self._charge_as += strings.current_a
        self._ticks += 1
        if self._ticks % _CELL_TICKS == 0:
            mean_a = self._charge_as / _CELL_TICKS
            self._charge_as = np.zeros(self.n)
            dt_s = _CELL_TICKS * TICK_MS / 1000
            self._bleed()
            self.cells.step(mean_a, dt_s)
            if self._ticks % (10 * _CELL_TICKS) == 0:
                loss_w = self.cells.heat_w(mean_a).reshape(self.n, self.modules, -1).sum(axis=2)
                self.heat.step(loss_w, 10 * dt_s)
                self._set_cell_temperatures()
                for i in range(self.n):
                    self.refresh_analog(i)
        self.refresh()

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
