"""Leaves of the temperature sensors in plain Python: the twin of native/leaves_ntc_viper.py."""


def convert_ntc(raw, scale, per_device, table, out, fresh):
    """Turn the NTC words of every device into temperatures.

    raw: array('H'), six words a device; scale: array('i') by device, 2**28 // VREF2 (both in
    100 uV), so that word * scale >> 16 is the ratio in 4096ths and stays inside 2**30, or 0
    for a device that cannot be trusted; table: array('H') of measure.ntc. out: array('H')
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
