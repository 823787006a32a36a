"""What the table's rest voltage is off by on the cell at hand, learned where the charge is known.

Learned is no more than a proposal: what acts are the parameters table_shift_0_dmv .. 100, which
somebody writes after he has judged it, and takes back by writing 0.
"""

from array import array

from bess.port.interpreter import const

KNOTS = const(11)  # 0, 10 .. 100 %
SURE_LOOKS = const(60)  # from which a mean counts: ten minutes
_MOST_LOOKS = const(250)  # beyond, the oldest fade
_MOST_DMV = const(400)
_NEAR = 0.3  # of the way to the next knot
_SURE_SIGMA = 0.015  # of the charge


class TableShift:
    """`learned_dmv` array('h'), 0.1 mV that the cell lies above its table as shipped, at each knot;
    `looks` bytearray, of ten seconds each, 0..250.

    applied_dmv: shift of the table in use, at each knot.
    """

    def __init__(self, applied_dmv):
        self._applied_dmv = applied_dmv
        self.learned_dmv = array("h", bytes(2 * KNOTS))
        self.looks = bytearray(KNOTS)

    def learn(self, soc, sigma, off_v):
        """off_v: rest voltage that was measured above the table in use, at a charge."""
        at = soc * (KNOTS - 1)
        knot = int(at + 0.5)
        if sigma > _SURE_SIGMA or not 0 <= knot < KNOTS or not -_NEAR < at - knot < _NEAR:
            return
        looks = self.looks[knot] = min(self.looks[knot] + 1, _MOST_LOOKS)
        known = self.learned_dmv[knot]
        away = int(off_v * 1e4) + self._applied_dmv[knot] - known
        step = int(away / looks)
        if step == 0 and away:  # what a mean over many looks would lose in rounding
            step = 1 if away > 0 else -1
        self.learned_dmv[knot] = min(max(known + step, -_MOST_DMV), _MOST_DMV)


def shift_dmv(knots_dmv, percent):
    """Shift at 0..100 % of charge, straight between the knots."""
    at = min(percent // 10, KNOTS - 2)
    part = percent - 10 * at
    return knots_dmv[at] + (knots_dmv[at + 1] - knots_dmv[at]) * part // 10
