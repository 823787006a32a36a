"""PDOs by time: event and inhibit times, a stream in a hurry, and what becomes known."""

from rigs.pdos import ENERGY, ORDER, REMARK, STREAM, Bench


def test_only_types_254_and_255_are_sent_by_time():
    for kind, count in ((1, 0), (240, 0), (253, 0), (254, 10), (255, 10)):
        bench = Bench(tpdo2_type=kind, tpdo2_event_ms=100)
        assert len(bench.ticks(0, 1000)) == count, kind
    assert Bench().ticks(0, 1000) == []
    assert Bench(tpdo2_event_ms=100, tpdo2_enabled=0).ticks(0, 1000) == []
    assert Bench(tpdo2_event_ms=100, tpdo2_inhibit_100us=5000).ticks(0, 1001) == [
        (0, 0x289), (500, 0x289), (1000, 0x289),
    ]  # fmt: skip


def test_the_inhibit_time_is_rounded_up_to_milliseconds():
    bench = Bench(tpdo2_event_ms=1, tpdo2_inhibit_100us=101)
    for now_ms, sends in ((0, 1), (10, 0), (11, 1), (21, 0), (22, 1)):
        bench.pdo.transmit(now_ms)
        assert len(bench.sent()) == sends, now_ms
    bench = Bench(tpdo2_event_ms=1, tpdo2_inhibit_100us=100)
    for now_ms, sends in ((0, 1), (9, 0), (10, 1)):
        bench.pdo.transmit(now_ms)
        assert len(bench.sent()) == sends, now_ms


def test_the_event_time_is_kept_to_a_tick_and_one_of_a_millisecond_once_a_millisecond():
    bench = Bench(tpdo2_event_ms=65)
    for now_ms, sends in ((0, 1), (55, 0), (56, 1)):
        bench.pdo.transmit(now_ms)
        assert len(bench.sent()) == sends, now_ms
    bench = Bench(tpdo2_event_ms=1)
    for now_ms, sends in ((0, 1), (0, 0), (1, 1)):
        bench.pdo.transmit(now_ms)
        assert len(bench.sent()) == sends, now_ms


def test_timers_are_looked_at_when_the_first_of_them_can_have_passed():
    bench = Bench(tpdo2_event_ms=300, tpdo3_event_ms=200, tpdo4_event_ms=500)
    assert bench.ticks(0, 700) == [
        (0, 0x289), (0, 0x389), (0, 0x489), (200, 0x389), (300, 0x289), (400, 0x389),
        (500, 0x489), (600, 0x289), (600, 0x389),
    ]  # fmt: skip


def test_what_becomes_known_is_sent_at_once_though_no_timer_was_due():
    bench = Bench(tpdo2_event_ms=1000, tpdo3_event_ms=1000)
    bench.pdo.tell(ENERGY, False)
    assert bench.ticks(0, 50) == [(0, 0x389)]
    bench.pdo.tell(ENERGY, True)
    assert bench.ticks(50, 100) == [(50, 0x289)]
    bench.pdo.tell(ENERGY, False)
    assert bench.ticks(100, 1500) == [(1000, 0x389)]


def test_news_of_the_same_millisecond_are_looked_at():
    bench = Bench(tpdo2_event_ms=1000)
    bench.pdo.tell(ENERGY, False)
    bench.pdo.transmit(0)
    bench.pdo.tell(ENERGY, True)
    bench.pdo.transmit(0)
    assert bench.sent() == [0x289]
    bench.set(tpdo3_event_ms=1000)
    bench.pdo.transmit(0)
    assert bench.sent() == [0x389]
    bench.pdo.start()
    bench.pdo.transmit(0)
    assert bench.sent() == [0x289, 0x389]
    bench.pdo.hold_stamps(0)
    assert bench.pdo._quiet_ms == 0


def test_what_was_known_all_along_costs_no_look_at_the_timers():
    """A frame is told known in every tick; only news let the timers be looked at."""
    bench = Bench(tpdo2_event_ms=1000)
    bench.ticks(0, 10)
    looked_ms = bench.pdo._looked_ms
    for known in (True, False):
        bench.pdo.tell(STREAM, known)
        bench.ticks(10, 20)
        assert bench.pdo._looked_ms == looked_ms
    bench.pdo.tell(STREAM, True)
    bench.ticks(20, 30)
    assert bench.pdo._looked_ms == 20


def test_a_hurried_stream_is_filled_and_sent_every_tick_and_the_others_as_before():
    bench = Bench(tpdo2_event_ms=100, tpdo3_event_ms=0)
    assert bench.ticks(0, 100) == [(0, 0x289)]
    assert bench.filled == []
    bench.pdo.hurry = True
    found = bench.ticks(100, 200)
    assert found == [(100, 0x289)] + [(at, 0x389) for at in range(100, 200, 10)]
    assert bench.filled == [STREAM] * 10
    bench.pdo.hurry = False
    assert bench.ticks(200, 400) == [(200, 0x289), (300, 0x289)]


def test_hurry_shortens_a_stream_s_time_and_never_lengthens_it():
    bench = Bench(tpdo3_event_ms=20, fast_stream_ms=50)
    bench.pdo.hurry = True
    assert [at for at, _ in bench.ticks(0, 60)] == [0, 20, 40]
    bench = Bench(tpdo3_event_ms=200, fast_stream_ms=50)
    bench.pdo.hurry = True
    assert [at for at, _ in bench.ticks(0, 110)] == [0, 50, 100]
    bench.pdo.hurry = False
    assert [at for at, _ in bench.ticks(110, 510)] == [300, 500]


def test_hurry_sends_no_stream_that_is_switched_off_nor_any_other_frame():
    bench = Bench(tpdo3_enabled=0)
    bench.pdo.hurry = True
    assert bench.ticks(0, 100) == []


def test_a_frame_that_found_no_place_waits_its_time_again():
    bench = Bench(tpdo2_event_ms=100)
    bench.port.full = True
    assert bench.ticks(0, 10) == []
    bench.port.full = False
    assert bench.ticks(10, 150) == [(100, 0x289)]


def test_stamps_that_stand_for_days_stay_old():
    bench = Bench(tpdo2_event_ms=100)
    bench.ticks(0, 10)
    bench.pdo.receive(0x309, bytes(8), 8, 5)
    days_ms = 0x18000000
    bench.pdo.hold_stamps(days_ms)
    assert bench.pdo.heard_ms[REMARK] == days_ms - 0x10000000
    assert bench.pdo.heard_ms[ORDER] == -1
    later_ms = days_ms + 0x10000000
    bench.pdo.hold_stamps(later_ms)
    bench.pdo.transmit(later_ms)
    assert bench.sent() == [0x289]


def test_a_timer_that_never_runs_is_looked_at_again_before_its_stamp_is_too_old():
    bench = Bench()
    bench.pdo.transmit(0)
    assert bench.pdo._quiet_ms == 0x08000000
