"""Storage in RAM, for boards of a test and for the host."""


class MemoryRegion:
    """A region in RAM: the virtual board's default, and the model that tests cut short."""

    def __init__(self, size):
        self.size = size
        self._data = None  # taken when it is first written: large regions are seldom used

    def readinto(self, offset, buffer):
        count = len(buffer)
        part = self._data[offset : offset + count] if self._data else b""
        buffer[:] = part + b"\xff" * (count - len(part))  # as beyond the end of a file

    def write(self, offset, data):
        """Raises ValueError beyond the end."""
        if offset + len(data) > self.size:
            raise ValueError("write beyond the end of the region")
        if self._data is None:
            self._data = bytearray(b"\xff" * self.size)
        self._data[offset : offset + len(data)] = data

    def erase(self):
        """Back to what was never written."""
        self._data = None
