"""Leaves of the temperature sensors as machine code; bess/port/leaves_ntc.py is the plain twin."""

import micropython


@micropython.viper
def convert_ntc(raw_in, scale_in, per_device: int, table_in, out_in, fresh_in):
    raw = ptr16(raw_in)
    scale = ptr32(scale_in)
    table = ptr16(table_in)
    out = ptr16(out_in)
    fresh = ptr8(fresh_in)
    devices = int(len(scale_in))
    sensor = 0
    device = 0
    while device < devices:
        factor = int(scale[device])
        i = 0
        while i < per_device:
            ratio = int(raw[6 * device + i]) * factor >> 16
            if ratio >= 80 and ratio <= 4000:
                step = ratio >> 4
                low = int(table[step])
                out[sensor] = low - ((low - int(table[step + 1])) * (ratio & 15) >> 4)
                fresh[sensor] = 1
            sensor += 1
            i += 1
        device += 1


@micropython.viper
def judge_ntc(raw_in, scale_in, per_device: int, lost_in, out_in):
    raw = ptr16(raw_in)
    scale = ptr32(scale_in)
    lost = ptr8(lost_in)
    out = ptr32(out_in)
    devices = int(len(scale_in))
    opened = 0
    shorted = 0
    away = 0
    gone = 0
    before = 0
    sensor = 0
    device = 0
    while device < devices:
        factor = int(scale[device])
        here = 0
        i = 0
        while i < per_device:
            level = int(lost[sensor]) & 127
            kind = int(lost[sensor]) & 128
            bad = 0
            if factor:
                ratio = int(raw[6 * device + i]) * factor >> 16
                if ratio < 80:
                    bad = 1
                    kind = 128
                elif ratio > 4000:
                    bad = 1
                    kind = 0
                if bad:
                    level += 3
                    if level > 100:
                        level = 100
                elif level:
                    level -= 1
                if level:
                    lost[sensor] = level | kind
                else:
                    lost[sensor] = 0
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
            i += 1
        away += here
        if here == per_device:
            gone = 1
        device += 1
    if 2 * away > sensor:
        gone = 1
    out[0] = opened
    out[1] = shorted
    out[2] = gone


@micropython.viper
def stand_in(values_in, fresh_in, lost_in, per_device: int, known_in, out_in) -> int:
    values = ptr16(values_in)
    fresh = ptr8(fresh_in)
    lost = ptr8(lost_in)
    known = ptr8(known_in)
    out = ptr32(out_in)
    one = 1
    sign = one << 31  # a 64-bit viper loads 32 bits without their sign: (x ^ sign) - sign
    count = int(len(lost_in))
    total = 0
    i = 0
    while i < count:
        known[i] = fresh[i]
        if lost[i]:
            inside = i % per_device
            low = 65535
            high = 0
            if inside > 0 and fresh[i - 1] and lost[i - 1] == 0:
                low = int(values[i - 1])
                high = low
            if inside < per_device - 1 and fresh[i + 1] and lost[i + 1] == 0:
                other = int(values[i + 1])
                if other < low:
                    low = other
                if other > high:
                    high = other
            if high:
                if fresh[i] == 0:
                    values[i] = low + high >> 1
                    known[i] = 1
                if low - 20 < (out[0] ^ sign) - sign:
                    out[0] = low - 20
                    out[1] = i
                if high + 20 > (out[2] ^ sign) - sign:
                    out[2] = high + 20
                    out[3] = i
        total += int(known[i])
        i += 1
    return total


@micropython.viper
def largest_rise(values_in, fresh_in, lost_in, then_in, first: int, out_in):
    values = ptr16(values_in)
    fresh = ptr8(fresh_in)
    lost = ptr8(lost_in)
    then = ptr16(then_in)
    out = ptr32(out_in)
    count = int(len(lost_in))
    largest = 0
    unknown = 0
    i = 0
    while i < count:
        now = 0
        if lost[i] == 0:
            before = int(then[first + i])
            if fresh[i]:
                now = int(values[i])
            if now and before:
                if now - before > largest:
                    largest = now - before
            else:
                unknown += 1
        then[first + i] = now
        i += 1
    out[0] = largest
    out[1] = unknown
