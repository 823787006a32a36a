"""Storage that survives a power cut at any byte: regions, and two framed slots on one.

A region is any object with `size`, `readinto(offset, buffer)` and `write(offset, data)`;
a board offers them by name: FRAM, or files. On NOR flash the files lie on littlefs, which
copies a block before it erases one; tests cut it at every programmed byte and every erase.
"""

from binascii import crc32
from struct import pack, unpack_from

PROVISION_BYTES = 16384
_HEADER = 14  # magic u16, length u32, sequence u32; CRC-32 u32 over these and the payload
_MAGIC = 0xA7C5
_ENOENT = 2


class FileRegion:
    """A region in a file that grows as it is written; beyond its end all reads 0xFF."""

    def __init__(self, path, size):
        self.size = size
        self._path = path
        try:
            with open(path, "rb") as file:
                file.seek(0, 2)
                self._length = file.tell()
        except OSError as error:
            if error.errno != _ENOENT:
                raise  # what cannot be read may still be there: not to be emptied
            with open(path, "wb"):
                self._length = 0

    def readinto(self, offset, buffer):
        count = 0
        if offset < self._length:
            with open(self._path, "rb") as file:
                file.seek(offset)
                count = file.readinto(buffer)
        for i in range(count, len(buffer)):
            buffer[i] = 0xFF

    def write(self, offset, data):
        """Raises ValueError beyond the end."""
        end = offset + len(data)
        if end > self.size:
            raise ValueError("write beyond the end of the region")
        with open(self._path, "r+b") as file:
            if offset > self._length:
                file.seek(self._length)
                file.write(b"\xff" * (offset - self._length))
            file.seek(offset)
            file.write(data)
        self._length = max(self._length, end)

    def erase(self):
        """An empty file: overwriting a long one in place would copy all that follows."""
        with open(self._path, "wb"):
            self._length = 0


class SlotStore:
    """One value kept twice: `save` overwrites the older slot, `load` takes the newest whole one.

    A save that was cut anywhere leaves the former value. `load` returns bytes, or None when no
    slot is whole; `damaged` is True when something stood there that is not whole.
    """

    def __init__(self, region):
        self._region = region
        self._slot_bytes = region.size // 2
        self._newest = -1
        self._sequence = 0
        self.damaged = False

    def load(self):
        best = None
        self._newest = -1
        self._sequence = 0
        self.damaged = False
        for slot in range(2):
            found = self._read(slot)
            if found is None:
                continue
            sequence, payload = found
            if best is None or (sequence - self._sequence) & 0x3FFFFFFF < 0x20000000:
                best = payload
                self._sequence = sequence
                self._newest = slot
        return best

    def _read(self, slot):
        header = bytearray(_HEADER)
        self._region.readinto(slot * self._slot_bytes, header)
        magic, length, sequence, crc = unpack_from("<HIII", header)
        if magic == 0xFFFF and header == b"\xff" * _HEADER:
            return None  # never written
        if magic == _MAGIC and length <= self._slot_bytes - _HEADER:
            payload = bytearray(length)
            self._region.readinto(slot * self._slot_bytes + _HEADER, payload)
            if crc32(payload, crc32(header[:10])) == crc:
                return sequence, bytes(payload)
        self.damaged = True
        return None

    def save(self, payload):
        """Store bytes; True when they read back whole. Raises ValueError when they are too long."""
        if len(payload) > self._slot_bytes - _HEADER:
            raise ValueError("value does not fit its slot")
        slot = 1 if self._newest == 0 else 0
        sequence = (self._sequence + 1) & 0x1FFFFFFF
        header = pack("<HII", _MAGIC, len(payload), sequence)
        header += pack("<I", crc32(payload, crc32(header)))
        self._region.write(slot * self._slot_bytes, header + payload)
        found = self._read(slot)
        if found is None or found[1] != payload:
            return False
        self._newest = slot
        self._sequence = sequence
        return True


def provisioned(root):
    """Text of what `autarky provision` wrote: lines NAME=VALUE, "" where there is none."""
    stored = SlotStore(FileRegion(root + "/provision.bin", PROVISION_BYTES)).load()
    return stored.decode() if stored else ""
