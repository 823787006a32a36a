from struct import pack_into, unpack_from

from bess.port.memory import MemoryRegion
from bess.port.ring import (
    BLANK,
    BLOCK,
    BODY,
    DAMAGED,
    REACH,
    RECORD,
    Ring,
    _vouched,
    check,
    newest_record,
)  # fmt: skip


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
    assert ring.records() == 10
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


def test_a_ring_that_cannot_be_read_at_the_start_takes_nothing():
    class Deaf(MemoryRegion):
        writes = 0

        def readinto(self, offset, buffer):
            raise OSError(19)

        def write(self, offset, data):
            self.writes += 1

    region = Deaf(10 * RECORD)
    ring = Ring(region)
    assert ring.records() == 0
    number = 0
    try:
        ring.write(bytearray(RECORD))
    except OSError as error:
        number = error.args[0]
    assert number == 5  # EIO
    assert region.writes == 0  # what stands there may be whole


def test_records_that_end_with_the_ring_are_one_write():
    class Counting(MemoryRegion):
        writes = 0

        def write(self, offset, data):
            self.writes += 1
            MemoryRegion.write(self, offset, data)

    region = Counting(10 * RECORD)
    Ring(region).write(bytearray(10 * RECORD))
    assert region.writes == 1


def places(table, otherwise=DAMAGED):
    """load() of a ring that holds these sequences by position, and how often it was asked."""
    asked = []

    def load(position):
        asked.append(position)
        return table.get(position, otherwise)

    return load, asked


def is_vouched(table, sequence=1000, capacity=2000, otherwise=DAMAGED):
    return _vouched(places(table, otherwise)[0], capacity, sequence)


def test_a_block_is_a_sector_and_reach_two_of_them():
    assert (BLOCK, REACH) == (4096 // 24, 2 * (4096 // 24))


def test_a_whole_neighbour_within_reach_vouches_on_either_side():
    for distance in (1, 2, 3, 100, REACH - 1, REACH):
        for sequence in (1000 - distance, 1000 + distance):
            assert is_vouched({sequence: sequence}) is True, sequence
            assert not is_vouched({sequence: sequence + 2000}), sequence
    for sequence in (1000 - REACH - 1, 1000 + REACH + 1):
        assert not is_vouched({sequence: sequence})
    assert is_vouched({0: 0}, sequence=1)
    assert is_vouched({1: 6}, sequence=10, capacity=5)  # four places behind, one ahead
    assert not is_vouched({4: 4}, sequence=10, capacity=5)  # once round is no neighbour


def test_no_place_that_holds_nothing_vouches():
    for sequence in (0, 1, 2, 3):
        for nothing in (DAMAGED, BLANK):
            assert not is_vouched({}, sequence, otherwise=nothing)


def test_of_the_whole_neighbours_on_a_side_the_first_two_are_heard():
    for side in (-1, 1):
        at = [1000 + side * n for n in range(6)]
        assert is_vouched({at[1]: 7, at[2]: at[2]})
        assert is_vouched({at[2]: 7, at[5]: at[5]})
        assert not is_vouched({at[1]: 7, at[2]: 7, at[3]: at[3]})
        assert not is_vouched({at[1]: 0, at[2]: 0, at[3]: at[3]})
        # what contradicts on one side silences nothing on the other
        other = 1000 - side * 5
        assert is_vouched({at[1]: 7, at[2]: 7, other: other})


def test_two_that_contradict_on_each_side_end_the_search():
    load, asked = places({998: 7, 999: 7, 1001: 7, 1002: 7})
    assert not _vouched(load, 2000, 1000)
    assert sorted(asked) == [998, 999, 1001, 1002]


def found_in(table, otherwise=DAMAGED):
    return newest_record(places(table, otherwise)[0], 2000)


def test_behind_an_erased_stretch_of_reach_the_search_goes_on_and_behind_a_longer_one_it_skips():
    for length, expected in ((REACH, REACH + 2), (REACH + 1, -1)):
        table = dict.fromkeys(range(1, length + 1), BLANK)
        table[length + 1] = length + 1
        table[length + 2] = length + 2
        assert found_in(table) == expected


def test_of_each_block_the_first_whole_record_is_looked_at():
    assert found_in({0: 0, 1: 1, BLOCK - 1: 2169, BLOCK: 2170}) == 2170
    assert found_in({101: 101, 103: 103}) == 103
    assert found_in({102: 102, 104: 104}) == 104


def lap(count, older=()):
    """2000 records and some of the next lap; those at the places `older` were not written anew."""
    return {n: n + 2000 if n < count and n not in older else n for n in range(2000)}


def test_one_older_record_on_the_way_to_the_newest_may_lie_and_two_decide():
    assert found_in(lap(6)) == 2005
    assert found_in(lap(6, {1})) == 2005
    assert found_in(lap(6, {4})) == 2005
    assert found_in(lap(8, {3, 5})) == 2007
    assert found_in(lap(8, {3, 4})) == 2002
    assert found_in(lap(3, {0, 1})) == 1999


def test_damage_of_all_reach_hides_no_record_behind_it():
    newest = BLOCK + 10
    table = {n: 2000 + n for n in range(newest + 1)}
    table.update({n: n for n in range(3 * BLOCK, 2000)})
    for n in range(3 * BLOCK + 1, newest + REACH):
        del table[n]
    table[newest + REACH] = 2000 + newest + REACH
    assert found_in(table) == 2000 + newest + REACH
