"""Records on flash: which news are worth a session, and when it is written."""

from rigs.records import Region, World, frozen

from bess.estimate.charge_counter import IN_AH, OUT_AH
from bess.protect.trace import AFTER, Trend
from bess.records import Records
from bess.sparing import SparingRecords

QUARTER_DAY_S = 86400 // 4


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
    assert world.log.records() == 63
    assert world.log.waiting() == 0
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
    assert world.log.records() == 0
    world.records.step(True)
    assert world.log.records() == 1
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
    assert world.trend.records() == 3
    assert world.trend.read(0, 72) == other.read(0, 72)
    passed(world, 60)
    world.journal.hurried = True
    assert session(world)
    assert world.trend.records() == 4


def test_no_sample_is_kept_before_the_charge_is_known():
    for kind in (Records, SparingRecords):
        world = World(kind)
        world.telemetry.soc_known = False
        passed(world, 120)
        world.journal.hurried = True
        for _ in range(12):
            world.records.step(True)
        assert world.trend.records() == 0, kind


def test_what_is_written_next_to_closed_contactors_is_nothing():
    world = World()
    world.event()
    world.trip()
    world.seconds(4000, at_rest=False)
    assert world.writes == 0
    world.seconds(1)
    assert world.log.records() == 2


def test_a_trip_and_its_trace_are_written_as_soon_as_it_is_safe():
    world = World()
    world.trip()
    world.seconds(1, at_rest=False)
    world.seconds(1)
    assert world.log.records() == 1
    world.seconds(AFTER // 10 + 2)
    assert world.trace.size() == 8 + 20 * AFTER


def test_events_that_are_no_trip_wait_and_share_a_session():
    world = World()
    world.event()
    world.seconds(301)
    before = world.writes
    assert world.log.records() == 1
    for _ in range(20):
        world.event()
        world.seconds(30)
    assert world.log.records() == 1
    world.seconds(300)
    assert world.log.records() == 21
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
    assert world.log.records() == 1
    assert world.trend.size() == 24
    assert world.estimator.saves == 1


def test_a_restart_waits_for_a_trip_and_its_trace():
    world = World()
    world.trip()
    assert not world.records.step(True)
    assert not world.seconds(AFTER // 10 - 1)
    assert world.seconds(3)
    assert not world.trace.busy()


def test_a_program_that_was_started_is_noted_at_once():
    world = World()
    world.event()
    world.journal.hurried = True
    world.seconds(1)
    assert world.log.records() == 1


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
    assert world.log.records() == 1


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
    assert world.log.records() == 2
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
