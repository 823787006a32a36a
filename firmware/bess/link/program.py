"""The program area of 0x1F50 (CiA 302-3): an image is staged here, and can be read back.

A header is written last, so that an unfinished download is never taken for an image.
"""

from binascii import crc32
from struct import pack, unpack

from bess.link import abort
from bess.port.interpreter import const

_HEADER = const(12)  # magic, length, CRC-32 of the image, u32 each
_MAGIC = const(0x214D4941)
_CHUNK = const(512)

EMPTY = const(0)
STAGED = const(1)

# 0x1F51, what a master may ask for
_CLEAR = const(3)
# 0x1F57, CiA 302-3: bit 0 in progress, error code above
_IN_PROGRESS = const(1)
_NO_VALID_PROGRAM = const(1 << 1)


class ProgramStore:
    """Sink (begin, write, end) and source (size, read) of the image on a storage region."""

    def __init__(self, region):
        self._region = region
        self._buffer = b""
        self._at = 0
        self._crc = 0
        self._writing = False
        self.state = EMPTY
        self._length = 0
        header = bytearray(_HEADER)
        region.readinto(0, header)
        magic, length, crc = unpack("<III", header)
        if magic == _MAGIC and length <= region.size - _HEADER:
            self.state = STAGED
            self._length = length
            self._crc = crc

    @property
    def crc(self):
        """CRC-32 of the staged image, 0 for none."""
        return self._crc if self.state == STAGED else 0

    @property
    def status(self):
        if self._writing:
            return _IN_PROGRESS
        return 0 if self.state == STAGED else _NO_VALID_PROGRAM

    def begin(self, size):
        if size > self._region.size - _HEADER:
            return abort.TOO_LONG
        self._forget()
        self._writing = True
        return abort.NONE

    def _forget(self):
        self._writing = False
        self.state = EMPTY
        self._region.write(0, b"\xff" * _HEADER)
        self._buffer = b""
        self._at = 0
        self._crc = 0

    def write(self, data):
        if not self._writing:
            return abort.STATE
        self._buffer += data
        if len(self._buffer) >= _CHUNK:
            return self._flush()
        return abort.NONE

    def _flush(self):
        data = self._buffer
        self._buffer = b""
        if _HEADER + self._at + len(data) > self._region.size:
            return abort.TOO_LONG
        self._region.write(_HEADER + self._at, data)
        self._at += len(data)
        self._crc = crc32(data, self._crc)
        return abort.NONE

    def end(self):
        refusal = self._flush()
        if refusal:
            return refusal
        self._writing = False
        self._region.write(0, pack("<III", _MAGIC, self._at, self._crc))
        self._length = self._at
        self.state = STAGED
        return abort.NONE

    def size(self):
        return self._length if self.state == STAGED else 0

    def read(self, offset, count):
        part = bytearray(count)
        self._region.readinto(_HEADER + offset, part)
        return part

    def control(self, command):
        """0x1F51: 3 clears the area; the other commands have no meaning for a staged image."""
        if command != _CLEAR:
            return abort.VALUE
        self._forget()
        return abort.NONE
