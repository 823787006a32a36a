from struct import unpack_from

from bess.port.storage import MemoryRegion
from bess.protect.trace import AFTER, RECORD, SAMPLES, Trace, Trend


def build():
    region = MemoryRegion(8192)
    return Trace(region), region


def samples(trace, count, first=0):
    for number in range(first, first + count):
        trace.sample(number, 2, 3, 4, 5, -6, 7)


def currents(trace):
    data = trace.read(0, trace.size())
    count = unpack_from("<H", data, 2)[0]
    return [unpack_from("<i", data, 8 + RECORD * i)[0] for i in range(count)]


def test_a_trip_keeps_fifteen_seconds_before_and_after():
    trace, _ = build()
    samples(trace, 1000)
    trace.freeze()
    samples(trace, AFTER, 1000)
    assert trace.busy
    trace.flush(10000)
    assert not trace.busy
    assert currents(trace) == list(range(1000 + AFTER - SAMPLES, 1000 + AFTER))
    assert trace.count == 1


def test_a_trip_soon_after_the_start_keeps_what_there_is():
    trace, _ = build()
    samples(trace, 10)
    trace.freeze()
    samples(trace, AFTER, 10)
    trace.flush(10000)
    assert currents(trace) == list(range(10 + AFTER))


def test_a_second_trip_meanwhile_belongs_to_the_same_trace():
    trace, _ = build()
    samples(trace, 400)
    trace.freeze()
    samples(trace, 100, 400)
    trace.freeze()
    samples(trace, 50, 500)
    trace.flush(10000)
    assert trace.count == 1
    assert currents(trace)[-1] == 549


def test_samples_wait_while_a_trace_is_written():
    trace, _ = build()
    samples(trace, 400)
    trace.freeze()
    samples(trace, AFTER, 400)
    trace.flush(5)
    samples(trace, 100, 9000)
    trace.flush(10000)
    assert currents(trace)[-1] == 400 + AFTER - 1


def test_an_unfinished_trace_is_no_trace_and_a_finished_one_outlives_power():
    trace, region = build()
    samples(trace, 400)
    trace.freeze()
    samples(trace, AFTER, 400)
    trace.flush(20)
    assert Trace(region).size() == 0
    trace.flush(10000)
    again = Trace(region)
    assert again.count == 1
    assert len(currents(again)) == SAMPLES


def test_fields_stand_where_the_format_says():
    trace, _ = build()
    trace.sample(-100000, 790000, 789000, 32900, 33100, -55, 310)
    trace.freeze()
    samples(trace, AFTER)
    trace.flush(10000)
    data = trace.read(0, trace.size())
    assert unpack_from("<iiiHHhh", data, 8) == (-100000, 790000, 789000, 32900, 33100, -55, 310)


def test_the_trend_finds_its_newest_record_again():
    for count in range(1, 30):
        region = MemoryRegion(10 * 24)
        trend = Trend(region)
        for number in range(count):
            trend.append(number, 1, 2, 3, 4, 50, 6000)
        again = Trend(region)
        again.append(count, 1, 2, 3, 4, 50, 6000)
        assert again.size() == min(count + 1, 10) * 24
        at = count % 10 * 24
        assert unpack_from("<Ii", again.read(at, 24)) == (count, count)


def test_a_torn_trend_record_costs_only_itself():
    for count in range(1, 25):
        region = MemoryRegion(10 * 24)
        trend = Trend(region)
        for number in range(count):
            trend.append(number, 1, 2, 3, 4, 50, 6000)
        region.write(count % 10 * 24, bytes(7))
        again = Trend(region)
        again.append(count, 1, 2, 3, 4, 50, 6000)
        assert unpack_from("<I", again.read(count % 10 * 24, 4))[0] == count
