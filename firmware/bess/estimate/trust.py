"""Whether a cell's table is to be believed, or rather the counter alone.

Two witnesses tell the charge: the voltage by the table, and the counter from the last charge that
was known. The counter's errors are bounded by its sensor and by the capacity; a table may be
another cell's and wrong by anything. Evidence against it is a voltage that the table explains worse
than "charge as counted, table off by eight times as much" does, and a charge that the counter
cannot reach. What is published is the mixture of both (multiple-model estimate, Magill 1965), its
deviation with what they differ by.
"""

from math import exp, log, sqrt

KNOWN_SIGMA = 0.02
_START = 3.0  # log odds of a table before anything was seen: one in twenty is another cell's
_LEAST, _MOST = -3.0, 3.0  # so that two anchors can turn it
_DOUBTFUL = 8.0  # times the table's error
_OFFSET_C = 0.002
_CAPACITY_MORE = 1.15  # the witness is told of a capacity a little less sure
_LEAST_WIDE = 0.0125
_BROAD = 0.15  # deviation of a charge by a wrong table
_CLIMB = 6.0  # nats that a good table may lose against doubt, by luck
_PER_NAT = 0.25  # errors of a model last, and are no independent samples
_LEARNED = 0.5  # while no charge is known, a nat won counts as this
_MOST_LEARNED = 12.0


class Trust:
    """`odds`: log odds of the table, kept from anchor to anchor; `doubt` 0..1: weight of the
    counter in what is published; `known`: whether a charge was known well enough to count from.

    Charges 0..1, told from the counted one. look() once for each look of the filter at a voltage.
    """

    def __init__(self, number):
        self._number = number
        self.odds = _START
        self._capacity_sigma = 0.0  # told with every reach()
        self.start(1.0)

    def start(self, sigma):
        """Begin to count from a charge of some deviation."""
        self.known = sigma <= KNOWN_SIGMA
        self._sigma = sigma
        self._hours = self._far = 0.0
        self._least = _MOST  # worst that the charge itself said of the table
        self._gain = self._peak = self._lost = 0.0  # nats of the table over doubt
        self._error, self._variance = self._number(0.0), self._number(-1.0)
        self.doubt = 1 / (1 + exp(self.odds))

    def passed(self, dt_s):
        """So long was counted."""
        self._hours += dt_s / 3600

    def reach(self, net, capacity_sigma):
        """Variance that an unknown capacity adds: only charge further from the known one than ever
        is counted for the first time. net: charge out since it was known.
        """
        self._capacity_sigma = capacity_sigma
        before = self._far
        self._far = max(before, abs(net))
        return capacity_sigma * capacity_sigma * (self._far * self._far - before * before)

    def _counted_variance(self):
        offset = _OFFSET_C * self._hours
        far = self._far * self._capacity_sigma * _CAPACITY_MORE
        return self._sigma * self._sigma + offset * offset + far * far

    def anchor(self, away, sigma, away_by_table, spread):
        """A known charge says which of both came closer, and is counted from."""
        if self.known:
            table = _likely(away_by_table, spread * spread + sigma * sigma)
            other = _likely(away, self._counted_variance() + sigma * sigma)
            odds = self.odds + min(max(table - other, _LEAST), _MOST) - self._against()
            self.odds = min(max(odds, _LEAST), _MOST)
        self.start(sigma)

    def _against(self):
        return max(self._lost - _CLIMB, 0.0) * _PER_NAT

    def look(self, soc_filter, told):
        """told: log likelihood of the voltage by the table, over all charges held possible."""
        number = self._number
        model = soc_filter.model
        variance = number(self._counted_variance())
        taken = min(max(soc_filter.taken, number(0.0)), number(1.0))
        wide = max(number(sqrt(3 * variance)), number(_LEAST_WIDE))
        low = min(max(taken - wide, number(0.0)), number(0.99))
        high = max(min(taken + wide, number(1.0)), low + number(0.01))
        slope = (model.ocv_v(high)[0] - model.ocv_v(low)[0]) / (high - low)
        most = soc_filter.own_variance(slope, _DOUBTFUL) + slope * slope * variance
        error, variance = soc_filter.forgotten(self._error, self._variance, most)
        ocv_v, _ = model.ocv_v(taken)
        self._error, self._variance, fit = soc_filter.corrected(error, variance, ocv_v)
        self._gain += told - fit
        self._peak = max(self._peak, self._gain)
        self._lost = max(self._lost, self._peak - self._gain)

    def weigh(self, apart, sigma):
        """(charge, deviation) to publish; apart: charge by the table from the counted one."""
        variance = self._counted_variance()
        charge = _likely(apart, variance + sigma * sigma) - _likely(
            apart, variance + _BROAD * _BROAD
        )
        if self.known:
            self._least = min(self._least, charge)
            odds = self.odds + self._least
        else:
            odds = self.odds + min(charge, 0.0)
            odds += _LEARNED * min(max(self._gain, 0.0), _MOST_LEARNED)
        self.doubt = doubt = 1 / (1 + exp(min(max(odds - self._against(), -30.0), 30.0)))
        both = (1 - doubt) * sigma * sigma + doubt * variance
        return (1 - doubt) * apart, sqrt(both + doubt * (1 - doubt) * apart * apart)


def _likely(apart, variance):
    return -0.5 * (apart * apart / variance + log(variance))
