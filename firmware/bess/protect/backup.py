"""Small records in backup memory that outlive a loss of power at any byte of a write.

A record is kept in two framed halves, written in turns: sequence, payload, Fletcher-16. A cut
while one half is written leaves the other one whole.
"""

from bess.port.interpreter import const

_CHECK_BYTES = const(2)


def record_bytes(payload_bytes):
    """Room that a record takes in memory."""
    return 2 * (1 + payload_bytes + _CHECK_BYTES)


class Record:
    """`payload` (bytearray) as it was kept last; `keep()` writes it at once, allocating nothing.

    memory: bytearray-like that keeps its content without power; at: first byte of the record
    there. `blank` tells that no half was whole: the content was lost, or never written. `torn`:
    one half was not, and it may have been the newer one.
    """

    def __init__(self, memory, at, payload_bytes):
        self._memory = memory
        self._size = size = payload_bytes
        self._half = half = 1 + size + _CHECK_BYTES
        self.payload = bytearray(size)
        self._sequence = 0
        self._next = at
        self._first = at
        self.blank = True
        first, second = self._whole(at), self._whole(at + half)
        self.torn = first != second
        if first or second:
            newest = at
            if second and (not first or self._newer(memory[at + half], memory[at])):
                newest = at + half
            self.blank = False
            self._sequence = memory[newest]
            for i in range(size):
                self.payload[i] = memory[newest + 1 + i]
            self._next = self._other(newest)

    def _other(self, half_at):
        return self._first if half_at != self._first else self._first + self._half

    def _newer(self, a, b):
        return (a - b) & 0xFF < 128

    def _sum(self, at):
        """Fletcher-16 over sequence and payload, never what erased memory holds."""
        low, high = 0x5A, 0xA5
        memory = self._memory
        end = at + 1 + self._size
        while at < end:
            low = (low + memory[at]) % 255
            high = (high + low) % 255
            at += 1
        return low | high << 8

    def _whole(self, at):
        memory = self._memory
        check = at + 1 + self._size
        return memory[check] | memory[check + 1] << 8 == self._sum(at)

    def keep(self):
        """Write the payload into the older half."""
        memory = self._memory
        at = self._next
        check = at + 1 + self._size
        # the half is invalid until its check is whole again
        memory[check] = memory[check] ^ 0xFF
        self._sequence = (self._sequence + 1) & 0xFF
        memory[at] = self._sequence
        i = 0
        while i < self._size:
            memory[at + 1 + i] = self.payload[i]
            i += 1
        total = self._sum(at)
        memory[check] = total & 0xFF
        memory[check + 1] = total >> 8
        self._next = self._other(at)
        self.blank = False
