from bess.scheduler import TASKS, Scheduler
from bess.table import rows


class Clock:
    def __init__(self):
        self.now_us = 0
        self.step_us = 0

    def ticks_us(self):
        self.now_us += self.step_us
        return self.now_us

    def ticks_us_diff(self, later, earlier):
        return later - earlier


class Dog:
    def __init__(self):
        self.feeds = 0

    def feed(self):
        self.feeds += 1


class Task:
    def __init__(self):
        self.calls = 0
        self.raises = None

    def run(self, now_ms):
        self.calls += 1
        if self.raises is not None:
            raise self.raises


def build(tasks, period=1, phase=0, protects=True):
    clock, dog, deaths = Clock(), Dog(), []
    scheduler = Scheduler(clock, dog, deaths.append)
    for i, task in enumerate(tasks):
        scheduler.add("task%d" % i, task.run, period, phase, 100, False, protects)
    return scheduler, clock, dog, deaths


def test_period_and_phase_are_kept():
    slow = Task()
    scheduler, _, _, _ = build([slow], period=10, phase=6)
    for tick in range(100):
        scheduler.step(tick * 10)
    assert slow.calls == 10


def test_overrun_is_counted():
    task = Task()
    scheduler, clock, _, _ = build([task])
    scheduler.step(0)
    assert scheduler.overruns[0] == 0
    clock.step_us = 101
    scheduler.step(10)
    assert scheduler.overruns[0] == 1
    assert scheduler.longest_us[0] == 101


def test_a_task_that_raises_is_dead_and_the_watchdog_starves():
    good, bad = Task(), Task()
    scheduler, _, dog, deaths = build([good, bad])
    scheduler.step(0)
    fed = dog.feeds
    bad.raises = ValueError("planted")
    for tick in range(1, 20):
        scheduler.step(tick * 10)
    assert deaths == ["task1"]
    assert bad.calls == 2
    assert good.calls == 20
    assert scheduler.stopped
    assert dog.feeds == fed


def test_memory_error_is_an_allocation_fault():
    bad = Task()
    bad.raises = MemoryError()
    scheduler, _, _, _ = build([bad])
    scheduler.step(0)
    assert scheduler.allocated


def test_a_gap_in_time_is_a_stopped_task():
    """The loop itself stood still: late by more than three periods is seen."""
    task = Task()
    scheduler, _, _, _ = build([task], period=10, phase=9)
    for tick in range(30):
        scheduler.step(tick * 10)
    assert not scheduler.stopped
    scheduler.step(300 + 400)
    assert scheduler.stopped


def test_time_wrap_stops_nothing():
    task = Task()
    scheduler, _, dog, _ = build([task])
    now = 2**30 - 200
    for _ in range(60):
        scheduler.step(now & 0x3FFFFFFF)
        now += 10
    assert not scheduler.stopped
    assert dog.feeds == 60


def test_a_task_that_may_fail_alone_loses_its_run_is_counted_and_goes_on():
    good, bad = Task(), Task()
    scheduler, _, dog, deaths = build([good, bad], protects=False)
    for error in (ValueError("planted"), MemoryError(), AttributeError("planted")):
        bad.raises = error
        for _ in range(10):
            scheduler.step(bad.calls * 10)
    bad.raises = None
    for _ in range(10):
        scheduler.step(bad.calls * 10)
    assert good.calls == bad.calls == 40
    assert list(scheduler.failures) == [0, 30]
    assert not scheduler.stopped
    assert not scheduler.allocated
    assert dog.feeds == 40
    assert deaths == []


def test_a_task_that_may_fail_alone_and_does_not_run_is_still_a_stopped_task():
    task = Task()
    scheduler, _, dog, _ = build([task], period=10, phase=9, protects=False)
    for tick in range(30):
        scheduler.step(tick * 10)
    assert not scheduler.stopped
    fed = dog.feeds
    scheduler.step(300 + 400)
    assert scheduler.stopped
    assert dog.feeds == fed


def test_what_the_board_calls_has_a_row_and_no_tick():
    scheduler, _, dog, _ = build([Task()])
    scheduler.add("console", None, 0, 0, 0, False, False)
    for tick in range(1000):
        scheduler.step(tick * 10)
    scheduler.note("console", ValueError("planted"))
    scheduler.step(10000)
    assert list(scheduler.failures) == [0, 1]
    assert not scheduler.stopped
    assert dog.feeds == 1001


def test_only_what_protects_may_stop_the_cabinet_and_only_that_runs_locked():
    by_name = {}
    for fields in rows(TASKS):
        by_name[fields[0]] = fields[1:]
    stopping = [name for name in by_name if by_name[name][4] == "stop"]
    assert sorted(stopping) == ["cells", "fast", "scan", "slow"]
    for name in by_name:
        assert by_name[name][4] in ("stop", "tell")
        if by_name[name][3] == "locked":
            assert name in stopping


def test_every_phase_is_kept_when_the_tick_counter_starts_over():
    """At 10**9 - 1: one more than 2**30 - 1 would allocate on 32 bits and end the loop."""
    task = Task()
    scheduler, _, dog, _ = build([task], period=10, phase=9)
    scheduler._tick = 999_999_980
    ran = []
    for step in range(40):
        before = task.calls
        scheduler.step(step * 10)
        if task.calls != before:
            ran.append(step)
        assert scheduler._tick < 10**9
    assert ran == [9, 19, 29, 39]
    assert dog.feeds == 40
