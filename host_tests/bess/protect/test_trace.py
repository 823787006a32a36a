from struct import pack, unpack_from
from zlib import crc32

from bess.port.memory import MemoryRegion
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
    assert trace.busy()
    trace.flush(10000)
    assert not trace.busy()
    assert currents(trace) == list(range(1000 + AFTER - SAMPLES, 1000 + AFTER))
    assert trace.count == 1


class Deaf(MemoryRegion):
    """Cannot be read while it is deaf."""

    deaf = True

    def readinto(self, offset, buffer):
        if self.deaf:
            raise OSError(5)
        MemoryRegion.readinto(self, offset, buffer)


def test_a_region_that_cannot_be_read_at_the_start_keeps_the_next_trip():
    region = Deaf(8192)
    trace = Trace(region)
    assert trace.count == 0
    region.deaf = False
    samples(trace, 10)
    trace.freeze()
    samples(trace, AFTER, 10)
    trace.flush(10000)
    assert trace.count == 1
    assert currents(trace) == list(range(10 + AFTER))


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


def taken(trace, first, count):
    samples(trace, count, first)
    trace.freeze()
    samples(trace, AFTER, first + count)


def test_the_stored_trace_is_a_contract():
    assert (SAMPLES, AFTER, RECORD) == (300, 150, 20)
    trace, region = build()
    for number, (first, count) in enumerate(((0, 10), (1000, 400), (5000, 20)), 1):
        taken(trace, first, count)
        assert trace.busy()
        trace.flush(10000)
        assert not trace.busy()
        stop = first + count + AFTER
        begin = max(first, stop - SAMPLES)
        body = b"".join([pack("<iiiHHhh", n, 2, 3, 4, 5, -6, 7) for n in range(begin, stop)])
        size = stop - begin
        header = b"TR" + pack("<HHBB", size, crc32(body) & 0xFFFF, number, 0)
        assert trace.size() == 8 + RECORD * size
        assert bytes(trace.read(0, trace.size())) == header + body
        assert trace.count == number
    assert Trace(region).count == 3


def test_the_old_trace_is_gone_with_the_first_byte_of_the_new_one():
    trace, region = build()
    taken(trace, 0, 10)
    trace.flush(10000)
    taken(trace, 1000, 10)
    assert trace.size() > 0
    trace.flush(1)
    assert trace.size() == 0
    head = bytearray(2)
    region.readinto(0, head)
    assert head == b"\xff\xff"
    assert Trace(region).size() == 0


def test_flush_writes_as_many_samples_as_it_is_told():
    trace, region = build()
    taken(trace, 0, 10)
    for most in (0, 1, 4):
        trace.flush(most)
    one = bytearray(RECORD)
    region.readinto(8 + 4 * RECORD, one)
    assert one != b"\xff" * RECORD
    region.readinto(8 + 5 * RECORD, one)
    assert one == b"\xff" * RECORD
    assert trace.busy()
    trace.flush(155)
    assert trace.busy()
    trace.flush(1)  # the header
    assert not trace.busy()


def test_a_new_trace_is_idle_and_busy_from_the_trip_to_its_last_byte():
    trace, _ = build()
    assert trace.busy() is False
    samples(trace, 5)
    assert trace.busy() is False
    trace.freeze()
    assert trace.busy() is True
    samples(trace, AFTER)
    assert trace.busy() is True
    trace.flush(1)
    assert trace.busy() is True


def test_the_count_of_traces_wraps():
    trace, region = build()
    trace.count = 255
    taken(trace, 0, 1)
    trace.flush(10000)
    assert trace.count == 0
    assert Trace(region).count == 0


def test_a_header_that_claims_too_many_samples_is_no_trace():
    trace, region = build()
    for count, size in ((SAMPLES, 8 + SAMPLES * RECORD), (SAMPLES + 1, 0)):
        region.write(0, b"TR" + pack("<HHBB", count, 0, 1, 0))
        assert trace.size() == size


def test_a_damaged_header_hides_no_trace():
    for bit in range(64):
        trace, region = build()
        taken(trace, 1000, 400)
        trace.flush(10000)
        whole = bytes(trace.read(0, trace.size()))
        for at in (0, 6008):
            one = bytearray(1)
            region.readinto(at + bit // 8, one)
            region.write(at + bit // 8, bytes((one[0] ^ 1 << bit % 8,)))
            again = Trace(region)
            assert bytes(again.read(0, again.size())) == whole or bit >= 48, (bit, at)
            assert again.size() == len(whole)
            assert bytes(again.read(3, 7)) == whole[3:10] or bit >= 48
            region.write(at + bit // 8, one)


def test_the_stored_trend_is_a_contract():
    region = MemoryRegion(10 * 24)
    trend = Trend(region)
    for sequence, (temp_min, temp_max, soc_cpct) in enumerate(
        ((-55, 254, 10000), (250, 255, 5049), (-300, -306, 0), (0, 1400, 50), (0, -1400, 99))
    ):
        trend.append(-140000, 768000, 32000, 33000, temp_min, temp_max, soc_cpct)
        whole_dc = min(max((temp_max + 5) // 10, -128), 127)
        body = pack(
            "<IiiHHhbBH", sequence, -140000, 768000, 32000, 33000, temp_min, whole_dc,
            soc_cpct // 50, 0,
        )  # fmt: skip
        one = bytes(trend.read(sequence * 24, 24))
        assert one == body + pack("<H", crc32(body) & 0xFFFF)
    assert whole_dc == -128
    assert unpack_from("<b", trend.read(0, 24), 18)[0] == 25
    assert unpack_from("<b", trend.read(24, 24), 18)[0] == 26


def test_a_whole_trace_waits_unchanged_until_it_may_be_written():
    trace, _ = build()
    taken(trace, 0, 400)
    samples(trace, 50, 9000)
    trace.flush(10000)
    assert currents(trace) == list(range(250, 550))


def test_a_read_behind_the_header_and_one_without_a_trace_give_what_stands_there():
    region = MemoryRegion(8192)
    trace = Trace(region)
    assert bytes(trace.read(0, 16)) == b"\xff" * 16
    region.write(4000, b"abcd")
    assert bytes(trace.read(4000, 4)) == b"abcd"


def test_what_was_not_seen_stands_as_typed_here_and_the_header_stands_again_at_6008():
    region = MemoryRegion(8192)
    trace = Trace(region)
    trace.freeze()
    for _ in range(AFTER):
        trace.sample(1, 2, 3, 4, 5, 6, 7, False, False)
    while trace.writing >= 0:
        trace.flush(100)
    record = bytearray(20)
    region.readinto(8, record)
    unseen = b"\x01\x00\x00\xc0" * 3 + b"\xff\xff" * 2 + b"\x00\x80" * 2
    assert bytes(record) == unseen
    first, second = bytearray(8), bytearray(8)
    region.readinto(0, first)
    region.readinto(6008, second)
    assert first == second
    assert first[:2] == b"TR"
