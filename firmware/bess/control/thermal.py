"""Heats and cools the cells by hysteresis with minimum times (design page thermal.md).

The pump leads and lags; the heater waits for proven flow; what cannot be measured is
neither heated nor cooled: without fresh temperatures the mode is OFF.
"""

from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

OFF = const(0)
HEAT = const(1)
COOL = const(2)
MODE_NAMES = b"off heat cool"  # bytes stay in flash
_NEVER = const(-1)


class Thermal:
    """`mode`, and the outputs pump, heater, chiller; `step` once a second.

    cells: CellMonitor; flow: pin that is 1 while coolant flows.
    """

    def __init__(self, outputs, flow, cells, parameters):
        self._pump = outputs["pump"]
        self._heater = outputs["heater"]
        self._chiller = outputs["chiller"]
        self._flow = flow
        self._cells = cells
        self._cool_on_mean_dc = parameters.get("cool_on_mean_dc")
        self._cool_on_max_dc = parameters.get("cool_on_max_dc")
        self._cool_off_mean_dc = parameters.get("cool_off_mean_dc")
        self._cool_off_max_dc = parameters.get("cool_off_max_dc")
        self._heat_on_mean_dc = parameters.get("heat_on_mean_dc")
        self._heat_on_min_dc = parameters.get("heat_on_min_dc")
        self._heat_off_mean_dc = parameters.get("heat_off_mean_dc")
        self._heat_off_min_dc = parameters.get("heat_off_min_dc")
        self._compressor_ms = parameters.get("compressor_min_ms")
        self._heater_ms = parameters.get("heater_min_ms")
        self._lead_ms = parameters.get("pump_lead_ms")
        self._lag_ms = parameters.get("pump_lag_ms")
        self.mode = OFF
        self.pump_on = False
        self.heater_on = False
        self.chiller_on = False
        self._flow_since_ms = _NEVER
        self._heater_ms_at = _NEVER
        self._chiller_ms_at = _NEVER
        self._idle_since_ms = _NEVER

    def step(self, now_ms, trusted):
        """Once a second. trusted: the temperatures are fresh; `trusted` False switches off."""
        if self._flow.value():
            if self._flow_since_ms == _NEVER:
                self._flow_since_ms = now_ms
        else:
            self._flow_since_ms = _NEVER
        self.mode = self._choose() if trusted else OFF
        self._drive_heater(now_ms, trusted)
        self._drive_chiller(now_ms)
        self._drive_pump(now_ms)

    def _choose(self):
        cells = self._cells
        mean_dc, low_dc, high_dc = cells.temp_mean_dc, cells.temp_min_dc, cells.temp_max_dc
        if self.mode == COOL and (
            mean_dc > self._cool_off_mean_dc or high_dc >= self._cool_off_max_dc
        ):
            return COOL
        if mean_dc > self._cool_on_mean_dc or high_dc > self._cool_on_max_dc:
            return COOL
        if self.mode == HEAT and (
            mean_dc < self._heat_off_mean_dc or low_dc < self._heat_off_min_dc
        ):
            return HEAT
        if mean_dc < self._heat_on_mean_dc or low_dc <= self._heat_on_min_dc:
            return HEAT
        return OFF

    def _flow_proven(self, now_ms):
        return (
            self._flow_since_ms != _NEVER
            and ticks_diff(now_ms, self._flow_since_ms) >= self._lead_ms
        )

    def _drive_heater(self, now_ms, trusted):
        flowing = self._flow_since_ms != _NEVER
        # never against a compressor that serves its minimum time
        want = self.mode == HEAT and self._flow_proven(now_ms) and not self.chiller_on
        if self.heater_on and not want and flowing and trusted and self.mode != COOL:
            # minimum time protects the relay; no flow, no temperature or cooling cuts at once
            want = ticks_diff(now_ms, self._heater_ms_at) < self._heater_ms
        if want != self.heater_on:
            self.heater_on = want
            self._heater_ms_at = now_ms
            self._heater.value(1 if want else 0)

    def _drive_chiller(self, now_ms):
        want = self.mode == COOL and self._flow_proven(now_ms) and not self.heater_on
        if want == self.chiller_on:
            return
        since_ms = self._chiller_ms_at
        if since_ms != _NEVER and ticks_diff(now_ms, since_ms) < self._compressor_ms:
            return
        self.chiller_on = want
        self._chiller_ms_at = now_ms
        self._chiller.value(1 if want else 0)

    def _drive_pump(self, now_ms):
        busy = self.mode != OFF or self.heater_on or self.chiller_on
        if busy:
            self._idle_since_ms = _NEVER
        elif self._idle_since_ms == _NEVER:
            self._idle_since_ms = now_ms
        want = busy or (self.pump_on and ticks_diff(now_ms, self._idle_since_ms) < self._lag_ms)
        if want != self.pump_on:
            self.pump_on = want
            self._pump.value(1 if want else 0)
