"""What surrounds the firmwares of a thermal loop: plant, weather, load, sensors, records."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from autarky.errors import AutarkyError, no_such
from autarky.plant.cells import Bools, Floats
from autarky.plant.chiller import ChillerFace
from autarky.plant.ltc6813 import ntc_ratio
from autarky.plant.moist_air import humid_kg_kg
from autarky.plant.thermal import Heat, Kind, string_heat_w
from autarky.plant.thermal_model import absorbed_w
from autarky.thermal import record as c
from autarky.thermal.case import HOUR_S, PURPOSES, ThermalCase
from autarky.thermal.interpreters import Halfwords, Words
from autarky.thermal.task import PCS_LOSS
from bess import lines
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.parameters import Parameters
from bess.topology import Topology

STEP_S = 1.0
CELL_V = 3.3
_MINUTE_S = 60
_VREF2 = 30000  # 0.1 mV
_FULL = 65536
_OPEN_WORD, _SHORT_WORD = 29900, 100
_OPEN_CHANNEL = 65535
_TERMINAL_K, _BOARD_K = 20.0, 20.0  # above the air: terminals at 1C, the board always
_SOC_LEAST, _SOC_MOST = 0.05, 0.98  # the load's own ends
_SUPPLY = round(24.0 / 40.0 * _FULL)
_REFERENCE = round(2.5 / 3.3 * _FULL)
# channels that are NTCs, in the order in which they are computed
_NTCS = ("terminal_plus", "terminal_minus", "coolant_supply", "ambient", "board")
_BIT = {name: 1 << bit for bit, name in enumerate(lines.names(lines.INPUTS))}


class World:
    """All cabinets of a loop; arrays (cabinets,). `fill` before and `advance` after each second of
    the firmwares.

    `wanted_a`, `current_a` (+ = discharge), `soc`, `allowed_a` (cabinets, 2: charge, discharge).
    """

    def __init__(self, cases: Sequence[ThermalCase], record: Words) -> None:
        self.cases = list(cases)
        n = self.n = len(self.cases)
        parameters = Parameters()
        topology = Topology(parameters, CELLS_PER_DEVICE)
        self.modules, self.sensors = topology.modules, topology.sensors
        self._cells_per_module = parameters.get("cells_per_module")
        self.capacity_a = parameters.get("capacity_mah") / 1000.0
        self._cells = topology.cells
        self.kinds = [case.kind for case in self.cases]
        self.heat = Heat(
            n, topology.modules, np.array([case.start_c for case in self.cases]),
            [case.plant for case in self.cases], self.kinds,
        )  # fmt: skip
        self.faces = [ChillerFace() if kind == Kind.CHILLER else None for kind in self.kinds]
        self._units = [(i, face) for i, face in enumerate(self.faces) if face is not None]
        self._relays = np.array([face is None for face in self.faces])
        self.door_open: Bools = np.zeros(n, dtype=bool)
        self.temperatures_lost: Bools = np.zeros(n, dtype=bool)
        self.reset: Bools = np.zeros(n, dtype=bool)
        self.wanted_a: Floats = np.zeros(n)
        self.current_a: Floats = np.zeros(n)
        self.soc: Floats = np.array([case.soc for case in self.cases])
        self.allowed_a: Floats = np.zeros((n, 2))
        self._contacts = np.full(n, lines.well() & ~lines.DOOR)
        self._record = record
        devices = topology.devices
        rows = record[c.HEAD :].reshape(n, c.in_size(devices))
        self._rows = rows
        words = rows[:, c.WORDS :].reshape(n, devices, 6)
        words[:, :, 5] = _VREF2
        self._words = words[:, :, : topology.sensors_per_device]
        self._statuses = [rows[i, c.STATUS : c.STATUS + 4].view(np.uint8) for i in range(n)]
        self._channel = {name: c.ANALOG + at for at, name in enumerate(c.CHANNELS)}
        self._ntcs = [self._channel[name] for name in _NTCS]
        rows[:, self._channel["supply"]] = _SUPPLY
        rows[:, self._channel["reference"]] = _REFERENCE
        self._module_of_sensor = np.repeat(np.arange(self.modules), self.sensors // self.modules)
        self._sensors_well()
        self._weathers = [case.sky.weather() for case in self.cases]
        self._heard = np.zeros(n, dtype=bool)
        self._now_s = 0
        self._fresh_weather(0.0)

    def _sensors_well(self) -> None:
        n = self.n
        rng = np.random.default_rng(1)
        spread = np.array([case.sensor_offset_k for case in self.cases])[:, None]
        self._offset_k = rng.uniform(-1.0, 1.0, (n, self.sensors)) * spread
        self._drift_k_s = np.zeros((n, self.sensors))
        self._source = np.tile(np.arange(self.sensors), (n, 1))  # which place a sensor feels
        self._forced = np.full((n, self.sensors), -1)
        self._spoilt = False
        self._channels_open: list[tuple[int, int]] = []

    # --- what events do ---

    def set_contact(self, i: int, name: str, closed: bool) -> None:
        self._contacts[i] = (
            self._contacts[i] | _BIT[name] if closed else (self._contacts[i] & ~_BIT[name])
        )

    def spoil(self, i: int, how: str, sensor: int, value: float = 0.0) -> None:
        """One sensor of cabinet i, numbered from 0, from now on; other: of a swap, from 1."""
        self._spoilt = True
        if how == "drift":
            self._drift_k_s[i, sensor] = value / HOUR_S
        elif how == "shift":
            self._offset_k[i, sensor] += value
        elif how == "swap":
            other = int(value) - 1
            if not 0 <= other < self.sensors:
                raise AutarkyError(f"there is no sensor {value:g}: give 1 to {self.sensors}")
            self._source[i, [sensor, other]] = self._source[i, [other, sensor]]
        elif how == "well":
            self._drift_k_s[i, sensor] = self._offset_k[i, sensor] = 0.0
            self._source[i, sensor] = sensor
            self._forced[i, sensor] = -1
        else:
            here = int(self._words[i].reshape(-1)[sensor])
            self._forced[i, sensor] = {"open": _OPEN_WORD, "short": _SHORT_WORD}.get(how, here)

    def spoil_channel(self, i: int, name: str, how: str) -> None:
        if name not in self._channel:
            raise AutarkyError(no_such("channel", name, self._channel))
        place = (i, self._channel[name])
        self._channels_open = [other for other in self._channels_open if other != place]
        if how == "open":
            self._channels_open.append(place)

    # --- a second ---

    def _fresh_weather(self, time_s: float) -> None:
        """Ambient and what the site wants; once a minute."""
        heat = self.heat
        for i, case, weather in zip(count(), self.cases, self._weathers, strict=False):
            temp_c, humidity, sun_w_m2 = weather.at(case.day_s(time_s))
            heat.ambient_c[i] = temp_c
            heat.outside_kg_kg[i] = humid_kg_kg(humidity, temp_c)
            heat.sun_w[i] = absorbed_w(sun_w_m2)
            self.wanted_a[i] = case.wanted_c(time_s) * self.capacity_a

    def _announce(self, time_s: float) -> None:
        rows = self._rows
        for i, case in enumerate(self.cases):
            said = case.announced(time_s)
            if said is not None:
                rows[i, c.FLAGS] |= c.ANNOUNCED
                island = c.ISLAND if said.island else 0
                rate = round(1000 * said.rate_c) << c.RATE_BIT
                rows[i, c.PURPOSE] = PURPOSES.index(said.purpose) | island | rate
                rows[i, c.WANTED_IN] = min(round(said.wanted_in_s / c.WANTED_S), 65535)

    def fill(self, now_s: int) -> None:
        """The record of what the cabinets see at this second."""
        self._now_s = now_s
        now_ms = now_s * 1000 & 0x3FFFFFFF
        record, rows, heat = self._record, self._rows, self.heat
        record[0], record[1] = now_ms & 0xFFFF, now_ms >> 16
        rows[:, c.FLAGS] = (
            c.TEMPERATURES * ~self.temperatures_lost | c.HEARD * self._heard
            | c.RESET * self.reset
        )  # fmt: skip
        self.reset[:] = False
        if now_s % _MINUTE_S == 0:
            self._fresh_weather(now_s)
            self._announce(now_s)
        rows[:, c.CONTACTS] = (
            self._contacts | lines.DOOR * ~self.door_open | lines.COOLANT_FLOW * heat.flowing
            | lines.HEATER_ON * heat.heating | lines.COMPRESSOR_OK * heat.compressor_well
        )  # fmt: skip
        rows[:, c.CURRENT] = self.current_a * 10.0 + (c.CURRENT_ZERO + 0.5)
        rows[:, c.SOC] = self.soc * 10000.0
        rows[:, c.PCS_INLET] = heat.pcs_inlet_c * 10.0 + c.INLET_ZERO_DC
        self._fill_temperatures(heat)
        air = self._channel
        rows[:, air["humidity"]] = np.minimum(heat.humidity * _FULL, 65535.0)
        rows[:, air["fan_speed"]] = np.minimum(heat.fan_share * _FULL, 65535.0)
        for i, channel in self._channels_open:
            rows[i, channel] = _OPEN_CHANNEL

    def _fill_temperatures(self, heat: Heat) -> None:
        module_c, air_c = heat.module_c, heat.air_c
        if self._spoilt:
            self._offset_k += self._drift_k_s
            felt = np.take_along_axis(
                module_c[:, self._module_of_sensor] + self._offset_k, self._source, axis=1
            )
        else:
            felt = module_c[:, self._module_of_sensor] + self._offset_k
        warm_k = _TERMINAL_K * (self.current_a / self.capacity_a) ** 2
        terminal_c = air_c + warm_k
        others = np.stack((terminal_c, terminal_c, heat.supply_c, air_c, air_c + _BOARD_K), axis=1)
        ratio = ntc_ratio(np.concatenate((felt, others), axis=1))
        words = ratio[:, : self.sensors] * _VREF2 + 0.5
        if self._spoilt:
            words = np.where(self._forced >= 0, self._forced, words)
        self._words[:] = words.reshape(self._words.shape)
        self._rows[:, self._ntcs] = np.minimum(ratio[:, self.sensors :] * _FULL, 65535.0)

    def obey(self, out: Halfwords) -> None:
        """What the cabinets switch and allow; out: (cabinets, OUT_SIZE)."""
        heat, now_ms = self.heat, self._now_s * 1000
        outputs = out[:, c.OUTPUTS]
        for i, face in self._units:
            if outputs[i] & c.SENT:
                face.command(out[i, c.COMMAND : c.COMMAND + 4].tobytes(), now_ms)
            face.step(heat, i, STEP_S)
        if len(self._units) < self.n:
            relays = self._relays
            for bit, name in enumerate(("pump", "heater", "compressor", "feed", "dryer")):
                line = getattr(heat, name)
                line[relays] = (outputs[relays] >> bit & 1).astype(bool)
            heat.drive[relays] = out[relays, c.DUTY] / 1000.0
        allowed = out[:, c.CHARGE : c.DISCHARGE + 1].astype(float)
        self.allowed_a = allowed * (self.capacity_a / 1000.0)

    def advance(self) -> None:
        """A second of load and plant."""
        heat = self.heat
        charge_a = np.where(self.soc < _SOC_MOST, self.allowed_a[:, 0], 0.0)
        discharge_a = np.where(self.soc > _SOC_LEAST, self.allowed_a[:, 1], 0.0)
        self.current_a = np.minimum(np.maximum(self.wanted_a, -charge_a), discharge_a)
        self.soc = self.soc - self.current_a * (STEP_S / (HOUR_S * self.capacity_a))
        loss_w = string_heat_w(self.current_a[:, None], heat.module_c, self._cells_per_module)
        self.power_w = np.abs(self.current_a) * (CELL_V * self._cells)
        heat.pcs_loss_w = PCS_LOSS * self.power_w
        heat.door_open[:] = self.door_open
        heat.step(loss_w, STEP_S)
        now_ms = (self._now_s + 1) * 1000
        for i, face in self._units:
            status = face.status(now_ms)
            self._heard[i] = status is not None
            if status is not None:
                self._statuses[i][:] = np.frombuffer(status, dtype=np.uint8)
