"""State of charge of one cell (the string's mean one): many charges held possible at once.

A point-mass filter (Bucy and Senne, Automatica 7, 1971): 41 charges about the counted one, each
weighed every ten seconds by how well the measured voltage would fit it. Nothing is linear here: a
plateau spreads them, a knee gathers them, and two places that fit alike both stay, so that the
reported deviation is honest. An LFP cell's voltage is mostly wrong by slow errors of its model:
each possible charge carries what its table would then be off by, a scalar Kalman filter that
forgets along the charge moved. Where the table is another cell's, `Trust` says so, and the counter
is believed. RC currents and hysteresis follow the counted current without a variance; the scale of
the resistances is learned beside, from changes alone.
"""

from math import exp, log, sqrt

from bess.estimate.resistance import ResistanceScale
from bess.estimate.trust import KNOWN_SIGMA, Trust
from bess.port.interpreter import const

_COUNT = const(41)
_MIDDLE = const(20)
_AT_ONCE = const(5)  # weighed in a step; all of them in nine
_LAID_AT_ONCE = const(14)
_SIGMA = 3.5  # steps of the grid in a deviation
_FINE, _COARSE = 2.0, 5.0  # beyond, another grid is laid
_LEAST_STEP, _MOST_STEP = 0.002, 0.03
_OFF_MIDDLE = const(8)  # steps that the mean may leave it
_LOOK_S = 10.0
_LOOK_MOVED = 0.003
# tuned on measured A123 and LG cells at temperatures left out of the fit (README)
_ERROR_GAP = 0.11  # of the hysteresis gap, once its branch is known
_SLOW_SCALED = 0.7  # of what the resistance's scale is off 1: diffusion is the electrodes' own
_ERROR_SLOW = 0.1  # of the diffusion drop, and of that of 1 C while nobody knows what flowed
_ERROR_SLOW_KELVIN = 0.008  # more for each kelvin below 15 degC, and beyond the table's fit
_ERROR_KELVIN_V = 3e-4  # for each such kelvin besides
_COLD_C = const(15)
_UNKNOWN_ERROR = 1.2  # of a table that no known charge has been compared with
_NOISE_V = 0.15  # of a second; fast errors last many seconds
_NOISE_FAST = 6.0  # of the fast drop
_NOISE_UNRESTED = 20000.0  # of its square: less than one look at what decays in 1000 s
_RESTED_C = 1e-3
_AGAIN = 0.1  # variance of an error that was seen before a restart, of its own
_MOVED_VARIANCE = 1e-4  # for a full charge moved: gain of the sensor
_WANDER_VARIANCE = 1e-5  # in an hour: its offset
CAPACITY_SIGMA = 0.035  # three sigma are a tenth
_LEAST_WEIGHT, _LEAST_LOG = 1e-17, -40.0
_OUTSIDE = 100.0  # of the logarithm, for a full charge beyond empty or full
_MARGIN = 0.03  # charge may be counted this far beyond
_MOST_SIGMA = 0.3  # 0..100 % spread evenly
_UNKNOWN_SIGMA, _EVENLY = 0.25, 2.0  # beyond, no charge is as good as out of the question
_STEEP_V = 1.2


class SocFilter:
    """`soc` 0..1 and `sigma` of it, `resistance` learned beside, `trust` in the table; `taken` is
    the counted charge at the voltage that was looked at last.

    step() about once a second. model: CellModel, advanced here; `capacity_sigma`, set from
    outside: deviation of the capacity by which charge is counted. All inputs are bounded; no input
    makes a weight or a number infinite. `number` makes floats (single for tests).
    """

    def __init__(self, model, number=float):
        self.model = model
        self._number = number
        values = model.chemistry.values
        # along a run under load; tables of before say it of a rest only
        self._error_v = values.get("load_error_dmv", values["error_dmv"] // 2) * 1e-4
        self._error_soc = values["error_cpct"] * 1e-4  # and along the charge axis
        self._rest_error_v = values["error_dmv"] * 1e-4
        self._error_span = values["error_span_cpct"] * 1e-4  # over so much charge an error stands
        self.resistance = ResistanceScale(number)
        self.trust = Trust(number)
        self.capacity_sigma = CAPACITY_SIGMA
        self.learn = None  # TableShift.learn, where it is learned
        self.start(0.5, _MOST_SIGMA)

    def start(self, soc, sigma, scale=1.0, seen=False):
        """Begin anew from a charge and its deviation, and the resistance that was learned.

        seen: the voltage was looked at in an earlier life: seen again it teaches nothing new, and
        before the cells have rested nobody knows what it was.
        """
        self.resistance.start(scale)
        self.trust.start(sigma)
        for _ in self._lay(soc, sigma):
            pass
        self._again = seen

    def anchor(self, soc, sigma):
        """Charge known from elsewhere: full or empty by voltage. Iterated, as slices()."""
        away = soc - self._counted
        self.trust.anchor(away, sigma, away - self._mean, self._spread)
        yield from self._lay(soc, sigma)

    def _lay(self, soc, sigma):
        """A grid about a charge."""
        number = self._number
        step = number(min(max(sigma / _SIGMA, _LEAST_STEP), _MOST_STEP))
        evenly = _EVENLY if sigma > _UNKNOWN_SIGMA else 0.0
        logs = []
        total = 0.0
        for i in range(_COUNT):
            if i % _LAID_AT_ONCE == 0:
                yield
            away = (i - _MIDDLE) * step / sigma
            weight = max(exp(-0.5 * away * away), _LEAST_WEIGHT) + evenly
            logs.append(weight)
            total += weight
        for i in range(_COUNT):
            if i % _LAID_AT_ONCE == 0:
                yield
            logs[i] = number(log(logs[i] / total))
        self._log = logs
        self._error = [number(0.0)] * _COUNT  # V that the table is off by, were this the charge
        self._variance = [number(-1.0)] * _COUNT  # of it; nothing was seen
        self._step = step
        self.soc = self._counted = self._known = number(soc)
        self._carry = number(0.0)
        # of the counted charge: the grid's middle, the mean by the table, what is published
        self._middle = self._mean = self._shown = number(0.0)
        self.sigma = self._spread = number(min(sigma, _MOST_SIGMA))
        self._at = -1
        self._again = False
        self._gathered_s = 0.0
        self._samples = 0
        self._sum_v = self._fast_v = self._way = number(0.0)

    def rest_error_v(self, soc, late):
        """Deviation of a rest voltage got from a loaded one; late: that of the drop added, V."""
        model = self.model
        over = model.gap_v(soc) * (_ERROR_GAP + model.lean_unknown)
        cold = max(_COLD_C - model.temperature_c, 0) * _ERROR_KELVIN_V
        unrested = self.resistance.scale * model.unrested_v(soc)
        return sqrt(
            self._rest_error_v * self._rest_error_v
            + over * over
            + cold * cold
            + late * late
            + unrested * unrested
        )

    def step(self, moved, current_c, dt_s, temperature_c, cell_v):
        """One step of dt_s.

        moved: charge counted out since the last, 0..1; current_c and cell_v belong together;
        cell_v None where no trusted voltage is there: then it only counts, and knows less.
        """
        for _ in self.slices(moved, current_c, dt_s, temperature_c, cell_v):
            pass

    def slices(self, moved, current_c, dt_s, temperature_c, cell_v):
        """A step that has counted when it returns; the rest is iterated, in parts that fit into a
        tick and leave a state that is valid though not the last word.
        """
        number = self._number
        current_c = number(min(max(current_c, -20), 20))
        moved = number(min(max(moved, -1), 1))
        self._count(moved)  # first: whatever fails, what was counted is not lost
        self.trust.passed(dt_s)
        self._way += abs(moved)
        self._gathered_s += dt_s
        self.set_temperature(temperature_c)
        self.model.advance(current_c, moved, dt_s)
        return self._look(current_c, dt_s, cell_v)

    def set_temperature(self, temperature_c):
        """What `slices` begins with; nothing is left of it there when it was done before."""
        self.model.set_temperature(self._number(min(max(temperature_c, -45), 75)))

    def _count(self, moved):
        """Kahan's sum: an offset for a day is below the last digit of single precision."""
        part = self._carry + moved
        counted = self._counted - part
        self._carry = part - (self._counted - counted)
        self._counted = self._bounded(counted)
        self.soc = self._bounded(self._counted + self._shown)

    def _bounded(self, soc):
        return min(max(soc, self._number(-_MARGIN)), self._number(1 + _MARGIN))

    def _look(self, current_c, dt_s, cell_v):
        if cell_v is not None:
            yield
            self._gather(current_c, dt_s, self._number(min(max(cell_v, 0), 6)))
        if self._at < 0:
            if self._gathered_s >= _LOOK_S or self._way >= _LOOK_MOVED:
                yield
                self._take()
            return
        yield
        self._weigh()
        if self._at == _COUNT:
            yield from self._settle()
            self._at = -1

    def _gather(self, current_c, dt_s, cell_v):
        """What the rest voltage is by this sample, drops and hysteresis taken away."""
        model = self.model
        soc = self._bounded(self._counted + self._mean)
        ocv_v, slope = model.ocv_v(soc)
        entropy_v = model.entropy_v(soc)
        fast_v = model.fast_v(current_c, model.fast_c)
        scale = self.resistance.scale
        slow_v = model.slow_v(soc, model.slow_c)
        lean_v = model.lean * model.gap_v(soc)
        if slope < _STEEP_V:  # beyond, an error of charge looks like resistance
            lack_v = ocv_v + entropy_v - lean_v - cell_v
            self.resistance.step(lack_v - scale * slow_v, fast_v, dt_s)
        else:
            self.resistance.pause()
        slow_v *= 1 + (scale - 1) * _SLOW_SCALED
        self._sum_v += cell_v + scale * fast_v + slow_v + lean_v - entropy_v
        self._fast_v += abs(fast_v)
        self._samples += 1

    def _take(self):
        """Close what was gathered: from the next step on it is weighed."""
        number = self._number
        model = self.model
        samples = self._samples
        self._seen = samples > 0
        if samples:
            scale = self.resistance.scale
            soc = self._bounded(self._counted + self._mean)
            kelvins = max(_COLD_C - model.temperature_c, 0) + model.beyond_k()
            # at the start the branch lies evenly between both
            over = model.gap_v(soc) * (_ERROR_GAP + 0.6 * model.lean_unknown)
            flows_c = abs(model.slow_c) * (1 + (scale - 1) * _SLOW_SCALED) + model.lean_unknown
            late = model.slow_v(soc, flows_c) * (_ERROR_SLOW + kelvins * _ERROR_SLOW_KELVIN)
            cold = kelvins * _ERROR_KELVIN_V
            self._common = number(over * over + late * late + cold * cold)
            wild = self._fast_v / samples * _NOISE_FAST
            noise = wild * wild + _NOISE_V * _NOISE_V
            if model.unrested_c > _RESTED_C:
                unrested = scale * model.unrested_v(soc)
                noise += unrested * unrested * _NOISE_UNRESTED
            self._noise = number(noise / max(self._gathered_s, 1.0))
            self._rest_v = self._sum_v / samples
        self._keep = number(exp(-self._way / self._error_span))
        self._widen = number(
            self._way * _MOVED_VARIANCE
            + self._gathered_s * (_WANDER_VARIANCE / 3600)
            + self.trust.reach(self._known - self._counted, self.capacity_sigma)
        )
        self.taken = self._counted
        self._first = self._counted + self._middle - _MIDDLE * self._step
        self._gathered_s = 0.0
        self._samples = 0
        self._sum_v = self._fast_v = self._way = number(0.0)
        self._at = 0

    def own_variance(self, slope, times=1.0):
        """Of the table's error where it has a slope, V^2; times: how far it is trusted less."""
        along = slope * self._error_soc
        return (self._error_v * self._error_v + along * along) * (times * times) + self._common

    def _weigh(self):
        """How well the next few possible charges fit."""
        end = min(self._at + _AT_ONCE, _COUNT)
        times = 1.0 if self.trust.known else _UNKNOWN_ERROR
        while self._seen and self._at < end:
            i = self._at
            self._at = i + 1
            soc = self._first + i * self._step
            ocv_v, slope = self.model.ocv_v(soc)
            most = self.own_variance(slope, times)
            if self._again:
                self._error[i] = self._rest_v - ocv_v
                self._variance[i] = most * _AGAIN
                continue
            error, variance = self.forgotten(self._error[i], self._variance[i], most)
            self._error[i], self._variance[i], fit = self.corrected(error, variance, ocv_v)
            beyond = soc - 1 if soc > 1 else -soc
            if beyond > _MARGIN:
                fit -= (beyond - _MARGIN) * _OUTSIDE
            self._log[i] += fit
        self._at = end

    def forgotten(self, error, variance, most):
        """An error and its variance after the charge moved since; most: what it had unseen."""
        if variance < 0:
            return error, most
        keep = self._keep
        variance = variance * keep * keep + most * (1 - keep * keep)
        error *= keep
        if variance > most:
            error *= self._number(sqrt(most / variance))
            variance = most
        return error, variance

    def corrected(self, error, variance, ocv_v):
        """(error, its variance, log of how likely the voltage was) after a look at it."""
        lack = self._rest_v - ocv_v - error
        whole = variance + self._noise
        gain = variance / whole
        fit = -0.5 * (lack * lack / whole + self._number(log(whole)))
        return error + gain * lack, variance * (1 - gain), fit

    def _settle(self):
        """Weights again whose sum is 1, spread by what the counter may have missed."""
        number = self._number
        logs = self._log
        most = max(logs)
        yield
        weights = []
        total = number(0.0)
        for value in logs:
            weight = number(exp(max(value - most, _LEAST_LOG)))
            weights.append(weight)
            total += weight
        yield
        told = most + number(log(total))  # of the voltage, by the table
        part = min(self._widen / (2 * self._step * self._step), number(0.25))
        before = weights[0]
        first = second = number(0.0)
        for i in range(_COUNT):  # what is exchanged with neighbours leaves the sum as it is
            if i == _MIDDLE:
                yield
            weight = weights[i]
            after = weights[i + 1] if i < _COUNT - 1 else weight
            weights[i] = spread = (weight + part * (before + after - 2 * weight)) / total
            before = weight
            away = (i - _MIDDLE) * self._step
            first += spread * away
            second += spread * away * away
        yield
        for i in range(_COUNT):
            logs[i] = number(log(max(weights[i], _LEAST_WEIGHT)))
        yield
        self._mean = self._middle + first
        self._spread = number(sqrt(max(second - first * first, 1e-8)))
        if self._seen:
            if not self._again:
                self.trust.look(self, told)
                if self.learn and self.trust.known:
                    soc = self._bounded(self.taken + self._shown)
                    self.learn(soc, self.sigma, self._rest_v - self.model.ocv_v(soc)[0])
            self._again = self._again and self.model.unrested_c > _RESTED_C
        self._publish()
        yield
        if (
            (self._spread < _FINE * self._step and self._step > _LEAST_STEP)
            or (self._spread > _COARSE * self._step and self._step < _MOST_STEP)
            or abs(self._mean - self._middle) > _OFF_MIDDLE * self._step
        ):
            yield from self._lay_again(self._mean - self._middle)

    def _publish(self):
        number = self._number
        shown, sigma = self.trust.weigh(self._mean, self._spread)
        self._shown = number(shown)
        self.sigma = number(min(sigma, _MOST_SIGMA))
        self.soc = self._bounded(self._counted + self._shown)
        if not self.trust.known and self.sigma <= KNOWN_SIGMA:  # counted from now on
            self.trust.start(self.sigma)
            self._counted += self._shown
            self._known = self._counted
            self._middle -= self._shown
            self._mean -= self._shown
            self._shown = number(0.0)

    def _lay_again(self, first):
        """The same weights on a grid about their mean, as wide as they are."""
        number = self._number
        step = number(min(max(self._spread / _SIGMA, _LEAST_STEP), _MOST_STEP))
        ratio = step / self._step
        start = first / self._step + _MIDDLE * (1 - ratio)
        logs, errors, variances = self._log, self._error, self._variance
        new = ([], [], [])
        for i in range(_COUNT):
            if i % _AT_ONCE == 0:
                yield
            at = start + i * ratio
            row = min(max(int(at), 0), _COUNT - 2)
            part = at - row
            inside = min(max(part, number(0.0)), number(1.0))
            beyond = abs(part - inside)  # falls off as steeply as a deviation further out
            new[0].append(logs[row] + (logs[row + 1] - logs[row]) * inside - 2 * beyond)
            new[1].append(errors[row] + (errors[row + 1] - errors[row]) * inside)
            new[2].append(variances[row] + (variances[row + 1] - variances[row]) * inside)
        yield
        total = number(0.0)
        for value in new[0]:
            total += exp(max(value, _LEAST_LOG))
        whole = number(log(total))
        self._log, self._error, self._variance = new
        for i in range(_COUNT):
            self._log[i] = max(self._log[i] - whole, number(_LEAST_LOG))
        self._step = step
        self._middle += first
