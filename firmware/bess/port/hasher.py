"""SHA-256 of something long, a slice at a time."""

from binascii import hexlify
from hashlib import sha256

from bess.port.interpreter import const

_SLICE = const(4096)


class Hasher:
    """read(offset, count) gives bytes or a view; `size` bytes in all."""

    def __init__(self, read, size):
        self._read = read
        self._size = size
        self.restart()

    def restart(self):
        self._at = 0
        self._hash = sha256(b"")

    def step(self):
        """Hash one slice; the hexadecimal digest once it was the last one, else None."""
        count = min(_SLICE, self._size - self._at)
        self._hash.update(self._read(self._at, count))
        self._at += count
        if self._at < self._size:
            return None
        return hexlify(self._hash.digest()).decode()
