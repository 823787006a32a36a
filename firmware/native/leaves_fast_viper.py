"""Leaves of frames and fault rows as machine code; bess/port/leaves_fast.py is the twin."""

import micropython
from micropython import const

_SIGNALS = const(106)  # measure.signals.COUNT


@micropython.viper
def crc8h2f(table_in, data_in, data_id: int) -> int:
    table = ptr8(table_in)
    data = ptr8(data_in)
    crc = 0xFF
    i = 1
    while i < 8:
        crc = table[crc ^ data[i]]
        i += 1
    return table[crc ^ data_id] ^ 0xFF


@micropython.viper
def ticks_diff(later_ms: int, earlier_ms: int) -> int:
    d = later_ms - earlier_ms
    if d >= 0x20000000:
        return d - 0x20000000 - 0x20000000
    if d < -0x20000000:
        return d + 0x20000000 + 0x20000000
    return d


@micropython.viper
def put(samples_in, signal: int, value: int):
    samples = ptr32(samples_in)
    samples[signal] = value
    samples[signal + 2 * _SIGNALS] = 0
    samples[signal + _SIGNALS] = int(samples[signal + _SIGNALS]) + 1 & 0x1FFFFFFF


@micropython.viper
def put_partial(samples_in, signal: int, value: int):
    samples = ptr32(samples_in)
    samples[signal] = value
    samples[signal + 2 * _SIGNALS] = 1
    samples[signal + _SIGNALS] = int(samples[signal + _SIGNALS]) + 1 & 0x1FFFFFFF


@micropython.viper
def next_row(
    row: int, end: int, signal_in, counts_in, seen_in, values_in, limits_in, state_in
) -> int:
    signal = ptr8(signal_in)
    counts = ptr32(counts_in)
    seen = ptr32(seen_in)
    values = ptr32(values_in)
    limits = ptr32(limits_in)
    state = ptr8(state_in)
    one = 1
    sign = one << 31  # a 64-bit viper loads 32 bits without their sign: (x ^ sign) - sign
    while row < end:
        at = signal[row]
        if counts[at] != seen[row]:
            value = (values[at] ^ sign) - sign
            if (
                state[row]
                or value < (limits[2 * row] ^ sign) - sign
                or value > (limits[2 * row + 1] ^ sign) - sign
            ):
                return row
            seen[row] = counts[at]
        row += 1
    return end


@micropython.viper
def next_flagged(flags_in, mask: int, row: int, end: int) -> int:
    flags = ptr8(flags_in)
    while row < end:
        if flags[row] & mask:
            return row
        row += 1
    return end


@micropython.viper
def pack_fields(image_in, fields_in, slot: int, end: int, out_in):
    image = ptr32(image_in)
    fields = ptr8(fields_in)
    out = ptr8(out_in)
    one = 1
    sign = one << 31  # a 64-bit viper loads 32 bits without their sign: (x ^ sign) - sign
    i = 0
    while i < 8:
        out[i] = 0
        i += 1
    while slot < end:
        at = slot * 4
        byte = int(fields[at])
        bits = int(fields[at + 2])
        value = (image[slot] ^ sign) - sign
        top = (one << bits) - 1
        bottom = 0
        if fields[at + 3]:
            top >>= 1
            bottom = -top - 1
        if value > top:
            value = top
        elif value < bottom:
            value = bottom
        if bits < 8:
            out[byte] = int(out[byte]) | value << int(fields[at + 1])
        else:
            while bits > 0:
                out[byte] = value & 0xFF
                value >>= 8
                byte += 1
                bits -= 8
        slot += 1


@micropython.viper
def unpack_fields(data_in, fields_in, slot: int, end: int, image_in):
    data = ptr8(data_in)
    fields = ptr8(fields_in)
    image = ptr32(image_in)
    one = 1
    while slot < end:
        at = slot * 4
        byte = int(fields[at])
        bits = int(fields[at + 2])
        value = 0
        if bits < 8:
            value = int(data[byte]) >> int(fields[at + 1]) & (one << bits) - 1
        else:
            last = byte + (bits >> 3) - 1
            if fields[at + 3] and data[last] & 0x80:
                value = -1
            while last >= byte:
                value = value << 8 | int(data[last])
                last -= 1
        image[slot] = value
        slot += 1


@micropython.viper
def take_result(data_in, channel: int, now_ms: int, results_in) -> int:
    data = ptr8(data_in)
    results = ptr32(results_in)
    state = int(data[1])
    now = state & 0x0F
    before = int(results[12 + channel])
    if now == before:
        return 1
    missed = 0
    if before == 0xFF:
        results[16 + channel] = now_ms
    else:
        missed = now - before - 1 & 0x0F
        results[24 + channel] = int(results[24 + channel]) + missed + 1
    results[20 + channel] = now_ms
    results[12 + channel] = now
    if state & 0xA0:
        results[28 + channel] = int(results[28 + channel]) + missed + 1
        return 1
    results[28 + channel] = int(results[28 + channel]) + missed
    high = int(data[2]) << 8 | int(data[3])
    if high & 0x8000:
        high -= 0x10000
    number = 0
    if high >= 31:
        number = 2000000
    elif high < -31:
        number = -2000000
    else:
        number = high << 16 | int(data[4]) << 8 | int(data[5])
        if number > 2000000:
            number = 2000000
        elif number < -2000000:
            number = -2000000
    results[channel] = number
    fresh = int(results[4 + channel]) + 1
    if fresh >= 0x3FFFFFFF:
        fresh = 1
    results[4 + channel] = fresh
    results[8 + channel] = now_ms
    return 0


@micropython.viper
def count_charge(totals_in, current_ma: int, elapsed_ms: int) -> int:
    totals = ptr32(totals_in)
    one = 1
    sign = one << 31  # a 64-bit viper loads 32 bits without their sign: (x ^ sign) - sign
    total = int(totals[0]) + current_ma * elapsed_ms
    uah = total // 3600
    totals[0] = total - uah * 3600
    if uah != 0:
        at = 3
        small = 7
        moved = uah
        if uah < 0:
            at = 5
            small = 8
            moved = 0 - uah
        moved += int(totals[small])
        mah = moved // 1000
        totals[small] = moved - mah * 1000
        mah += int(totals[at])
        ah = mah // 1000
        totals[at] = mah - ah * 1000
        totals[at + 1] = int(totals[at + 1]) + ah
        net = uah + int(totals[1])
        mah = net // 1000
        totals[1] = net - mah * 1000
        totals[2] = (int(totals[2]) ^ sign) - sign + mah
    return uah
