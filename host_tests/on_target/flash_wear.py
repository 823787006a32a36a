"""Block erases of a NOR flash under littlefs in a day of a board without FRAM.

usage: micropython flash_wear.py FIRMWARE

The flash is PYBD_SF6's: 2 MiB in blocks of 4 KiB, littlefs with MicroPython's defaults, both
program slots full to the last byte, so that few blocks share the wear. A second takes three
steps for its hundred: a session's job is one step. Prints `NAME: sessions N erases N most N
programmed N` for each day, and `free N` blocks.
"""

import os
import sys

sys.path.insert(0, sys.argv[1])

import vfs
from nor_flash import Flash

from bess.estimate.charge_counter import COUNT, OUT_AH
from bess.port.paged import PagedRegion
from bess.port.storage import FileRegion, SlotStore
from bess.protect.event_log import RAISED, EventLog
from bess.protect.trace import Trace, Trend
from bess.records import Records
from bess.sparing import SparingRecords

BLOCK = 4096
BLOCKS = 512
SLOT_BYTES = 524288
STATE_BYTES = 142  # of estimator._RECORD
DAY_S = 86400
STEPS = 3


class Soc:
    capacity_mah = 280000
    soc_cpct = 5000


class Counter:
    def __init__(self):
        self.totals = [0] * COUNT


class Estimator:
    def __init__(self):
        self.soc = Soc()
        self.counter = Counter()
        self.dirty = False
        self.saves = 0
        self._store = SlotStore(FileRegion("/flash/state.bin", 512))
        self._store.load()

    def save(self):
        self.dirty = False
        self.saves += 1
        if not self._store.save(bytes(STATE_BYTES)):
            raise OSError(5)


class Cells:
    seen_all = True
    cell_min_dmv = 33000
    cell_max_dmv = 33100
    temp_min_dc = 200
    temp_max_dc = 250


class Meter:
    current_ma = 1000
    string_mv = 800000


class String:
    def __init__(self):
        self.cells = Cells()
        self.meter = Meter()
        self.estimator = Estimator()


class Journal:
    hurried = False
    changed = False


class Known:
    soc_known = True


class Cabinet:
    def __init__(self):
        self.log = EventLog(PagedRegion("/flash/log", 120000))
        self.trace = Trace(PagedRegion("/flash/trace", 8192))
        self.trend = Trend(PagedRegion("/flash/trend", 387328))
        self.string = String()
        self.journal = Journal()
        self.telemetry = Known()


def prepared():
    """A flash as it is after years: both slots, parameters and every ring full."""
    flash = Flash(bytearray(b"\xff" * (BLOCK * BLOCKS)), BLOCK)
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    for name, size in (("slot0", SLOT_BYTES), ("slot1", SLOT_BYTES), ("parameters", 8192)):
        with open("/flash/%s.bin" % name, "wb") as file:
            for _ in range(0, size, BLOCK):
                file.write(bytes(BLOCK))
    for name, size in (("log", 120000), ("trend", 387328)):
        for page in range((size + BLOCK - 1) // BLOCK):
            with open("/flash/%s%d.bin" % (name, page), "wb") as file:
                file.write(bytes(BLOCK))
    return flash


def day(flash, name, kind, event_every_s, trips, rests, seconds=DAY_S):
    cabinet = Cabinet()
    log, trace, estimator = cabinet.log, cabinet.trace, cabinet.string.estimator
    records = kind(cabinet)
    flash.erases = [0] * BLOCKS
    flash.programmed = 0
    for second in range(seconds):
        at_rest = rests == 0 or second % (DAY_S // rests) < DAY_S // rests // 2
        if event_every_s and second % event_every_s == 0:
            log.put(second, RAISED, 7, 1, 2, 3)
        if trips and second % (DAY_S // trips) == 1000:
            log.put(second, RAISED, 1, 3, 2, 3)
            trace.freeze()
            cabinet.journal.hurried = True
        estimator.counter.totals[OUT_AH] += second % 60 == 0  # 60 A, on and on
        estimator.dirty = estimator.dirty or second % 10 == 0
        for _ in range(STEPS):
            trace.sample(1, 2, 3, 4, 5, 6, 7)
            records.step(at_rest)
        records.second(at_rest)
    print(
        "%s: sessions %d erases %d most %d programmed %d"
        % (name, estimator.saves, sum(flash.erases), max(flash.erases), flash.programmed)
    )


flash = prepared()
day(flash, "quiet", SparingRecords, 0, 0, 0)
day(flash, "usual", SparingRecords, 1800, 1, 4)
day(flash, "worst", SparingRecords, 15, 24, 0)
print("free", os.statvfs("/flash")[3])
day(flash, "at once, 10 min", Records, 0, 0, 0, 600)
