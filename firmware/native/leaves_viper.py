"""Leaves of the fast path as machine code; bess/port/leaves.py is the plain twin.

Why machine code: measured by `autarky bench` (scan_over_bytecode, instructions).
"""

import micropython
from leaves_fast_viper import (
    count_charge,
    crc8h2f,
    next_flagged,
    next_row,
    pack_fields,
    put,
    put_partial,
    take_result,
    ticks_diff,
    unpack_fields,
)
from leaves_ntc_viper import convert_ntc, judge_ntc, largest_rise, stand_in


@micropython.viper
def clear(buffer_in, count: int):
    buffer = ptr8(buffer_in)
    i = 0
    while i < count:
        buffer[i] = 0
        i += 1


@micropython.viper
def check_group(rx_in, table_in, device_count: int, valid_in, streak_in) -> int:
    rx = ptr8(rx_in)
    table = ptr16(table_in)
    valid = ptr8(valid_in)
    streak = ptr8(streak_in)
    good = 0
    at = 4
    device = 0
    while device < device_count:
        remainder = 16
        end = at + 6
        while at < end:
            remainder = ((remainder << 8) & 0x7FFF) ^ table[((remainder >> 7) ^ rx[at]) & 0xFF]
            at += 1
        if (rx[at] << 8 | rx[at + 1]) == remainder << 1:
            valid[device] = 1
            streak[device] = 0
            good += 1
        else:
            valid[device] = 0
            if streak[device] < 250:
                streak[device] += 1
        at += 2
        device += 1
    return good


@micropython.viper
def store_group(rx_in, valid_in, group: int, layout_in, values_in, fresh_in):
    rx = ptr8(rx_in)
    valid = ptr8(valid_in)
    layout = ptr8(layout_in)
    values = ptr16(values_in)
    fresh = ptr8(fresh_in)
    devices = int(len(layout_in))
    first = 0
    at = 4
    device = 0
    while device < devices:
        count = layout[device]
        if valid[device]:
            cell = 3 * group
            i = at
            while i < at + 6 and cell < count:
                values[first + cell] = rx[i] | rx[i + 1] << 8
                fresh[first + cell] = 1
                cell += 1
                i += 2
        first += count
        at += 8
        device += 1


@micropython.viper
def scan(values_in, fresh_in, count: int, out_in):
    values = ptr16(values_in)
    fresh = ptr8(fresh_in)
    out = ptr32(out_in)
    low = 0xFFFF
    low_index = 0
    high = -1
    high_index = 0
    total = 0
    used = 0
    i = 0
    while i < count:
        if fresh[i]:
            value = values[i]
            total += value
            used += 1
            if value < low:
                low = value
                low_index = i
            if value > high:
                high = value
                high_index = i
        i += 1
    out[0] = low
    out[1] = low_index
    out[2] = high
    out[3] = high_index
    out[4] = total
    out[5] = used


@micropython.viper
def store_words(rx_in, valid_in, first: int, raw_in, good_in):
    rx = ptr8(rx_in)
    valid = ptr8(valid_in)
    raw = ptr16(raw_in)
    good = ptr8(good_in)
    devices = int(len(valid_in))
    at = 4
    device = 0
    while device < devices:
        if valid[device]:
            to = 6 * device + first
            raw[to] = rx[at] | rx[at + 1] << 8
            raw[to + 1] = rx[at + 2] | rx[at + 3] << 8
            raw[to + 2] = rx[at + 4] | rx[at + 5] << 8
        else:
            good[device] = 0
        at += 8
        device += 1


@micropython.viper
def stamp_fresh(stamps_in, fresh_in, count: int, now_ms: int):
    stamps = ptr32(stamps_in)
    fresh = ptr8(fresh_in)
    i = 0
    while i < count:
        if fresh[i]:
            stamps[i] = now_ms
        i += 1


@micropython.viper
def oldest(stamps_in, count: int, now_ms: int) -> int:
    stamps = ptr32(stamps_in)
    largest = 0
    i = 0
    while i < count:
        age = (now_ms - int(stamps[i])) & 0x3FFFFFFF
        if age > largest:
            largest = age
        i += 1
    return largest


@micropython.viper
def devices_differing(rx_in, valid_in, expected_in, mask_in) -> int:
    rx = ptr8(rx_in)
    valid = ptr8(valid_in)
    expected = ptr8(expected_in)
    mask = ptr8(mask_in)
    devices = int(len(valid_in))
    found = 0
    at = 0
    device = 0
    while device < devices:
        if valid[device]:
            hit = 0
            i = at
            while i < at + 8:
                if (rx[4 + i] ^ expected[i]) & mask[i]:
                    hit = 1
                i += 1
            found += hit
        at += 8
        device += 1
    return found


@micropython.viper
def count_other_words(rx_in, valid_in, expected: int) -> int:
    rx = ptr8(rx_in)
    valid = ptr8(valid_in)
    devices = int(len(valid_in))
    found = 0
    at = 4
    device = 0
    while device < devices:
        if valid[device]:
            i = at
            while i < at + 6:
                if rx[i] | rx[i + 1] << 8 != expected:
                    found += 1
                i += 2
        at += 8
        device += 1
    return found


@micropython.viper
def open_wires(up_in, down_in, layout_in, limit: int) -> int:
    up = ptr16(up_in)
    down = ptr16(down_in)
    layout = ptr8(layout_in)
    devices = int(len(layout_in))
    found = 0
    first = 0
    device = 0
    while device < devices:
        last = first + layout[device] - 1
        if up[first] == 0:
            found += 1
        if down[last] == 0:
            found += 1
        i = first + 1
        while i <= last:
            if int(down[i]) - int(up[i]) > limit:
                found += 1
            i += 1
        first = last + 1
        device += 1
    return found


@micropython.viper
def sum_of_fresh(values_in, fresh_in, first: int, count: int) -> int:
    values = ptr16(values_in)
    fresh = ptr8(fresh_in)
    total = 0
    i = first
    while i < first + count:
        if not fresh[i]:
            return -1
        total += values[i]
        i += 1
    return total


@micropython.viper
def count_unused(rx_in, valid_in, group: int, layout_in, limit: int) -> int:
    rx = ptr8(rx_in)
    valid = ptr8(valid_in)
    layout = ptr8(layout_in)
    devices = int(len(layout_in))
    found = 0
    at = 4
    device = 0
    while device < devices:
        if valid[device]:
            cell = 3 * group
            hit = 0
            i = at
            while i < at + 6:
                value = rx[i] | rx[i + 1] << 8
                if cell >= layout[device] and value > limit and value != 0xFFFF:
                    hit = 1
                cell += 1
                i += 2
            found += hit
        at += 8
        device += 1
    return found


@micropython.viper
def count_frozen(values_in, last_in, then_in, count: int, mean: int, moved: int) -> int:
    values = ptr16(values_in)
    last = ptr16(last_in)
    then = ptr16(then_in)
    found = 0
    i = 0
    while i < count:
        if values[i] != last[i]:
            last[i] = values[i]
            then[i] = mean
        else:
            gap = mean - then[i]
            if gap < 0:
                gap = 0 - gap
            if gap >= moved:
                found += 1
        i += 1
    return found


@micropython.viper
def count_apart(values_in, fresh_in, count: int, group: int, limit: int) -> int:
    values = ptr16(values_in)
    fresh = ptr8(fresh_in)
    found = 0
    i = 1
    while i < count - 1:
        inside = i % group
        if 0 < inside and inside < group - 1 and fresh[i - 1] and fresh[i] and fresh[i + 1]:
            low = values[i] - values[i - 1]
            high = values[i] - values[i + 1]
            if low < 0:
                low = 0 - low
            if high < 0:
                high = 0 - high
            if low > limit and high > limit:
                found += 1
        i += 1
    return found
