"""Latches that survive a loss of power: a bit for each fault id in backup memory.

Two framed halves, written in turns; a cut at any byte leaves the other one whole. A
"running" mark is set before contactors close and cleared by an orderly stop only: found
at boot, it counts as a latch, so that no loss of power can lose a trip.
"""

from bess.port.interpreter import const

_IDS = const(16)  # bytes of the bit map: ids 1..127
_SEQUENCE = const(0)
_RUNNING = const(1)
_MAP = const(2)
_CHECK = const(18)
_HALF = const(20)
SIZE = const(40)


def provision(memory):
    """Write a first valid record into new backup memory; done once, in provisioning."""
    latches = Latches(memory)
    latches.set_running(True)
    latches.set_running(False)


class Latches:
    """memory: bytearray-like of SIZE bytes at least that keeps its content without power.

    `has(id)`, `running`; `add(id)`, `remove(id)`, `set_running(on)` write at once and allocate
    nothing. `blank` tells that memory held nothing valid: its content was lost,
    which counts as a latch, since nobody knows what stood there.
    """

    def __init__(self, memory):
        self._memory = memory
        self._map = bytearray(_IDS)
        self.running = False
        self._sequence = 0
        self._next = 0
        self.blank = True
        first, second = self._valid(0), self._valid(_HALF)
        if first or second:
            at = 0
            if second and (not first or self._newer(memory[_HALF], memory[0])):
                at = _HALF
            self.blank = False
            self._sequence = memory[at + _SEQUENCE]
            self.running = memory[at + _RUNNING] != 0
            for i in range(_IDS):
                self._map[i] = memory[at + _MAP + i]
            self._next = _HALF - at

    def _newer(self, a, b):
        return (a - b) & 0xFF < 128

    def _sum(self, at):
        """Fletcher-16 over a half, never 0xFFFF nor 0 for what erased memory holds."""
        low, high = 0x5A, 0xA5
        i = at
        while i < at + _CHECK:
            low = (low + self._memory[i]) % 255
            high = (high + low) % 255
            i += 1
        return low | high << 8

    def _valid(self, at):
        memory = self._memory
        return memory[at + _CHECK] | memory[at + _CHECK + 1] << 8 == self._sum(at)

    def _write(self):
        memory = self._memory
        at = self._next
        # the half is invalid until its check is whole again
        memory[at + _CHECK] = memory[at + _CHECK] ^ 0xFF
        self._sequence = (self._sequence + 1) & 0xFF
        memory[at + _SEQUENCE] = self._sequence
        memory[at + _RUNNING] = 1 if self.running else 0
        i = 0
        while i < _IDS:
            memory[at + _MAP + i] = self._map[i]
            i += 1
        check = self._sum(at)
        memory[at + _CHECK] = check & 0xFF
        memory[at + _CHECK + 1] = check >> 8
        self._next = _HALF - at
        self.blank = False

    def has(self, fault_id):
        return self._map[fault_id >> 3] >> (fault_id & 7) & 1 != 0

    def add(self, fault_id):
        if not self.has(fault_id):
            self._map[fault_id >> 3] |= 1 << (fault_id & 7)
            self._write()

    def remove(self, fault_id):
        if self.has(fault_id):
            self._map[fault_id >> 3] &= 0xFF ^ (1 << (fault_id & 7))
            self._write()

    def set_running(self, on):
        if self.running != on:
            self.running = on
            self._write()
