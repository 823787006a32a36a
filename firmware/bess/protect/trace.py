"""What went on around a trip, and the trend: fixed records in rings.

The trace samples every 100 ms into RAM and freezes 15 s after a trip, so that it holds
15 s before and after it; frozen traces go to storage when the board may write. The trend
keeps one record a second as long as its region allows.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from bess.port.interpreter import const
from bess.port.storage import newest_record

SAMPLES = const(300)
AFTER = const(150)
RECORD = const(20)  # current, string, link i32 mA, mV; cell min, max u16 dmv; temp min, max i16 dc
_TREND = const(24)  # sequence u32, the same 20 bytes but link: state u8, level u8, CRC u16 for it
_FORMAT = "<iiiHHhh"


class Trace:
    """`sample(...)` every 100 ms; `freeze()` at a trip. A DOMAIN: size(), read(offset, count).

    The newest frozen trace stands in `region` behind a header of 8 bytes: magic, sample at
    which the trip came, CRC-16, count of traces.
    """

    def __init__(self, region):
        self._region = region
        self._ring = bytearray(SAMPLES * RECORD)
        self._at = 0
        self._filled = 0
        self._left = -1  # samples until the ring freezes; -1: no trip
        self._writing = -1  # next sample to write
        self._crc = 0
        header = bytearray(8)
        region.readinto(0, header)
        self.count = header[6] if header[0:2] == b"TR" else 0

    @property
    def busy(self):
        """A trip's trace is still being taken or written."""
        return self._left >= 0 or self._writing >= 0

    def freeze(self):
        """A trip came; a second one meanwhile belongs to the same trace."""
        if not self.busy:
            self._left = AFTER

    def sample(self, current_ma, string_mv, link_mv, cell_min, cell_max, temp_min, temp_max):
        """One record; allocates nothing."""
        if self._writing >= 0:
            return
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
                self._writing = 0
                self._crc = 0

    def flush(self, most):
        """Write up to `most` samples of a frozen trace; the header comes last."""
        while most and self._writing >= 0:
            most -= 1
            number = self._writing
            if number == self._filled:
                self._finish()
                return
            at = (self._at - self._filled + number) % SAMPLES * RECORD
            record = self._ring[at : at + RECORD]
            if number == 0:
                self._region.write(0, b"\xff\xff")  # the old trace is no longer whole
            self._region.write(8 + number * RECORD, record)
            self._crc = crc32(record, self._crc)
            self._writing += 1

    def _finish(self):
        self.count = (self.count + 1) & 0xFF
        header = bytearray(8)
        header[0:2] = b"TR"
        pack_into("<HHBB", header, 2, self._filled, self._crc & 0xFFFF, self.count, 0)
        self._region.write(0, header)
        self._writing = -1
        self._filled = 0

    def size(self):
        header = bytearray(8)
        self._region.readinto(0, header)
        count = header[2] | header[3] << 8
        if header[0:2] != b"TR" or count > SAMPLES:
            return 0
        return 8 + count * RECORD

    def read(self, offset, count):
        part = bytearray(count)
        self._region.readinto(offset, part)
        return part


class Trend:
    """24 bytes a second: sequence, current, string, cells, temperatures, SOC, check."""

    def __init__(self, region):
        self._region = region
        self.capacity = region.size // _TREND
        self._record = bytearray(_TREND)
        self._sequence = newest_record(self._load, self.capacity) + 1

    def _load(self, position):
        record = self._record
        self._region.readinto(position * _TREND, record)
        sequence = unpack_from("<I", record)[0]
        good = crc32(record[:22]) & 0xFFFF == record[22] | record[23] << 8
        return sequence if good and sequence % self.capacity == position else -1

    def append(self, current_ma, string_mv, cell_min, cell_max, temp_min, temp_max, soc_cpct):
        record = self._record
        pack_into(
            "<IiiHHhbB", record, 0, self._sequence, current_ma, string_mv, cell_min, cell_max,
            temp_min, min(max((temp_max + 5) // 10, -128), 127), soc_cpct // 50,
        )  # fmt: skip
        pack_into("<H", record, 20, 0)
        pack_into("<H", record, 22, crc32(record[:22]) & 0xFFFF)
        self._region.write(self._sequence % self.capacity * _TREND, record)
        self._sequence += 1

    def size(self):
        return min(self._sequence, self.capacity) * _TREND

    def read(self, offset, count):
        """Bytes of the ring as it lies; the sequence tells the order."""
        part = bytearray(count)
        self._region.readinto(offset, part)
        return part
