"""A ring of framed records on a storage region: one damaged record costs only itself.

A record is 24 bytes: sequence u32, payload, check u16 (low half of CRC-32 over what stands
before). It stands at its sequence modulo the ring's length. What is written next goes behind
the newest whole record.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from bess.port.interpreter import const

RECORD = const(24)
BODY = const(22)
BLOCK = const(170)  # records in 4 KiB, the sector of NOR flash: what is damaged as one
REACH = const(340)  # two such sectors: as far as a record's neighbours are looked for
_WITNESSES = const(2)  # whole neighbours on a side: one may lie, two decide
DAMAGED = const(-1)
BLANK = const(-2)  # never written, or erased
_EIO = const(5)
_ERASED = b"\xff" * RECORD


def check(record):
    """What a record's last two bytes must be."""
    return crc32(memoryview(record)[:BODY]) & 0xFFFF


class Ring:
    """`sequence` of what is written next; `write(records)` stores, `record` is a buffer for one.

    Boot finds the newest by `newest_record`, in bounded time. A ring that cannot be read at boot
    is empty and takes nothing: what stands there may be whole. Raises OSError where the region
    fails.
    """

    def __init__(self, region):
        self._region = region
        self.capacity = region.size // RECORD
        self.readinto = region.readinto  # bytes as they lie; the sequence tells the order
        self.record = bytearray(RECORD)
        self.sequence = 0
        self._readable = True
        try:
            self.sequence = newest_record(self.load, self.capacity) + 1
        except OSError:
            self._readable = False

    def load(self, position):
        """Sequence of the whole record at a position, DAMAGED or BLANK; it stays in `record`."""
        record = self.record
        self.readinto(position * RECORD, record)
        if record == _ERASED:
            return BLANK
        if record[BODY] | record[BODY + 1] << 8 != check(record):
            return DAMAGED
        sequence = unpack_from("<I", record)[0]
        return sequence if sequence % self.capacity == position else DAMAGED

    def write(self, records):
        """Number, check and write records: a bytearray of one or more, less than the ring holds."""
        if not self._readable:
            raise OSError(_EIO)
        sequence = self.sequence
        for at in range(0, len(records), RECORD):
            pack_into("<I", records, at, sequence)
            pack_into("<H", records, at + BODY, check(memoryview(records)[at : at + RECORD]))
            sequence += 1
        first = min((self.capacity - self.sequence % self.capacity) * RECORD, len(records))
        whole = memoryview(records)
        self._region.write(self.sequence % self.capacity * RECORD, whole[:first])
        if first < len(records):
            self._region.write(0, whole[first:])
        self.sequence = sequence

    def records(self):
        """Places that were written, those of damaged records included."""
        return min(self.sequence, self.capacity)


def _vouched(load, capacity, sequence):
    """True when a whole record on either side carries the sequence that belongs there.

    A record whose check is right by chance, or that was copied, is younger than all others
    and yet no newest one.
    """
    before = after = 0
    for distance in range(1, min(REACH, capacity - 1) + 1):
        if before < _WITNESSES:
            found = load((sequence - distance) % capacity)
            if found >= 0:
                if found == sequence - distance:
                    return True
                before += 1
        if after < _WITNESSES:
            found = load((sequence + distance) % capacity)
            if found == sequence + distance:
                return True
            after += found >= 0
        if before == after == _WITNESSES:
            break
    return False


def newest_record(load, capacity):
    """Sequence of the newest record of a ring, -1 when it holds none.

    load(position): sequence of the whole record there, DAMAGED or BLANK. No single record is
    trusted: of each BLOCK the first counts that a neighbour vouches for, and from the youngest of
    these on every record is read. Lost is only a record that is damaged itself, one that no whole
    record within REACH places agrees with, and what stands behind an erased stretch of more than
    REACH places up to the next BLOCK. A ring in order costs at most
    2 * (capacity / BLOCK + 1) + BLOCK + 5 * REACH reads (1078 seen for 10 000 records), one full
    of damage one a record, one of records that contradict each other five a record.
    """
    newest = alone = -1
    position = erased = 0
    while position < capacity:
        found = load(position)
        erased = erased + 1 if found == BLANK else 0
        done = erased > REACH or 0 <= found <= newest
        if found > newest:
            done = _vouched(load, capacity, found)
            if done:
                newest = found
            else:
                alone = max(alone, found)
        position = (position // BLOCK + 1) * BLOCK if done else position + 1
    if newest < 0:
        return alone
    older = 0
    following = newest + 1
    while following - newest <= REACH and older < _WITNESSES:
        found = load(following % capacity)
        if found == following:
            newest = found
            older = 0
        elif found >= 0:
            older += 1
        following += 1
    return newest
