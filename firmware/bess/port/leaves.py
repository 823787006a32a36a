"""Leaves of the fast path in plain Python: the twin of native/leaves_viper.py.

A test holds both equal. Callers validate lengths and type codes.
"""


def clear(buffer, count):
    """Zero the first `count` bytes of a bytearray."""
    for i in range(count):
        buffer[i] = 0


def crc8h2f(table, data, data_id):
    """CRC-8H2F (AUTOSAR E2E profile 2) of bytes 1..7 of `data` and then `data_id`.

    table: 256 bytes of link.e2e.crc_table(). Init 0xFF, xorout 0xFF.
    """
    crc = 0xFF
    i = 1
    while i < 8:
        crc = table[crc ^ data[i]]
        i += 1
    return table[crc ^ data_id] ^ 0xFF


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


def convert_ntc(raw, scale, per_device, table, out, fresh):
    """Turn the NTC words of every device into temperatures.

    raw: array('H'), six words a device; scale: array('i') by device, 2**28 // VREF2 (both in
    100 uV), so that word * scale >> 16 is the ratio in 4096ths and stays inside 2**30, or 0
    for a device that cannot be trusted; table: array('H') of cells.ntc_table. out: array('H')
    by sensor; fresh: bytearray by sensor, 1 for each one converted. A shorted (above 150 degC)
    or open sensor (below -48 degC) keeps its old value and stays as it was in fresh.
    """
    sensor = 0
    for device in range(len(scale)):
        factor = scale[device]
        for i in range(per_device):
            ratio = raw[6 * device + i] * factor >> 16
            if 80 <= ratio <= 4000:
                step = ratio >> 4
                low = table[step]
                out[sensor] = low - ((low - table[step + 1]) * (ratio & 15) >> 4)
                fresh[sensor] = 1
            sensor += 1


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


def next_row(row, end, signal, counts, seen, values, limits, state):
    """First row from `row` on that needs a judgement of protect.faults, or `end`.

    Passed over: rows without a fresh sample, and quiet rows (state 0, that is neither
    counting nor active) whose fresh sample lies within both bounds; their sample is marked
    as seen. signal, state: bytearray by row; seen: array('i') by row; counts, values:
    array('i') by signal; limits: array('i'), lower and upper bound of each row.
    """
    while row < end:
        at = signal[row]
        if counts[at] != seen[row]:
            value = values[at]
            if state[row] or value < limits[2 * row] or value > limits[2 * row + 1]:
                return row
            seen[row] = counts[at]
        row += 1
    return end


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


def judge_ntc(raw, scale, per_device, lost, out):
    """Sensors that convert_ntc refuses: out (array('i') of 3) gets open, shorted, gone.

    lost: bytearray by sensor, kept from scan to scan: 0 = well, else up by 3 with each scan
    that finds it open or shorted (at most 100) and down by 1 with each that does not, so that
    one that comes and goes stays lost; 128 is added while it was shorted when last seen bad.
    gone is 1 when two neighbours of the chain, all of a device, or more than half of all are
    bad now or were so for two seconds of late (60). A device with scale 0 was not seen.
    """
    opened = shorted = away = gone = 0
    before = 0
    sensor = 0
    for device in range(len(scale)):
        factor = scale[device]
        here = 0
        for i in range(per_device):
            level = lost[sensor] & 127
            kind = lost[sensor] & 128
            bad = 0
            if factor:
                ratio = raw[6 * device + i] * factor >> 16
                if ratio < 80:
                    bad = 1
                    kind = 128
                elif ratio > 4000:
                    bad = 1
                    kind = 0
                if bad:
                    level = level + 3 if level < 97 else 100
                elif level:
                    level -= 1
                lost[sensor] = level | kind if level else 0
            if level:
                if kind:
                    shorted += 1
                else:
                    opened += 1
            if level >= 60:
                bad = 1
            here += bad
            if bad and before:
                gone = 1
            before = bad
            sensor += 1
        away += here
        if here == per_device:
            gone = 1
    out[0] = opened
    out[1] = shorted
    out[2] = 1 if gone or 2 * away > sensor else 0


def stand_in(values, fresh, lost, per_device, known, out):
    """Let the neighbours speak for lost sensors; returns how many sensors are known.

    values: array('H') by sensor in 0.1 K; a lost one that was not read gets the mean of its
    well neighbours on its device. known: bytearray, 1 for a fresh or replaced one. out: of
    `scan` over the fresh ones; its minimum and maximum widen to what may hide at a lost one,
    2 K (thermal.md) beyond its neighbours.
    """
    total = 0
    for i in range(len(lost)):
        known[i] = fresh[i]
        if lost[i]:
            inside = i % per_device
            low = 65535
            high = 0
            if inside > 0 and fresh[i - 1] and lost[i - 1] == 0:
                low = high = values[i - 1]
            if inside < per_device - 1 and fresh[i + 1] and lost[i + 1] == 0:
                low = min(low, values[i + 1])
                high = max(high, values[i + 1])
            if high:
                if fresh[i] == 0:
                    values[i] = low + high >> 1
                    known[i] = 1
                if low - 20 < out[0]:
                    out[0] = low - 20
                    out[1] = i
                if high + 20 > out[2]:
                    out[2] = high + 20
                    out[3] = i
        total += known[i]
    return total


def largest_rise(values, fresh, lost, then, first, out):
    """Largest rise of any sensor since `then`; out (array('i') of 2) gets it and how many
    sensors it is not known of.

    then: array('H'), from `first` on one value a sensor, 0 = not known; renewed with `values`.
    A lost sensor has no rise: its neighbours have. One that comes back begins anew.
    """
    largest = unknown = 0
    for i in range(len(lost)):
        now = 0
        if lost[i] == 0:
            before = then[first + i]
            if fresh[i]:
                now = values[i]
            if now and before:
                largest = max(largest, now - before)
            else:
                unknown += 1
        then[first + i] = now
    out[0] = largest
    out[1] = unknown


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
