"""The virtual cabinet's board: devices of the shape of `machine`, over one TCP link.

Runs on MicroPython's unix port and on CPython. In lockstep (the default) time is what
the host says and nothing is ever polled: one blocking read per TICK, one write per
DONE, neither of which allocates.
"""

import gc
import sys
from hashlib import sha256

import wire

try:
    import machine
except ImportError:  # CPython
    machine = None
from bess import lines
from bess.console import Console
from bess.port.base import BoardBase
from bess.port.interpreter import heap_lock, heap_unlock, keyboard_interrupt
from bess.port.storage import FileRegion
from bess.protect.history import provision
from buses import ChipSelect, VirtualCan, VirtualSpi
from clocks import LockstepClock, RealClock, Watchdog
from link import Link, Stream
from pins import AnalogPin, Drive, InputPins, OutputPin

_COLLECT_TICKS = 100


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
        self.drive = Drive(link)
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
