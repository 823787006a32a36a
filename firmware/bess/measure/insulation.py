"""Insulation of the string in ohm per volt, from the monitor on the cabinet bus."""

from bess.measure import signals as s
from bess.port.ticks import ticks_diff

_LOWEST_V = 50  # below, ohm per volt says nothing


class Insulation:
    """`step(now_ms)` once a second puts the signals of a fitted monitor."""

    def __init__(self, monitor, meter, fitted, signals):
        self._monitor = monitor
        self._meter = meter
        self._fitted = fitted
        self._signals = signals
        self._started_ms = -1
        self._count = 0
        self.ohm_per_volt = 0

    def step(self, now_ms):
        if not self._fitted:
            return
        if self._started_ms < 0:
            self._started_ms = now_ms
        monitor = self._monitor
        signals = self._signals
        if monitor.count != self._count:
            self._count = monitor.count
            volts = max(self._meter.string_mv // 1000, _LOWEST_V)
            self.ohm_per_volt = monitor.resistance_kohm * 1000 // volts
            signals.put(s.INSULATION, self.ohm_per_volt)
        heard_ms = monitor.at_ms if monitor.count else self._started_ms
        signals.put(s.INSULATION_AGE, ticks_diff(now_ms, heard_ms))
        signals.put(s.INSULATION_DEVICE, monitor.trouble)
