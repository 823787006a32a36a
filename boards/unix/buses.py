"""The virtual cabinet's buses: CAN controllers of the shape of machine.CAN, and isoSPI."""

import struct

import wire
from bess.port.interpreter import bind, const
from link import pack_into

_put_halves = struct.pack_into
_FRAMES = const(4)  # in a TICK, in halfwords (wire.py)


class VirtualCan:
    """A controller of the shape of machine.CAN on one bus of the virtual cabinet."""

    IRQ_RX = 1
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2

    def __init__(self, link, bus):
        self._link = link
        self._bus = bus
        self._at = 0
        self._end = 0
        self._handler = None
        self._bytes = bytearray(8)  # of the frame that recv gave last
        view = memoryview(self._bytes)
        self._data = [view[:length] for length in range(9)]
        link.controllers.append(self)
        bind(self, "begin", "recv", "send")

    def set_filters(self, filters):
        link = self._link
        link.queue_frame(wire.BUS_FILTER | self._bus, 0, b"")
        for identifier, mask, _flags in filters:
            mask_bytes = bytes((mask & 0xFF, mask >> 8, 0, 0))
            link.queue_frame(wire.BUS_FILTER | self._bus, identifier, mask_bytes)

    def irq(self, handler, trigger):
        self._handler = handler

    def begin(self):
        """A TICK brought frames, sorted by bus: the receive interrupt."""
        tick = self._link.tick
        start = tick[_FRAMES] if self._bus else 0
        self._at = start
        self._end = start + tick[_FRAMES + self._bus]
        if self._at != self._end and self._handler is not None:
            self._handler(self)

    def recv(self, slot):
        record = self._at
        if record == self._end:
            return None
        self._at = record + 1
        rx = self._link.rx
        at = record << 3
        _put_halves("<4H", self._bytes, 0, rx[at + 4], rx[at + 5], rx[at + 6], rx[at + 7])
        slot[0] = rx[at]
        marks = rx[at + 1]
        slot[1] = self._data[rx[at + 2] & 0xFF]
        slot[2] = (2 if marks & 0x8000 else 0) | (1 if marks & 0x4000 else 0)
        slot[3] = 0
        return slot

    def send(self, can_id, data, flags=0):
        return 0 if self._link.queue_frame(self._bus, can_id, data) else None

    def state(self):
        off = self._link.flags & wire.TICK_BUS_OFF << self._bus
        return self.STATE_BUS_OFF if off else self.STATE_ACTIVE

    def restart(self):
        self._link.queue_frame(wire.BUS_CONTROL | self._bus, wire.CONTROL_RESTART, b"")

    def init(self, bitrate):
        self._link.queue_frame(
            wire.BUS_CONTROL | self._bus, wire.CONTROL_BIT_RATE, struct.pack("<I", bitrate)
        )


class VirtualSpi:
    """The isoSPI bridge: reads are answered from the register images of the newest TICK.

    A read whose command bytes are not one of the known ones with its right PEC is answered
    like by chips that ignore it: all ones. Everything else travels to the chip model.
    """

    def __init__(self, link):
        self._link = link
        self._number = {}
        for number, code in enumerate(wire.GROUPS):
            self._number[code] = number
        self._image_format = "%ds" % len(link.groups[0])
        bind(self, "write_readinto")

    def write_readinto(self, tx, rx):
        command = tx[0] << 8 | tx[1]
        number = self._number.get(command, -1)
        if number < 0:
            self._link.queue_spi(tx)
            return
        pack_into(self._image_format, rx, 4, self._link.groups[number])


class ChipSelect:
    """Chip select of the isoSPI bridge: the edges around a transaction wake the chain."""

    value = bool  # takes the level and does nothing
