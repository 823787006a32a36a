"""What heats and cools the medium: a heater behind its contactors, and a compressor.

Vectorised over cabinets. Both act on a stream; what the stream reaches is the loop's business.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from autarky.plant.cells import Bools, Floats, any_of
from autarky.plant.moist_air import AIR_J_KG_K, EVAPORATION_J_KG, saturated_kg_kg

_RATED_C = 35.0  # ambient at which a chiller's capacity is told
_RATED_COP, _COP_1_K, _COP_MIN, _COP_MAX = 3.0, 1 / 15.0, 1.5, 5.0  # 3 at 35, 2 at 50 degC
_CAPACITY_MIN, _CAPACITY_MAX = 0.3, 1.1
_CONTACT = 0.8  # share of the coil's air that meets the coil
_COLDEST_COIL_C = -60.0  # of cabinets that have none, beside others that do: no number is their own
_DRY = 0.5  # least share of a coil's cooling that cools: so much water no coil finds


def performance(ambient_c: Floats) -> Floats:
    """COP of the compressor at full capacity."""
    cop = _RATED_COP - (ambient_c - _RATED_C) * _COP_1_K
    return np.minimum(np.maximum(cop, _COP_MIN), _COP_MAX)


def capacity_share(ambient_c: Floats, loss_1_k: Floats | float) -> Floats:
    """Cooling at full speed against the rated."""
    share = 1.0 - loss_1_k * (ambient_c - _RATED_C)
    return np.minimum(np.maximum(share, _CAPACITY_MIN), _CAPACITY_MAX)


class Heater:
    """A block with resistors, in series with relay, feed contactor and thermostat.

    `block_c` (cabinets,); `heating` while current flows, `electric_w` what it draws.
    """

    def __init__(self, p: SimpleNamespace, temperature_c: Floats) -> None:
        self._p = p
        self.block_c: Floats = temperature_c.copy()
        self._cool = np.ones(len(temperature_c), dtype=bool)  # its thermostat is closed
        self.heating: Bools = np.zeros(len(temperature_c), dtype=bool)
        self.electric_w: Floats = np.zeros(len(temperature_c))
        self.heat_w: Floats = np.zeros(len(temperature_c))

    def prepare(self, dt_s: float, flow_w_k: Floats) -> None:
        """For one flow and one length of step; flow_w_k is 0 without flow."""
        p = self._p
        streams = np.maximum(flow_w_k, 1e-6)
        in_flow_w_k = streams * -np.expm1(-p.heater_w_k / streams)
        self._out_w_k = np.where(flow_w_k > 0.0, in_flow_w_k, p.heater_idle_w_k)
        self._leaves = -np.expm1(-dt_s * self._out_w_k / p.heater_j_k)
        self._block_w_k = p.heater_j_k / dt_s

    def step(self, closed: Bools, sink_c: Floats) -> Floats:
        """Heat to the stream, or to still air, W: exact for a sink that does not move."""
        p = self._p
        self._cool = self.block_c < np.where(
            self._cool, p.thermostat_opens_c, p.thermostat_closes_c
        )
        self.heating = closed & self._cool
        self.electric_w = p.heater_w * self.heating
        self.heat_w = self.electric_w * p.heater_efficiency
        rise_k = (sink_c + self.heat_w / self._out_w_k - self.block_c) * self._leaves
        self.block_c = self.block_c + rise_k
        return self.heat_w - rise_k * self._block_w_k


class Compressor:
    """Refrigerant circuit; `cooling_w` now, `electric_w`, `running`, `starts` (cabinets,)."""

    def __init__(self, p: SimpleNamespace) -> None:
        self._p = p
        self.running: Bools = np.zeros(len(p.chiller_w), dtype=bool)
        self.starts = np.zeros(len(p.chiller_w), dtype=int)
        self.cooling_w: Floats = np.zeros(len(p.chiller_w))
        self.electric_w: Floats = np.zeros(len(p.chiller_w))

    def prepare(self, dt_s: float) -> None:
        self._starts_share = -np.expm1(-dt_s / self._p.chiller_start_s)

    def step(
        self, on: Bools, drive: Floats, ambient_c: Floats, stream_w_k: Floats, inlet_c: Floats
    ) -> Floats:
        """Heat taken from the stream, W; what is drawn while it starts is not given back."""
        p = self._p
        started = on & ~self.running
        if any_of(started):
            self.starts = self.starts + started
        self.running = on
        if not any_of(on):
            self.electric_w = self.cooling_w = np.zeros(len(on))
            return self.cooling_w
        share = capacity_share(ambient_c, p.chiller_loss_1_k)
        speed = np.minimum(np.maximum(drive, p.chiller_least), 1.0)
        room_w = np.maximum(stream_w_k * (inlet_c - p.chiller_outlet_c), 0.0)
        wanted_w = np.minimum(p.chiller_w * share * speed, room_w) * on
        self.electric_w = wanted_w / performance(ambient_c) + p.blower_w * on
        cooled_w = self.cooling_w + (wanted_w - self.cooling_w) * self._starts_share
        self.cooling_w = np.minimum(cooled_w, room_w) * on
        return self.cooling_w


def drained_kg_s(p: SimpleNamespace, cooling_w: Floats, air_c: Floats, water: Floats) -> Floats:
    """Water that an air conditioner's coil takes out of the air; its pipe leads it outside."""
    coil_c = np.maximum(air_c - cooling_w / (_CONTACT * p.coil_w_k), _COLDEST_COIL_C)
    found = (water - saturated_kg_kg(coil_c)) * (_CONTACT * p.coil_w_k / AIR_J_KG_K)
    return np.minimum(np.maximum(found, 0.0), cooling_w * ((1.0 - _DRY) / EVAPORATION_J_KG))
