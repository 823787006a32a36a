"""The firmware's thermal control of many cabinets on CPython, for runs over a year.

Each cabinet is a real bess.control.thermal.Thermal with a relay set of drivers.cooling; pins write
into the plant's arrays. The control is stepped once a second while it does anything, with what was
measured at the last step of the plant; while it rests, once a minute. Neither protection nor
sensors' conversion runs here: loop.py has those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import numpy as np

from autarky.plant.moist_air import dew_point_c
from autarky.plant.thermal import Heat
from bess.control.thermal import OFF, Thermal
from bess.drivers.cooling import AirCooling, RelayCooling
from bess.parameters import Parameters
from bess.port.ticks import TICKS_MASK
from bess.protect.history import SIZE, History, provision

_HOLD_MS = 3_600_000
_FULL_U16 = 65535
_PINS = {
    "pump": "pump", "heater": "heater", "chiller": "compressor", "heater_feed": "feed",
    "dryer": "dryer",
}  # fmt: skip


class _Pin:
    """A line that is a place in one of the plant's arrays."""

    def __init__(self, array: np.ndarray, at: int) -> None:
        self._array, self._at = array, at

    def value(self, level: int) -> None:
        self._array[self._at] = level != 0


class _Cabinet:
    """What thermal control sees of one cabinet; also its board, cells, environment and signals."""

    def __init__(self, heat: Heat, at: int, parameters: Parameters, air: bool) -> None:
        self._drive, self._at, self._permille = heat.drive, at, -1
        self._heater = heat.heater
        self.flows = self.speed = 0
        self.drive = SimpleNamespace(duty=self._duty)
        self.outputs = {name: _Pin(getattr(heat, part), at) for name, part in _PINS.items()}
        self.inputs = {
            "coolant_flow": SimpleNamespace(value=lambda: self.flows),
            "heater_on": SimpleNamespace(value=lambda: 1 if self._heater[at] else 0),
            "compressor_ok": SimpleNamespace(value=lambda: 1),
        }
        self.analog = {"fan_speed": SimpleNamespace(read_u16=lambda: self.speed)}
        self.temp_mean_dc = self.temp_min_dc = self.temp_max_dc = self.temp_spread_dc = 0
        self.outside_dc = self.coolant_dc = self.dew_dc = 0
        memory = bytearray(SIZE)
        provision(memory)
        cooling = (AirCooling if air else RelayCooling)(self, None, None)
        self.control = Thermal(cooling, self, self, parameters, History(memory), self)

    def put(self, signal: int, value: int) -> None:
        """Signals: nothing is judged here."""

    put_partial = put

    def _duty(self, permille: int) -> None:
        if permille != self._permille:
            self._permille = permille
            self._drive[self._at] = permille / 1000.0


class Ours:
    """`step` writes what control switches into the plant's first columns, one for each of
    `settings`: parameters by name, besides the defaults and what the plant's model says.
    """

    def __init__(self, heat: Heat, settings: Sequence[Mapping[str, int]]) -> None:
        self._heat = heat
        heat.feed[: len(settings)] = False
        self._cabinets = []
        for at, values in enumerate(settings):
            parameters = Parameters()
            model, kind = heat.models[at], heat.kinds[at]
            fitting = {
                "cooling_set": int(kind),
                "heater_w": round(model.heater_w),
                "chiller_w": round(model.chiller_w),
            }
            for name, value in {**fitting, **values}.items():
                parameters.set(name, value)
            self._cabinets.append(_Cabinet(heat, at, parameters, bool(fitting["cooling_set"] == 2)))
        self._busy: set[int] = set()
        self._now_ms = 0
        self._hold_ms = 0

    @property
    def controls(self) -> list[Thermal]:
        return [cabinet.control for cabinet in self._cabinets]

    def _look(self, looking: list[int], rate_a: np.ndarray, seconds: int) -> None:
        heat = self._heat
        modules_c = heat.module_c[looking]
        low_c, high_c = modules_c.min(axis=1), modules_c.max(axis=1)
        seen_c = np.stack((
            modules_c.mean(axis=1), low_c, high_c, high_c - low_c, heat.pcs_inlet_c[looking],
            heat.supply_c[looking], dew_point_c(heat.water_kg_kg[looking]),
        ))  # fmt: skip
        columns = np.rint(seen_c * 10.0).astype(int).T.tolist()
        flows = heat.flowing[looking].tolist()
        currents_ma = (rate_a[looking] * 1000.0).astype(int).tolist()
        speeds = (heat.fan_share[looking] * _FULL_U16).astype(int).tolist()
        for at, column, flowing, current_ma, speed in zip(
            looking, columns, flows, currents_ma, speeds, strict=True
        ):
            cabinet = self._cabinets[at]
            (
                cabinet.temp_mean_dc, cabinet.temp_min_dc, cabinet.temp_max_dc,
                cabinet.temp_spread_dc, cabinet.outside_dc, cabinet.coolant_dc, cabinet.dew_dc,
            ) = column  # fmt: skip
            cabinet.flows, cabinet.speed = int(flowing), speed
            control = cabinet.control
            self._busy.add(at)
            for second in range(seconds):
                now_ms = self._now_ms + second * 1000 & TICKS_MASK
                control.step(now_ms, True, current_ma, 5000)
                if control.mode == OFF and not control.circuit.pump_on:
                    self._busy.discard(at)
                    break

    def announce(
        self, wanted: list[bool], now: tuple[int, int, float], later: tuple[int, int, float]
    ) -> None:
        """To each whose window is open (wanted) and to the others: purpose, seconds until, C."""
        for cabinet, is_open in zip(self._cabinets, wanted, strict=True):
            purpose, wanted_in_s, rate_c = now if is_open else later
            preheat = cabinet.control.preheat
            preheat.announce(purpose, wanted_in_s // 10 * 10, False, round(1000 * rate_c))

    def step(self, rate_a: np.ndarray, dt_s: float, all_look: bool = True) -> None:
        """rate_a: current of each of the columns, A, + in discharge; dt_s whole seconds; all_look:
        also those that rest.
        """
        looking = [*range(len(self._cabinets))] if all_look else sorted(self._busy)
        seconds = round(dt_s)
        if looking:
            self._look(looking, rate_a, seconds)
        self._now_ms = self._now_ms + seconds * 1000 & TICKS_MASK
        self._hold_ms += seconds * 1000
        if self._hold_ms >= _HOLD_MS:
            self._hold_ms = 0
            for cabinet in self._cabinets:
                cabinet.control.circuit.hold_stamps(self._now_ms)
