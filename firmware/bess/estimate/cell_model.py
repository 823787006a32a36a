"""Voltage of a cell from its charge, current and temperature: what the estimators share.

OCV with hysteresis, an ohmic drop, a charge transfer that saturates with current
(Butler-Volmer, solved for equal branches: asinh) and a slow diffusion drop.
"""

from math import exp, log, sqrt

from bess.port.interpreter import const

_STRIDE = const(4)
KELVIN = 273.15
TWO_R_OVER_F = 1.7235e-4  # V/K, twice the gas constant over Faraday's
RESTING_C = 0.004  # below it hysteresis stands still
UNKNOWN_C = 1.0  # a cabinet's most: what may have flowed until just before an unknown past
EMPTY_SOC = 0.1  # diffusion grows by exp(-soc / this) towards empty


class CellModel:
    """Drops of one cell; `advance` it with the current, then read voltages.

    Currents in C, + = discharge; charge 0..1; volts; degC. `number` makes floats of the
    arithmetic (`float`; a test gives single precision).
    """

    def __init__(self, chemistry, number=float):
        self._number = number
        self.chemistry = chemistry
        values = chemistry.values
        self._fast_s = values["fast_tau_s"]
        self._slow_s = values["slow_tau_s"]
        self._growth = values["empty_growth_permille"] * 0.001
        self._reversals = values["reversals"]
        self.temperature_c = None
        self._dt_s = None
        self._fast_keep = self._slow_keep = 0.0
        self._warm = self._thermal_v = self._ohmic = self._transfer = self._diffusion = number(0.0)
        self.fast_c = number(0.0)  # current that the charge transfer has settled to
        self.slow_c = number(0.0)  # and diffusion
        self.lean = number(0.0)  # hysteresis: +1 on the discharge branch, -1 on that of charge
        self.lean_unknown = number(1.0)  # what is left of not knowing the branch at the start
        self.unrested_c = number(0.0)  # how far fast_c and slow_c may be from the truth

    def set_temperature(self, temperature_c):
        """Resistances between two rows of the table, straight in the logarithm."""
        if temperature_c == self.temperature_c:
            return
        self.temperature_c = temperature_c
        table = self.chemistry.resistance
        dc = temperature_c * 10
        at = 0
        while at + 2 * _STRIDE < len(table) and dc > table[at + _STRIDE]:
            at += _STRIDE
        part = (dc - table[at]) / (table[at + _STRIDE] - table[at])
        self._ohmic = self._between(table, at + 1, part)
        self._transfer = self._between(table, at + 2, part)
        self._diffusion = self._between(table, at + 3, part)
        self._thermal_v = (temperature_c + KELVIN) * TWO_R_OVER_F
        self._warm = (temperature_c - 25) * 1e-5

    def _between(self, table, at, part):
        # at the coldest a cell is as good as an open circuit; bounded for the arithmetic's sake
        part = part if part < 2 else 2
        part = part if part > -2 else -2
        low, high = table[at], table[at + _STRIDE]
        return self._number(low * 1e-5 * exp(part * log(high / low)))

    def restore(self, fast_c, slow_c, lean, lean_unknown, unrested_c):
        """Go on from what an earlier life had, after a pause that nobody timed.

        What is left of its polarisation lies between all and nothing: half, give or take as much.
        """
        number = self._number
        self.fast_c = number(fast_c / 2)
        self.slow_c = number(slow_c / 2)
        self.lean = number(lean)
        self.lean_unknown = number(lean_unknown)
        self.unrested_c = number(unrested_c + max(abs(fast_c), abs(slow_c)) / 2)

    def advance(self, current_c, moved, dt_s):
        """Move on by dt_s at a current; moved: charge that went out meanwhile, 0..1."""
        if dt_s != self._dt_s:
            self._dt_s = dt_s
            self._fast_keep = self._number(exp(-dt_s / self._fast_s))
            self._slow_keep = self._number(exp(-dt_s / self._slow_s))
        self.fast_c = current_c + (self.fast_c - current_c) * self._fast_keep
        self.slow_c = current_c + (self.slow_c - current_c) * self._slow_keep
        self.unrested_c *= self._slow_keep
        side = 0
        if current_c > RESTING_C:
            side = 1
        elif current_c < -RESTING_C:
            side = -1
        way = moved if moved > 0 else -moved
        keep = self._number(exp(-way * self._reversals))
        self.lean = side + (self.lean - side) * keep
        self.lean_unknown *= keep

    def _place(self, table, soc):
        """Value of a table of 101 points; beyond 0..1 its ends go straight on."""
        at = soc * 100
        row = int(at)
        row = 0 if row < 0 else 99 if row > 99 else row
        low = table[row]
        return (table[row + 1] - low) * (at - row) + low

    def ocv_dmv(self, soc):
        """OCV at 25 degC without hysteresis, 0.1 mV."""
        return self._place(self.chemistry.ocv_dmv, soc)

    def ocv_v(self, soc):
        """(OCV at 25 degC without hysteresis in V, its slope in V for a full charge)."""
        at = soc * 100
        row = int(at)
        row = 0 if row < 0 else 99 if row > 99 else row
        table = self.chemistry.ocv_dmv
        low = table[row]
        rise = table[row + 1] - low
        return (rise * (at - row) + low) * 1e-4, rise * self._number(1e-2)

    def beyond_k(self):
        """How far the present temperature is from those that the table was fitted to, K."""
        table = self.chemistry.resistance  # the coldest row is extrapolated
        dc = self.temperature_c * 10
        return max(table[_STRIDE] - dc, dc - table[len(table) - _STRIDE], 0) * 0.1

    def entropy_v(self, soc):
        """What the present temperature adds to the OCV."""
        return self._place(self.chemistry.entropy, soc) * self._warm

    def rest_v(self, soc):
        """OCV without hysteresis at the present temperature."""
        return self.ocv_dmv(soc) * 1e-4 + self.entropy_v(soc)

    def gap_v(self, soc):
        """Half the gap between the branches of charge and discharge."""
        inside = 0 if soc < 0 else 1 if soc > 1 else soc
        return self._place(self.chemistry.gap_dmv, inside) * 1e-4

    def _asinh(self, x):
        size = x if x >= 0 else -x
        value = log(size + sqrt(size * size + 1))
        return value if x >= 0 else -value

    def fast_v(self, current_c, fast_c):
        """Ohmic and charge-transfer drop of a new cell, + in discharge."""
        thermal = self._thermal_v
        return current_c * self._ohmic + thermal * self._asinh(fast_c * self._transfer / thermal)

    def slow_v(self, soc, slow_c):
        """Diffusion drop of a new cell, + in discharge."""
        inside = 0 if soc < 0 else 1 if soc > 1 else soc
        return slow_c * self._diffusion * (1 + self._growth * exp(-inside / EMPTY_SOC))

    def unrested_v(self, soc):
        """How far a new cell's voltage may be off by what flowed before anybody looked, >= 0."""
        return self.unrested_c * self._transfer + self.slow_v(soc, self.unrested_c)

    def now_v(self, soc, current_c, scale):
        """Terminal voltage at a current now."""
        drop = self.fast_v(current_c, self.fast_c) + self.slow_v(soc, self.slow_c)
        return self.rest_v(soc) - self.lean * self.gap_v(soc) - scale * drop

    def after_v(self, soc, current_c, seconds, scale):
        """Terminal voltage after a constant current for some seconds from now."""
        fast_c = current_c + (self.fast_c - current_c) * exp(-seconds / self._fast_s)
        slow_c = current_c + (self.slow_c - current_c) * exp(-seconds / self._slow_s)
        moved = current_c * seconds / 3600
        soc = soc - moved
        drop = self.fast_v(current_c, fast_c) + self.slow_v(soc, slow_c)
        side, way = (1, moved) if current_c > 0 else (-1, -moved)
        lean = side + (self.lean - side) * exp(-way * self._reversals)
        return self.rest_v(soc) - lean * self.gap_v(soc) - scale * drop
