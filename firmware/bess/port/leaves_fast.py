"""Leaves of frames and fault rows in plain Python: the twin of native/leaves_fast_viper.py."""

from bess.port.interpreter import const


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


_HALF = const(0x20000000)
_SIGNALS = const(106)  # measure.signals.COUNT


def ticks_diff(later_ms, earlier_ms):
    """Signed distance in ms between two times that wrap at 2**30, -2**29..2**29-1."""
    d = later_ms - earlier_ms
    if d >= _HALF:
        return d - _HALF - _HALF
    if d < -_HALF:
        return d + _HALF + _HALF
    return d


def put(samples, signal, value):
    """A fresh and whole sample of a signal.

    samples: array('i') of measure.signals: values, counts, partial marks of all signals.
    """
    samples[signal] = value
    samples[2 * _SIGNALS + signal] = 0
    samples[_SIGNALS + signal] = (samples[_SIGNALS + signal] + 1) & 0x1FFFFFFF


def put_partial(samples, signal, value):
    """As put, of a sample formed without some of its sensors."""
    samples[signal] = value
    samples[2 * _SIGNALS + signal] = 1
    samples[_SIGNALS + signal] = (samples[_SIGNALS + signal] + 1) & 0x1FFFFFFF


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


def next_flagged(flags, mask, row, end):
    """First row from `row` on with a flag (bits of a bytearray) of the mask, or `end`."""
    while row < end:
        if flags[row] & mask:
            return row
        row += 1
    return end


def pack_fields(image, fields, slot, end, out):
    """Eight bytes of a frame from the image; values are clipped to their field.

    image: array('i') by slot; fields: array('b') of byte, shift, bits (at most 24), signed by
    slot (link.frames); slot, end: of the frame; out: bytearray of eight.
    """
    for i in range(8):
        out[i] = 0
    while slot < end:
        at = slot * 4
        byte = fields[at]
        bits = fields[at + 2]
        value = image[slot]
        top = (1 << bits) - 1
        bottom = 0
        if fields[at + 3]:
            top >>= 1
            bottom = -top - 1
        if value > top:
            value = top
        elif value < bottom:
            value = bottom
        if bits < 8:
            out[byte] |= value << fields[at + 1]
        else:
            while bits > 0:
                out[byte] = value & 0xFF
                value >>= 8
                byte += 1
                bits -= 8
        slot += 1


def unpack_fields(data, fields, slot, end, image):
    """The fields of a frame of eight bytes into the image; arguments as of pack_fields."""
    while slot < end:
        at = slot * 4
        byte = fields[at]
        bits = fields[at + 2]
        if bits < 8:
            value = (data[byte] >> fields[at + 1]) & ((1 << bits) - 1)
        else:
            value = 0
            last = byte + (bits >> 3) - 1
            if fields[at + 3] and data[last] & 0x80:
                value = -1
            while last >= byte:
                value = (value << 8) | data[last]
                last -= 1
        image[slot] = value
        slot += 1


def take_result(data, channel, now_ms, results):
    """One result frame of drivers.ivt_s into its results; 1 when it could not be used, else 0.

    data: eight bytes, of them byte 1 state and counter, 2..5 the result, big-endian. results:
    array('i') of eight rows by channel: value, count, when it came; counter (0xFF unknown), and of
    the window when the first and the last came, how many were sent and lost.
    """
    state = data[1]
    now = state & 0x0F
    before = results[12 + channel]
    if now == before:
        return 1
    missed = 0
    if before == 0xFF:
        results[16 + channel] = now_ms
    else:
        missed = (now - before - 1) & 0x0F
        results[24 + channel] += missed + 1
    results[20 + channel] = now_ms
    results[12 + channel] = now
    if state & 0xA0:  # this result wrong, system error: as good as lost
        results[28 + channel] += missed + 1
        return 1
    results[28 + channel] += missed
    high = data[2] << 8 | data[3]
    if high & 0x8000:
        high -= 0x10000
    # beyond +-2 kA or kV the exact value says no more; keeps every product a small int
    if high >= 31:
        number = 2000000
    elif high < -31:
        number = -2000000
    else:
        number = high << 16 | data[4] << 8 | data[5]
        if number > 2000000:
            number = 2000000
        elif number < -2000000:
            number = -2000000
    results[channel] = number
    fresh = results[4 + channel] + 1
    results[4 + channel] = fresh if fresh < 0x3FFFFFFF else 1
    results[8 + channel] = now_ms
    return 0


def count_charge(totals, current_ma, elapsed_ms):
    """Carry a charge into the totals of estimate.charge_counter; the whole uAh it completed.

    current_ma * elapsed_ms stays inside 2**30. totals: array('i'), in order remainder (mA ms), uAh,
    mAh, then of what went out mAh, Ah, of what came in mAh, Ah, and uAh of both.
    """
    total = totals[0] + current_ma * elapsed_ms
    uah = total // 3600
    totals[0] = total - uah * 3600
    if uah:
        at = 3
        small = 7
        moved = uah
        if uah < 0:
            at = 5
            small = 8
            moved = -uah
        moved += totals[small]
        mah = moved // 1000
        totals[small] = moved - mah * 1000
        mah += totals[at]
        totals[at] = mah % 1000
        totals[at + 1] += mah // 1000
        net = uah + totals[1]
        mah = net // 1000
        totals[1] = net - mah * 1000
        totals[2] += mah
    return uah
