from array import array

from bess.drivers.pec15 import pec15, pec_table
from bess.port import leaves


def test_scan_finds_extremes_with_the_first_index():
    values = array("H", (33000, 32000, 34000, 32000, 34000))
    out = array("i", bytes(24))
    leaves.scan(values, bytearray(b"\x01" * 5), 5, out)
    assert list(out) == [32000, 1, 34000, 2, 165000, 5]


def test_scan_leaves_out_what_is_not_fresh():
    values = array("H", (65535, 32000, 0))
    out = array("i", bytes(24))
    leaves.scan(values, bytearray((0, 1, 0)), 3, out)
    assert list(out) == [32000, 1, 32000, 1, 32000, 1]


def test_scan_of_nothing_is_marked_as_nothing():
    out = array("i", bytes(24))
    leaves.scan(array("H", (1, 2)), bytearray(2), 2, out)
    assert out[5] == 0
    assert out[2] == -1


def test_check_group_marks_the_disturbed_device():
    table = pec_table()
    rx = bytearray(4 + 16)
    for device in range(2):
        at = 4 + 8 * device
        rx[at] = 7 + device
        pec = pec15(table, rx, at, 6)
        rx[at + 6], rx[at + 7] = pec >> 8, pec & 255
    valid, streak = bytearray(2), bytearray((3, 249))
    assert leaves.check_group(rx, table, 2, valid, streak) == 2
    assert list(streak) == [0, 0]
    rx[12] ^= 1
    streak[1] = 249
    assert leaves.check_group(rx, table, 2, valid, streak) == 1
    leaves.check_group(rx, table, 2, valid, streak)
    assert list(valid) == [1, 0]
    assert list(streak) == [0, 250]


def test_ages_wrap():
    stamps = array("i", (2**30 - 50, 10))
    assert leaves.oldest(stamps, 2, 20) == 70


def test_next_row_never_passes_a_sample_out_of_bounds():
    signal = bytearray((0, 1, 1))
    counts = array("i", (1, 1))
    seen = array("i", (0, 0, 0))
    values = array("i", (5, -7))
    limits = array("i", (0, 10, -10, 10, -5, 10))
    state = bytearray(3)
    assert leaves.next_row(0, 3, signal, counts, seen, values, limits, state) == 2
    assert list(seen) == [1, 1, 0]
    state[0] = 1
    seen[0] = 0
    assert leaves.next_row(0, 3, signal, counts, seen, values, limits, state) == 0


def test_a_row_seen_already_is_not_judged_again():
    state = bytearray((1,))
    seen = array("i", (4,))
    counts = array("i", (4,))
    args = (bytearray(1), counts, seen, array("i", (99,)), array("i", (0, 1)), state)
    assert leaves.next_row(0, 1, *args) == 1
