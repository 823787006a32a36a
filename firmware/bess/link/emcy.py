"""Emergency objects: queue of what must be sent, history 0x1003, error register 0x1001."""

from array import array

from bess.link import abort
from bess.port.interpreter import bind, const

_QUEUE = const(32)
_HISTORY = const(16)
_EMCY = const(0x080)


class Emergencies:
    """`put` queues an EMCY and enters it into the history; `transmit` sends what waits.

    `register` is the error register of the newest one, `lost` counts those the queue could
    not take. `history` gives the newest first: code | item << 16 | level << 24 | part << 27.
    """

    def __init__(self, port):
        self._port = port
        self._queue = tuple([bytearray(8) for _ in range(_QUEUE)])
        self._head = 0
        self._tail = 0
        self._codes = array("H", bytes(2 * _HISTORY))
        self._items = bytearray(_HISTORY)
        self._levels = bytearray(_HISTORY)
        self._newest = 0
        self.count = 0
        self.register = 0
        self.lost = 0
        bind(self, "transmit")

    def put(self, code, register, item, level, part=0):
        """Queue an EMCY: error code (0 = cleared), error register, fault id, level (0..7), part of
        the device (0 for all of it, 1..31).
        """
        self.register = register
        if code:
            newest = (self._newest + 1) % _HISTORY
            self._newest = newest
            self._codes[newest] = code
            self._items[newest] = item
            self._levels[newest] = level | part << 3
            self.count = min(self.count + 1, _HISTORY)
        following = (self._head + 1) % _QUEUE
        if following == self._tail:
            self.lost = (self.lost + 1) & 0x1FFFFFFF
            return
        frame = self._queue[self._head]
        frame[0] = code & 0xFF
        frame[1] = code >> 8
        frame[2] = register
        frame[3] = item
        frame[4] = level
        frame[5] = part
        self._head = following

    def transmit(self, node_id):
        """Send what waits, as long as the controller takes it."""
        while self._tail != self._head:
            if not self._port.send(_EMCY + node_id, self._queue[self._tail]):
                return
            self._tail = (self._tail + 1) % _QUEUE

    def history(self):
        """Entries of 0x1003, newest first, None where there is none."""
        found = []
        for age in range(_HISTORY):
            i = (self._newest - age) % _HISTORY
            entry = self._codes[i] | self._items[i] << 16 | self._levels[i] << 24
            found.append(entry if age < self.count else None)
        return found

    def clear_history(self, value):
        """A write of 0 to 0x1003:0 clears it; anything else is refused."""
        if value:
            return abort.VALUE
        self.count = 0
        return abort.NONE
