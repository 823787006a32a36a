"""machine.CAN as bess.link.can_port wants it: filters and handler survive a restart.

On some ports `restart()` and `init()` forget the filters and the interrupt, and a restart before
the first irq() is a fault of the port; so both are set anew each time.
"""

from bess.port.interpreter import const

_PARTS = const(4)


def _nothing(controller):
    """Until somebody listens."""


class CanController:
    """can: a machine.CAN; the rest is of its shape."""

    def __init__(self, can):
        self._can = can
        self.IRQ_RX = can.IRQ_RX
        self.STATE_BUS_OFF = can.STATE_BUS_OFF
        self.recv = can.recv
        self.send = can.send
        self.state = can.state
        self._filters = ()
        self._handler = _nothing
        self._set_again()

    def _set_again(self):
        self._can.set_filters(self._filters)
        self._can.irq(self._handler, self.IRQ_RX)

    def set_filters(self, filters):
        self._filters = filters
        self._can.set_filters(filters)

    def irq(self, handler, trigger):
        self._handler = handler
        self._can.irq(handler, trigger)

    def restart(self):
        self._can.restart()
        self._set_again()

    def init(self, bitrate):
        self._can.init(bitrate)
        self._set_again()


class SharedCan:
    """One controller with two faces, for boards that have one: a lone cabinet on a bench.

    Site and cabinet bus are the same wires then, so node ids 33..40 would meet the current
    sensor's identifiers (521h..528h).
    """

    def __init__(self, controller):
        self.controller = controller
        self.faces = (_Face(self), _Face(self))
        self._slot = [0, memoryview(bytearray(64)), 0, 0]
        controller.irq(self._drain, controller.IRQ_RX)

    def set_filters(self):
        self.controller.set_filters(list(self.faces[0].filters) + list(self.faces[1].filters))

    def _drain(self, controller):
        slot = self._slot
        while controller.recv(slot) is not None:
            for face in self.faces:
                face.offer(slot)


class _Face:
    """Half of a SharedCan, of the shape of machine.CAN."""

    def __init__(self, shared):
        self._shared = shared
        can = shared.controller
        self.IRQ_RX = can.IRQ_RX
        self.STATE_BUS_OFF = can.STATE_BUS_OFF
        self.send = can.send
        self.state = can.state
        self.restart = can.restart
        self.init = can.init
        self.filters = ()
        self._handler = _nothing
        self._offered = None

    def set_filters(self, filters):
        self.filters = filters
        self._shared.set_filters()

    def irq(self, handler, trigger):
        self._handler = handler

    def offer(self, slot):
        """A frame has come: ours if one of our filters takes it."""
        for identifier, mask, _flags in self.filters:
            if (slot[0] ^ identifier) & mask == 0:
                self._offered = slot
                self._handler(self)
                return

    def recv(self, slot):
        offered = self._offered
        if offered is None:
            return None
        self._offered = None
        for i in range(_PARTS):
            slot[i] = offered[i]
        return slot
