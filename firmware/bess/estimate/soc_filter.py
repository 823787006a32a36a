"""State of charge of one cell (the string's mean one) by a Kalman filter of three states.

States: model error (slow, coloured, of unit variance and scaled to volts in place), charge,
offset of the current sensor. An LFP cell's voltage is mostly wrong by slow errors of its model:
they are a state of their own, so that a plateau teaches nothing and a knee much, and the reported
deviation is honest. RC currents and hysteresis follow the counted current without a variance; the
scale of the resistances is learned beside the filter, from changes alone.

Covariance in factors U D U' (Bierman's measurement update, Thornton's in closed form for this
transition; Grewal and Andrews, Kalman Filtering, ch. 6): a variance cannot turn negative in single
precision. The slope of the OCV is taken over the present spread of charge (statistical
linearisation), which carries a start that is 20 % wrong over a plateau's end.
"""

from math import exp, sqrt

# tuned on measured A123 and LG cells at temperatures left out of the fit (README)
_ERROR_GAP = 0.11  # of the hysteresis gap, once its branch is known
_ERROR_SLOW = 0.3  # of the diffusion drop
_ERROR_COLD_V = 4e-4  # for each kelvin below 15 degC
_ERROR_S_PER_SOC = 125000.0  # how long an error stands in time, for the charge it stands over
_NOISE_V = 0.25  # a sample a second; fast errors last many samples
_NOISE_FAST = 6.0  # of the fast drop
_NOISE_UNRESTED = 20000.0  # of its square: less than one look at what decays in 1000 s
_MOVED_VARIANCE = 1e-4  # for a full charge moved: gain of the sensor, capacity
_OFFSET_C = 0.002
_OFFSET_DRIFT = 1e-4  # in an hour
_RESTED_C = 1e-3
_DIFFUSE_S = 60
_LEAST_WIDTH = 0.025
_LEAST_VARIANCE = 1e-12
_MOST_VARIANCE = 0.09  # 0..100 % spread evenly
_MOST_SIGMAS = 3  # an innovation beyond counts as this many
_MARGIN = 0.03  # charge may be counted this far beyond full and empty
_MOST_OFFSET_C = 0.02
# resistance: from what is left of voltage and modelled drop above this time constant
_CHANGE_S = 20.0
_SCALE_MEMORY_S = 1800.0
_SCALE_WEIGHT = 5e-5  # V^2: 1.6 mV of change for 20 s outweigh what was known
_CHANGE_NOISE_V2 = 1e-6
_LEAST_CHANGE_V = 1.5e-3
_SCALE_RATE = 1e-3  # of itself, a second
_STEEP_V = 1.2
_LEAST_SCALE = 0.1
_MOST_SCALE = 20.0


class ResistanceScale:
    """Resistance of the cell at hand against its table's, by least squares over changes.

    `scale`; `step` with what the voltage lacks against rest and what the table says it should.
    """

    def __init__(self, number):
        self._number = number
        self.start(1.0)

    def start(self, scale):
        number = self._number
        self.scale = number(scale)
        self._product = number(scale * _SCALE_WEIGHT)
        self._square = number(_SCALE_WEIGHT)
        self._lack_v = self._drop_v = None

    def step(self, lack_v, drop_v, dt_s):
        """lack_v: rest voltage less measured one and slow drops; drop_v: the table's fast drop."""
        number = self._number
        if self._lack_v is None:
            self._lack_v, self._drop_v = lack_v, drop_v
        lack_v -= self._lack_v
        drop_v -= self._drop_v
        part = number(min(dt_s / _CHANGE_S, 1.0))
        self._lack_v += lack_v * part
        self._drop_v += drop_v * part
        if -_LEAST_CHANGE_V < drop_v < _LEAST_CHANGE_V:
            return  # a steady current: what drifts then is not the resistance
        keep = number(1 - min(dt_s / _SCALE_MEMORY_S, 1.0))
        self._product = self._product * keep + lack_v * drop_v
        self._square = self._square * keep + drop_v * drop_v
        if self._square < _SCALE_WEIGHT:  # nothing changed for long: what was known stays known
            self._square = number(_SCALE_WEIGHT)
            self._product = self.scale * self._square
        # one event that is no resistance must not carry it away
        most = self.scale * number(min(dt_s * _SCALE_RATE, 0.1))
        step = self._product / self._square - self.scale
        scale = self.scale + min(max(step, -most), most)
        self.scale = min(max(scale, number(_LEAST_SCALE)), number(_MOST_SCALE))

    def pause(self):
        """What comes next has no connection with what was last seen."""
        self._lack_v = None

    def uncertainty(self):
        """Deviation of `scale` that is left, as far as the changes seen so far tell it."""
        return sqrt(_CHANGE_NOISE_V2 / self._square)


class SocFilter:
    """`soc` 0..1, `sigma` of it, `offset_c` of the current sensor, `resistance` learned beside.

    step() about once a second. model: CellModel, advanced here. All inputs are bounded; no input
    makes a variance negative or a number infinite. `number` makes floats (single for tests).
    """

    def __init__(self, model, number=float):
        self.model = model
        self._number = number
        values = model.chemistry.values
        self._error_v = values["error_dmv"] * 1e-4  # slow model error on the plateau
        self._error_soc = values["error_cpct"] * 1e-4  # and along the charge axis
        self._error_span = values["error_span_cpct"] * 1e-4  # over so much charge an error stands
        self._least_variance = number(self._error_soc * self._error_soc)
        self.resistance = ResistanceScale(number)
        self._factor = [number(0.0)] * 6  # d0 d1 d2, u01 u02 u12
        self._since_s = 0
        self.start(0.5, 0.3)

    def start(self, soc, sigma, scale=1.0, offset_c=0.0):
        """Begin anew from a charge and its deviation, and what was learned of cell and sensor."""
        number = self._number
        self.soc = number(soc)
        self.resistance.start(scale)
        self.offset_c = number(offset_c)
        self._error = number(0.0)
        factor = self._factor
        factor[0] = number(1.0)
        factor[1] = number(sigma * sigma + _LEAST_VARIANCE)
        factor[2] = number(_OFFSET_C * _OFFSET_C)
        factor[3] = factor[4] = factor[5] = number(0.0)
        self.sigma = sigma

    def restore(self, error, factor, doubt):
        """After start(): what else an earlier life knew, and the doubt of charge since then.

        Its model error stays its model error: a voltage seen again teaches nothing new.
        """
        number = self._number
        self._error = number(error)
        for i in range(6):
            self._factor[i] = number(factor[i])
        self._add_to_two(number(doubt * doubt), number(0.0), number(1.0))
        self._measure_sigma()

    def kept(self):
        """What `restore` takes: error and the six factors."""
        return (self._error,) + tuple(self._factor)

    def anchor(self, soc, sigma):
        """Charge known from elsewhere: full or empty by voltage."""
        number = self._number
        factor = self._factor
        self.soc = number(soc)
        factor[1] = number(sigma * sigma)
        factor[3] = factor[5] = number(0.0)
        self.sigma = sigma

    def rest_error_v(self, soc, late):
        """Deviation of a rest voltage got from a loaded one; late: that of the drop added, V."""
        model = self.model
        over = model.gap_v(soc) * (_ERROR_GAP + model.lean_unknown)
        cold = max(15 - model.temperature_c, 0) * _ERROR_COLD_V
        unrested = self.resistance.scale * model.unrested_v(soc)
        return sqrt(
            self._error_v * self._error_v
            + over * over
            + cold * cold
            + late * late
            + unrested * unrested
        )

    def step(self, moved, current_c, dt_s, temperature_c, cell_v):
        """One step of dt_s.

        moved: charge counted out since the last, 0..1; current_c and cell_v belong together;
        cell_v None where no trusted voltage is there: then it only predicts.
        """
        number = self._number
        current_c = number(min(max(current_c, -20), 20)) - self.offset_c
        temperature_c = number(min(max(temperature_c, -45), 75))
        hours = number(dt_s) / 3600
        moved = number(min(max(moved, -1), 1)) - self.offset_c * hours
        model = self.model
        model.set_temperature(temperature_c)
        model.advance(current_c, moved, dt_s)
        self.soc -= moved
        self._predict(moved, hours, dt_s)
        if cell_v is not None:
            cell_v = number(min(max(cell_v, 0), 6))
            self._correct(current_c, dt_s, temperature_c, cell_v)
        self._bound()

    def _bound(self):
        number = self._number
        self.soc = min(max(self.soc, number(-_MARGIN)), number(1 + _MARGIN))
        offset_c = max(self.offset_c, number(-_MOST_OFFSET_C))
        self.offset_c = min(offset_c, number(_MOST_OFFSET_C))
        factor = self._factor
        for i in range(3):
            if not factor[i] > _LEAST_VARIANCE:
                factor[i] = number(_LEAST_VARIANCE)
        self._measure_sigma()

    def _measure_sigma(self):
        factor = self._factor
        variance = factor[1] + factor[5] * factor[5] * factor[2]
        if variance > _MOST_VARIANCE:
            factor[1] = self._number(_MOST_VARIANCE)
            factor[5] = self._number(0.0)
            variance = factor[1]
        self.sigma = self._number(sqrt(variance))

    def _predict(self, moved, hours, dt_s):
        factor = self._factor
        way = moved if moved > 0 else -moved
        keep = self._number(exp(-(dt_s / _ERROR_S_PER_SOC + way) / self._error_span))
        self._error *= keep
        factor[0] = factor[0] * keep * keep + 1 - keep * keep
        factor[3] *= keep
        factor[4] *= keep
        factor[5] += hours  # charge integrates the offset
        self._add_to_two(way * _MOVED_VARIANCE, 0, 1)
        self._since_s += dt_s
        if self._since_s >= _DIFFUSE_S:
            hours = self._number(self._since_s) / 3600
            self._since_s = 0
            if factor[2] < _OFFSET_C * _OFFSET_C:
                self._widen_offset(hours * (_OFFSET_DRIFT * _OFFSET_DRIFT))

    def _widen_offset(self, noise):
        """Agee and Turner's rank-one update along the last state."""
        factor = self._factor
        d2, u02, u12 = factor[2], factor[4], factor[5]
        wider = d2 + noise
        keep = d2 / wider
        factor[2] = wider
        factor[4] = u02 * keep
        factor[5] = u12 * keep
        self._add_to_two(noise * keep, -u02, -u12)

    def _add_to_two(self, noise, a0, a1):
        factor = self._factor
        d1, u01 = factor[1], factor[3]
        wider = d1 + noise * a1 * a1
        a0 = a0 - a1 * u01
        factor[3] = u01 + noise * a1 / wider * a0
        factor[0] += noise * d1 / wider * a0 * a0
        factor[1] = wider

    def _correct(self, current_c, dt_s, temperature_c, cell_v):
        number = self._number
        model = self.model
        soc = self.soc
        # the OCV over +- sqrt(3) sigma: slope, and what a straight line misses
        sigma = self.sigma
        width = max(_LEAST_WIDTH, 1.732 * sigma)
        inside = min(max(soc, number(0.0)), number(1.0))
        low = max(inside - width, number(0.0))
        high = min(inside + width, number(1.0))
        low_dmv, high_dmv, ocv_dmv = model.ocv_dmv(low), model.ocv_dmv(high), model.ocv_dmv(soc)
        slope = (high_dmv - low_dmv) * 1e-4 / (high - low)
        bend = ((low_dmv + high_dmv) / 2 - ocv_dmv) * 1e-4
        if width == _LEAST_WIDTH:  # wider than sqrt(3) sigma
            bend *= 3 * sigma * sigma / (width * width)
        rest_v = ocv_dmv * 1e-4 + model.entropy_v(soc)
        fast = model.fast_v(current_c, model.fast_c)
        slow = model.slow_v(soc, model.slow_c)
        gap = model.gap_v(soc)
        lack_v = rest_v - model.lean * gap - cell_v
        if slope < _STEEP_V:  # beyond, an error of charge looks like resistance
            self.resistance.step(lack_v - self.resistance.scale * slow, fast, dt_s)
        else:
            self.resistance.pause()
        along = slope * self._error_soc
        over = gap * (_ERROR_GAP + model.lean_unknown)
        late = slow * _ERROR_SLOW
        cold = max(15 - temperature_c, number(0.0)) * _ERROR_COLD_V
        error_v = number(
            sqrt(
                self._error_v * self._error_v
                + along * along
                + over * over
                + late * late
                + cold * cold
            )
        )
        wild = fast * _NOISE_FAST
        noise = wild * wild + _NOISE_V * _NOISE_V + bend * bend * 0.3
        if model.unrested_c > _RESTED_C:
            unrested = self.resistance.scale * model.unrested_v(soc)
            noise += unrested * unrested * _NOISE_UNRESTED
        drop = self.resistance.scale * (fast + slow)
        self._update(drop - lack_v - bend / 3 - error_v * self._error, noise, error_v, slope)

    def _update(self, innovation, noise, h0, h1):
        """Bierman's update for a measurement that does not see the offset."""
        factor = self._factor
        d0, d1, d2, u01, u02, u12 = factor
        f1 = u01 * h0 + h1
        f2 = u02 * h0 + u12 * h1
        v0, v1, v2 = d0 * h0, d1 * f1, d2 * f2
        a0 = noise + v0 * h0
        a1 = a0 + v1 * f1
        a2 = a1 + v2 * f2
        factor[0] = d0 * (noise / a0)
        # the table's charge axis is known no better than this, however long one looks at it
        factor[1] = max(d1 * (a0 / a1), min(d1, self._least_variance))
        factor[2] = d2 * (a1 / a2)
        factor[3] = u01 - v0 * f1 / a0
        b0 = v0 + u01 * v1
        part = f2 / a1
        factor[4] = u02 - b0 * part
        factor[5] = u12 - v1 * part
        b0 += u02 * v2
        b1 = v1 + u12 * v2
        most = _MOST_SIGMAS * self._number(sqrt(a2))
        gain = min(max(innovation, -most), most) / a2
        self._error += b0 * gain
        self.soc += b1 * gain
        self.offset_c += v2 * gain
