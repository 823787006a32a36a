"""Runs inside MicroPython for `autarky bench`: brackets ticks for an instruction counter.

usage: micropython ticks_probe.py IMAGE RECORD STATE FROM COUNT [fast]

IMAGE: a .romfs, or a folder of its compiled files where MicroPython knows no ROMFS.

Replays RECORD as a board would, its storage in the empty folder STATE, and calls time.ticks_us()
right before and right after each cabinet.step() of the COUNT ticks from tick FROM on; with `fast`
also around the scheduler's task of that name. Nothing else may call it meanwhile: in lockstep the
board's clock does not. Whoever counts instructions between two calls (callgrind's --dump-before,
a plugin of qemu) has a tick's cost, to the instruction. At the end EMPTY brackets hold nothing:
what they cost is what a bracket costs.

Any revision's image: it uses what all have had. Prints `state` at the end, `run_from` (tick since
which it has been in RUN), `ticks`, `rows` (of the fault table, raised at the end) and `answer`
lines: tick and first byte of each SDO answer.
"""

import gc
import sys
import time

import micropython

EMPTY = 5
COLLECT_TICKS = 100  # as boards/unix/board.py, between two ticks
ANSWER = 0x580


class Nothing:
    """A module that an interpreter lacks and nobody calls here."""


def pin_path(image):
    """Only the image's own modules can be imported; a folder is the files that stand in one."""
    if image[-6:] != ".romfs":
        for name in ("socket", "machine"):
            try:
                __import__(name)
            except ImportError:
                sys.modules[name] = Nothing()
        sys.path[:] = [image, image + "/native/armv7m", image + "/boards/unix"]
        return
    import vfs

    with open(image, "rb") as file:
        vfs.mount(vfs.VfsRom(file.read()), "/rom")
    sys.path[:] = ["/rom"]
    import main

    main.pin_path("/rom")


pin_path(sys.argv[1])

import main as firmware_main

import board
import wire
from bess import modes
from bess.app import Cabinet
from bess.parameters import Parameters

ticks_us = time.ticks_us


class Stream:
    """The link's stream, played from a file; answers to SDO requests are noted."""

    def __init__(self, path):
        self._file = open(path, "rb")
        head = self._file.read(4)
        self.settings = self._file.read(head[0] | head[1] << 8).decode()
        self.devices = head[2] | head[3] << 8
        self._readinto = self._file.readinto
        self.tick = 0
        self.answers = []

    def read_into(self, buffer, size):
        return not size or self._readinto(buffer, size) == size

    def write(self, buffer, size):
        if isinstance(buffer, bytearray):  # what goes to the chips
            return True
        micropython.heap_unlock()
        for at in range(wire.DONE_SIZE // 4, size // 4, wire.FRAME_SIZE // 4):
            if buffer[at] & ~0x7F == ANSWER and not buffer[at + 1] >> 8:
                self.answers.append((self.tick, buffer[at + 2] & 0xFF))
        micropython.heap_lock()
        return True


def bracketed(function):
    def run(now_ms):
        ticks_us()
        function(now_ms)
        ticks_us()

    return run


def nothing(now_ms):
    pass


def once_more(link, step):
    """One tick as the board runs it; False at the end of the record."""
    try:
        return board.tick(link, step)
    except EOFError:
        return False


def standing(protection):
    """Rows that stand, of this tree or of one before its faults had a judge for each string."""
    if not hasattr(protection, "judges"):
        return sum(protection._active)
    judges = protection.judges
    return sum([1 for judge in judges for row in range(judge.end) if judge.stands(row)])


def main(path, state, start, count, inner):
    stream = Stream(path)
    link = board.Link(stream, stream.devices)
    devices = board.Devices(
        link, False, stream.settings + "\n@state=" + state, firmware_main.Start()
    )
    parameters = Parameters()
    devices.configure(parameters)
    cabinet = Cabinet(devices, parameters)
    gc.collect()
    step = cabinet.step
    run_from = -1
    while stream.tick < start + count:
        if stream.tick == start:
            if inner:
                scheduler = cabinet.scheduler
                at = scheduler.names.index(inner)
                scheduler._functions[at] = bracketed(scheduler._functions[at])
            step = bracketed(step)
        if not once_more(link, step):
            break
        devices.keep_backup()
        if cabinet.modes.state != modes.RUN:
            run_from = -1
        elif run_from < 0:
            run_from = stream.tick
        stream.tick += 1
        if stream.tick % COLLECT_TICKS == 0:
            gc.collect()
    empty = bracketed(bracketed(nothing) if inner else nothing)
    for _ in range(EMPTY):
        empty(0)
    print("ticks", stream.tick)
    print("run_from", run_from)
    print("state", cabinet.modes.state)
    print("rows", standing(cabinet.protection))
    for tick, kind in stream.answers:
        print("answer", tick, kind)


main(
    sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]),
    sys.argv[6] if len(sys.argv) > 6 else "",
)  # fmt: skip
