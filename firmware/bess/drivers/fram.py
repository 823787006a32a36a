"""Serial FRAM of 512 KiB (Infineon CY15B104Q, Fujitsu MB85RS4MT): a write never stalls.

Opcodes from the data sheets: WREN 06h, WRITE 02h and READ 03h with three address bytes. A write
is in the cells when its last bit has been clocked in; the write-enable latch falls with
the chip select, so that every write sets it again.
"""

from bess.port.interpreter import const

_WREN = const(0x06)
_WRITE = const(0x02)
_READ = const(0x03)
SIZE = const(524288)


class Fram:
    """`read(address, buffer)`, `write(address, data)`; spi: mode 0 or 3, cs: a pin, active low."""

    def __init__(self, spi, cs):
        self._spi = spi
        self._cs = cs
        self._head = bytearray(4)
        self._enable = bytes((_WREN,))
        cs.value(1)

    def _begin(self, opcode, address):
        head = self._head
        head[0] = opcode
        head[1] = address >> 16
        head[2] = address >> 8 & 0xFF
        head[3] = address & 0xFF
        self._cs.value(0)
        self._spi.write(head)

    def read(self, address, buffer):
        self._begin(_READ, address)
        self._spi.readinto(buffer)
        self._cs.value(1)

    def write(self, address, data):
        cs = self._cs
        cs.value(0)
        self._spi.write(self._enable)
        cs.value(1)
        self._begin(_WRITE, address)
        self._spi.write(data)
        cs.value(1)


class FramRegion:
    """A storage region (bess.port.storage) on a part of the chip; a write is read back.

    Raises ValueError beyond its end, OSError when what reads back differs.
    """

    def __init__(self, fram, start, size):
        self._fram = fram
        self._start = start
        self.size = size

    def readinto(self, offset, buffer):
        self._fram.read(self._start + offset, buffer)

    def write(self, offset, data):
        if offset + len(data) > self.size:
            raise ValueError("write beyond the end of the region")
        self._fram.write(self._start + offset, data)
        again = bytearray(len(data))
        self._fram.read(self._start + offset, again)
        if again != data:
            raise OSError(5)  # EIO

    def erase(self):
        """Back to what was never written."""
        blank = b"\xff" * 64
        for offset in range(0, self.size, 64):
            self.write(offset, blank[: self.size - offset])


class FramBytes:
    """Single bytes by index, as protect.latches wants its memory; nothing allocates."""

    def __init__(self, fram, start):
        self._fram = fram
        self._start = start
        self._byte = bytearray(1)

    def __getitem__(self, index):
        self._fram.read(self._start + index, self._byte)
        return self._byte[0]

    def __setitem__(self, index, value):
        self._byte[0] = value
        self._fram.write(self._start + index, self._byte)
