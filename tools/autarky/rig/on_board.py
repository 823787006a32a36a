"""Runs on a board: its flashed firmware, with chips, contacts and storage behind the console.

processor.py sends it into RAM by the raw REPL; nothing on the board is changed. To the host go
records: MARK, three u32, the kind (u32), and what belongs to it. A DONE (boards/unix/wire.py) is
one of them, of kind 0, and _TRAILER follows it. What lies between records was printed.

From the host come parts, of sizes that both know. Ctrl-C stays what it is, so that whoever holds
the cable gets the prompt at any instant, also from a firmware that hangs and after a host that died
in the middle of a TICK. Hence no part holds a byte 3: there it has a 0, and behind the part stands
how many there were and where (u14 each: seven bits in a byte, its highest bit set).
"""

import gc
import io
import json
import struct
import sys
import time

MARK = 0x1E
READ = 2  # number of the region, offset, size; the host answers with so many bytes
WRITE = 3  # number of the region, offset, size; the bytes follow
FACTS = 4  # size, 0, 0; JSON follows: what board and program are
ENDED = 5  # exit code, size, 0; text follows: the exception, if it was one
READY = 6  # 0, 0, 0: the cabinet is built, TICKs may come
HEAD_SIZE = 17
TRAILER_SIZE = 16  # us of the tick; of the collection before it, bytes of heap after and before it
SETTINGS_HEAD = 8  # front ends u16, realtime u8, 0, length of the settings u32
PART_MAX = 4096
BACKUP = 255  # number of the backup memory among the regions of wire.STORAGE
NO_PROGRAM = "no program"
OTHER_IMAGE = "other image"
_TRAILER = "<4I"
_COLLECT_TICKS = 100  # as boards/unix/board.py
_FAILED = 1


class Cable:
    """The stream of a Link, of one write each tick, and records; no read or write allocates.

    room: bytes of the longest DONE. waited_us: time that reads of storage took since it was set.
    """

    def __init__(self, source, sink, room):
        self._readinto = source.readinto
        self._write = sink.write
        self._pair = bytearray(2)
        self._head = bytearray(HEAD_SIZE)
        self._trailer = bytearray(TRAILER_SIZE)
        self._raw = bytearray(1 + room + TRAILER_SIZE)
        self._raw[0] = MARK
        self._out = io.BytesIO()
        self._out.write(self._raw)
        self._out.seek(1)
        self.write = self._out.write
        self.waited_us = 0

    def read_into(self, buffer, size):
        """One part; False when the host has gone."""
        if not size:
            return True
        readinto, pair = self._readinto, self._pair
        if readinto(buffer, size) != size or readinto(pair, 2) != 2:
            return False
        count = (pair[0] & 0x7F) << 7 | pair[1] & 0x7F
        while count:
            count -= 1
            if readinto(pair, 2) != 2:
                return False
            struct.pack_into("B", buffer, (pair[0] & 0x7F) << 7 | pair[1] & 0x7F, 3)
        return True

    def finish(self, tick_us, collect_us, heap, heap_before):
        """The DONE that was written, and its trailer."""
        out, raw = self._out, self._raw
        struct.pack_into(_TRAILER, self._trailer, 0, tick_us, collect_us, heap, heap_before)
        out.write(self._trailer)
        end = out.tell()
        out.seek(0)
        out.readinto(raw, end)
        out.seek(1)
        self._write(raw, end)

    def record(self, kind, a, b, c, content=b""):
        """Any other record, at once."""
        struct.pack_into("<BIIII", self._head, 0, MARK, a, b, c, kind)
        self._write(self._head)
        if content:
            self._write(content)


class HostRegion:
    """A storage region that lies at the host: the board's FRAM, as it were."""

    def __init__(self, cable, number, size):
        self._cable = cable
        self._number = number
        self.size = size

    def readinto(self, offset, buffer):
        """Raises EOFError when the host has gone."""
        cable = self._cable
        start = time.ticks_us()
        view = memoryview(buffer)
        for at in range(0, len(view), PART_MAX):
            part = view[at : at + PART_MAX]
            cable.record(READ, self._number, offset + at, len(part))
            if not cable.read_into(part, len(part)):
                raise EOFError
        cable.waited_us += time.ticks_diff(time.ticks_us(), start)

    def write(self, offset, data):
        """Raises ValueError beyond the end."""
        if offset + len(data) > self.size:
            raise ValueError("write beyond the end of the region")
        self._cable.record(WRITE, self._number, offset, len(data), data)


class BoardClock:
    """The board's own microseconds, for budgets in real time."""

    def ticks_us(self):
        return time.ticks_us()

    def ticks_us_diff(self, later, earlier):
        return time.ticks_diff(later, earlier)

    def wait_us(self, delay_us):
        """The chain's model is ready at once."""


class Chip:
    """Instead of `machine`: the devices are the host's, and the backup memory stays untouched."""


class Refusal(Exception):
    """NO_PROGRAM or OTHER_IMAGE."""


def forget(names):
    """Loader and program have modules of the same names."""
    for name in list(sys.modules):
        if name.split(".")[0] in names:
            del sys.modules[name]
    gc.collect()


def find(root):
    """(slot, package, image) as the loader would start it from `root`, but nothing is written.

    Raises Refusal.
    """
    import vfs

    sys.path[:] = [root + "/loader", ".frozen"]
    try:
        import rom

        from bess.port.hasher import Hasher
        from bess.port.slots import open_slots, whole
    except ImportError:
        raise Refusal(NO_PROGRAM) from None
    slots = open_slots(root)
    package = slots.package(slots.active)
    if not package.manifest:
        raise Refusal(NO_PROGRAM)
    place = rom.find(vfs)
    if not len(place.view()):  # no ROMFS: read at each start
        place.erase(package.size)
        package.copy(place.write)
    image = place.view()[: package.size]
    if whole(Hasher(lambda at, count: image[at : at + count], len(image))) != package.sha256:
        raise Refusal(OTHER_IMAGE)
    return slots.active, package, image


def mount(image):
    import vfs

    try:
        vfs.umount("/rom")
    except OSError:
        pass  # the port mounts it by itself where it finds a whole header
    vfs.mount(vfs.VfsRom(image), "/rom")


def facts(machine):
    """What a report says of the board."""
    about = sys.implementation
    unique = machine.unique_id() if hasattr(machine, "unique_id") else b""
    return {
        "build": getattr(about, "_build", ""),
        "machine": getattr(about, "_machine", ""),
        "version": ".".join([str(part) for part in about.version if part != ""]),
        "id": "".join(["%02x" % byte for byte in unique]),
        "heap_bytes": gc.mem_alloc() + gc.mem_free(),
    }


def controller(board, wire, cable, devices, realtime, settings):
    """The class whose instance is the cabinet's board in this program."""

    class Processor(board.Devices):
        """The virtual cabinet's devices, its link the cable and its storage the host's."""

        def __init__(self, arguments, start):
            super().__init__(board.Link(cable, devices), False, settings, start)
            if realtime:
                self.clock = BoardClock()
            for number, (name, size) in enumerate(wire.STORAGE):
                region = HostRegion(cable, number, size)
                watched = name != "parameters"
                self.storage[name] = board.WatchedRegion(region, self._link) if watched else region
            self._cabinet = None
            self._tick_us = 0

        def _open_backup(self):
            self.backup = bytearray(wire.BACKUP_BYTES)
            self._backup_region = HostRegion(cable, BACKUP, wire.BACKUP_BYTES)
            self._backup_region.readinto(0, self.backup)
            self._kept = bytearray(self.backup)
            if self.backup == b"\xff" * wire.BACKUP_BYTES:
                board.provision(self.backup)  # a board's comes with its provisioning
                self.keep_backup()

        def slots(self):
            """None: the board's own are not to be written, so no program is taken."""

        def _step(self, now_ms):
            cable.waited_us = 0
            start = time.ticks_us()
            self._cabinet.step(now_ms)
            self._tick_us = time.ticks_diff(time.ticks_us(), start) - cable.waited_us
            # before the DONE: who is restarted after it finds all that its ticks have written
            self.keep_backup()

        def run(self, build):
            """Lockstep with the host until it ends the run (0) or the cabinet asks for a reset."""
            link, step = self._link, self._step
            cabinet = self._cabinet = build()
            cable.record(READY, 0, 0, 0)
            ticks = collect_us = heap = heap_before = 0
            while board.tick(link, step):
                board.heap_lock()
                cable.finish(self._tick_us, collect_us, heap, heap_before)
                board.heap_unlock()
                collect_us = heap = heap_before = 0
                ticks += 1
                if cabinet.restart:
                    return wire.EXIT_RESET
                if ticks >= _COLLECT_TICKS:  # the slack of a second, while the host works
                    ticks = 0
                    heap_before = gc.mem_alloc()
                    start = time.ticks_us()
                    gc.collect()
                    collect_us = time.ticks_diff(time.ticks_us(), start)
                    heap = gc.mem_alloc()
            return 0

    return Processor


def run_program(cable, found):
    """The image's main.main with the board of `controller`; returns its exit code."""
    slot, package, image = found
    head = bytearray(SETTINGS_HEAD)
    cable.read_into(head, SETTINGS_HEAD)
    devices, realtime, size = struct.unpack("<HBxI", head)
    settings = bytearray(size)
    cable.read_into(settings, size)
    for name in ("machine", "socket"):  # of a TCP link that is not made, and some boards lack it
        sys.modules[name] = Chip()
    sys.path[:] = ["/rom"]
    import main

    main.pin_path("/rom")
    sys.path[:] = [
        "/rom/boards/unix" if place[:12] == "/rom/boards/" else place for place in sys.path
    ]
    import board
    import wire

    start = main.Start()
    start.slot, start.image, start.sha256 = slot, image, package.sha256
    text = bytes(settings).decode()
    board.Board = controller(board, wire, cable, devices, realtime, text)
    return main.main([], start)


def outcome(cable, machine, root, build, hertz):
    """(exit code, traceback or nothing) of the program, once it has ended."""
    about = facts(machine)
    try:
        if hertz and about["build"] == build:
            machine.freq(hertz)
        found = find(root)
        forget(("rom", "bess"))
        mount(found[2])
        about["sha256"] = found[1].sha256
        about["program"] = found[1].manifest["version"]
        about["own_heap_bytes"] = gc.mem_alloc()
        say(cable, about)
        return run_program(cable, found), b""
    except Refusal as refusal:
        about["refusal"] = refusal.args[0]
        say(cable, about)
        return _FAILED, b""
    except Exception as error:
        lines = io.StringIO()
        sys.print_exception(error, lines)
        return _FAILED, lines.getvalue().encode()


def say(cable, about):
    content = json.dumps(about).encode()
    cable.record(FACTS, len(content), 0, 0, content)


def begin(root, build, hertz, room):
    """Everything; ends by Ctrl-C, or when nobody is at the other end.

    build: of the board that the host expects; hertz: what that one's own program sets its clock to,
    0: as it is; room: see Cable.
    """
    import machine
    import micropython

    cable = Cable(sys.stdin.buffer, sys.stdout.buffer, room)
    micropython.kbd_intr(3)  # as on a board; the virtual one's terminal is still set for a prompt
    try:
        code, text = outcome(cable, machine, root, build, hertz)
        cable.record(ENDED, code, len(text), 0, text)
        while sys.stdin.buffer.read(1):
            pass  # what the host still sends is no command for the prompt
    finally:
        micropython.kbd_intr(-1)
        micropython.heap_lock()
        while micropython.heap_unlock():
            pass  # Ctrl-C may come where it is locked
