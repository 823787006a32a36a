"""Bits that flip in storage: a record that is damaged is lost, and no other."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from autarky.node.decode import damaged_records, decode_log, decode_trace
from bess.port.memory import MemoryRegion
from bess.port.ring import RECORD, Ring
from bess.protect.event_log import EventLog
from bess.protect.trace import AFTER, SAMPLES, Trace, Trend

FLIPS = st.lists(st.integers(0, 2**20), max_size=8)
# not yet full, just full, just wrapped, long since
FILLINGS = st.tuples(st.sampled_from((3, 10, 171, 400, 700)), st.integers(0, 2000))


def flipped(region: MemoryRegion, bits: list[int]) -> bytes:
    """Flip bits anywhere in a region; its bytes as they are then."""
    data = bytearray(region.size)
    region.readinto(0, data)
    for bit in bits:
        at = bit % (8 * region.size)
        data[at // 8] ^= 1 << at % 8
    region.write(0, data)
    return bytes(data)


def filled(capacity: int, count: int) -> MemoryRegion:
    region = MemoryRegion(capacity * RECORD)
    ring = Ring(region)
    for number in range(count):
        record = bytearray(RECORD)
        struct.pack_into("<I", record, 12, number)
        ring.write(record)
    return region


def whole_sequences(region: MemoryRegion) -> dict[int, int]:
    """Sequence of each whole record by its place: read without the search."""
    ring = Ring(MemoryRegion(RECORD))
    ring.readinto, ring.capacity = region.readinto, region.size // RECORD
    found = {place: ring.load(place) for place in range(ring.capacity)}
    return {place: sequence for place, sequence in found.items() if sequence >= 0}


@given(FILLINGS, FLIPS)
def test_up_to_eight_flipped_bits_lose_only_the_records_they_lie_in(
    filling: tuple[int, int], bits: list[int]
) -> None:
    capacity, count = filling
    region = filled(capacity, count)
    before = whole_sequences(region)
    data = flipped(region, bits)
    hit = {bit % (8 * region.size) // 8 // RECORD for bit in bits}
    whole = whole_sequences(region)
    assert before.keys() - hit <= whole.keys()
    ring = Ring(region)
    assert ring.sequence - 1 == max(whole.values(), default=-1)
    # what comes next stands behind it, and every other byte is what it was
    place = ring.sequence % capacity
    ring.write(bytearray(RECORD))
    now = bytearray(region.size)
    region.readinto(0, now)
    changed = {at // RECORD for at in range(region.size) if now[at] != data[at]}
    assert changed <= {place}
    assert whole.get(place, -1) == min(whole.values(), default=-1) or place not in whole


@given(st.integers(1, 900), FLIPS)
def test_the_host_reads_every_event_that_is_whole_and_counts_the_others(
    count: int, bits: list[int]
) -> None:
    region = MemoryRegion(400 * RECORD)
    log = EventLog(region)
    for number in range(count):
        log.put(number, 1, 1, 3, number, 0)
        log.flush(1)
    expected = set(range(max(count - 400, 0), count))
    flipped(region, bits)
    hit = {bit % (8 * region.size) // 8 // RECORD for bit in bits}
    again = EventLog(region)
    data = again.read(0, again.size())
    values = [row["value"] for row in decode_log(data)]
    assert values == sorted(values)
    assert set(values) >= {number for number in expected if number % 400 not in hit}
    assert len(values) + damaged_records(data) == len(data) // RECORD


@given(st.integers(1, 900), FLIPS)
def test_a_trend_keeps_every_sample_that_is_whole(count: int, bits: list[int]) -> None:
    region = MemoryRegion(400 * RECORD)
    trend = Trend(region)
    for number in range(count):
        trend.append(number, 800000, 33000, 33100, 200, 220, 5000)
    flipped(region, bits)
    hit = {bit % (8 * region.size) // 8 // RECORD for bit in bits}
    again = Trend(region)
    places = again.size() // RECORD
    lost = {number for number in range(max(count - 400, 0), count) if number % 400 >= places}
    assert all(number % 400 in hit for number in lost)


@given(st.lists(st.integers(0, 8 * (8 + SAMPLES * 20) - 1), min_size=1, max_size=1))
def test_a_flipped_bit_in_a_trace_costs_its_sample_at_most(bits: list[int]) -> None:
    region = MemoryRegion(8192)
    trace = Trace(region)
    for number in range(400):
        trace.sample(number, 2, 3, 4, 5, -6, 7)
    trace.freeze()
    for number in range(400, 400 + AFTER):
        trace.sample(number, 2, 3, 4, 5, -6, 7)
    trace.flush(10000)
    data = bytearray(region.size)
    region.readinto(0, data)
    data[bits[0] // 8] ^= 1 << bits[0] % 8
    region.write(0, data)
    again = Trace(region)
    rows = decode_trace(again.read(0, again.size()))
    assert len(rows) == SAMPLES
    right = [n for n, row in zip(range(250, 550), rows) if row["current_a"] == n / 1000]
    assert len(right) >= SAMPLES - 1
