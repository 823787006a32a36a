"""Latches that survive a loss of power: a bit for each fault id in backup memory.

A "running" mark is set before contactors close and cleared by an orderly stop only: found
at boot, it counts as a latch, so that no loss of power can lose a trip.
"""

from bess.port.interpreter import const
from bess.protect.backup import Record, record_bytes

_IDS = const(16)  # bytes of the bit map: ids 1..127
_RUNNING = const(0)
_MAP = const(1)
_PAYLOAD = const(17)
SIZE = record_bytes(_PAYLOAD)


class Latches:
    """memory: see protect.backup, SIZE bytes from `at` on.

    `has(id)`, `running`; `add(id)`, `remove(id)`, `set_running(on)` write at once, `note(id)` and
    `drop(id)` with the next `keep()`: many in one write; none allocates. `blank` tells that memory
    held nothing valid: its content was lost, which counts as a latch, since nobody knows what stood
    there; so does `torn`.
    """

    def __init__(self, memory, at=0):
        self._record = Record(memory, at, _PAYLOAD)
        self._changed = False
        self.running = self._record.payload[_RUNNING] != 0

    @property
    def blank(self):
        return self._record.blank

    @property
    def torn(self):
        """The newest write may be lost: a flipped bit, or power that went in the middle of it."""
        return self._record.torn

    def has(self, fault_id):
        return self._record.payload[_MAP + (fault_id >> 3)] >> (fault_id & 7) & 1 != 0

    def add(self, fault_id):
        self.note(fault_id)
        self.keep()

    def remove(self, fault_id):
        self.drop(fault_id)
        self.keep()

    def note(self, fault_id):
        if not self.has(fault_id):
            self._record.payload[_MAP + (fault_id >> 3)] |= 1 << (fault_id & 7)
            self._changed = True

    def drop(self, fault_id):
        if self.has(fault_id):
            self._record.payload[_MAP + (fault_id >> 3)] &= 0xFF ^ (1 << (fault_id & 7))
            self._changed = True

    def keep(self):
        """Write what was added and removed, if anything was."""
        if self._changed:
            self._changed = False
            self._record.keep()

    def set_running(self, on):
        if on != self.running:
            self.running = on
            self._record.payload[_RUNNING] = 1 if on else 0
            self._changed = False
            self._record.keep()
