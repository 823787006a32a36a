"""Storage in RAM, for boards of a test and for the host."""


class MemoryRegion:
    """A region in RAM: the virtual board's default, and the model that tests cut short."""

    def __init__(self, size):
        self.size = size
        self._data = None  # taken when it is first written: large regions are seldom used

    def readinto(self, offset, buffer):
        for i in range(len(buffer)):
            buffer[i] = self._data[offset + i] if self._data else 0xFF

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
