"""Latches that survive a loss of power: a bit for each fault id in backup memory, for each string.

No fault is of both scopes, so that the first string's record holds the cabinet's latches too: it is
the record that a cabinet of one string always had. Those of further strings follow the history's.

A "running" mark is set before contactors close and cleared by an orderly stop only: found
at boot, it counts as a latch, so that no loss of power can lose a trip.
"""

from bess.port.interpreter import bind, const
from bess.protect.backup import Record, record_bytes

_IDS = const(16)  # bytes of the bit map: ids 1..127
_RUNNING = const(0)
_MAP = const(1)
_PAYLOAD = const(17)
SIZE = record_bytes(_PAYLOAD)
_FURTHER = const(128)  # first byte of the second string's


def latches_of(memory, strings):
    """The latches of each string. Raises ValueError where memory has no room for so many."""
    found = [Latches(memory)]
    at = _FURTHER
    if strings > 1 and len(memory) < at + (strings - 1) * SIZE:
        raise ValueError("backup memory has no room for so many strings")
    while len(found) < strings:
        found.append(Latches(memory, at))
        at += SIZE
    return found


class Latches:
    """memory: see protect.backup, SIZE bytes from `at` on.

    `has(id)`, `running`; `set_running(on)` writes at once, `note(id)` and `drop(id)` with the next
    `keep()`: many in one write; none allocates. `blank` tells that memory
    held nothing valid, until the first write: its content was lost, which counts as a latch, since
    nobody knows what stood there; so does `torn`, until `renew()`: the newest write may be lost, by
    a flipped bit or power that went in the middle of it.
    """

    def __init__(self, memory, at=0):
        self._record = Record(memory, at, _PAYLOAD)
        self.blank = self._record.blank
        self.torn = self._record.torn
        self._changed = False
        self.running = self._record.payload[_RUNNING] != 0
        bind(self, "set_running")

    def has(self, fault_id):
        return self._record.payload[_MAP + (fault_id >> 3)] >> (fault_id & 7) & 1 != 0

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
            self._write()

    def renew(self):
        """An operator's reset answers for what memory lost: both halves are written."""
        if self.blank or self.torn:
            self._write()
            self._write()
            self.torn = False

    def set_running(self, on):
        if on != self.running:
            self.running = on
            self._record.payload[_RUNNING] = 1 if on else 0
            self._write()

    def _write(self):
        self._changed = False
        self._record.keep()
        self.blank = False
