"""Leaves of frames and fault rows in plain Python: the twin of native/leaves_fast_viper.py."""


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


def next_set(flags, row, end):
    """First row from `row` on whose flag (bytearray) is not 0, or `end`."""
    while row < end:
        if flags[row]:
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


def take_result(data, channel, now_ms, value, count, at_ms, counter, first_ms, last_ms, sent, lost):
    """One result frame of drivers.ivt_s into its arrays; 1 when it could not be used, else 0.

    data: eight bytes, of them byte 1 state and counter, 2..5 the result, big-endian. counter:
    bytearray by channel, 0xFF unknown; the others array('i') by channel.
    """
    state = data[1]
    now = state & 0x0F
    before = counter[channel]
    if now == before:
        return 1
    missed = 0
    if before == 0xFF:
        first_ms[channel] = now_ms
    else:
        missed = (now - before - 1) & 0x0F
        sent[channel] += missed + 1
    last_ms[channel] = now_ms
    counter[channel] = now
    if state & 0xA0:  # this result wrong, system error: as good as lost
        lost[channel] += missed + 1
        return 1
    lost[channel] += missed
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
    value[channel] = number
    fresh = count[channel] + 1
    count[channel] = fresh if fresh < 0x3FFFFFFF else 1
    at_ms[channel] = now_ms
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
