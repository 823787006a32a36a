"""Leaves of the fast path in plain Python: the twin of native/leaves_viper.py.

A test holds both equal. Callers validate lengths and type codes. Those of cells stand here, those
of temperature sensors, of frames and of the fault table in files of their own.
"""

from bess.port.leaves_fast import (  # noqa: F401
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
from bess.port.leaves_ntc import (  # noqa: F401
    convert_ntc,
    judge_ntc,
    largest_rise,
    stand_in,
)


def clear(buffer, count):
    """Zero the first `count` bytes of a bytearray."""
    for i in range(count):
        buffer[i] = 0


def check_group(rx, table, device_count, valid, streak):
    """Check the PEC of every device of a read; returns how many were right.

    rx: bytearray of 4 + 8 * device_count, table: array('H') of pec15.pec_table(). Writes 0
    or 1 to valid; streak counts bad answers in a row and stops at 250.
    """
    good = 0
    at = 4
    for device in range(device_count):
        remainder = 16
        for i in range(at, at + 6):
            remainder = ((remainder << 8) & 0x7FFF) ^ table[((remainder >> 7) ^ rx[i]) & 0xFF]
        if (rx[at + 6] << 8 | rx[at + 7]) == remainder << 1:
            valid[device] = 1
            streak[device] = 0
            good += 1
        else:
            valid[device] = 0
            if streak[device] < 250:
                streak[device] += 1
        at += 8
    return good


def store_group(rx, valid, group, layout, values, fresh):
    """Copy the three words of every valid device of a cell group to its cells.

    layout: bytearray, the cell count of each device; its cells follow those of the devices
    before it.
    values: array('H') by cell, fresh: bytearray by cell, set to 1 for each cell stored.
    """
    first = 0
    at = 4
    for device in range(len(layout)):
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


def scan(values, fresh, count, out):
    """Minimum, maximum and sum of the fresh values in one pass.

    values: array('H') of at least count, fresh: bytearray of 0/1, out: array('i') of 6,
    filled with min, its index, max, its index, sum, number of fresh values. The first of
    equals has the index. With none fresh, out is 0xFFFF, 0, -1, 0, 0, 0.
    """
    low = 0xFFFF
    low_index = 0
    high = -1
    high_index = 0
    total = 0
    used = 0
    for i in range(count):
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
    out[0] = low
    out[1] = low_index
    out[2] = high
    out[3] = high_index
    out[4] = total
    out[5] = used


def store_words(rx, valid, first, raw, good):
    """Copy three words of each device of an auxiliary group to raw[6 * device + first].

    good: bytearray by device, 1 stays 1 only where this read was valid too.
    """
    at = 4
    for device in range(len(valid)):
        if valid[device]:
            to = 6 * device + first
            for i in range(3):
                raw[to + i] = rx[at + 2 * i] | rx[at + 2 * i + 1] << 8
        else:
            good[device] = 0
        at += 8


def stamp_fresh(stamps, fresh, count, now_ms):
    """stamps[i] = now_ms (array('i')) wherever fresh[i] (bytearray) is set."""
    for i in range(count):
        if fresh[i]:
            stamps[i] = now_ms


def oldest(stamps, count, now_ms):
    """Largest age in ms of `count` stamps; time wraps at 2**30."""
    largest = 0
    for i in range(count):
        age = (now_ms - stamps[i]) & 0x3FFFFFFF
        if age > largest:
            largest = age
    return largest


def devices_differing(rx, valid, expected, mask):
    """Valid devices of a read that differ from `expected` where `mask` has a one.

    expected, mask: eight bytes a device, as they stand in rx from byte 4 on.
    """
    found = 0
    at = 0
    for device in range(len(valid)):
        if valid[device]:
            for i in range(at, at + 8):
                if (rx[4 + i] ^ expected[i]) & mask[i]:
                    found += 1
                    break
        at += 8
    return found


def count_other_words(rx, valid, expected):
    """Words of the valid devices of a read that differ from `expected`."""
    found = 0
    at = 4
    for device in range(len(valid)):
        if valid[device]:
            for i in range(at, at + 6, 2):
                if rx[i] | rx[i + 1] << 8 != expected:
                    found += 1
        at += 8
    return found


def open_wires(up, down, layout, limit):
    """Open sense wires after the data sheet's rule; returns their number.

    up, down: array('H') by cell, read with pull-up and pull-down current; layout: bytearray,
    cells of each device. C(n) is open if V_PU(n+1) - V_PD(n+1) < -limit, C(0) if V_PU(1) is
    0, the top pin if V_PD(top) is 0.
    """
    found = 0
    first = 0
    for count in layout:
        last = first + count - 1
        if up[first] == 0:
            found += 1
        if down[last] == 0:
            found += 1
        for i in range(first + 1, last + 1):
            if down[i] - up[i] > limit:
                found += 1
        first = last + 1
    return found


def sum_of_fresh(values, fresh, first, count):
    """Sum of values[first:first+count], or -1 when one of them is not fresh."""
    total = 0
    for i in range(first, first + count):
        if not fresh[i]:
            return -1
        total += values[i]
    return total


def count_unused(rx, valid, group, layout, limit):
    """Devices of a cell group whose inputs beyond their layout read above `limit`."""
    found = 0
    at = 4
    for device in range(len(layout)):
        if valid[device]:
            cell = 3 * group
            for i in range(at, at + 6, 2):
                value = rx[i] | rx[i + 1] << 8
                if cell >= layout[device] and value > limit and value != 0xFFFF:
                    found += 1
                    break
                cell += 1
        at += 8
    return found


def count_frozen(values, last, mean_then, count, mean, moved):
    """Values that stayed exactly the same while the mean moved by `moved` or more.

    values, last, mean_then: array('H'); last and mean_then are kept from call to call.
    """
    found = 0
    for i in range(count):
        if values[i] != last[i]:
            last[i] = values[i]
            mean_then[i] = mean
        else:
            gap = mean - mean_then[i]
            if gap < 0:
                gap = -gap
            if gap >= moved:
                found += 1
    return found


def count_apart(values, fresh, count, group, limit):
    """Fresh values that differ from both fresh neighbours of their group by more than `limit`."""
    found = 0
    for i in range(1, count - 1):
        inside = i % group
        if 0 < inside < group - 1 and fresh[i - 1] and fresh[i] and fresh[i + 1]:
            low = values[i] - values[i - 1]
            high = values[i] - values[i + 1]
            if low < 0:
                low = -low
            if high < 0:
                high = -high
            if low > limit and high > limit:
                found += 1
    return found
