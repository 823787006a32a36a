"""State of charge of a string: the filter on its mean cell, the lowest and highest beside it.

Reported charge is what can still be drawn over what lies between empty and full: the lowest cell
says when the string is empty, the highest when it is full, and between them the figure
passes over without a step.
"""

from math import sqrt

from bess.estimate.soc_filter import SocFilter
from bess.port.interpreter import const

_FULL_S = const(30)
_FULL_MEAN_PERCENT = const(95)
_EMPTY_MEAN_PERCENT = const(12)
_EMPTY_S = const(10)
_FULL_SIGMA = 0.005  # where the voltage leaves no doubt
_EMPTY_SIGMA = 0.01
_MOST_SIGMA = 0.015  # an anchor that knows less is none
_DROP_PART = 0.35  # deviation of a drop: three sigma doubt all of it
_ROUNDS = const(3)  # diffusion grows towards empty, a percent apart after two
_SLEW_CPCT = const(50)  # in a second
_LOWEST_CPCT = const(50)  # what is shown without a voltage that says empty
_HIGHEST_CPCT = const(9950)  # or full
_WANTED_SIGMA = 0.05 / 3
_SPREAD = 0.02  # of the cells' charge before anything was seen
_SPREAD_DRIFT = 1e-5  # variance an hour
_SPREAD_NOISE_V = 0.05
_SPREAD_FAST = 2.0
_SPREAD_ERROR_V = 0.004  # sensors, hysteresis and ageing of one cell against another
_SPREAD_SLACK_V = 0.015
_SPREAD_DOUBT = 1e-3  # variance an hour while the voltage says what was not thought possible
_SPREAD_WIDEST = 0.05
_MOST_SPREAD = 0.5
NO_ANCHOR = const(0)
FULL = const(1)
EMPTY = const(2)


class CellOffset:
    """How far one extreme cell's charge lies from the mean one's, -0.5..0.5.

    A Kalman filter of one state: where the curve is flat it learns nothing, however long it looks,
    and a voltage that no spread of charge explains is a fault's, not charge.
    """

    def __init__(self, number):
        self._number = number
        self.soc = number(0.0)
        self.variance = number(_SPREAD * _SPREAD)

    def step(self, difference_v, slope, fast_v, dt_s):
        """difference_v: the cell's voltage less the mean one's; slope in V for 0..1."""
        wild_v = _SPREAD_FAST * fast_v
        noise = _SPREAD_NOISE_V * _SPREAD_NOISE_V + wild_v * wild_v
        if self.variance < _SPREAD * _SPREAD:
            self.variance += dt_s * (_SPREAD_DRIFT / 3600)
        seen = slope * slope * self.variance
        if seen < _SPREAD_ERROR_V * _SPREAD_ERROR_V:
            return  # what two cells differ by at one charge says as much
        lack_v = difference_v - slope * self.soc
        if abs(lack_v) > 3 * self._number(sqrt(seen)) + _SPREAD_SLACK_V + abs(wild_v):
            if self.variance < _SPREAD_WIDEST * _SPREAD_WIDEST:
                self.variance += dt_s * (_SPREAD_DOUBT / 3600)
            return
        seen += noise
        gain = self.variance * slope / seen
        self.variance *= noise / seen
        soc = self.soc + gain * lack_v
        self.soc = min(max(soc, self._number(-_MOST_SPREAD)), self._number(_MOST_SPREAD))


class StringSoc:
    """`soc_cpct`, `mean_cpct` of the mean cell, `sigma_cpct`, `anchor_wanted`; one `step` a second.

    counter: ChargeCounter; capacity_mah may be renewed by what SOH learns. `anchored` is what the
    last step met: NO_ANCHOR, FULL or EMPTY, once each time.
    """

    def __init__(self, chemistry, model, counter, capacity_mah, number=float):
        self._chemistry = chemistry
        self._counter = counter
        self._number = number
        values = chemistry.values
        self._full_dmv = values["full_dmv"]
        self._tail_c = values["full_tail_permille"] * 0.001
        self._empty_dmv = values["empty_dmv"]
        # a lone cell far off is a fault, no anchor: the mean one must have left the plateau too
        self._full_mean_dmv = chemistry.ocv_dmv[_FULL_MEAN_PERCENT]
        self._empty_mean_dmv = chemistry.ocv_dmv[_EMPTY_MEAN_PERCENT]
        self.capacity_mah = capacity_mah
        self.model = model
        self.filter = SocFilter(model, number)
        self._low = CellOffset(number)
        self._high = CellOffset(number)
        self._full_s = 0
        self._empty_s = 0
        self._at_full = False
        self._at_empty = False
        self.anchored = NO_ANCHOR
        self.anchor_wanted = True
        self.soc_cpct = 0
        self.mean_cpct = 0
        self.sigma_cpct = 10000
        self.current_c = 0.0

    def start(self, soc, sigma, scale, seen=False):
        """Begin with a charge 0..1 and its deviation; seen: from a voltage looked at before."""
        self.filter.start(soc, sigma, scale, seen)
        self._counter.take_uah()
        self._at_full = self._at_empty = False  # voltage has yet to say so
        self.soc_cpct = self._wanted()
        self._publish_sigma()

    def step(self, dt_s, temperature_c, low_dmv, mean_dmv, high_dmv, trusted):
        """One second of the string. Voltages in 0.1 mV; trusted: they and temperature are fresh."""
        for _ in self.slices(dt_s, temperature_c, low_dmv, mean_dmv, high_dmv, trusted):
            pass

    def slices(self, dt_s, temperature_c, low_dmv, mean_dmv, high_dmv, trusted):
        """A step as a generator: each `yield` ends what fits into a tick."""
        self.filter.set_temperature(temperature_c)
        yield
        moved = self._counter.take_uah() * 0.001 / self.capacity_mah
        current_c = moved * 3600 / dt_s
        self.current_c = current_c
        soc_filter = self.filter
        self.anchored = NO_ANCHOR
        if not trusted:
            yield from soc_filter.slices(moved, current_c, dt_s, temperature_c, None)
            self._full_s = self._empty_s = 0
        elif self._at_an_end(dt_s, current_c, low_dmv, mean_dmv, high_dmv):
            # not the filter's look at the voltage too: it would be the longest slice of all
            yield from soc_filter.slices(moved, current_c, dt_s, temperature_c, None)
            yield from self._look_for_anchor(low_dmv, mean_dmv, high_dmv)
        else:
            yield from soc_filter.slices(moved, current_c, dt_s, temperature_c, mean_dmv * 1e-4)
            if low_dmv != high_dmv:
                yield from self._follow_spread(dt_s, low_dmv, mean_dmv, high_dmv)
        yield
        if self._at_full and (soc_filter.soc < 0.99 - self._high.soc):
            self._at_full = False
        if self._at_empty and trusted and low_dmv > self._empty_dmv + 2000:
            self._at_empty = False
        self._publish(dt_s)

    def _follow_spread(self, dt_s, low_dmv, mean_dmv, high_dmv):
        model = self.model
        soc = min(max(self.filter.soc, 0), 1)
        number = self._number
        fast_v = number(model.fast_v(model.fast_c, model.fast_c))
        for offset, dmv in ((self._low, low_dmv), (self._high, high_dmv)):
            yield
            other = min(max(soc + offset.soc, 0), 1)
            wide = 2 * sqrt(offset.variance)  # where the cell may be: a knee close by tells
            near, far = min(soc, other) - wide, max(soc, other) + wide
            slope = number((model.rest_v(far) - model.rest_v(near)) / (far - near))
            offset.step(number((dmv - mean_dmv) * 1e-4), slope, fast_v, dt_s)

    def _at_an_end(self, dt_s, current_c, low_dmv, mean_dmv, high_dmv):
        """Whether voltages have stood at full or empty for long enough to be looked at."""
        small = -self._tail_c <= current_c <= self._tail_c
        if small and high_dmv >= self._full_dmv and mean_dmv >= self._full_mean_dmv:
            self._full_s += dt_s
        else:
            self._full_s = 0
        if small and low_dmv <= self._empty_dmv and mean_dmv <= self._empty_mean_dmv:
            self._empty_s += dt_s
        else:
            self._empty_s = 0
        full = self._full_s >= _FULL_S and not self._at_full
        return full or (self._empty_s >= _EMPTY_S and not self._at_empty)

    def _look_for_anchor(self, low_dmv, mean_dmv, high_dmv):
        if self._full_s:
            self._full_s = 0
            if (yield from self._anchor(mean_dmv, high_dmv, self._high, 1.0, _FULL_SIGMA)):
                self._at_full = True
                self.anchored = FULL
        else:
            self._empty_s = 0
            if (yield from self._anchor(mean_dmv, low_dmv, self._low, 0.0, _EMPTY_SIGMA)):
                self._at_empty = True
                self.anchored = EMPTY

    def _anchor(self, mean_dmv, cell_dmv, offset, end, least_sigma):
        """Take the charge that voltage tells; False where it may as well be another one.

        By the mean cell's own voltage, or where that still says little by the extreme one's.
        """
        soc, sigma = yield from self._by_voltage(mean_dmv)
        if sigma * sigma > _MOST_SIGMA * _MOST_SIGMA - least_sigma * least_sigma:
            soc, sigma = yield from self._by_voltage(cell_dmv)
            soc -= offset.soc
            sigma = sqrt(sigma * sigma + offset.variance)
        sigma = sqrt(sigma * sigma + least_sigma * least_sigma)
        away = abs(soc + offset.soc - end)
        if sigma > _MOST_SIGMA or away > 3 * sigma:
            return False
        if end == 1.0 and away <= sigma:  # a full charge is 100 %, unless voltage says less
            soc = 1.0 - offset.soc
        yield from self.filter.anchor(soc, sigma)
        return True

    def _by_voltage(self, dmv):
        """Charge of a cell by its voltage freed of what current and hysteresis add; its sigma."""
        model = self.model
        inverse = self._chemistry.soc_cpct
        scale = self.filter.resistance.scale
        fast_v = model.fast_v(self.current_c, model.fast_c)
        rest_dmv = dmv
        for _ in range(_ROUNDS):
            yield
            soc = inverse(rest_dmv) * 1e-4
            drop_v = scale * (fast_v + model.slow_v(soc, model.slow_c))
            leans_v = drop_v + model.lean * model.gap_v(soc) - model.entropy_v(soc)
            rest_dmv = dmv + int(leans_v * 10000)
        yield
        wide_dmv = int(self.filter.rest_error_v(soc, drop_v * _DROP_PART) * 30000)
        soc = inverse(rest_dmv) * 1e-4
        low = inverse(rest_dmv - wide_dmv) * 1e-4
        high = inverse(rest_dmv + wide_dmv) * 1e-4
        return soc, max(soc - low, high - soc) / 3

    def _wanted(self):
        low = self.low_soc()
        whole = low + 1 - self.high_soc()
        cpct = int(10000 * low / whole + 0.5) if whole > 0 else 5000
        if self._at_full:
            return 10000
        if self._at_empty:
            return 0
        return min(max(cpct, _LOWEST_CPCT), _HIGHEST_CPCT)

    def _publish(self, dt_s):
        wanted = self._wanted()
        if not self.anchored:
            most = int(_SLEW_CPCT * dt_s)
            wanted = min(max(wanted, self.soc_cpct - most), self.soc_cpct + most)
        self.soc_cpct = wanted
        self._publish_sigma()

    def _publish_sigma(self):
        self.mean_cpct = int(min(max(self.filter.soc, 0), 1) * 10000 + 0.5)
        self.sigma_cpct = int(self.filter.sigma * 10000 + 0.5)
        self.anchor_wanted = self.filter.sigma > _WANTED_SIGMA

    def low_soc(self):
        """Charge of the lowest cell, 0..1."""
        return min(max(self.filter.soc + self._low.soc, 0), 1)

    def high_soc(self):
        """Charge of the highest cell, 0..1."""
        return min(max(self.filter.soc + self._high.soc, 0), 1)

    def usable_mah(self):
        """(up to full, down to empty), in mAh."""
        return int((1 - self.high_soc()) * self.capacity_mah), int(
            self.low_soc() * self.capacity_mah
        )
