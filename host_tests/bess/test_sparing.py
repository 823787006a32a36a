from bess.estimate.charge_counter import COUNT, OUT_AH
from bess.port.memory import MemoryRegion
from bess.protect.event_log import RAISED, EventLog
from bess.protect.trace import AFTER, Trace, Trend
from bess.records import Records
from bess.sparing import SparingRecords


class Region(MemoryRegion):
    """Counts its writes, and fails while it is broken."""

    writes = 0
    broken = False

    def write(self, offset, data):
        if self.broken:
            raise OSError(5)
        self.writes += 1
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


class Known:
    soc_known = True


class World:
    """Stands for the cabinet."""

    def __init__(self, kind=SparingRecords):
        self.regions = [Region(240000), Region(8192), Region(387000)]
        self.log = EventLog(self.regions[0])
        self.trace = Trace(self.regions[1])
        self.trend = Trend(self.regions[2])
        self.cells = Cells()
        self.meter = Meter()
        self.estimator = Estimator()
        self.telemetry = Known()
        self.records = kind(self)

    def event(self):
        self.log.put(1, RAISED, 7, 1, 2, 3)

    def trip(self):
        self.event()
        self.trace.freeze()
        self.records.hurried = True

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


def test_with_fram_everything_is_written_at_once():
    world = World(Records)
    world.event()
    world.seconds(2)
    assert world.log.records == 1
    assert world.trend.size() == 48
    assert world.estimator.saves == 20
    assert world.records.finish()


def test_what_is_written_next_to_closed_contactors_is_nothing():
    world = World()
    world.event()
    world.trip()
    world.seconds(4000, at_rest=False)
    assert world.writes == 0
    world.seconds(1)
    assert world.log.records == 2


def test_a_trip_and_its_trace_are_written_as_soon_as_it_is_safe():
    world = World()
    world.trip()
    world.seconds(1, at_rest=False)
    world.seconds(1)
    assert world.log.records == 1
    world.seconds(AFTER // 10 + 2)
    assert world.trace.size() == 8 + 20 * AFTER


def test_events_that_are_no_trip_wait_and_share_a_session():
    world = World()
    world.event()
    world.seconds(301)
    before = world.writes
    assert world.log.records == 1
    for _ in range(20):
        world.event()
        world.seconds(30)
    assert world.log.records == 1
    world.seconds(300)
    assert world.log.records == 21
    assert world.writes == before + 3


def test_a_quiet_day_is_twenty_four_sessions_and_no_minute_is_lost():
    world = World()
    world.seconds(86400)
    assert world.estimator.saves in (23, 24)
    assert world.trend.size() // 24 >= 1440 - 61


def test_events_without_end_open_no_more_than_ninety_six_sessions_a_day():
    world = World()
    for _ in range(86400 // 20):
        world.event()
        world.seconds(20)
    assert world.estimator.saves <= 97
    assert world.writes <= 3 * 97


def test_an_anchor_and_a_hundredth_of_the_capacity_are_worth_a_write_and_less_is_none():
    for what, saves in (("nothing", 1), ("anchor", 2), ("2 Ah", 1), ("3 Ah", 2)):
        world = World()
        world.seconds(3002)  # the trend's first hour
        assert world.estimator.saves == 1
        if what == "anchor":
            world.records.changed = True
        elif what != "nothing":
            world.estimator.counter.totals[OUT_AH] = int(what[0])
        world.seconds(950)
        assert world.estimator.saves == saves, what


def test_an_orderly_restart_leaves_all_behind_and_one_right_after_the_start_nothing():
    world = World()
    world.event()
    world.seconds(50)
    assert world.records.finish()
    assert world.writes == 0
    world.seconds(20)
    assert not world.records.finish()
    assert world.estimator.settled
    steps = 0
    while not world.records.step(True):
        steps += 1
    assert world.records.finish()
    assert steps < 10
    assert world.log.records == 1
    assert world.trend.size() == 24
    assert world.estimator.saves == 1


def test_a_restart_waits_for_a_trip_and_its_trace():
    world = World()
    world.trip()
    assert not world.records.step(True)
    assert not world.seconds(AFTER // 10 - 1)
    assert world.seconds(3)
    assert not world.trace.busy


def test_a_program_that_was_started_is_noted_at_once():
    world = World()
    world.event()
    world.records.hurried = True
    world.seconds(1)
    assert world.log.records == 1


def test_storage_that_fails_is_told_holds_no_restart_up_and_is_tried_again():
    world = World()
    for region in world.regions:
        region.broken = True
    world.event()
    world.records.hurried = True
    assert world.records.step(True)
    assert world.records.failed
    world.seconds(1)
    assert world.records.failed
    for region in world.regions:
        region.broken = False
    world.seconds(890)
    assert world.records.failed
    world.seconds(20)
    assert not world.records.failed
    assert world.log.records == 1


def test_a_session_that_load_cuts_short_goes_on_at_the_next_rest():
    world = World()
    world.event()
    world.records.hurried = True
    world.records.step(True)  # the log
    world.seconds(50, at_rest=False)
    assert world.estimator.saves == 0
    world.event()
    world.records.hurried = True
    world.seconds(1)
    assert world.log.records == 2
    assert world.estimator.saves == 1
