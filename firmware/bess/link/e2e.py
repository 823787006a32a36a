"""AUTOSAR E2E profile 2: CRC-8H2F and a four-bit counter on an eight-byte frame.

Byte 0 is the CRC over bytes 1..7 and then the data id that belongs to the counter;
the low nibble of byte 1 is the counter. With the lists of `data_ids` all errors of one to
three bits and all repeats are refused; random corruption passes with at most 1/256; a frame
delayed by a whole round of the counter can alias, so age is bounded by the receiver's time-out.
"""

from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves

_POLYNOMIAL = const(0x2F)

OK = const(0)
WRONG_CRC = const(1)
WRONG_LENGTH = const(2)
REPEATED = const(3)
WRONG_STEP = const(4)
RESYNCHRONISING = const(5)


def crc_table():
    """The 256 bytes of CRC-8H2F (polynomial 0x2F, unreflected)."""
    table = bytearray(256)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = ((crc << 1) ^ _POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
        table[byte] = crc
    return table


TABLE = crc_table()


# What each counter bit adds to the data id, one row for four kinds of objects. Arbitrary lists
# lose the CRC's Hamming distance of 4 when an error hits the counter and so picks another id;
# these were searched so that all errors of one to three bits fail the CRC, counter bits
# included, and so that two kinds agree at one counter of sixteen at most (tests walk both).
_COUNTER_BITS = (
    b"\x4e\x22\x88\x36",
    b"\xf6\xd7\xed\xbd",
    b"\xc0\xd1\x03\xdb",
    b"\x95\x7e\x30\xa3",
)


def data_ids(kind, node_id):
    """The 16 data ids of protected object number `kind` of a node (1..127).

    Lists of two nodes differ at every counter: a frame that strays to another node is refused.
    """
    base = node_id | (kind & 1) << 7
    steps = _COUNTER_BITS[kind & 3]
    ids = bytearray(16)
    for counter in range(16):
        data_id = base
        for bit in range(4):
            if counter >> bit & 1:
                data_id ^= steps[bit]
        ids[counter] = data_id
    return ids


class Sender:
    """Protects frames of one object; `protect` writes CRC and counter in place."""

    def __init__(self, ids, leaves=native_leaves):
        self._ids = ids
        self._crc = leaves.crc8h2f
        self._counter = 15
        bind(self, "protect")

    def protect(self, frame):
        counter = (self._counter + 1) & 15
        self._counter = counter
        frame[1] = (frame[1] & 0xF0) | counter
        frame[0] = self._crc(TABLE, frame, self._ids[counter])


class Checker:
    """Judges frames of one object.

    `check` returns OK only for a frame that may be used: CRC right, counter 1..`step_max`
    after the last good one. After a refusal for the counter's step, or `restart()`,
    `resync_frames` good ones in a row are needed before OK comes again.
    """

    def __init__(self, ids, step_max, resync_frames, leaves=native_leaves):
        self._ids = ids
        self._crc = leaves.crc8h2f
        self._step_max = step_max
        self._resync_frames = resync_frames
        self._last = -1
        self._needed = resync_frames
        self.crc_errors = 0
        self.counter_errors = 0
        self.length_errors = 0
        bind(self, "check")

    def restart(self):
        """Demand a new run of good frames, as after a silence."""
        self._needed = self._resync_frames

    def check(self, frame, length):
        if length != 8:
            self.length_errors = (self.length_errors + 1) & 0x1FFFFFFF
            return WRONG_LENGTH
        counter = frame[1] & 15
        if self._crc(TABLE, frame, self._ids[counter]) != frame[0]:
            self.crc_errors = (self.crc_errors + 1) & 0x1FFFFFFF
            self._interrupt_resync()
            return WRONG_CRC
        last = self._last
        step = (counter - last) & 15
        if last >= 0 and step == 0:
            self.counter_errors = (self.counter_errors + 1) & 0x1FFFFFFF
            self._interrupt_resync()
            return REPEATED
        self._last = counter
        if last >= 0 and step > self._step_max:
            self.counter_errors = (self.counter_errors + 1) & 0x1FFFFFFF
            self._needed = self._resync_frames
            return WRONG_STEP
        if self._needed > 1:
            self._needed -= 1
            return RESYNCHRONISING
        self._needed = 0
        return OK

    def _interrupt_resync(self):
        if self._needed:
            self._needed = self._resync_frames
