"""Resistance of the cell at hand against its table's, from changes of current alone."""

from math import sqrt

_CHANGE_S = 20.0  # what is left of voltage and modelled drop above this time constant
_SCALE_MEMORY_S = 1800.0
_SCALE_WEIGHT = 5e-5  # V^2: 1.6 mV of change for 20 s outweigh what was known
_CHANGE_NOISE_V2 = 1e-6
_LEAST_CHANGE_V = 1.5e-3
_SCALE_RATE = 1e-3  # of itself, a second
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
