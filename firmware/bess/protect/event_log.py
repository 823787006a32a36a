"""Event log: a power-loss-safe ring of records of 24 bytes on a storage region.

Each record stands at its sequence number modulo the ring's length and carries a CRC, so
that boot finds the newest by binary search and a torn record is simply none. `put` may be
called in the fast path: it only fills a buffer; `flush` writes when the board says it may.
"""

from array import array
from binascii import crc32
from struct import pack_into, unpack_from

from bess.port.interpreter import const
from bess.port.storage import newest_record

RECORD = const(24)
# sequence, ticks of 10 ms, boot, kind, item, level, actor, value, limit, CRC
_FORMAT = "<IIHBBBBiiH"
_BODY = const(22)
_PENDING = const(64)
_FIELDS = const(4)  # ticks; kind, item, level in one; value; limit

# kind
RAISED = const(1)
CLEARED = const(2)
STATE = const(3)
BOOT = const(4)
ANCHOR = const(5)  # item: 1 full, 2 empty; value, limit: state of charge before and after, 0.01 %
PROGRAM = const(6)  # item: 1 started on trial, 2 rolled back to this one, 3 confirmed
PART_FAILED = const(7)  # item: row of scheduler.TASKS, from 1; value, limit: times now, in all
KIND_NAMES = b"- raised cleared state boot anchor program part_failed"  # bytes stay in flash


def _check(record):
    return crc32(record[:_BODY]) & 0xFFFF


class EventLog:
    """`put` an event, `flush` now and then; read oldest first as a DOMAIN: size(), read().

    `lost` counts events that found the buffer full, `records` those in the ring.
    """

    def __init__(self, region):
        self._region = region
        self.capacity = region.size // RECORD
        self._pending = array("i", bytes(4 * _PENDING * _FIELDS))
        self._head = 0
        self._tail = 0
        self.lost = 0
        self._record = bytearray(RECORD)
        newest = newest_record(self._load, self.capacity)
        self._sequence = 0
        self.boot = 1
        if newest >= 0:
            fields = unpack_from(_FORMAT, self._record)
            self._sequence = fields[0] + 1
            self.boot = (fields[2] + 1) & 0xFFFF

    def _load(self, position):
        """Sequence of the record at a position, or -1; the record stays in the buffer."""
        self._region.readinto(position * RECORD, self._record)
        fields = unpack_from(_FORMAT, self._record)
        if fields[9] != _check(self._record) or fields[0] % self.capacity != position:
            return -1
        return fields[0]

    @property
    def records(self):
        return min(self._sequence, self.capacity)

    def put(self, ticks, kind, item, level, value, limit):
        """Note an event; allocates nothing."""
        following = (self._head + 1) % _PENDING
        if following == self._tail:
            self.lost = (self.lost + 1) & 0x1FFFFFFF
            return
        at = self._head * _FIELDS
        pending = self._pending
        pending[at] = ticks
        pending[at + 1] = kind | item << 8 | level << 16
        pending[at + 2] = value
        pending[at + 3] = limit
        self._head = following

    def flush(self, most):
        """Write up to `most` waiting events; True when none is left."""
        while most and self._tail != self._head:
            most -= 1
            at = self._tail * _FIELDS
            pending = self._pending
            what = pending[at + 1]
            record = self._record
            pack_into(
                _FORMAT, record, 0, self._sequence, pending[at], self.boot, what & 0xFF,
                what >> 8 & 0xFF, what >> 16, 0, pending[at + 2], pending[at + 3], 0,
            )  # fmt: skip
            pack_into("<H", record, _BODY, _check(record))
            self._region.write(self._sequence % self.capacity * RECORD, record)
            self._sequence += 1
            self._tail = (self._tail + 1) % _PENDING
        return self._tail == self._head

    def size(self):
        return self.records * RECORD

    def read(self, offset, count):
        """Bytes of the ring from the oldest record on."""
        first = self._sequence - self.records
        out = bytearray()
        while count:
            position = (first + offset // RECORD) % self.capacity
            inside = offset % RECORD
            part = min(count, RECORD - inside)
            piece = bytearray(part)
            self._region.readinto(position * RECORD + inside, piece)
            out.extend(piece)
            offset += part
            count -= part
        return bytes(out)
