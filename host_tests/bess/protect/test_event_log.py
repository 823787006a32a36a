from struct import unpack_from

from bess.port.storage import MemoryRegion
from bess.protect.event_log import RECORD, EventLog


def fill(log, count, first=0):
    for number in range(first, first + count):
        log.put(number, 1, number & 0x7F, 3, number, -number)
        log.flush(1)


def values(log):
    data = log.read(0, log.size())
    return [unpack_from("<i", data, at + 14)[0] for at in range(0, len(data), RECORD)]


def test_records_come_oldest_first_and_the_oldest_leave():
    log = EventLog(MemoryRegion(10 * RECORD))
    fill(log, 4)
    assert values(log) == [0, 1, 2, 3]
    fill(log, 10, 4)
    assert values(log) == list(range(4, 14))


def test_boot_finds_the_newest_wherever_it_stands():
    for count in range(1, 35):
        region = MemoryRegion(10 * RECORD)
        fill(EventLog(region), count)
        again = EventLog(region)
        assert again.boot == 2
        fill(again, 1, count)
        assert values(again) == list(range(max(count - 9, 0), count + 1)), count


def test_a_torn_record_costs_only_itself():
    for count in range(1, 25):
        for cut in (1, 5, 23):
            region = MemoryRegion(10 * RECORD)
            fill(EventLog(region), count)
            at = count % 10 * RECORD
            whole = bytearray(RECORD)
            region.readinto(at, whole)
            region.write(at, bytes(cut))  # the next record, cut short
            again = EventLog(region)
            fill(again, 1, count)
            assert values(again)[-1] == count, (count, cut)
            assert values(again)[:-1] == list(range(max(count - 9, 0), count)), (count, cut)


def test_a_full_buffer_counts_what_it_lost():
    log = EventLog(MemoryRegion(100 * RECORD))
    for number in range(70):
        log.put(number, 1, 1, 1, number, 0)
    assert log.lost == 70 - 63
    log.flush(1000)
    assert values(log) == list(range(63))


def test_reading_across_records_gives_the_same_bytes():
    log = EventLog(MemoryRegion(10 * RECORD))
    fill(log, 14)
    whole = log.read(0, log.size())
    pieces = b"".join([log.read(at, min(7, len(whole) - at)) for at in range(0, len(whole), 7)])
    assert pieces == whole
