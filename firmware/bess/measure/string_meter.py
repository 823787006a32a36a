"""Current and voltages of the string, from the IVT-S to trusted numbers."""

from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff

_NOT_YET = const(-1)
# channels of drivers.ivt_s: a constant of another module is looked up each time
_CURRENT = const(0)
_U1 = const(1)
_U2 = const(2)
_U3 = const(3)


class StringMeter:
    """`current_ma` (+ = discharge), `string_mv`, `link_mv` and when they were fresh.

    `link_mv` is the DC link outside both contactors, U2 - U3 against the string's minus;
    `outer_plus_mv` and `outer_minus_mv` are the sides of the contactors away from the
    cells. `fresh_current` is True in the tick in which a new current came. Until `seen_all` all
    are 0 and mean nothing.
    """

    def __init__(self, ivt, parameters, cell_count, signals):
        self._ivt = ivt
        self._signals = signals
        self._cell_count = cell_count
        capacity_ma = parameters.get("capacity_mah")
        range_ma = parameters.get("current_range_ma")
        self._short_ma = min(3 * capacity_ma, range_ma)
        self._charging_ma = capacity_ma * parameters.get("charging_current_permille") // 1000
        self._current_count = 0
        self._u1_count = 0
        self._u2_count = 0
        self._u3_count = 0
        self._started_ms = _NOT_YET
        self.current_ma = 0
        self.string_mv = 0
        self.link_mv = 0
        self.outer_plus_mv = 0
        self.outer_minus_mv = 0
        self.power_w = 0
        self.fresh_current = False
        self.seen_all = False
        self.link_samples = 0
        self.current_samples = 0
        self.string_samples = 0
        bind(self, "update", "_age")

    def update(self, now_ms):
        """Take what the driver received since the last tick; put the fast signals."""
        if self._started_ms == _NOT_YET:
            self._started_ms = now_ms
        ivt = self._ivt
        count = ivt.count
        value = ivt.value
        signals = self._signals
        current_count = count[_CURRENT]
        u1_count = count[_U1]
        self.fresh_current = fresh = current_count != self._current_count
        if fresh:
            self._current_count = current_count
            self.current_ma = current_ma = value[_CURRENT]
            self.current_samples = (self.current_samples + 1) & 0xFFFF
            magnitude = current_ma if current_ma >= 0 else -current_ma
            # quarter amperes keep the product inside 2**30
            signals.put(s.SHORT, (magnitude >> 8) * 1000 // (self._short_ma >> 8))
            signals.put(s.CHARGING, 1 if -current_ma > self._charging_ma else 0)
        if u1_count != self._u1_count:
            self._u1_count = u1_count
            self.string_mv = value[_U1]
            fresh = True
            self.string_samples = (self.string_samples + 1) & 0xFFFF
            signals.put(s.STRING_PER_CELL, self.string_mv * 10 // self._cell_count)
        if count[_U2] != self._u2_count and count[_U3] != self._u3_count:
            self._u2_count = count[_U2]
            self._u3_count = count[_U3]
            self.outer_plus_mv = value[_U2]
            self.outer_minus_mv = value[_U3]
            fresh = True
            self.link_mv = self.outer_plus_mv - self.outer_minus_mv
            self.link_samples = (self.link_samples + 1) & 0xFFFF
        if fresh:
            self.power_w = (self.string_mv // 100) * (self.current_ma // 100) // 100
            if not self.seen_all:
                self.seen_all = (
                    self._current_count > 0 and self._u1_count > 0 and self._u2_count > 0
                )
        since_ms = ivt.at_ms[_CURRENT] if current_count else self._started_ms
        signals.put(s.CURRENT_AGE, ticks_diff(now_ms, since_ms))

    def update_voltage_age(self, now_ms):
        """Put the age of the oldest voltage; once a scan of the cells is often enough."""
        age_ms = self._age(_U1, now_ms)
        other_ms = self._age(_U2, now_ms)
        age_ms = max(age_ms, other_ms)
        other_ms = self._age(_U3, now_ms)
        self._signals.put(s.VOLTAGE_AGE, other_ms if other_ms > age_ms else age_ms)

    def step_slow(self):
        """Once a second: the sensor's set-up, and what it sent and nobody received."""
        ivt = self._ivt
        ivt.verify()
        if ivt.lost_permille >= 0:
            self._signals.put(s.CURRENT_LOST, ivt.lost_permille)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._started_ms = held(now_ms, self._started_ms)

    def _age(self, channel, now_ms):
        if self._ivt.count[channel] == 0:
            return ticks_diff(now_ms, self._started_ms)
        return ticks_diff(now_ms, self._ivt.at_ms[channel])
