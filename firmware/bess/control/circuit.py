"""Pump, heater, compressor and dryer of a cooling set: lead, lag, minimum times, proof of flow.

The pump leads and lags; heater and compressor wait for proven flow; the heater's feed is closed
only while heat is wanted, before the heater, so that one that is welded is found and cut. What a
standing fault switches off (protect.hazards) falls in the tick in which it is raised.
"""

from bess.drivers.cooling import AIR
from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff
from bess.protect import hazards
from bess.protect import history as h

OFF = const(0)
HEAT = const(1)
COOL = const(2)
CIRCULATE = const(3)
DEHUMIDIFY = const(4)
FAILSAFE = const(5)
MODE_NAMES = b"off heat cool circulate dehumidify failsafe"  # bytes stay in flash

_NEVER = const(-1)
_LONG_MS = const(0x0FFFFFFF)
_WELDED_S = const(2)  # current that nobody asked for, before the feed is cut


class Circuit:
    """`pump_on`, `heater_on`, `chiller_on`; `step` once a second, `obey` every tick.

    cooling: a set by drivers.cooling; history: protect.history. Puts, once a second, what the
    set's contacts say against what was switched.
    """

    def __init__(self, cooling, parameters, history, signals):
        self._cooling = cooling
        self._signals = signals
        self._history = history
        air = parameters.get("cooling_set") == AIR
        self._compressor_ms = parameters.get("compressor_min_ms")
        self._heater_ms = parameters.get("heater_min_ms")
        self._lead_ms = parameters.get("fan_lead_ms" if air else "pump_lead_ms")
        self._lag_ms = parameters.get("fan_lag_ms" if air else "pump_lag_ms")
        self._stops = 0
        self.pump_on = False
        self.heater_on = False
        self.chiller_on = False
        self.fed = False
        self._drying = False
        self.flow_is_proof = False  # it was seen absent since the pump stood still
        self._welded_s = 0
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
            self._switch_feed(False)
        if stops & hazards.CHILLER:
            self._switch_chiller(False, now_ms)
        if stops & hazards.PUMP:
            self._switch_pump(False)

    def step(self, now_ms, mode, cool, dry, trusted, runaway):
        """One second. mode: as above; cool, dry: compressor and dryer are wanted; trusted: the
        temperatures are fresh; runaway: it gets hot though nobody heats.
        """
        if self._compressor_recent:
            self._compressor_recent = False
            self._chiller_ms_at = now_ms
        cooling = self._cooling
        flowing = cooling.flowing()
        heating = cooling.heating()
        self._watch_flow(now_ms, flowing)
        self._watch_feed(heating, mode, runaway)
        self._drive_heater(now_ms, mode, trusted)
        self._drive_chiller(now_ms, cool)
        self._drive_pump(now_ms, mode)
        if dry != self._drying:
            self._drying = dry
            cooling.dry(1 if dry else 0)
        self._judge(flowing, heating, runaway)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._flow_since_ms = held(now_ms, self._flow_since_ms)
        self._heater_ms_at = held(now_ms, self._heater_ms_at)
        self._chiller_ms_at = held(now_ms, self._chiller_ms_at)
        self._idle_since_ms = held(now_ms, self._idle_since_ms)
        self._asked_since_ms = held(now_ms, self._asked_since_ms)

    def heater_off_ms(self, now_ms):
        """Since when the heater is off, 0 while it is on; long where it never was."""
        if self.heater_on:
            return 0
        since_ms = self._heater_ms_at
        return _LONG_MS if since_ms == _NEVER else ticks_diff(now_ms, since_ms)

    def flowing_ms(self, now_ms):
        """For how long flow has been proven, 0 while it is not."""
        since_ms = self._flow_since_ms
        return 0 if since_ms == _NEVER else ticks_diff(now_ms, since_ms)

    def _judge(self, flowing, heating, runaway):
        signals = self._signals
        cooling = self._cooling
        age_ms = cooling.age_ms()
        signals.put(s.CHILLER_AGE, age_ms)
        signals.put(s.CHILLER_FAULT, cooling.fault_bits)
        signals.put(s.COOLANT_FLOW, 1 if self.pump_on and not flowing else 0)
        signals.put(s.FLOW_STUCK, 1 if flowing and not self.flow_is_proof else 0)
        stuck = (heating and not self.heater_on) or runaway or self._welded_s >= _WELDED_S
        signals.put(s.HEATER_STUCK, 1 if stuck else 0)
        signals.put(s.HEATER_SILENT, 1 if self.heater_on and not heating else 0)
        signals.put(s.COMPRESSOR, 0 if cooling.compressor_well() else 1)

    def _watch_flow(self, now_ms, flowing):
        """Flow proves the pump only if it was absent before: a stuck input proves nothing."""
        if not flowing or not self.pump_on:
            self.flow_is_proof = not flowing
        if not flowing or not self.pump_on or not self.flow_is_proof:
            self._flow_since_ms = _NEVER
        elif self._flow_since_ms == _NEVER:
            self._flow_since_ms = now_ms

    def _flow_proven(self, now_ms):
        return (
            self._flow_since_ms != _NEVER
            and ticks_diff(now_ms, self._flow_since_ms) >= self._lead_ms
        )

    def _watch_feed(self, heating, mode, runaway):
        """Closed while heat is wanted; a relay that is welded stays cut until heat no more is."""
        if mode != HEAT:
            self._welded_s = 0
        elif self._welded_s < _WELDED_S:
            unasked = self.fed and heating and not self.heater_on
            self._welded_s = self._welded_s + 1 if unasked else 0
        well = self._welded_s < _WELDED_S and not runaway and not self._stops & hazards.HEATER
        self._switch_feed(well and (mode == HEAT or self.heater_on))

    def _switch_feed(self, on):
        if on != self.fed:
            self.fed = on
            self._cooling.feed(1 if on else 0)

    def _drive_heater(self, now_ms, mode, trusted):
        want = mode == HEAT and self._flow_proven(now_ms)
        if self.heater_on and not want and self._flow_since_ms != _NEVER and trusted:
            # minimum time protects the relay; no flow, no temperature or cooling cuts at once
            on_ms = ticks_diff(now_ms, self._heater_ms_at)
            want = on_ms < self._heater_ms and mode != COOL
        self._switch_heater(want and self.fed and not self.chiller_on, now_ms)

    def _switch_heater(self, on, now_ms):
        if on != self.heater_on:
            self.heater_on = on
            self._heater_ms_at = now_ms
            self._cooling.heater(1 if on else 0)
            self._history.put(h.HEATER_HOT, 1)

    def _drive_chiller(self, now_ms, cool):
        since_ms = self._chiller_ms_at
        settled = since_ms == _NEVER or ticks_diff(now_ms, since_ms) >= self._compressor_ms
        if self.chiller_on:
            # minimum time protects the compressor; without flow it freezes its evaporator
            want = cool or not settled
            want = want and self._flow_since_ms != _NEVER
        else:
            want = cool and self._flow_proven(now_ms) and settled
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

    def _drive_pump(self, now_ms, mode):
        busy = mode != OFF or self.heater_on or self.chiller_on
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
