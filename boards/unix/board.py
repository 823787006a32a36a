"""The virtual cabinet's board: devices of the shape of `machine`, over one TCP link.

Runs on MicroPython's unix port and on CPython. In lockstep (the default) time is what
the host says and nothing is ever polled: one blocking read per TICK, one write per
DONE, neither of which allocates.
"""

import gc
import socket
import struct
import sys
import time
from array import array
from hashlib import sha256

import wire

try:
    import machine
except ImportError:  # CPython
    machine = None
from bess import lines
from bess.console import Console
from bess.port.base import BoardBase
from bess.port.interpreter import const, heap_lock, heap_unlock, keyboard_interrupt
from bess.port.storage import FileRegion
from bess.protect.history import provision

_MICROPYTHON = sys.implementation.name == "micropython"
_COLLECT_TICKS = 100
_put_halves = struct.pack_into
# where things stand in a TICK, in halfwords (wire.py)
_LINES = const(2)
_CONTACTS = const(0x1FFF)  # those of bess.lines before the slots
_FRAMES = const(4)
_GROUPS = const(6)
_FLAGS = const(7)
_ANALOG = const(8)


def _pack_into(layout, target, at, source):
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

    def receive(self):
        """Wait for a TICK; False when the host ended the run or is gone."""
        stream = self._stream
        tick = self.tick
        if not stream.read_into(tick, wire.TICK_SIZE):
            raise EOFError
        self.now_ms = tick[0] | tick[1] << 16  # below 2**30, as time.ticks_ms() is
        frames = tick[_FRAMES] + tick[_FRAMES + 1]
        if not stream.read_into(self.rx, frames * wire.FRAME_SIZE):
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
        _pack_into("8s", done, (at << 2) + 8, data)
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
        _pack_into(self.spi_formats[size], spi, at + 2, tx)
        self.spi_count = at + 2 + size


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

    def write_readinto(self, tx, rx):
        command = tx[0] << 8 | tx[1]
        number = self._number.get(command, -1)
        if number < 0:
            self._link.queue_spi(tx)
            return
        _pack_into(self._image_format, rx, 4, self._link.groups[number])


class ChipSelect:
    """Chip select of the isoSPI bridge: the edges around a transaction wake the chain."""

    def value(self, level):
        pass


class InputPin:
    def __init__(self, link, bit):
        self._link = link
        self._bit = bit

    def value(self):
        return self._link.tick[_LINES + (self._bit >> 4)] >> (self._bit & 15) & 1


class InputPins:
    """Inputs by name, made when they are asked for: a cabinet uses few of the sixteen slots."""

    def __init__(self, link):
        self._link = link
        self._names = lines.names(lines.INPUTS)

    def __getitem__(self, name):
        """Raises KeyError for a name that no pin has."""
        if name in self._names:
            return InputPin(self._link, self._names.index(name))
        slot = int(name[4:]) if name[:4] == "slot" and name[4:].isdigit() else lines.SLOTS_MAX
        if slot >= lines.SLOTS_MAX:
            raise KeyError("no input is named " + name)
        return InputPin(self._link, wire.SLOT_BIT + slot)

    def read(self):
        """Every contact now, in the bits of bess.lines."""
        tick = self._link.tick
        return tick[_LINES] & _CONTACTS | tick[_LINES + 1] << lines.SLOTS


class AnalogPin:
    """A channel of the shape of machine.ADC."""

    def __init__(self, link, channel):
        self._link = link
        self._channel = channel

    def read_u16(self):
        return self._link.tick[_ANALOG + self._channel]


class OutputPin:
    def __init__(self, link, bit):
        self._link = link
        self._mask = 1 << bit

    def value(self, level):
        if level:
            self._link.outputs |= self._mask
        else:
            self._link.outputs &= ~self._mask


class LockstepClock:
    """Virtual time has no microseconds: budgets are judged in real time only."""

    def ticks_us(self):
        return 0

    def ticks_us_diff(self, later, earlier):
        return 0

    def wait_us(self, delay_us):
        """In lockstep the chain is ready at once."""


class RealClock:
    """Microseconds of processor time, for budgets in real time.

    Not of the wall: a virtual cabinet shares its cores with whatever else the host does, and to
    stand in line for one is no fault of the program. time.clock() is a float, and a float wants
    the heap; a tick has it locked.
    """

    def ticks_us(self):
        if not _MICROPYTHON:
            return time.process_time_ns() // 1000
        heap_unlock()
        try:
            return int(time.clock() * 1000000)
        finally:
            heap_lock()

    def ticks_us_diff(self, later, earlier):
        return later - earlier

    def wait_us(self, delay_us):
        """The virtual chain is ready at once."""


class Watchdog:
    """Counts its feeds; a real board's would reset the chip."""

    def __init__(self):
        self.feeds = 0

    def feed(self):
        self.feeds = (self.feeds + 1) & 0x1FFFFFFF


class WatchedRegion:
    """A storage region that refuses writes while the host says that it is broken."""

    def __init__(self, region, link):
        self._region = region
        self._link = link
        self.size = region.size
        self.readinto = region.readinto

    def write(self, offset, data):
        if self._link.flags & wire.TICK_STORAGE_BAD:
            raise OSError(5)  # EIO
        self._region.write(offset, data)


def backup_memory():
    """Where latches lie, on a chip that has such memory."""
    return machine.mem_backup()


def _exists(path):
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


class Devices(BoardBase):
    """All devices of the cabinet on one link; what a board's board.py offers to the app.

    settings: the text of the ANSWER; what was provisioned goes over it. `@state FOLDER` keeps
    storage in files, else it lies in RAM and survives a reset of the node only. start: what
    the loader knows of the running program (main.Start).
    """

    name = "unix"
    storage_safe_under_load = True  # like FRAM: a write never stalls the controller
    program_bytes = wire.ROM_BYTES

    def __init__(self, link, realtime, settings, start):
        self._state = ""
        self._cause = "power"
        super().__init__(start, settings)
        self._link = link
        self.site_can = VirtualCan(link, wire.BUS_SITE)
        self.cabinet_can = VirtualCan(link, wire.BUS_CABINET)
        self.afe_spi = VirtualSpi(link)
        self.afe_cs = ChipSelect()
        self.clock = RealClock() if realtime else LockstepClock()
        self.watchdog = Watchdog()
        self.inputs = InputPins(link)
        self.analog = {}
        for channel, name in enumerate(wire.ANALOG):
            self.analog[name] = AnalogPin(link, channel)
        self.outputs = {}
        for bit, name in enumerate(lines.names(lines.OUTPUTS)):
            self.outputs[name] = OutputPin(link, bit)
        self._slots = None
        self.storage = {}
        for name, size in wire.STORAGE:
            if self._state:
                self.storage[name] = FileRegion(self._state + "/" + name + ".bin", size)
            else:
                self.storage[name] = self._in_memory(size)
            if name != "parameters":
                self.storage[name] = WatchedRegion(self.storage[name], link)
        self._backup_region = None
        if hasattr(machine, "mem_backup"):  # the virtual chip's, provisioned as a board's
            self.backup = backup_memory()
        else:
            self._open_backup()
        self._nonces = 0

    def take(self, name, value):
        if name == "@cause":
            self._cause = value
        elif name == "@state":
            self._state = value
        else:
            super().take(name, value)

    def _open_backup(self):
        self.backup = bytearray(wire.BACKUP_BYTES)
        self._kept = bytearray(wire.BACKUP_BYTES)
        new = True
        if self._state:
            path = self._state + "/backup.bin"
            new = not _exists(path)
            self._backup_region = FileRegion(path, wire.BACKUP_BYTES)
            self._backup_region.readinto(0, self.backup)
            self._backup_region.readinto(0, self._kept)
        if new:
            provision(self.backup)  # a board's comes with its provisioning
            self.keep_backup()

    def keep_backup(self):
        """What the backup supply does on a board: after each tick, if anything changed."""
        if self._backup_region is None:
            if hasattr(machine, "mem_keep"):
                machine.mem_keep()
        elif self._kept != self.backup:
            self._kept[:] = self.backup
            self._backup_region.write(0, self._kept)

    def ram_intact(self):
        """A board's own march test of a slice; here the host says when it fails."""
        return not self._link.flags & wire.TICK_RAM_BAD

    def program_intact(self):
        """The host may say that it differs."""
        if self._link.flags & wire.TICK_PROGRAM_BAD:
            return False
        return super().program_intact()

    def reset_cause(self):
        return self._cause

    def reset(self):
        """What a reset of the chip does to the pins."""
        self._link.outputs = 0

    def slots(self):
        """Files beside the loader, RAM where there is none."""
        if self._root:
            return super().slots()
        if self._slots is None:
            from bess.port import slots

            regions = [self._in_memory(slots.SLOT_BYTES) for _ in (0, 1)]
            self._slots = slots.Slots(self._in_memory(slots.RECORD_BYTES), regions)
        return self._slots

    def _in_memory(self, size):
        from bess.port.memory import MemoryRegion

        return MemoryRegion(size)

    def random(self, count):
        """Repeatable, so that two runs of a seed agree; a real board asks its noise source."""
        self._nonces += 1
        return sha256(b"%d/%d" % (self.serial_number, self._nonces)).digest()[:count]


def tick(link, step):
    """One TICK and its DONE, heap locked as in a board's interrupts; False at the end."""
    heap_lock()
    try:
        if not link.receive():
            return False
    finally:
        heap_unlock()
    step(link.now_ms)
    heap_lock()
    try:
        link.send()
    finally:
        heap_unlock()
    return True


class Board(Devices):
    """Connects to the host: arguments are HOST PORT CABINET."""

    def __init__(self, arguments, start):
        host, port, cabinet = arguments[0], int(arguments[1]), int(arguments[2])
        self._stream = Stream(host, port)
        hello = bytearray(wire.HELLO_SIZE)
        hello[0:4] = wire.MAGIC
        hello[4] = wire.VERSION
        hello[5] = wire.KIND_CABINET
        hello[6] = cabinet & 0xFF
        hello[7] = cabinet >> 8
        self._stream.write(hello, wire.HELLO_SIZE)
        answer = bytearray(wire.ANSWER_SIZE)
        if not self._stream.read_into(answer, wire.ANSWER_SIZE) or answer[4] != wire.STATUS_OK:
            raise OSError("the virtual bus refused cabinet " + str(cabinet))
        size = answer[8] | answer[9] << 8 | answer[10] << 16
        text = bytearray(size)
        self._stream.read_into(text, size)
        link = Link(self._stream, answer[6] | answer[7] << 8)
        super().__init__(link, answer[5] != 0, bytes(text).decode(), start)

    def run(self, build):
        """Lockstep with the host until it ends the run (0), asks for a reset or is lost."""
        link = self._link
        cabinet = build()
        console = Console(self._root)
        keyboard_interrupt(-1)  # Ctrl-C is the console's to judge
        ticks = 0
        try:
            while tick(link, cabinet.step):
                ticks += 1
                self.keep_backup()
                if cabinet.restart:
                    return wire.EXIT_RESET
                if ticks >= _COLLECT_TICKS:  # the slack of a second, while the host works
                    ticks = 0
                    try:
                        if console.step(cabinet):
                            return wire.EXIT_RESET
                    except Exception as error:
                        cabinet.scheduler.note("console", error)
                    gc.collect()
            return 0
        except (EOFError, OSError):
            print("autarky firmware: the link to the virtual bus was cut", file=sys.stderr)
            return wire.EXIT_LINK
