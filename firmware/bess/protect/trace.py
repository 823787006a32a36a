"""What went on around a trip, and the trend: fixed records in rings.

The trace samples every 100 ms into RAM and freezes 15 s after a trip, so that it holds
15 s before and after it; frozen traces go to storage when the board may write. The trend
keeps one record a second as long as its region allows.
"""

from binascii import crc32
from struct import pack_into

from bess.port.interpreter import bind, const
from bess.port.ring import RECORD as TREND
from bess.port.ring import Ring

SAMPLES = const(300)
AFTER = const(150)
RECORD = const(20)  # current, string, link i32 mA, mV; cell min, max u16 dmv; temp min, max i16 dc
# sequence u32; current, string i32; cell min, max u16; temp min i16, max i8 degC; SOC u8 0.5 %;
# seconds that it is the mean of u16, 0: one; check u16
TREND_FORMAT = "<IiiHHhbBH"
# what was not yet measured, in a trace
UNSEEN = const(-0x3FFFFFFF)
UNSEEN_DMV = const(0xFFFF)
UNSEEN_DC = const(-0x8000)
_HEADER = const(8)
_SECOND = const(6008)  # where the header stands again: one damaged bit hides no trace
_FORMAT = "<iiiHHhh"


class Trace:
    """`sample(...)` every 100 ms; `freeze()` at a trip. A DOMAIN: size(), read(offset, count).

    The newest frozen trace stands in `region` behind a header of 8 bytes: magic, count of samples
    u16, CRC-16 over them, count of traces u8, 0. The header stands again behind the last place
    of a sample, so that no damaged bit hides a trace.
    """

    def __init__(self, region):
        self._region = region
        self._ring = bytearray(SAMPLES * RECORD)
        self._at = 0
        self._filled = 0
        self._left = -1  # samples until the ring freezes; -1: no trip
        self.writing = -1  # next sample to write, -1: no frozen trace waits
        self._crc = 0
        try:
            header = self._header()
        except OSError:
            header = None  # the next trace tells whether the region takes one
        self.count = header[6] if header else 0
        bind(self, "sample", "busy")

    def _header(self):
        """The header of a trace, None where none is.

        Where its two copies differ, the one counts that the samples' CRC belongs to.
        """
        found = None
        for at in (0, _SECOND):
            header = bytearray(_HEADER)
            self._region.readinto(at, header)
            count = header[2] | header[3] << 8
            if header[0:2] != b"TR" or count > SAMPLES or header == found:
                continue
            if found is None:
                found = header
                continue
            record = bytearray(RECORD)
            crc = 0
            for number in range(count):
                self._region.readinto(_HEADER + number * RECORD, record)
                crc = crc32(record, crc)
            if crc & 0xFFFF == header[4] | header[5] << 8:
                found = header
        return found

    def busy(self):
        """A trip's trace is still being taken or written."""
        return self._left >= 0 or self.writing >= 0

    def freeze(self):
        """A trip came; a second one meanwhile belongs to the same trace."""
        if not self.busy():
            self._left = AFTER

    def sample(
        self, current_ma, string_mv, link_mv, cell_min, cell_max, temp_min, temp_max,
        string_seen=True, cells_seen=True,
    ):  # fmt: skip
        """One record, with what was seen; allocates nothing."""
        if self.writing >= 0:
            return
        if not string_seen:
            current_ma = string_mv = link_mv = UNSEEN
        if not cells_seen:
            cell_min = cell_max = UNSEEN_DMV
            temp_min = temp_max = UNSEEN_DC
        pack_into(
            _FORMAT, self._ring, self._at * RECORD, current_ma, string_mv, link_mv, cell_min,
            cell_max, temp_min, temp_max,
        )  # fmt: skip
        self._at = (self._at + 1) % SAMPLES
        self._filled = min(self._filled + 1, SAMPLES)
        if self._left > 0:
            self._left -= 1
            if self._left == 0:
                self._left = -1
                self.writing = 0
                self._crc = 0

    def flush(self, most):
        """Write up to `most` samples of a frozen trace; the headers come last."""
        while most > 0 and self.writing >= 0:
            number = self.writing
            if number == self._filled:
                self._finish()
                return
            if number == 0:
                for at in (0, _SECOND):
                    self._region.write(at, b"\xff\xff")  # the old trace is no longer whole
            at = (self._at - self._filled + number) % SAMPLES
            count = min(most, self._filled - number, SAMPLES - at)
            records = memoryview(self._ring)[at * RECORD : (at + count) * RECORD]
            self._region.write(_HEADER + number * RECORD, records)
            self._crc = crc32(records, self._crc)
            self.writing += count
            most -= count

    def _finish(self):
        self.count = (self.count + 1) & 0xFF
        header = bytearray(_HEADER)
        header[0:2] = b"TR"
        pack_into("<HHBB", header, 2, self._filled, self._crc & 0xFFFF, self.count, 0)
        for at in (_SECOND, 0):
            self._region.write(at, header)
        self.writing = -1
        self._filled = 0

    def size(self):
        header = self._header()
        return _HEADER + (header[2] | header[3] << 8) * RECORD if header else 0

    def read(self, offset, count):
        part = bytearray(count)
        self._region.readinto(offset, part)
        if offset < _HEADER:
            header = self._header()
            if header:
                head = header[offset : offset + count]
                part[: len(head)] = head
        return part


class Trend(Ring):
    """24 bytes a second: sequence, current, string, cells, temperatures, SOC, seconds, check."""

    def append(self, current_ma, string_mv, cell_min, cell_max, temp_min, temp_max, soc_cpct):
        record = self.record
        self.pack(
            record, 0, current_ma, string_mv, cell_min, cell_max, temp_min, temp_max, soc_cpct, 0
        )
        self.write(record)

    def pack(
        self, records, at, current_ma, string_mv, cell_min, cell_max, temp_min, temp_max,
        soc_cpct, seconds,
    ):  # fmt: skip
        """Fill the record that begins at a byte; seconds: it is the mean of so many, 0: one."""
        pack_into(
            TREND_FORMAT, records, at, 0, current_ma, string_mv, cell_min, cell_max,
            temp_min, min(max((temp_max + 5) // 10, -128), 127), soc_cpct // 50, seconds,
        )  # fmt: skip

    def size(self):
        return self.records() * TREND

    def read(self, offset, count):
        """Bytes of the ring as it lies; the sequence tells the order."""
        part = bytearray(count)
        self.readinto(offset, part)
        return part
