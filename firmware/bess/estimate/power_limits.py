"""Largest constant current and power for 10 s, 60 s and a quarter of an hour, from the cell model.

Solved, not tabulated: the current at whose end the weakest cell just touches its voltage limit,
found by a bracketing secant (Illinois) on the model that the filter runs. The
voltage at the end is the lowest in discharge, so power is held throughout.
"""

from array import array

from bess.port.interpreter import const

HORIZONS_S = (10, 60, 900)
_STEPS = const(7)
_NEAR_V = 2e-4
_MOST_C = 3.0
_LEAST_C = 0.05
_MARGIN = 0.022  # of the resistances, and as much as too few changes have left open
_MARGIN_V = 0.0035  # model and sensor
_MARGIN_SOC = 0.002  # and of charge, where the curve is steep
_MARGIN_SLOW = 0.10  # of a diffusion drop that is still settling
_SECONDS_IN_HOUR = 3600


class PowerLimits:
    """`discharge_ma`, `charge_ma`, `discharge_w`, `charge_w`: array('i') by horizon, all >= 0.

    `solve(job, ...)` renews one of `JOBS`: a horizon and a direction; `slices` spreads it over
    ticks. Limits hold for the string's weakest cell in each direction.
    """

    JOBS = const(6)

    def __init__(self, chemistry, soc, capacity_mah, cell_count):
        values = chemistry.values
        self._low_v = values["low_dmv"] * 1e-4
        self._high_v = values["high_dmv"] * 1e-4
        self._soc = soc
        self._capacity_mah = capacity_mah
        self._cell_count = cell_count
        count = len(HORIZONS_S)
        self.discharge_ma = array("i", bytes(4 * count))
        self.charge_ma = array("i", bytes(4 * count))
        self.discharge_w = array("i", bytes(4 * count))
        self.charge_w = array("i", bytes(4 * count))

    def solve(self, job, low_dmv, mean_dmv, high_dmv):
        """Renew the limit number `job` from the extreme cells' voltages of now."""
        for _ in self.slices(job, low_dmv, mean_dmv, high_dmv):
            pass

    def slices(self, job, low_dmv, mean_dmv, high_dmv):
        """`solve` as a generator: each `yield` ends what fits into a tick."""
        at = job >> 1
        seconds = HORIZONS_S[at]
        if job & 1:
            current_c, end_v = yield from self._largest(seconds, high_dmv, self._soc.high_soc(), -1)
            currents, powers = self.charge_ma, self.charge_w
        else:
            current_c, end_v = yield from self._largest(seconds, low_dmv, self._soc.low_soc(), 1)
            currents, powers = self.discharge_ma, self.discharge_w
        current_ma = int(current_c * self._capacity_mah)
        currents[at] = current_ma
        # the string's mean cell stands further from the limit than its extreme one
        string_v = (
            end_v + (mean_dmv - (high_dmv if job & 1 else low_dmv)) * 1e-4
        ) * self._cell_count
        powers[at] = int(current_ma * 0.001 * string_v)

    def _largest(self, seconds, cell_dmv, soc, way):
        """(C >= 0, volts of that cell at the end); way: 1 discharge, -1 charge."""
        model = self._soc.model
        resistance = self._soc.filter.resistance
        scale = resistance.scale * (1 + _MARGIN) + resistance.uncertainty()
        limit_v = self._low_v if way > 0 else self._high_v
        # what the model misses of this cell now, it misses then too
        now_v = model.now_v(soc, self._soc.current_c, scale)
        slope = (model.rest_v(soc + 0.01) - model.rest_v(soc - 0.01)) * 50
        settling_v = scale * model.slow_v(soc, model.slow_c)
        settling_v = settling_v if settling_v >= 0 else -settling_v
        yield
        margin_v = _MARGIN_V + _MARGIN_SOC * slope + _MARGIN_SLOW * settling_v
        bias_v = cell_dmv * 1e-4 - now_v - way * margin_v
        room = soc if way > 0 else 1 - soc
        # as protection's tapers: only voltage may end a charge, an estimate leaves 0.05C
        high = most = min(_MOST_C, max(room * _SECONDS_IN_HOUR / seconds, _LEAST_C))
        high_gap = way * (model.after_v(soc, way * high, seconds, scale) + bias_v - limit_v)
        if high_gap >= 0:
            return most, limit_v + way * high_gap
        yield
        low = 0.0
        low_gap = way * (model.after_v(soc, 0.0, seconds, scale) + bias_v - limit_v)
        if low_gap <= 0:
            return 0.0, limit_v
        safe = 0.0
        side = 0
        for step in range(_STEPS):
            if step & 1:
                yield
            current = (low * high_gap - high * low_gap) / (high_gap - low_gap)
            gap = way * (model.after_v(soc, way * current, seconds, scale) + bias_v - limit_v)
            if gap >= 0:
                safe = current
                low, low_gap = current, gap
                if gap < _NEAR_V:
                    break
                if side > 0:
                    high_gap *= 0.5
                side = 1
            else:
                high, high_gap = current, gap
                if side < 0:
                    low_gap *= 0.5
                side = -1
        return safe, limit_v
