"""Charge counter of a string: exact integers, every fresh current sample.

A remainder in mA ms (below 2**30) carries into uAh, uAh into mAh, mAh of throughput into Ah: 1 uAh
is 3600 mA ms. Floats lost 24 % in a day at 100 Hz; this is exact to the sensor's
milliampere for as long as the cabinet lives.
"""

from array import array

from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import ticks_diff

_LONGEST_MS = const(500)  # 2000 A * 0.5 s stays below 2**30; a longer gap is a stale-data fault
_ZERO_SAMPLES = const(1024)
REMAINDER = const(0)  # mA ms, 0..3599
UAH = const(1)  # 0..999
MAH = const(2)  # net charge out of the string, + and -
OUT_MAH = const(3)  # 0..999
OUT_AH = const(4)
IN_MAH = const(5)
IN_AH = const(6)
# 7 and 8: uAh of both (leaves.count_charge)
COUNT = const(9)


class ChargeCounter:
    """`totals` array('i') by the numbers above; `zero_ma` is the sensor's offset.

    `add` and `rest` may be called in the fast task; they allocate nothing. What `add` counts since
    the last `take_uah` is what the estimators move on by.
    """

    def __init__(self, offset_limit_ma, leaves=native_leaves):
        self._count = leaves.count_charge
        self.totals = array("i", bytes(4 * COUNT))
        self.zero_ma = 0
        self._limit_ma = offset_limit_ma
        self._zero_sum = 0
        self._zero_samples = 0
        self._since_uah = 0
        self._last_ms = -1
        bind(self, "add")

    def add(self, current_ma, now_ms):
        """Integrate a fresh current (+ = discharge) held since the last call."""
        elapsed_ms = ticks_diff(now_ms, self._last_ms) if self._last_ms >= 0 else 0
        self._last_ms = now_ms
        if elapsed_ms > _LONGEST_MS:
            elapsed_ms = _LONGEST_MS
        elif elapsed_ms < 0:
            elapsed_ms = 0
        if self._zero_samples:
            self._zero_samples = self._zero_sum = 0
        self._since_uah += self._count(self.totals, current_ma - self.zero_ma, elapsed_ms)

    def rest(self, current_ma, now_ms):
        """Contactors are open: nothing flows, and what the sensor shows is its offset."""
        self._last_ms = now_ms
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
