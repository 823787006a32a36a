"""Many cabinets of a virtual site in one interpreter: the program once, of all else each its own.

usage: micropython shared.py HOST PORT CABINET FOLDER...

Of the time of a process for each cabinet two thirds go into caches that others have filled since.
FOLDERs: of freshly flashed boards, all with the same program; CABINET: the number of the first, as
the HELLO says it. There is an ANSWER for each, in their order. Then, in lockstep, a message brings
the TICKs of all and one takes their DONEs back, each behind its size (u32); size 0 is the end.
A cabinet whose chip wants a reset says DONE_RESET; it gets no more TICKs, nor does one that was
told TICK_QUIT: what starts anew has a process of its own.
"""

import gc
import io
import struct
import sys

import vfs

_host, _port, _cabinet, *_folders = sys.argv[1:]
with open(_folders[0] + "/rom.bin", "rb") as _file:
    _rom = _file.read()
vfs.mount(vfs.VfsRom(_rom), "/rom")
sys.path[:] = ["/rom"]

import main  # noqa: E402  (from the image)

main.pin_path("/rom")

import board  # noqa: E402
import wire  # noqa: E402
from bess.app import Cabinet  # noqa: E402
from bess.parameters import Parameters  # noqa: E402
from bess.port.interpreter import keyboard_interrupt  # noqa: E402
from bess.port.slots import open_slots  # noqa: E402

_COLLECT_TICKS = 100
_RESET = struct.pack("<4I", 0, 0, 0, wire.DONE_RESET)
_DONE_MAX = wire.DONE_SIZE + wire.FRAMES_MAX * wire.FRAME_SIZE + wire.SPI_MAX


class Messages:
    """The stream behind every cabinet's link, of one message each way a tick.

    The copies between buffers are what reads and writes of any size cost without allocation.
    `read_into` and `write` tell how many bytes they took: a whole message lies there, and room for
    every DONE, so nothing stands between them and the buffers.
    """

    def __init__(self, stream, cabinets):
        self._stream = stream
        self._size = bytearray(4)
        self._raw = bytearray(0)
        self._ticks = io.BytesIO()
        self._dones = io.BytesIO()
        self._out = bytearray(len(self._size) + cabinets * _DONE_MAX)
        self._dones.write(self._out)
        self.read_into = self._ticks.readinto
        self.write = self._dones.write

    def receive(self):
        """Wait for the TICKs; False at the end. Raises EOFError without a host."""
        size = self._size
        if not self._stream.read_into(size, len(size)):
            raise EOFError
        count = size[0] | size[1] << 8 | size[2] << 16
        if count > len(self._raw):
            self._raw = bytearray(count)
        if not self._stream.read_into(self._raw, count):
            raise EOFError
        ticks = self._ticks
        ticks.seek(0)
        ticks.write(self._raw, count)
        ticks.seek(0)
        self._dones.seek(len(size))
        return count != 0

    def send(self):
        """The DONEs that were written."""
        size, dones = self._size, self._dones
        end = dones.tell()
        struct.pack_into("<I", size, 0, end - len(size))
        dones.seek(0)
        dones.write(size)
        dones.seek(0)
        dones.readinto(self._out, end)
        if not self._stream.write(self._out, end):
            raise EOFError


class Board:
    """One cabinet, as the loader would have started it from `folder`."""

    def __init__(self, stream, messages, folder):
        answer = bytearray(wire.ANSWER_SIZE)
        if not stream.read_into(answer, wire.ANSWER_SIZE) or answer[4] != wire.STATUS_OK:
            raise EOFError
        _, _, realtime, front_ends, size = struct.unpack("<4sBBHI", answer)
        text = bytearray(size)
        stream.read_into(text, size)
        slots = open_slots(folder)
        package = slots.package(slots.active)
        start = main.Start()
        start.root, start.slot, start.sha256 = folder, slots.active, package.sha256
        start.image = memoryview(_rom)[: package.size]
        self._messages = messages
        self._link = board.Link(messages, front_ends)
        self._devices = board.Devices(self._link, realtime != 0, bytes(text).decode(), start)
        parameters = Parameters()
        self._devices.configure(parameters)
        self._cabinet = Cabinet(self._devices, parameters)

    def _step(self, now_ms):
        # all that can fail comes before the DONE: a second one would be the next cabinet's
        self._cabinet.step(now_ms)
        self._devices.keep_backup()

    def tick(self):
        """Its TICK and its DONE; False once it is gone."""
        if self._cabinet.restart:
            self._link.receive()
        else:
            try:
                return board.tick(self._link, self._step)
            except Exception as error:
                sys.print_exception(error)
        self._messages.write(_RESET, wire.DONE_SIZE)
        return False


def run():
    """Until the host ends it or is lost; returns the exit code."""
    keyboard_interrupt(-1)  # the host's
    try:
        stream = board.Stream(_host, int(_port))
        hello = struct.pack("<4sBBH8x", wire.MAGIC, wire.VERSION, wire.KIND_CABINET, int(_cabinet))
        stream.write(hello, wire.HELLO_SIZE)
        messages = Messages(stream, len(_folders))
        boards = [Board(stream, messages, folder) for folder in _folders]
        ticks = 0
        while messages.receive():
            boards = [each for each in boards if each.tick()]
            messages.send()
            ticks += 1
            if ticks >= _COLLECT_TICKS:
                ticks = 0
                gc.collect()
        return 0
    except (EOFError, OSError):
        print("autarky firmware: the link to the virtual bus was cut", file=sys.stderr)
        return wire.EXIT_LINK


sys.exit(run())
