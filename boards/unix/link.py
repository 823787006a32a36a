"""The cabinet's end of the link to the host: whole records in and out, and their buffers."""

import socket
import struct
import sys
from array import array

import wire
from bess.port.interpreter import bind, const

_MICROPYTHON = sys.implementation.name == "micropython"
# where things stand in a TICK, in halfwords (wire.py)
_FRAMES = const(4)
_GROUPS = const(6)
_FLAGS = const(7)


def pack_into(layout, target, at, source):
    """Copy without allocating; CPython wants bytes, MicroPython takes any buffer."""
    struct.pack_into(layout, target, at, source if _MICROPYTHON else bytes(source))


class Stream:
    """Exact reads into a buffer and whole writes, without allocation on MicroPython."""

    def __init__(self, host, port):
        self._socket = socket.socket()
        self._socket.connect(socket.getaddrinfo(host, port)[0][-1])
        self._socket.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY

    def read_into(self, buffer, size):
        """True when `size` bytes came; False when the link was closed."""
        if not size:
            return True
        if _MICROPYTHON:
            return self._socket.readinto(buffer, size) == size
        return self._socket.recv_into(buffer, size, socket.MSG_WAITALL) == size

    def write(self, buffer, size):
        if _MICROPYTHON:
            return self._socket.write(buffer, size) == size
        self._socket.sendall(memoryview(buffer).cast("B")[:size])
        return True


class Link:
    """Buffers of the newest TICK and of the DONE that is being filled.

    What comes is read as halfwords: a word beyond 2**30 would allocate on 32 bits.
    """

    def __init__(self, stream, device_count):
        self._stream = stream
        self.tick = array("H", bytes(wire.TICK_SIZE))
        self.rx = array("H", bytes(wire.RX_FRAMES_MAX * wire.FRAME_SIZE))
        self._done = array("I", bytes(wire.DONE_SIZE + wire.FRAMES_MAX * wire.FRAME_SIZE))
        self.tx_count = 0
        self.spi = bytearray(wire.SPI_MAX)
        self.spi_count = 0
        # one copy without allocation needs its format ready: a command, a write to all
        self.spi_formats = {4: "4s", 4 + device_count * 8: "%ds" % (4 + device_count * 8)}
        self._group_number = bytearray(2)
        self._group_bytes = device_count * 8
        self.groups = [bytearray(b"\xff" * self._group_bytes) for _ in wire.GROUPS]
        self.outputs = 0
        self.now_ms = 0
        self.flags = 0
        self.controllers = []
        bind(self, "receive", "send", "queue_frame", "queue_spi")

    def receive(self):
        """Wait for a TICK; False when the host ended the run or is gone."""
        stream = self._stream
        tick = self.tick
        if not stream.read_into(tick, wire.TICK_SIZE):
            raise EOFError
        self.now_ms = tick[0] | tick[1] << 16  # below 2**30, as time.ticks_ms() is
        frames = tick[_FRAMES] + tick[_FRAMES + 1]
        if frames and not stream.read_into(self.rx, frames * wire.FRAME_SIZE):
            raise EOFError
        groups = tick[_GROUPS]
        number = self._group_number
        while groups:
            groups -= 1
            if not stream.read_into(number, 2):
                raise EOFError
            if not stream.read_into(self.groups[number[0]], self._group_bytes):
                raise EOFError
        self.flags = tick[_FLAGS]
        if self.flags & wire.TICK_QUIT:
            return False
        for controller in self.controllers:
            controller.begin()
        return True

    def send(self):
        """Send the DONE of this tick and start the next one's."""
        done = self._done
        done[0] = self.outputs
        done[1] = self.tx_count
        done[2] = self.spi_count
        if not self._stream.write(done, wire.DONE_SIZE + self.tx_count * wire.FRAME_SIZE):
            raise EOFError
        if self.spi_count and not self._stream.write(self.spi, self.spi_count):
            raise EOFError
        self.tx_count = 0
        self.spi_count = 0

    def queue_frame(self, bus, can_id, data):
        """Append a frame to DONE; False when there is no room."""
        if self.tx_count >= wire.FRAMES_MAX:
            return False
        at = (self.tx_count << 2) + 4  # in words
        done = self._done
        done[at] = can_id
        done[at + 1] = len(data) | bus << 8
        pack_into("8s", done, (at << 2) + 8, data)
        self.tx_count += 1
        return True

    def queue_spi(self, tx):
        """Append a write transaction: its length and its bytes."""
        at = self.spi_count
        size = len(tx)
        if at + 2 + size > wire.SPI_MAX:
            raise OSError(12)  # ENOMEM: the driver broke its two transactions a tick
        spi = self.spi
        spi[at] = size & 0xFF
        spi[at + 1] = size >> 8
        pack_into(self.spi_formats[size], spi, at + 2, tx)
        self.spi_count = at + 2 + size
