"""A CAN controller drained into a preallocated ring.

Some controllers hold three frames only, so the receive interrupt empties them at
once; the tasks read the ring. Wraps any object of the shape of machine.CAN.
"""

from array import array

from bess.port.interpreter import bind, const, copy8
from bess.port.ticks import ticks_diff

# can.md: restart with growing pauses 0.1, 0.2 .. 3.2 s; a minute without trouble starts over
_FIRST_PAUSE_MS = const(100)
_LONGEST_PAUSE_MS = const(3200)
_FORGIVE_MS = const(60000)
_RING = const(64)
_MASK = const(63)


class CanPort:
    """Ring of 63 received frames and a send that never blocks.

    After `receive()` returned True the frame is in `rx_id`, `rx_length` and the eight bytes
    `rx_data` (zeros beyond the length), its own place in the ring until the next call. Extended
    and remote frames never pass: no service of ours uses them.
    `rx_lost` counts frames that found the ring full, `tx_lost` those that found the
    controller's queue full or the bus off.
    """

    def __init__(self, controller, filters):
        self._can = controller
        self._slot = [0, memoryview(bytearray(64)), 0, 0]  # machine.CAN.recv fills it
        self._ids = array("H", bytes(2 * _RING))
        self._lengths = bytearray(_RING)
        self._data = tuple([bytearray(8) for _ in range(_RING)])
        self._head = 0
        self._tail = 0  # the frame that was taken last: free at the next call
        self._next = 0
        self.rx_id = 0
        self.rx_length = 0
        self.rx_data = bytearray(8)
        self.rx_lost = 0
        self.tx_lost = 0
        self.bus_off = False
        self.bus_offs = 0
        self._off_ms = 0
        self._well_ms = 0
        self._pause_ms = _FIRST_PAUSE_MS
        bind(self, "receive", "hand_out", "send", "drain")
        controller.set_filters(filters)
        controller.irq(self.drain, controller.IRQ_RX)

    def drain(self, controller):
        """Empty the controller into the ring; the receive interrupt's handler."""
        slot = self._slot
        while controller.recv(slot) is not None:
            if slot[2] & 3:  # extended or remote
                continue
            head = self._head
            following = (head + 1) & _MASK
            if following == self._tail:
                self.rx_lost = (self.rx_lost + 1) & 0x1FFFFFFF
                continue
            self._ids[head] = slot[0]
            self._lengths[head] = len(slot[1])
            copy8(self._data[head], 0, slot[1])
            self._head = following

    def receive(self):
        """Take the oldest frame out of the ring; False when it is empty."""
        at = self._next
        self._tail = at
        if at == self._head:
            return False
        self.rx_id = self._ids[at]
        self.rx_length = self._lengths[at]
        self.rx_data = self._data[at]
        self._next = (at + 1) & _MASK
        return True

    def hand_out(self, receivers, most, now_ms):
        """Call receivers[id](id, data, length, now_ms) for up to `most` frames, oldest first.

        Of a frame whose identifier is not among them nobody is told.
        """
        ids = self._ids
        at = self._next
        while most and at != self._head:
            most -= 1
            self._tail = at
            self._next = following = (at + 1) & _MASK
            can_id = ids[at]
            receive = receivers.get(can_id)
            if receive is not None:
                receive(can_id, self._data[at], self._lengths[at], now_ms)
            at = following
        self._tail = at

    def send(self, can_id, data):
        """Queue a standard data frame; False (and counted) when it could not be queued."""
        queued = None
        if not self.bus_off:  # some controllers go on taking frames then
            try:
                queued = self._can.send(can_id, data)
            except OSError:
                pass
        if queued is None:
            self.tx_lost = (self.tx_lost + 1) & 0x1FFFFFFF
            return False
        return True

    def set_filters(self, filters):
        """Other acceptance filters: (identifier, mask, flags) each."""
        self._can.set_filters(filters)

    def set_bit_rate(self, kbit_s):
        """Another bit rate; the caller keeps silent around it."""
        self._can.init(kbit_s * 1000)

    def recover(self, now_ms):
        """Restart a controller that went bus-off, with growing pauses; call every 100 ms or so.

        `bus_off` tells the present state, `bus_offs` counts how often it was entered.
        """
        if self._can.state() != self._can.STATE_BUS_OFF:
            if self.bus_off:
                self.bus_off = False
                self._well_ms = now_ms
            elif self._pause_ms > _FIRST_PAUSE_MS:
                if ticks_diff(now_ms, self._well_ms) >= _FORGIVE_MS:
                    self._pause_ms = _FIRST_PAUSE_MS
            return
        if not self.bus_off:
            self.bus_off = True
            self.bus_offs = (self.bus_offs + 1) & 0x1FFFFFFF
            self._off_ms = now_ms
        if ticks_diff(now_ms, self._off_ms) >= self._pause_ms:
            self._pause_ms = min(self._pause_ms * 2, _LONGEST_PAUSE_MS)
            self._off_ms = now_ms
            self._can.restart()
