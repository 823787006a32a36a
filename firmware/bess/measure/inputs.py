"""Digital inputs of the cabinet, sampled every fast tick.

All are wired fail-safe: a broken wire reads as the dangerous state (HVIL open, E-stop
pressed, module absent, door open, smoke, gas, enable line dropped).
"""

from bess import lines
from bess.measure import signals as s

_UNKNOWN = -1


class Inputs:
    """`hvil_closed`, `estop_pressed`, `missing_slots` (bit per slot), feedback bits.

    contacts: with read(), all lines as one word (bess.lines). What is not well is put in every
    tick; what is well and was so in the last tick has been told, and puts nothing.
    """

    def __init__(self, contacts, slot_count, signals):
        self._read = contacts.read
        self._signals = signals
        self._slots = (1 << slot_count) - 1
        self._well = lines.well() | self._slots << lines.SLOTS
        self._word = _UNKNOWN
        self.hvil_closed = False
        self.estop_pressed = True
        self.reset_key = False
        self.minus_closed = False
        self.plus_closed = False
        self.precharge_closed = False
        self.missing_slots = 0

    def sample(self):
        """Read every contact once and put the signals."""
        word = self._read()
        if word == self._word and word & self._well == self._well:
            return
        self._word = word
        self.hvil_closed = word & lines.HVIL != 0
        self.estop_pressed = word & lines.ESTOP == 0
        self.reset_key = word & lines.RESET_KEY != 0
        self.minus_closed = word & lines.MINUS_CLOSED != 0
        self.plus_closed = word & lines.PLUS_CLOSED != 0
        self.precharge_closed = word & lines.PRECHARGE_CLOSED != 0
        missing = ~(word >> lines.SLOTS) & self._slots
        self.missing_slots = missing
        count = 0
        while missing:
            count += missing & 1
            missing >>= 1
        signals = self._signals
        signals.put(s.HVIL_OPEN, 0 if self.hvil_closed else 1)
        signals.put(s.ESTOP, 1 if self.estop_pressed else 0)
        signals.put(s.MODULES_MISSING, count)
        signals.put(s.DOOR, 0 if word & lines.DOOR else 1)
        signals.put(s.SMOKE, 0 if word & lines.SMOKE else 1)
        signals.put(s.GAS, 0 if word & lines.GAS else 1)
        signals.put(s.ENABLE_LOST, 0 if word & lines.ENABLE_OK else 1)
