"""Event log: a power-loss-safe ring of records of 24 bytes on a storage region.

`put` may be called in the fast path: it only fills a buffer; `flush` writes when the board
says it may.
"""

from array import array
from struct import pack_into, unpack_from

from bess.port import ring
from bess.port.interpreter import bind, const
from bess.port.ring import Ring

RECORD = ring.RECORD
# sequence, ticks of 10 ms, boot, kind, item, level, string, value, limit, check
FORMAT = "<IIHBBBBiiH"
_PENDING = const(64)
_FIELDS = const(4)  # ticks; kind, item, level, string in one; value; limit

# kind
RAISED = const(1)
CLEARED = const(2)
STATE = const(3)
BOOT = const(4)
ANCHOR = const(5)  # item: 1 full, 2 empty; value, limit: state of charge before and after, 0.01 %
PROGRAM = const(6)  # item: 1 started on trial, 2 rolled back to this one, 3 confirmed
PART_FAILED = const(7)  # item: row of scheduler.TASKS, from 1; value, limit: times now, in all
KIND_NAMES = b"- raised cleared state boot anchor program part_failed"  # bytes stay in flash


class EventLog(Ring):
    """`put` an event, `flush` now and then; read oldest first as a DOMAIN: size(), read().

    `lost` counts events that found the buffer full.
    """

    def __init__(self, region):
        Ring.__init__(self, region)
        self._pending = array("i", bytes(4 * _PENDING * _FIELDS))
        self._head = 0
        self._tail = 0
        self.lost = 0
        self.boot = 1
        bind(self, "put", "flush")
        if self.sequence:
            self.load((self.sequence - 1) % self.capacity)
            self.boot = (unpack_from(FORMAT, self.record)[2] + 1) & 0xFFFF

    def put(self, ticks, kind, item, level, value, limit, string=0):
        """Note an event, of a string (from 1 on) or of the cabinet; allocates nothing."""
        following = (self._head + 1) % _PENDING
        if following == self._tail:
            self.lost = (self.lost + 1) & 0x1FFFFFFF
            return
        at = self._head * _FIELDS
        pending = self._pending
        pending[at] = ticks
        pending[at + 1] = kind | item << 8 | level << 16 | string << 24
        pending[at + 2] = value
        pending[at + 3] = limit
        self._head = following

    def waiting(self):
        """Events that are not yet written."""
        return (self._head - self._tail) % _PENDING

    def flush(self, most):
        """Write up to `most` waiting events at once; True when none is left."""
        if self._tail == self._head:
            return True
        count = min(most, self.waiting())
        records = bytearray(count * RECORD)
        pending = self._pending
        for number in range(count):
            at = (self._tail + number) % _PENDING * _FIELDS
            what = pending[at + 1]
            pack_into(
                FORMAT, records, number * RECORD, 0, pending[at], self.boot,
                what & 0xFF, what >> 8 & 0xFF, what >> 16 & 0xFF, what >> 24,
                pending[at + 2], pending[at + 3], 0,
            )  # fmt: skip
        self.write(records)
        self._tail = (self._tail + count) % _PENDING
        return self._tail == self._head

    def size(self):
        return self.records() * RECORD

    def read(self, offset, count):
        """Bytes of the ring from the oldest record on, damaged records as they are."""
        length = self.capacity * RECORD
        at = ((self.sequence - self.records()) * RECORD + offset) % length
        out = bytearray(count)
        first = min(count, length - at)
        whole = memoryview(out)
        self.readinto(at, whole[:first])
        if first < count:
            self.readinto(0, whole[first:])
        return bytes(out)
