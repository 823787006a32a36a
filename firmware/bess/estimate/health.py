"""State of health: capacity from charge between two known charges, and what the string lived.

A full anchor and the steep end of the curve are known charges; what was counted between
them over what they lie apart is the capacity. One Kalman update each, weighted by how well both
were known and never by more than 2 % at once.
"""

from array import array

from bess.estimate.charge_counter import IN_AH, MAH, OUT_AH
from bess.estimate.string_soc import FULL
from bess.port.interpreter import const

_FULL_SIGMA = 0.006
_KNEE_SIGMA = 0.015  # a voltage that tells the charge this well counts as known
_DROP_PART = 0.15  # deviation of a drop under a load that has long settled
_KNEE_CURRENT_C = 0.6
_NEWTON_STEPS = const(6)
_LEAST_SLOPE_V = 0.1
_LEAST_APART = 0.4
_CAPACITY_SIGMA = 0.07
_AGEING = 2e-6  # variance a day of not knowing
_LARGEST_STEP = 0.02
_COLDEST_DC = const(-200)  # time at temperature: below it, then every 10 K
_BINS = const(8)
_PER_DAY = const(86400)


class Health:
    """`capacity_mah`, `soh_cpct` against nominal, `cycles_permille`, `seconds_at` temperature.

    step() once a second with the string's counter and charge estimate.
    """

    def __init__(self, nominal_mah, counter, soc):
        self._nominal_mah = nominal_mah
        self._counter = counter
        self._soc = soc
        self.capacity_mah = nominal_mah
        self.variance = _CAPACITY_SIGMA * _CAPACITY_SIGMA
        self.seconds_at = array("i", bytes(4 * _BINS))
        self._known_soc = -1.0  # charge when it was known last, the counter then, its variance
        self._known_mah = 0
        self._known_variance = 0.0
        self._at_knee = False
        self.soh_cpct = 10000

    def set_capacity(self, capacity_mah, variance):
        """What an earlier life had learned."""
        self.capacity_mah = capacity_mah
        self.variance = variance
        self.soh_cpct = int(capacity_mah * 10000 / self._nominal_mah + 0.5)

    @property
    def cycles_permille(self):
        """Equivalent full cycles: half of all charge moved over nominal capacity."""
        totals = self._counter.totals
        ah = totals[OUT_AH] + totals[IN_AH]
        return ah * 500 // max(self._nominal_mah // 1000, 1)

    @property
    def resistance_permille(self):
        """Resistance against the chemistry table's, for a cell of this capacity."""
        return int(self._soc.filter.resistance.scale * 1000 + 0.5)

    def step(self, temperature_dc, mean_dmv, trusted):
        """One second."""
        for _ in self.slices(temperature_dc, mean_dmv, trusted):
            pass

    def slices(self, temperature_dc, mean_dmv, trusted):
        """A step as a generator: each `yield` ends what fits into a tick."""
        at = (temperature_dc - _COLDEST_DC) // 100 + 1
        at = 0 if at < 0 else _BINS - 1 if at >= _BINS else at
        seconds = self.seconds_at
        if seconds[at] < 0x3FFFFFFF:
            seconds[at] += 1
        self.variance = min(self.variance + _AGEING / _PER_DAY, _CAPACITY_SIGMA * _CAPACITY_SIGMA)
        soc = self._soc
        if soc.anchored == FULL:
            sigma = max(soc.filter.sigma, _FULL_SIGMA)
            self._known(soc.filter.soc, sigma * sigma)
            self._at_knee = False
        elif trusted:
            yield from self._look_at_knee(mean_dmv * 1e-4)

    def _look_at_knee(self, mean_v):
        """The steep end at the bottom: there voltage tells charge, whatever was counted."""
        soc = self._soc
        model = soc.model
        if self._at_knee:
            if soc.filter.soc > 0.3:
                self._at_knee = False
            return
        if soc.filter.soc > 0.25 or not 0 <= soc.current_c <= _KNEE_CURRENT_C:
            return
        scale = soc.filter.resistance.scale
        guess = soc.filter.soc
        fast_v = model.fast_v(soc.current_c, model.fast_c)
        for _ in range(_NEWTON_STEPS):
            yield
            slow_v = model.slow_v(guess, model.slow_c)
            # both the rest voltage and the diffusion drop depend on charge
            slope = (model.rest_v(guess + 0.01) - model.rest_v(guess - 0.01)) / 0.02
            slope += scale * (slow_v - model.slow_v(guess + 0.01, model.slow_c)) / 0.01
            if slope < _LEAST_SLOPE_V:
                return
            drop_v = scale * (fast_v + slow_v)
            lack_v = mean_v + drop_v + model.lean * model.gap_v(guess) - model.rest_v(guess)
            guess += min(max(lack_v / slope, -0.03), 0.03)
        yield
        sigma = soc.filter.rest_error_v(guess, drop_v * _DROP_PART) / slope
        if sigma < _KNEE_SIGMA and 0 < guess < 0.25:
            self._at_knee = True
            self._known(guess, sigma * sigma)

    def _known(self, soc, variance):
        totals = self._counter.totals
        now_mah = totals[MAH]
        before = self._known_soc
        apart = before - soc
        size = apart if apart >= 0 else -apart
        if before >= 0 and size >= _LEAST_APART:
            measured = (now_mah - self._known_mah) / apart
            both = (variance + self._known_variance) / (size * size)
            nominal = self._nominal_mah
            if 0.4 * nominal < measured < 1.3 * nominal:
                gain = self.variance / (self.variance + both)
                step = gain * (measured - self.capacity_mah)
                most = _LARGEST_STEP * nominal
                self.set_capacity(
                    self.capacity_mah + min(max(step, -most), most), self.variance * (1 - gain)
                )
        self._known_soc = soc
        self._known_mah = now_mah
        self._known_variance = variance
