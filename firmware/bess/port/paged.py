"""A storage region in pages, for a board whose files lie on NOR flash."""

from bess.port.interpreter import const
from bess.port.storage import FileRegion

PAGE_BYTES = const(4096)  # a block of littlefs there
_ENOENT = const(2)


class PagedRegion:
    """A region in files of one block each, path0.bin and on, made as they are written.

    littlefs copies what lies behind a write to the end of its file: 94 blocks for the oldest
    second of a trend. Here a write costs the blocks it lies in.
    """

    def __init__(self, path, size):
        self.size = size
        self._path = path

    def _pieces(self, offset, data):
        """(path of a page, offset in it, piece of data) of what lies from `offset` on."""
        at = 0
        while at < len(data):
            inside = (offset + at) % PAGE_BYTES
            piece = memoryview(data)[at : at + PAGE_BYTES - inside]
            yield "%s%d.bin" % (self._path, (offset + at) // PAGE_BYTES), inside, piece
            at += len(piece)

    def readinto(self, offset, buffer):
        """0xFF where no page is."""
        for path, inside, piece in self._pieces(offset, buffer):
            count = 0
            try:
                with open(path, "rb") as file:
                    file.seek(inside)
                    count = file.readinto(piece)
            except OSError as error:
                if error.errno != _ENOENT:
                    raise
            for i in range(count, len(piece)):
                piece[i] = 0xFF

    def write(self, offset, data):
        """Raises ValueError beyond the end."""
        if offset + len(data) > self.size:
            raise ValueError("write beyond the end of the region")
        for path, inside, piece in self._pieces(offset, data):
            FileRegion(path, PAGE_BYTES).write(inside, piece)
