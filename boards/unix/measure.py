"""Runs inside MicroPython for `autarky bench`: replays recorded TICKs against the firmware.

usage: micropython measure.py IMAGE RECORD MODE [COUNT]

MODE heap: bytes in use after boot (without the image, which a board keeps in flash) and
allocated by each task's tick. MODE ticks: run COUNT ticks, for an instruction counter.
MODE fast, scan, cells, slow: the same, with that task run once more in every tick, so that
the difference to `ticks` is the task's own cost.
MODE storm: the same as fast, with the receive ring full of requests and commands.
MODE drain: as storm, but what the interrupt put into the ring is dropped.
MODE requests: as storm, and the service task works on what the storm brought.
MODE scan_leaf: microseconds of the cell scan in machine code and in bytecode.

All measure a cabinet in RUN: `state` is its newest state, `run_from` the tick since which it has
been in RUN. It fails when it is not there at the end.
"""

import gc
import sys
import time

import vfs

with open(sys.argv[1], "rb") as image_file:
    image = image_file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path[:] = ["/rom"]

import main as firmware_main  # noqa: E402  (from the image)
import micropython  # noqa: E402

firmware_main.pin_path("/rom")

gc.collect()
before = gc.mem_alloc()

import board  # noqa: E402
from bess import modes  # noqa: E402
from bess.app import Cabinet  # noqa: E402
from bess.drivers.ltc681x import Chain  # noqa: E402
from bess.measure.cells import CellMonitor  # noqa: E402
from bess.measure.ltc_scan import LtcScan  # noqa: E402
from bess.measure.signals import Signals  # noqa: E402
from bess.parameters import Parameters  # noqa: E402
from bess.port.native import leaves  # noqa: E402
from bess.port.ticks import ticks_add  # noqa: E402

STATES = modes.NAMES.decode().split()
RUNNING = 500  # ticks after which the record's cabinet carries power
AGAIN_MS = 5  # a task's second run stands between two ticks: time that stands still is a fault


class Record:
    """The link's stream, played from a file; what is written is dropped."""

    def __init__(self, path):
        self._file = open(path, "rb")
        self._readinto = self._file.readinto

    def read_into(self, buffer, size):
        return not size or self._readinto(buffer, size) == size

    def write(self, buffer, size):
        return True


def boot(path):
    link = board.Link(Record(path), 15)
    devices = board.Devices(link, False, "@state=" + path.rsplit("/", 1)[0], firmware_main.Start())
    return link, devices, Cabinet(devices, Parameters())


class Storm:
    """A controller with more frames than the ring holds: commands, requests, SYNC."""

    def __init__(self, node_id):
        self._frames = []
        for i in range(64):
            can_id = (0x200 + node_id, 0x600 + node_id, 0x7E5, 0x080)[i % 4]
            self._frames.append((can_id, memoryview(bytearray((i,) * 8))))
        self._at = 0

    def begin(self):
        self._at = 0

    def recv(self, slot):
        if self._at == len(self._frames):
            return None
        frame = self._frames[self._at]
        self._at += 1
        slot[0], slot[1] = frame[0], frame[1]
        slot[2] = slot[3] = 0
        return slot


def other_scan(cabinet, devices):
    """A scan of the same chips beside the cabinet's, whose diagnosis a second slice would upset."""
    own = cabinet.string.cells
    chain = Chain(devices.afe_spi, devices.afe_cs, cabinet.string.chain.device_count, leaves, wait)
    parameters, signals = cabinet.parameters, Signals()
    cells = CellMonitor(own.layout, own.sensors_per_device, parameters, signals, leaves)
    return LtcScan(chain, cells, parameters, signals, leaves).slice


def wait(delay_us):
    """The virtual chain is ready at once."""


class Watch:
    """A step that notes since which tick the cabinet has been in RUN."""

    def __init__(self, cabinet, step):
        self._modes = cabinet.modes
        self._step = step
        self._ticks = 0
        self.run_from = -1

    def step(self, now_ms):
        self._step(now_ms)
        if self._modes.state != modes.RUN:
            self.run_from = -1
        elif self.run_from < 0:
            self.run_from = self._ticks
        self._ticks += 1

    def report(self):
        print("state", STATES[self._modes.state])
        print("run_from", self.run_from)
        if self.run_from < 0 or self._modes.state != modes.RUN:
            sys.exit(1)


class Twice:
    """The cabinet's tick, and in RUN one task once more, as the scheduler would run it."""

    def __init__(self, cabinet, devices, name):
        self._step = cabinet.step
        self._modes = cabinet.modes
        self._storm = None
        self._serve = name == "requests"
        self._drop = name == "drain"
        if name in ("storm", "requests", "drain"):
            name = "fast"
            self._storm = Storm(cabinet.node.node_id)
            self._port = cabinet.site.port
            self._node = cabinet.node
        self._function = other_scan(cabinet, devices) if name == "scan" else task(cabinet, name)
        self._locked = not cabinet.scheduler._free[cabinet.scheduler.names.index(name)]

    def step(self, now_ms):
        self._step(now_ms)
        # before, the record's inputs would not fit a cabinet that closes at another time
        if self._modes.state == modes.RUN:
            self._again(now_ms)

    def _again(self, now_ms):
        if self._locked:
            micropython.heap_lock()
        if self._storm:
            self._storm.begin()
            self._port.drain(self._storm)
            if self._drop:
                self._port._next = self._port._tail = self._port._head
        self._function(ticks_add(now_ms, AGAIN_MS))
        if self._locked:
            micropython.heap_unlock()
        if self._storm:
            # the coordinator's next command finds room
            self._port._next = self._port._tail = self._port._head
        if self._storm and not self._serve:
            self._node._ring_tail = self._node._ring_head  # what was put aside is not judged here


def replay(link, step, count):
    """Up to `count` ticks of the record, exactly as the board runs them."""
    done = 0
    try:
        while done < count and board.tick(link, step):
            done += 1
    except EOFError:
        pass
    return done


def task(cabinet, name):
    scheduler = cabinet.scheduler
    return scheduler._functions[scheduler.names.index(name)]


def allocated(link, cabinet, name):
    """Bytes that one run of a task leaves allocated, heap locked as in the product."""
    function = task(cabinet, name)
    now_ms = ticks_add(link.now_ms, AGAIN_MS)
    gc.collect()
    micropython.heap_lock()
    start = gc.mem_alloc()
    try:
        function(now_ms)
    finally:
        used = gc.mem_alloc() - start
        micropython.heap_unlock()
    link.tx_count = 0
    link.spi_count = 0
    return used


def main(mode):
    link, devices, cabinet = boot(sys.argv[2])
    gc.collect()
    heap = gc.mem_alloc() - before
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 1000000
    twice = mode not in ("heap", "ticks", "scan_leaf")
    watch = Watch(cabinet, Twice(cabinet, devices, mode).step if twice else cabinet.step)
    if mode == "heap":
        replay(link, watch.step, RUNNING)
        fast = allocated(link, cabinet, "fast") + allocated(link, cabinet, "scan")
        cells = allocated(link, cabinet, "cells")
        print("heap", heap)
        print("fast", fast)
        print("cells", cells)
    elif mode == "scan_leaf":
        replay(link, watch.step, RUNNING)
        from array import array

        import leaves_viper

        from bess.port import leaves

        cells = cabinet.string.cells
        out = array("i", bytes(24))
        twins = (("native", leaves_viper.scan, 20000), ("bytecode", leaves.scan, 500))
        for name, leaf, rounds in twins:
            start = time.ticks_us()
            for _ in range(rounds):
                leaf(cells.voltage_dmv, cells.fresh, cells.cell_count, out)
            print(name, time.ticks_diff(time.ticks_us(), start) / rounds)
        print("values", ",".join([str(v) for v in cells.voltage_dmv]))
    else:
        print("done", replay(link, watch.step, count))
    watch.report()


main(sys.argv[3])
