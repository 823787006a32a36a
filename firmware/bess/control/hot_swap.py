"""Slots of the series modules: pulled at once, seated only after it has settled.

A pulled module trips its string through the fault table (20 ms); this machine decides
when all slots hold a module again, so that the string may close.
"""

from array import array

from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

EMPTY = const(0)
UNSEATED = const(1)
SEATED = const(2)


class Slots:
    """`state[i]` of each slot, `all_seated`, `missing` (bit per slot)."""

    def __init__(self, count, inputs, parameters):
        self._inputs = inputs
        self._insert_ms = parameters.get("presence_insert_ms")
        self.state = bytearray(count)
        self._since_ms = array("i", bytes(4 * count))
        self.all_seated = False
        self.missing = 0

    def step(self, now_ms):
        missing = self._inputs.missing_slots
        self.missing = missing
        state = self.state
        all_seated = True
        i = len(state)
        while i:
            i -= 1
            if missing & (1 << i):
                state[i] = EMPTY
            elif state[i] == EMPTY:
                state[i] = UNSEATED
                self._since_ms[i] = now_ms
            elif state[i] == UNSEATED and ticks_diff(now_ms, self._since_ms[i]) >= self._insert_ms:
                state[i] = SEATED
            if state[i] != SEATED:
                all_seated = False
        self.all_seated = all_seated
