from struct import pack_into, unpack_from

from bess.port.memory import MemoryRegion
from bess.port.ring import BLANK, BLOCK, BODY, DAMAGED, REACH, RECORD, Ring, check, newest_record


def ring_of(capacity, count):
    region = MemoryRegion(capacity * RECORD)
    ring = Ring(region)
    for _ in range(0, count, 7):
        ring.write(bytearray(min(7, count - ring.sequence) * RECORD))
    assert ring.sequence == count
    return region


def damage(region, position):
    region.write(position * RECORD + 9, b"\x55")


def forge(region, position, sequence):
    """A record that is whole and carries a sequence that is none of the ring's."""
    record = bytearray(RECORD)
    pack_into("<I", record, 0, sequence)
    pack_into("<H", record, BODY, check(record))
    region.write(position * RECORD, record)


def newest(region):
    return Ring(region).sequence - 1


def test_the_newest_is_found_in_a_ring_of_any_filling():
    for capacity in (4, 10, 170, 171, 1000):
        for count in (0, 1, 2, 3, capacity - 1, capacity, capacity + 1, 2 * capacity + 3):
            assert newest(ring_of(capacity, count)) == count - 1, (capacity, count)


def test_a_damaged_record_anywhere_hides_no_other():
    for count in (1500, 2000, 2001, 2700):
        region = ring_of(2000, count)
        for position in range(0, 2000, 13):
            before = bytearray(RECORD)
            region.readinto(position * RECORD, before)
            damage(region, position)
            assert newest(region) == count - 1 or position == (count - 1) % 2000
            region.write(position * RECORD, before)


def test_a_damaged_newest_record_is_written_anew_and_nothing_else_is():
    region = ring_of(300, 500)
    damage(region, 499 % 300)
    ring = Ring(region)
    assert ring.sequence == 499
    ring.write(bytearray(RECORD))
    assert newest(region) == 499


def test_a_damaged_sector_hides_nothing_before_or_behind_it():
    for wreck in (b"\xff", b"\x00", b"\x5a"):
        for count in (1300, 2000, 2600):
            for start in range(0, 48000 - 4096, 4096):
                region = ring_of(2000, count)
                region.write(start, wreck * 4096)
                first, last = start // RECORD, (start + 4095) // RECORD
                expected = count - 1
                while first <= expected % 2000 <= last:
                    expected -= 1
                assert newest(region) == expected, (wreck, count, start)


def test_a_whole_record_that_looks_younger_than_all_hides_at_most_its_neighbour():
    for count in (700, 1000, 1500):
        for position in (0, 1, 169, 170, 171, 340, 498, 499, 500, 501, 502, 600, 999):
            for laps in (0, 1, 7, 1000000):
                region = ring_of(1000, count)
                forge(region, position, position + 1000 * (count // 1000 + laps))
                first = newest(region) + 1 - 1000  # oldest that is still read
                assert count - 2 <= newest(region) < count + 1000, (count, position, laps)
                assert first <= max(count - 1000, 0) + 2, (count, position, laps)


def test_an_erased_sector_at_the_start_hides_nothing_behind_it():
    for count in (172, 173, 250, 339, 340, 341, 500):
        region = ring_of(1000, count)
        region.write(0, b"\xff" * 4096)
        assert newest(region) == count - 1


def test_a_record_that_looks_older_ends_no_search():
    for position in (0, 170, 340, 1020, 1190):
        region = ring_of(2000, 5200)
        forge(region, position, position)
        assert newest(region) == 5199


def test_a_lone_record_counts_where_nothing_contradicts_it():
    region = ring_of(1000, 0)
    forge(region, 200, 1200)
    assert newest(region) == 1200


def reads_of(capacity, load):
    """(newest, how often it loaded)."""
    reads = [0]

    def counted(position):
        reads[0] += 1
        return load(position)

    return newest_record(counted, capacity), reads[0]


def test_boot_reads_a_bounded_number_of_records():
    for capacity in (5000, 10000, 86400):
        for count in (0, 1, 100, capacity // 2, capacity, capacity * 3 // 2):

            def load(position, count=count, capacity=capacity):
                sequence = position + (count - 1 - position) // capacity * capacity
                return sequence if sequence >= 0 else BLANK

            found, reads = reads_of(capacity, load)
            assert found == count - 1
            assert reads <= 2 * (capacity // BLOCK + 1) + BLOCK + 5 * REACH


def test_a_ring_full_of_damage_is_read_a_few_times_at_most():
    assert reads_of(5000, lambda position: DAMAGED) == (-1, 5000)

    def contradicting(position):
        return position + 5000 * (position % 89) if position % 3 == 0 else DAMAGED

    assert reads_of(5000, contradicting)[1] <= 5 * 5000


def test_records_that_are_appended_over_the_end_lie_in_order():
    region = MemoryRegion(10 * RECORD)
    ring = Ring(region)
    ring.write(bytearray(8 * RECORD))
    ring.write(bytearray(5 * RECORD))
    assert ring.records == 10
    found = bytearray(10 * RECORD)
    ring.readinto(0, found)
    assert [unpack_from("<I", found, at)[0] for at in range(0, 240, 24)] == [
        10, 11, 12, 3, 4, 5, 6, 7, 8, 9,
    ]  # fmt: skip


def test_a_write_that_failed_is_done_again_at_the_same_place():
    class FailingRegion(MemoryRegion):
        broken = False

        def write(self, offset, data):
            if self.broken and offset == 0:
                raise OSError(5)
            MemoryRegion.write(self, offset, data)

    region = FailingRegion(10 * RECORD)
    ring = Ring(region)
    ring.write(bytearray(8 * RECORD))
    region.broken = True
    try:
        ring.write(bytearray(5 * RECORD))
        raise AssertionError("the failure was swallowed")
    except OSError:
        pass
    region.broken = False
    assert ring.sequence == 8
    ring.write(bytearray(5 * RECORD))
    assert newest(region) == 12


def test_the_search_needs_nothing_but_what_it_loads():
    sequences = [12, 13, 14, 3, 4, -1, 6, 7, 8, 9, 10, 11]
    for shift in (0, 12):
        places = [n + shift if n >= 0 else n for n in sequences]
        assert newest_record(lambda position, places=places: places[position], 12) == 14 + shift
