from struct import pack, unpack_from
from zlib import crc32

from bess.port.memory import MemoryRegion
from bess.protect.event_log import (
    ANCHOR,
    BOOT,
    CLEARED,
    KIND_NAMES,
    PART_FAILED,
    PROGRAM,
    RAISED,
    RECORD,
    STATE,
    EventLog,
)


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


def record(sequence, ticks, boot, kind, item, level, value, limit, string=0):
    body = pack("<IIHBBBBii", sequence, ticks, boot, kind, item, level, string, value, limit)
    return body + pack("<H", crc32(body) & 0xFFFF)


def test_the_stored_bytes_are_a_contract():
    """A log written by older firmware stays readable."""
    assert RECORD == 24
    names = KIND_NAMES.decode().split()
    assert [names[kind] for kind in (RAISED, CLEARED, STATE, BOOT, ANCHOR)] == [
        "raised", "cleared", "state", "boot", "anchor",
    ]  # fmt: skip
    region = MemoryRegion(4 * RECORD)
    expected = []
    for boot in (1, 2, 3):
        log = EventLog(region)
        assert log.boot == boot
        for n in range(3):
            sequence = 3 * (boot - 1) + n
            fields = (1000 + 17 * sequence, n + 1, 90 + n, 3 - n, -5000 - sequence, 70000 + n)
            if boot > 1:  # of a string
                fields += (boot + 14,)
            log.put(*fields)
            expected.append(record(sequence, fields[0], boot, *fields[1:]))
        assert log.lost == 0
        log.flush(10)
        assert log.read(0, log.size()) == b"".join(expected[-4:])
        assert log.records() == min(len(expected), 4)


def test_flush_writes_as_many_as_it_is_told():
    log = EventLog(MemoryRegion(100 * RECORD))
    for number in range(10):
        log.put(number, 1, 1, 1, number, 0)
    for most, records in ((0, 0), (1, 1), (3, 4), (0, 4), (6, 10), (5, 10)):
        assert log.flush(most) is (records == 10)  # whether none is left
        assert log.records() == records
        assert log.waiting() == 10 - records


def test_each_start_counts_on_from_the_newest_record():
    region = MemoryRegion(4 * RECORD)
    for boot in range(1, 12):
        log = EventLog(region)
        assert log.boot == boot
        fill(log, 1 + boot % 3)


def test_the_kinds_have_their_names():
    """Both are contracts with whoever reads a log."""
    names = KIND_NAMES.decode().split()
    kinds = (RAISED, CLEARED, STATE, BOOT, ANCHOR, PROGRAM, PART_FAILED)
    words = ("raised", "cleared", "state", "boot", "anchor", "program", "part_failed")
    assert [names[kind] for kind in kinds] == list(words)


def test_the_boot_count_wraps():
    region = MemoryRegion(4 * RECORD)
    region.write(0, record(0, 1, 65535, 1, 1, 1, 1, 1))
    assert EventLog(region).boot == 0


def test_a_whole_record_at_a_foreign_place_is_none():
    region = MemoryRegion(4 * RECORD)
    region.write(0, record(0, 1, 1, 1, 1, 1, 1, 1))
    region.write(RECORD, record(6, 1, 9, 1, 1, 1, 1, 1))
    log = EventLog(region)
    assert (log.boot, log.records()) == (2, 1)
