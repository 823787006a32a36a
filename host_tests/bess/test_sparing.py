from bess.estimate.charge_counter import COUNT, IN_AH, OUT_AH
from bess.port.memory import MemoryRegion
from bess.protect.event_log import RAISED, EventLog
from bess.protect.trace import AFTER, Trace, Trend
from bess.records import Records
from bess.sparing import SparingRecords

QUARTER_DAY_S = 86400 // 4


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


def passed(world, seconds):
    """Seconds at rest in which nothing opens a session, since no step is taken."""
    for _ in range(seconds):
        world.records.second(True)
    return world


def session(world):
    """True when a session was due; runs it to its end."""
    before = world.estimator.saves
    for _ in range(12):
        world.records.step(True)
    return world.estimator.saves > before


def frozen(world):
    """The trace of a trip is complete and waits: what 300 samples are."""
    for _ in range(2 * AFTER):
        world.trace.sample(1, 2, 3, 4, 5, 6, 7)
    world.trace.freeze()
    for _ in range(AFTER):
        world.trace.sample(1, 2, 3, 4, 5, 6, 7)
    return world


def test_without_news_a_session_opens_after_an_hour_for_the_trend():
    assert not session(passed(World(), 2999))  # a board has had ten of the fifteen minutes
    world = passed(World(), 3000)
    assert session(world)
    assert not session(passed(world, 3599))
    assert session(passed(world, 1))


def test_with_news_a_session_opens_five_minutes_after_the_start_and_fifteen_after_another():
    world = World()
    world.event()
    assert not session(passed(world, 299))
    assert session(passed(world, 1))
    world.event()
    assert not session(passed(world, 899))
    assert session(passed(world, 1))


def test_charge_that_moved_is_counted_from_the_newest_session_in_both_directions():
    for column in (OUT_AH, IN_AH):
        for capacity_mah, due in ((300000, True), (300001, False)):
            world = World()
            world.estimator.counter.totals[column] = 5
            assert session(passed(world, 300))
            world.estimator.soc.capacity_mah = capacity_mah
            assert not session(passed(world, 900))
            world.estimator.counter.totals[column] += 3
            assert session(world) == due, (column, capacity_mah)


def test_what_stood_at_the_start_is_no_charge_that_moved():
    world = World()
    world.estimator.counter.totals[OUT_AH] = 5
    world.records = SparingRecords(world)
    assert not session(passed(world, 300))


def test_a_session_writes_all_events_that_its_buffer_held_at_once():
    world = World()
    for _ in range(66):
        world.event()
    world.journal.hurried = True
    world.records.step(True)
    assert world.log.records == 63
    assert world.log.waiting == 0
    assert world.log.lost == 3


def test_a_frozen_trace_opens_a_session_and_is_written_a_hundred_samples_a_step():
    world = frozen(World())
    written = []
    for _ in range(6):
        world.records.step(True)
        written.append(world.trace.writing)
    assert written == [0, 100, 200, 300, -1, -1]
    assert session(world) or world.estimator.saves == 1


def test_a_trip_while_a_session_runs_opens_the_next_at_once():
    world = World()
    world.journal.hurried = True
    world.records.step(True)
    assert not world.journal.hurried
    world.trip()
    for _ in range(4):
        world.records.step(True)
    assert world.estimator.saves == 1
    assert world.log.records == 0
    world.records.step(True)
    assert world.log.records == 1
    assert not world.journal.hurried


def test_nothing_is_done_or_ready_for_a_restart_while_power_can_flow():
    world = World()
    world.journal.hurried = True
    assert world.records.step(False) is False
    assert world.journal.hurried
    world.journal.hurried = False
    assert world.records.step(False) is False
    assert world.records.step(True)


def test_a_board_that_ran_a_minute_leaves_its_records_behind_at_a_restart():
    world = passed(World(), 59)
    assert world.records.finish()
    passed(world, 1)
    assert not world.records.finish()
    assert session(world)
    assert world.records.finish()


def test_the_trend_holds_the_means_of_each_minute_in_their_order():
    world = World()
    for current_ma in (1000, -2000, 3000):
        world.string.meter.current_ma = current_ma
        passed(world, 60)
    world.journal.hurried = True
    assert session(world)
    other = Trend(Region(387000))
    for current_ma in (1000, -2000, 3000):
        row = bytearray(24)
        other.pack(row, 0, current_ma, 800000, 33000, 33100, 200, 250, 5000, 60)
        other.write(row)
    assert world.trend.records == 3
    assert world.trend.read(0, 72) == other.read(0, 72)
    passed(world, 60)
    world.journal.hurried = True
    assert session(world)
    assert world.trend.records == 4


def test_with_fram_two_events_and_four_samples_of_a_trace_go_a_step():
    world = frozen(World(Records))
    for _ in range(5):
        world.event()
    ready = []
    for _ in range(3):
        ready.append(world.records.step(False))
    assert world.log.records == 5
    assert world.trace.writing == 12
    assert ready == [False, False, False]  # the trace is not yet whole
    for _ in range(73):
        assert world.records.step(False) is False or not world.trace.busy
    assert world.records.step(False) is True
    assert world.trace.size() == 8 + 20 * 2 * AFTER
    world.event()
    world.event()
    world.event()
    assert world.records.step(False) is False
    assert world.records.step(False) is True


def test_with_fram_the_state_is_saved_when_it_changed_and_at_a_restart_with_all_that_waits():
    world = World(Records)
    world.records.step(True)
    assert world.estimator.saves == 0
    world.estimator.dirty = True
    world.records.step(False)
    world.records.step(False)
    assert world.estimator.saves == 1
    world.event()
    assert world.records.finish() is True
    assert world.estimator.saves == 2
    assert world.log.records == 1


def test_with_fram_a_storage_that_fails_is_told_until_it_takes_again_and_holds_no_restart_up():
    for broken in range(3):
        world = frozen(World(Records))
        assert not world.records.failed
        world.event()
        world.regions[broken].broken = True
        world.records.second(False)
        assert world.records.step(False) is True or broken != 0 or world.records.failed
        assert world.records.failed, broken
        assert world.records.step(False) is True, broken
        world.regions[broken].broken = False
        world.records.second(False)
        world.records.step(False)
        assert not world.records.failed, broken


def test_with_fram_a_state_that_cannot_be_saved_is_told():
    world = World(Records)

    def refuse():
        raise OSError(5)

    world.estimator.save = refuse
    world.estimator.dirty = True
    assert world.records.step(False) is True
    assert world.records.failed
    world.estimator.dirty = False
    world.records.step(False)
    assert not world.records.failed


def test_no_sample_is_kept_before_the_charge_is_known():
    for kind in (Records, SparingRecords):
        world = World(kind)
        world.telemetry.soc_known = False
        passed(world, 120)
        world.journal.hurried = True
        for _ in range(12):
            world.records.step(True)
        assert world.trend.records == 0, kind


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


def test_a_quiet_quarter_of_a_day_is_six_sessions_and_no_minute_is_lost():
    world = World()
    world.seconds(QUARTER_DAY_S)
    assert world.estimator.saves in (5, 6)
    assert world.trend.size() // 24 >= 360 - 61


def test_events_without_end_open_no_more_than_ninety_six_sessions_a_day():
    world = World()
    for _ in range(QUARTER_DAY_S // 20):
        world.event()
        world.seconds(20)
    assert world.estimator.saves <= 24 + 1
    assert world.writes <= 3 * (24 + 1)


def test_an_anchor_and_a_hundredth_of_the_capacity_are_worth_a_write_and_less_is_none():
    for what, saves in (("nothing", 1), ("anchor", 2), ("2 Ah", 1), ("3 Ah", 2)):
        world = World()
        world.seconds(3002)  # the trend's first hour
        assert world.estimator.saves == 1
        if what == "anchor":
            world.journal.changed = True
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
    world.journal.hurried = True
    world.seconds(1)
    assert world.log.records == 1


def test_storage_that_fails_is_told_holds_no_restart_up_and_is_tried_again():
    world = World()
    for region in world.regions:
        region.broken = True
    world.event()
    world.journal.hurried = True
    assert not world.records.step(True)
    assert world.records.failed
    for _ in range(4):
        written = world.records.step(True)
    assert written
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
    world.journal.hurried = True
    world.records.step(True)  # the log
    world.seconds(50, at_rest=False)
    assert world.estimator.saves == 0
    world.event()
    world.journal.hurried = True
    world.seconds(1)
    assert world.log.records == 2
    assert world.estimator.saves == 1


def test_a_region_that_fails_holds_up_no_other():
    for kind in (Records, SparingRecords):
        for broken in range(3):
            world = World(kind)
            world.regions[broken].broken = True
            world.trip()
            world.estimator.dirty = True
            world.seconds(3700)
            assert world.records.failed, (kind, broken)
            assert world.estimator.saves, (kind, broken)
            assert kind is Records or world.estimator.saves <= 6  # retries wear what is whole
            for region in range(3):
                assert (world.regions[region].writes > 0) == (region != broken), (kind, region)
