"""The plants of a site's cabinets as the lock-step has them: lines as bits, analog as words."""

from __future__ import annotations

import numpy as np

from autarky.paths import wire
from autarky.plant.cabinet import Build, CabinetPlants
from autarky.plant.ltc6813 import ntc_ratio
from autarky.plant.thermal import Kind
from bess import lines
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.parameters import Parameters
from bess.topology import spread

TICK_MS = 10
_INPUT_BIT = {name: bit for bit, name in enumerate(lines.names(lines.INPUTS))}
_OUTPUT_BIT = {name: bit for bit, name in enumerate(lines.names(lines.OUTPUTS))}
# what nothing in the plants moves: as it is while all is well
_QUIET_LINES = lines.well() & ~(lines.HVIL | lines.ESTOP)
_HEATER_OUT = 1 << _OUTPUT_BIT["heater"]
_FEED_OUT = 1 << _OUTPUT_BIT["heater_feed"]
# all others: NTCs
_FULL_SCALE = {"supply": 40.0, "humidity": 1.0, "reference": 3.3 / 2.5, "fan_speed": 1.0}
# what an output line moves in the plant of heat
_HEAT_INPUTS = tuple(
    (1 << _OUTPUT_BIT[line], part)
    for line, part in (
        ("pump", "pump"), ("heater", "heater"), ("chiller", "compressor"),
        ("heater_feed", "feed"), ("dryer", "dryer"),
    )
)  # fmt: skip


def _build(parameters: Parameters) -> Build:
    modules = parameters.get("modules_per_string")
    per_module = parameters.get("cells_per_module")
    return Build(
        modules, per_module, spread(modules, per_module, CELLS_PER_DEVICE),
        parameters.get("sensors_per_afe"), parameters.get("capacity_mah") / 1000,
    )  # fmt: skip


class Plants(CabinetPlants):
    """The cabinets' plants behind the lines of bess.lines.

    `input_forced[i]` holds input lines by name, `flags[i]` what the TICK says beside them;
    `refresh_analog(i)` after a change of `analog_forced[i]`.
    """

    def __init__(
        self,
        n: int,
        parameters: Parameters,
        soc: float = 0.5,
        temperature_c: float = 25.0,
        seed: int = 0,
    ) -> None:
        kind = Kind(parameters.get("cooling_set"))
        super().__init__(
            n, _build(parameters), soc, temperature_c, seed, TICK_MS / 1000, kinds=kind
        )
        self.input_forced: list[dict[str, bool]] = [{} for _ in range(n)]
        self.analog = [b""] * n
        self.flags = [0] * n
        self.outputs = [0] * n
        self.drive = [0] * n  # permille
        self.heat.feed[:] = kind == Kind.CHILLER  # that has one of its own
        self._all_slots = ((1 << self.modules) - 1) << wire.SLOT_BIT
        for i in range(n):
            self.refresh_analog(i)

    def step(self) -> None:
        """Advance everything by 10 ms."""
        if self.advance():
            for i in range(self.n):
                self.refresh_analog(i)
        self.refresh()

    def refresh_analog(self, i: int) -> None:
        """Words of cabinet i's analog lines, from what they measure."""
        values = self.analog_values(i)
        raw = []
        for name in wire.ANALOG:
            full = _FULL_SCALE.get(name)
            share = values[name] / full if full else float(ntc_ratio(np.array(values[name])))
            raw.append(min(max(round(share * 65536), 0), 65535))
        self.analog[i] = np.array(raw, dtype="<u2").tobytes()

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
        bits |= _QUIET_LINES | self._cooling_lines(i)
        for name, level in self.input_forced[i].items():
            bit = 1 << _INPUT_BIT[name]
            bits = bits | bit if level else bits & ~bit
        slots = self._all_slots
        if self._any_out[i]:
            for module in np.flatnonzero(self.strings.module_out[i]):
                slots &= ~(1 << (wire.SLOT_BIT + int(module)))
        return bits | slots

    def _cooling_lines(self, i: int) -> int:
        """Contacts of heater and compressor."""
        heat, outputs = self.heat, self.outputs[i]
        bits = lines.COMPRESSOR_OK if self._compressor_well[i] else 0
        if outputs & _FEED_OUT and (outputs & _HEATER_OUT or heat.heater_welded[i]):
            bits |= 0 if heat.heater_failed[i] else lines.HEATER_ON
        return bits

    def apply(self, i: int, outputs: int, drive: int = 0) -> None:
        """Output lines of cabinet i, and the duty of its drive in permille."""
        if drive != self.drive[i]:
            self.drive[i] = drive
            self.heat.drive[i] = drive / 1000
        if outputs == self.outputs[i]:
            return
        self.outputs[i] = outputs
        strings = self.strings
        strings.contactors.command[i] = (outputs & 1, outputs & 2, outputs & 4)
        strings.gates[i] = bool(outputs & 8)
        if self.chillers[i] is None:  # a smart one works its loop by itself
            for bit, part in _HEAT_INPUTS:
                getattr(self.heat, part)[i] = bool(outputs & bit)

    def output(self, i: int, name: str) -> bool:
        """State of an output line of cabinet i."""
        return bool(self.outputs[i] >> _OUTPUT_BIT[name] & 1)
