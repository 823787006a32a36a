"""Where an image runs from: the ROMFS partition of a board, or its heap where there is none."""

_EIO = 5
_COUNT = 1
_SEGMENT = 2
_PREPARE = 3
_WRITE = 4
_COMPLETE = 5
_MIN_PREPARE = 6


class Partition:
    """ROMFS partition 0 by vfs.rom_ioctl (MicroPython 1.29); errors raise OSError.

    `view()` is what VfsRom mounts and what hashes are taken of, memory-mapped.
    """

    def __init__(self, vfs):
        self._ioctl = vfs.rom_ioctl
        self._segment = vfs.rom_ioctl(_SEGMENT, 0)
        self._is_device = hasattr(self._segment, "ioctl")

    def view(self):
        return memoryview(self._segment)

    @property
    def size(self):
        if self._is_device:
            return self._segment.ioctl(4, 0) * self._segment.ioctl(5, 0)
        return len(self._segment)

    def erase(self, size):
        """Erase enough for an image of `size` bytes, block by block."""
        if self._is_device:
            block = self._segment.ioctl(5, 0)
            for number in range((size + block - 1) // block):
                self._check(self._segment.ioctl(6, number))
            return
        block = self._ioctl(_MIN_PREPARE, 0)
        if block <= 0:
            self._check(self._ioctl(_PREPARE, 0, size))
            return
        for offset in range(0, size, block):
            self._check(self._ioctl(_PREPARE, 0, offset, block))

    def write(self, offset, data):
        """Write erased memory; `data` grows to whole 16 bytes, which every port can write."""
        data += b"\xff" * (-len(data) % 16)
        if self._is_device:
            block = self._segment.ioctl(5, 0)
            self._check(self._segment.writeblocks(offset // block, data, offset % block))
        else:
            self._check(self._ioctl(_WRITE, 0, offset, data))

    def complete(self):
        if not self._is_device:
            self._check(self._ioctl(_COMPLETE, 0))

    def _check(self, result):
        if result is not None and result is not False and result < 0:
            raise OSError(-result)


class Heap:
    """A board without ROMFS: the image is read into RAM at each start."""

    size = 262144

    def __init__(self):
        self._data = b""

    def view(self):
        return memoryview(self._data)

    def erase(self, size):
        self._data = bytearray(size)

    def write(self, offset, data):
        self._data[offset : offset + len(data)] = data

    def complete(self):
        """It stands."""


def find(vfs):
    """The board's place for an image."""
    if hasattr(vfs, "rom_ioctl") and vfs.rom_ioctl(_COUNT) > 0:
        return Partition(vfs)
    return Heap()
