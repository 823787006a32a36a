"""Records on counting regions, beside parts that a test sets."""

from bess.estimate.charge_counter import COUNT
from bess.port.memory import MemoryRegion
from bess.protect.event_log import RAISED, EventLog
from bess.protect.trace import AFTER, Trace, Trend
from bess.sparing import SparingRecords


class Region(MemoryRegion):
    """Counts its writes, and fails while it is broken.

    No longer than what was written: MicroPython walks through it at every allocation.
    """

    writes = 0
    broken = False

    def write(self, offset, data):
        if self.broken:
            raise OSError(5)
        self.writes += 1
        end = offset + len(data)
        held = len(self._data or b"")
        if held < end <= self.size:
            self._data = (self._data or bytearray()) + b"\xff" * (end - held)
        MemoryRegion.write(self, offset, data)


class Soc:
    capacity_mah = 280000
    soc_cpct = 5000


class Counter:
    def __init__(self):
        self.totals = [0] * COUNT


class Estimator:
    """Stands for the string's state: counts how often it was saved."""

    def __init__(self):
        self.soc = Soc()
        self.counter = Counter()
        self.dirty = False
        self.saves = 0

    def save(self):
        self.dirty = False
        self.saves += 1


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


class World:
    """Stands for the cabinet."""

    def __init__(self, kind=SparingRecords):
        self.regions = [Region(240000), Region(8192), Region(387000)]
        self.log = EventLog(self.regions[0])
        self.trace = Trace(self.regions[1])
        self.trend = Trend(self.regions[2])
        self.string = String()
        self.estimator = self.string.estimator
        self.journal = Journal()
        self.telemetry = Known()
        self.records = kind(self)

    def event(self):
        self.log.put(1, RAISED, 7, 1, 2, 3)

    def trip(self):
        self.event()
        self.trace.freeze()
        self.journal.hurried = True

    def seconds(self, count, at_rest=True):
        """Ten steps a second stand for its hundred: what a session does is one job a step."""
        written = True
        for _ in range(count):
            for _ in range(10):
                self.trace.sample(1, 2, 3, 4, 5, 6, 7)
                self.estimator.dirty = True
                written = self.records.step(at_rest)
            self.records.second(at_rest)
        return written

    @property
    def writes(self):
        return sum([region.writes for region in self.regions]) + self.estimator.saves


def frozen(world):
    """The trace of a trip is complete and waits: what 300 samples are."""
    for _ in range(2 * AFTER):
        world.trace.sample(1, 2, 3, 4, 5, 6, 7)
    world.trace.freeze()
    for _ in range(AFTER):
        world.trace.sample(1, 2, 3, 4, 5, 6, 7)
    return world
