"""Heats and cools the cells by hysteresis with minimum times (design page thermal.md).

The pump leads and lags; heater and compressor wait for proven flow; what cannot be measured is
neither heated nor cooled: without fresh temperatures the mode is OFF. What a standing fault
switches off (protect.hazards) falls in the tick in which it is raised.
"""

from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff
from bess.protect import hazards
from bess.protect import history as h

OFF = const(0)
HEAT = const(1)
COOL = const(2)
MODE_NAMES = b"off heat cool"  # bytes stay in flash
_NEVER = const(-1)


class Thermal:
    """`mode`, and what it switches; `step` once a second, `obey` every tick.

    cooling: a set by drivers.cooling; cells: CellMonitor; history: protect.history. Puts, once a
    second, what the set's contacts say against what was switched.
    """

    def __init__(self, cooling, cells, parameters, history, signals):
        self._cooling = cooling
        self._signals = signals
        self._cells = cells
        self._history = history
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
        self._stops = 0
        self.mode = OFF
        self.pump_on = False
        self.heater_on = False
        self.chiller_on = False
        self.flow_is_proof = False  # it was seen absent since the pump stood still
        self._flow_since_ms = _NEVER
        self._heater_ms_at = _NEVER
        self._chiller_ms_at = _NEVER
        self._idle_since_ms = _NEVER
        self._asked_since_ms = _NEVER  # the pump is wanted and stands still
        # how long ago heater and compressor were on before a restart is not known: just now
        self._lagging = history.value[h.HEATER_HOT] != 0
        self._compressor_recent = history.value[h.COMPRESSOR_RECENT] != 0
        bind(self, "obey")

    def obey(self, now_ms, stops):
        """Switch off at once what standing faults forbid; stops: bits of protect.hazards."""
        if stops == self._stops:
            return
        self._stops = stops
        if stops & hazards.HEATER:
            self._switch_heater(False, now_ms)
        if stops & hazards.CHILLER:
            self._switch_chiller(False, now_ms)
        if stops & hazards.PUMP:
            self._switch_pump(False)

    def step(self, now_ms, trusted):
        """Once a second. trusted: the temperatures are fresh; `trusted` False switches off."""
        if self._compressor_recent:
            self._compressor_recent = False
            self._chiller_ms_at = now_ms
        flowing = self._cooling.flowing()
        self._watch_flow(now_ms, flowing)
        self.mode = self._choose() if trusted else OFF
        self._drive_heater(now_ms, trusted)
        self._drive_chiller(now_ms)
        self._drive_pump(now_ms)
        self._judge(flowing)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._flow_since_ms = held(now_ms, self._flow_since_ms)
        self._heater_ms_at = held(now_ms, self._heater_ms_at)
        self._chiller_ms_at = held(now_ms, self._chiller_ms_at)
        self._idle_since_ms = held(now_ms, self._idle_since_ms)
        self._asked_since_ms = held(now_ms, self._asked_since_ms)

    def _judge(self, flowing):
        signals = self._signals
        signals.put(s.COOLANT_FLOW, 1 if self.pump_on and not flowing else 0)
        signals.put(s.FLOW_STUCK, 1 if flowing and not self.flow_is_proof else 0)
        heating = self._cooling.heating()
        signals.put(s.HEATER_STUCK, 1 if heating and not self.heater_on else 0)
        signals.put(s.HEATER_SILENT, 1 if self.heater_on and not heating else 0)
        signals.put(s.COMPRESSOR, 0 if self._cooling.compressor_well() else 1)

    def _watch_flow(self, now_ms, flowing):
        """Flow proves the pump only if it was absent before: a stuck input proves nothing."""
        if not flowing or not self.pump_on:
            self.flow_is_proof = not flowing
        if not flowing or not self.pump_on or not self.flow_is_proof:
            self._flow_since_ms = _NEVER
        elif self._flow_since_ms == _NEVER:
            self._flow_since_ms = now_ms

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
        want = self.mode == HEAT and self._flow_proven(now_ms)
        if self.heater_on and not want and self._flow_since_ms != _NEVER and trusted:
            # minimum time protects the relay; no flow, no temperature or cooling cuts at once
            on_ms = ticks_diff(now_ms, self._heater_ms_at)
            want = on_ms < self._heater_ms and self.mode != COOL
        self._switch_heater(
            want and not self._stops & hazards.HEATER and not self.chiller_on, now_ms
        )

    def _switch_heater(self, on, now_ms):
        if on != self.heater_on:
            self.heater_on = on
            self._heater_ms_at = now_ms
            self._cooling.heater(1 if on else 0)
            self._history.put(h.HEATER_HOT, 1)

    def _drive_chiller(self, now_ms):
        since_ms = self._chiller_ms_at
        settled = since_ms == _NEVER or ticks_diff(now_ms, since_ms) >= self._compressor_ms
        if self.chiller_on:
            # minimum time protects the compressor; without flow it freezes its evaporator
            want = self.mode == COOL or not settled
            want = want and self._flow_since_ms != _NEVER
        else:
            want = self.mode == COOL and self._flow_proven(now_ms) and settled
            if settled:
                self._history.put(h.COMPRESSOR_RECENT, 0)
        self._switch_chiller(
            want and not self._stops & hazards.CHILLER and not self.heater_on, now_ms
        )

    def _switch_chiller(self, on, now_ms):
        if on != self.chiller_on:
            self.chiller_on = on
            self._chiller_ms_at = now_ms
            self._history.put(h.COMPRESSOR_RECENT, 1)
            self._cooling.chiller(1 if on else 0)

    def _drive_pump(self, now_ms):
        busy = self.mode != OFF or self.heater_on or self.chiller_on
        want = busy
        if busy:
            self._idle_since_ms = _NEVER
        elif self.pump_on or self._lagging:
            if self._idle_since_ms == _NEVER:
                self._idle_since_ms = now_ms
            want = ticks_diff(now_ms, self._idle_since_ms) < self._lag_ms
            if not want:
                self._lagging = False
                self._history.put(h.HEATER_HOT, 0)
        want = want and not self._stops & hazards.PUMP
        if not want:
            self._asked_since_ms = _NEVER
        if want and not self.pump_on and not self._flow_seen_absent(now_ms):
            return
        self._switch_pump(want)

    def _flow_seen_absent(self, now_ms):
        """Coolant that still moves stands in some seconds; an input that is stuck never does.

        After the time of the pump's lead it runs all the same: it equalises, but proves nothing.
        """
        if self._asked_since_ms == _NEVER:
            self._asked_since_ms = now_ms
        return self.flow_is_proof or ticks_diff(now_ms, self._asked_since_ms) >= self._lead_ms

    def _switch_pump(self, on):
        if on != self.pump_on:
            self.pump_on = on
            self._asked_since_ms = _NEVER
            self._cooling.pump(1 if on else 0)
