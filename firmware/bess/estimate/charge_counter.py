"""Charge counter of a string: exact integers, every fresh current sample.

A remainder in mA ms (below 2**30) carries into uAh, uAh into mAh, mAh of throughput into Ah: 1 uAh
is 3600 mA ms. Floats lost 24 % in a day at 100 Hz; this is exact to the sensor's
milliampere for as long as the cabinet lives.
"""

from array import array

from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

_MA_MS_PER_UAH = const(3600)
_THOUSAND = const(1000)
_LONGEST_MS = const(500)  # 2000 A * 0.5 s stays below 2**30; a longer gap is a stale-data fault
_ZERO_SAMPLES = const(1024)
REMAINDER = const(0)  # mA ms, 0..3599
UAH = const(1)  # 0..999
MAH = const(2)  # net charge out of the string, + and -
OUT_MAH = const(3)  # 0..999
OUT_AH = const(4)
IN_MAH = const(5)
IN_AH = const(6)
_OUT_UAH = const(7)
_IN_UAH = const(8)
COUNT = const(9)


class ChargeCounter:
    """`totals` array('i') by the numbers above; `zero_ma` is the sensor's offset.

    `add` and `rest` may be called in the fast task; they allocate nothing. What `add` counts since
    the last `take_uah` is what the estimators move on by.
    """

    def __init__(self, offset_limit_ma):
        self.totals = array("i", bytes(4 * COUNT))
        self.zero_ma = 0
        self._limit_ma = offset_limit_ma
        self._zero_sum = 0
        self._zero_samples = 0
        self._since_uah = 0
        self._last_ms = -1

    def add(self, current_ma, now_ms):
        """Integrate a fresh current (+ = discharge) held since the last call."""
        elapsed_ms = self._elapsed(now_ms)
        self._zero_samples = 0
        self._zero_sum = 0
        totals = self.totals
        total = totals[REMAINDER] + (current_ma - self.zero_ma) * elapsed_ms
        uah = total // _MA_MS_PER_UAH
        totals[REMAINDER] = total - uah * _MA_MS_PER_UAH
        if not uah:
            return
        self._since_uah += uah
        if uah > 0:
            self._carry(_OUT_UAH, OUT_MAH, OUT_AH, uah)
        else:
            self._carry(_IN_UAH, IN_MAH, IN_AH, -uah)
        uah += totals[UAH]
        mah = uah // _THOUSAND
        totals[UAH] = uah - mah * _THOUSAND
        totals[MAH] += mah

    def _carry(self, small, middle, large, uah):
        totals = self.totals
        uah += totals[small]
        mah = uah // _THOUSAND
        totals[small] = uah - mah * _THOUSAND
        mah += totals[middle]
        ah = mah // _THOUSAND
        totals[middle] = mah - ah * _THOUSAND
        totals[large] += ah

    def _elapsed(self, now_ms):
        elapsed_ms = ticks_diff(now_ms, self._last_ms) if self._last_ms >= 0 else 0
        self._last_ms = now_ms
        return min(max(elapsed_ms, 0), _LONGEST_MS)

    def rest(self, current_ma, now_ms):
        """Contactors are open: nothing flows, and what the sensor shows is its offset."""
        self._elapsed(now_ms)
        # beyond its limit the sensor is faulty, and a fault says so
        self._zero_sum += min(max(current_ma, -self._limit_ma), self._limit_ma)
        self._zero_samples += 1
        if self._zero_samples == _ZERO_SAMPLES:
            self.zero_ma = self._zero_sum // _ZERO_SAMPLES
            self._zero_sum = 0
            self._zero_samples = 0

    def take_uah(self):
        """Charge out of the string since the last call."""
        uah = self._since_uah
        self._since_uah = 0
        return uah
