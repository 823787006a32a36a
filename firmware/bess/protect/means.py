"""The trend's samples made means while they wait: for boards whose storage wears."""

from array import array

from bess.port.interpreter import const

ROWS = const(64)
_COLUMNS = const(8)  # as `rows` gives them
MINUTE_S = const(60)
_LONGEST_S = const(65535)  # what a record of the trend can say; this long, or longer


class Means:
    """`add` a sample a second; `rows()` what waits, oldest first; `clear()` once it is stored.

    A row is the mean of `MINUTE_S` seconds of current and voltage, and the extremes of cells
    and temperatures. When ROWS are full two become one, and what follows covers as long: a string
    in use for weeks keeps its whole past, more coarsely.
    """

    def __init__(self):
        self._rows = array("i", bytes(4 * ROWS * _COLUMNS))
        self.waiting = 0
        self._period_s = MINUTE_S
        self._empty()

    def _empty(self):
        self._seconds = self._current = self._string = 0
        self._low = self._high = self._cold = self._hot = 0

    def add(self, current_ma, string_mv, cell_min, cell_max, temp_min, temp_max, soc_cpct):
        if self._seconds == 0:
            self._low, self._high, self._cold, self._hot = cell_min, cell_max, temp_min, temp_max
        self._seconds += 1
        self._current += current_ma
        self._string += string_mv
        self._low = min(self._low, cell_min)
        self._high = max(self._high, cell_max)
        self._cold = min(self._cold, temp_min)
        self._hot = max(self._hot, temp_max)
        if self._seconds < self._period_s:
            return
        if self.waiting == ROWS:
            self._merge()
        row = (
            self._current // self._seconds, self._string // self._seconds, self._low, self._high,
            self._cold, self._hot, soc_cpct, self._seconds,
        )  # fmt: skip
        for column in range(_COLUMNS):
            self._rows[self.waiting * _COLUMNS + column] = row[column]
        self.waiting += 1
        self._empty()

    def _merge(self):
        rows = self._rows
        self.waiting = ROWS // 2
        for row in range(ROWS // 2):
            first = 2 * row * _COLUMNS
            second = first + _COLUMNS
            merged = (
                (rows[first] + rows[second]) // 2, (rows[first + 1] + rows[second + 1]) // 2,
                min(rows[first + 2], rows[second + 2]), max(rows[first + 3], rows[second + 3]),
                min(rows[first + 4], rows[second + 4]), max(rows[first + 5], rows[second + 5]),
                rows[second + 6], min(rows[first + 7] + rows[second + 7], _LONGEST_S),
            )  # fmt: skip
            for column in range(_COLUMNS):
                rows[row * _COLUMNS + column] = merged[column]
        self._period_s = min(2 * self._period_s, _LONGEST_S)

    def rows(self):
        """Rows of (current mA, string mV, cell min, max, temperature min, max, SOC, seconds)."""
        for at in range(0, self.waiting * _COLUMNS, _COLUMNS):
            yield tuple(self._rows[at : at + _COLUMNS])

    def clear(self):
        self.waiting = 0
        self._period_s = MINUTE_S
