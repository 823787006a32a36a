"""Emergency objects: queue of what must be sent, history 0x1003, error register 0x1001."""

from array import array

from bess.link import abort
from bess.port.interpreter import const

_QUEUE = const(32)
_HISTORY = const(16)
_EMCY = const(0x080)


class Emergencies:
    """`put` queues an EMCY and enters it into the history; `transmit` sends what waits.

    `register` is the error register of the newest one, `lost` counts those the queue could
    not take. `history` gives the newest first: code | item << 16 | level << 24.
    """

    def __init__(self, port):
        self._port = port
        self._frame = bytearray(8)
        self._queue = bytearray(8 * _QUEUE)
        self._head = 0
        self._tail = 0
        self._codes = array("H", bytes(2 * _HISTORY))
        self._items = bytearray(_HISTORY)
        self._levels = bytearray(_HISTORY)
        self.count = 0
        self.register = 0
        self.lost = 0

    def put(self, code, register, item, level):
        """Queue an EMCY: error code (0 = cleared), error register, fault id and level."""
        self.register = register
        if code:
            i = _HISTORY - 1
            while i:
                self._codes[i] = self._codes[i - 1]
                self._items[i] = self._items[i - 1]
                self._levels[i] = self._levels[i - 1]
                i -= 1
            self._codes[0] = code
            self._items[0] = item
            self._levels[0] = level
            self.count = min(self.count + 1, _HISTORY)
        following = (self._head + 1) % _QUEUE
        if following == self._tail:
            self.lost = (self.lost + 1) & 0x1FFFFFFF
            return
        at = self._head * 8
        queue = self._queue
        queue[at] = code & 0xFF
        queue[at + 1] = code >> 8
        queue[at + 2] = register
        queue[at + 3] = item
        queue[at + 4] = level
        queue[at + 5] = queue[at + 6] = queue[at + 7] = 0
        self._head = following

    def transmit(self, node_id):
        """Send what waits, as long as the controller takes it."""
        out = self._frame
        while self._tail != self._head:
            at = self._tail * 8
            i = 0
            while i < 8:
                out[i] = self._queue[at + i]
                i += 1
            if not self._port.send(_EMCY + node_id, out):
                return
            self._tail = (self._tail + 1) % _QUEUE

    @property
    def history(self):
        """Entries of 0x1003, newest first, None where there is none."""
        return [
            self._codes[i] | self._items[i] << 16 | self._levels[i] << 24
            if i < self.count
            else None
            for i in range(_HISTORY)
        ]

    def clear_history(self, value):
        """A write of 0 to 0x1003:0 clears it; anything else is refused."""
        if value:
            return abort.VALUE
        self.count = 0
        return abort.NONE
