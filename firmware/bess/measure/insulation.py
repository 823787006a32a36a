"""Insulation of the string in ohm per volt, from the monitor on the cabinet bus."""

from bess.drivers.iso165c import FAULTED
from bess.measure import signals as s
from bess.port.interpreter import const
from bess.port.ticks import held, ticks_diff

_LOWEST_V = const(50)  # below, ohm per volt says nothing
_FROZEN = const(32)  # in INSULATION_DEVICE, beside the monitor's own bits
_NOT_YET = const(-1)


class Insulation:
    """`step(now_ms)` once a second puts the signals of a fitted monitor.

    `ohm_per_volt` is the newest whole result, of the higher of the string's two voltages; 0 and
    nothing known while `samples`, their count, is 0. A monitor whose counter of results stands
    still for `insulation_frozen_ms` repeats itself: nothing of it is fresh.
    """

    def __init__(self, monitor, meter, cells, parameters, signals):
        self._monitor = monitor
        self._meter = meter
        self._cells = cells
        self._fitted = parameters.get("insulation_fitted") == 1
        self._limit_ohm_v = parameters.get("insulation_2_ohm_v")
        self._recent_ms = parameters.get("insulation_silent_1_ms")
        self._frozen_ms = parameters.get("insulation_frozen_ms")
        self._signals = signals
        self._started_ms = _NOT_YET
        self._fresh_ms = _NOT_YET
        self._age_ms = 0
        self._count = 0
        self._heard = 0
        self.samples = 0
        self.ohm_per_volt = 0

    def sound(self, samples):
        """A result came since `samples` was the count, is recent, and nothing stands against it.

        That is level 2 of protection (no closing) and the monitor's own verdict. True where
        no monitor is fitted.
        """
        if not self._fitted:
            return True
        return (
            self.samples != samples
            and self._age_ms <= self._recent_ms
            and self.ohm_per_volt >= self._limit_ohm_v
            and self._monitor.told != FAULTED
        )

    def step(self, now_ms):
        if not self._fitted:
            return
        if self._started_ms == _NOT_YET:
            self._started_ms = self._fresh_ms = now_ms
        monitor = self._monitor
        signals = self._signals
        monitor.request()
        calculated_ms = monitor.calculated_ms
        if calculated_ms == _NOT_YET:
            calculated_ms = self._started_ms
        frozen = ticks_diff(now_ms, calculated_ms) > self._frozen_ms
        if monitor.count != self._count and self._meter.seen_all:
            self._count = monitor.count
            if not frozen:
                self._take(now_ms)
        self._age_ms = ticks_diff(now_ms, self._fresh_ms)
        signals.put(s.INSULATION_AGE, self._age_ms)
        if monitor.heard != self._heard:
            self._heard = monitor.heard
            signals.put(s.INSULATION_DEVICE, monitor.trouble | (_FROZEN if frozen else 0))
            signals.put(s.INSULATION_TOLD, monitor.told)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._started_ms = held(now_ms, self._started_ms)
        self._fresh_ms = held(now_ms, self._fresh_ms)

    def _take(self, now_ms):
        """The cells stand before the fuse, the string behind it: the higher voltage leaks."""
        volts = max(self._meter.string_mv, self._cells.cell_sum_dmv // 10) // 1000
        self.ohm_per_volt = self._monitor.resistance_kohm * 1000 // max(volts, _LOWEST_V)
        self._signals.put(s.INSULATION, self.ohm_per_volt)
        self._fresh_ms = now_ms
        self.samples = (self.samples + 1) & 0x1FFFFFFF
