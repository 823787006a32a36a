"""Runs inside MicroPython: random inputs to both twins of every leaf.

usage: micropython leaves_twins.py FIRMWARE NATIVE SEED
"""

import random
import sys
from array import array

sys.path[:] = [sys.argv[1], sys.argv[2], ".frozen"]

import leaves_viper  # noqa: E402

from bess.drivers.pec15 import pec15, pec_table  # noqa: E402
from bess.port import leaves  # noqa: E402

random.seed(int(sys.argv[3]))
TABLE = pec_table()


def number(low, high):
    return random.randint(low, high)


def octets(count, low=0, high=255):
    return bytearray([number(low, high) for _ in range(count)])


def words(code, count, low, high):
    return array(code, [number(low, high) for _ in range(count)])


def group(devices):
    """A read of `devices` answers, a third of them disturbed."""
    rx = octets(4 + 8 * devices)
    for device in range(devices):
        at = 4 + 8 * device
        if number(0, 2):
            pec = pec15(TABLE, rx, at, 6)
            rx[at + 6], rx[at + 7] = pec >> 8, pec & 0xFF
    return rx


def case_clear():
    count = number(0, 50)
    return [octets(50), count]


def case_crc8h2f():
    return [octets(256), octets(8), number(0, 255)]


def case_check_group():
    devices = number(1, 16)
    return [group(devices), TABLE, devices, octets(devices, 0, 1), octets(devices, 245, 250)]


def case_store_group():
    devices = number(1, 8)
    layout = octets(devices, 1, 18)
    total = 0
    for count in layout:
        total += count
    return [group(devices), octets(devices, 0, 1), number(0, 5), layout,
            words("H", total, 0, 65535), octets(total, 0, 1)]  # fmt: skip


def case_store_words():
    devices = number(1, 8)
    return [group(devices), octets(devices, 0, 1), number(0, 1) * 3,
            words("H", 6 * devices, 0, 65535), octets(devices, 0, 1)]  # fmt: skip


def case_convert_ntc():
    devices, per_device = number(1, 8), number(1, 5)
    scale = array(
        "i", [number(0, 1) * (0x10000000 // number(29850, 30150)) for _ in range(devices)]
    )
    return [
        words("H", 6 * devices, 0, 32000),
        scale,
        per_device,
        words("H", 257, 0, 4000),
        words("H", devices * per_device, 0, 4000),
        octets(devices * per_device, 0, 1),
    ]


def case_stamp_fresh():
    count = number(1, 40)
    return [words("i", count, 0, 2**30 - 1), octets(count, 0, 1), count, number(0, 2**30 - 1)]


def case_oldest():
    count = number(1, 40)
    return [words("i", count, 0, 2**30 - 1), count, number(0, 2**30 - 1)]


def case_devices_differing():
    devices = number(1, 8)
    rx = octets(4 + 8 * devices)
    expected = bytearray(rx[4:])
    for _ in range(number(0, 8)):
        expected[number(0, 8 * devices - 1)] = number(0, 255)
    return [rx, octets(devices, 0, 1), expected, octets(8 * devices)]


def case_ticks_diff():
    return [number(0, 2**30 - 1), number(0, 2**30 - 1)]


def case_put():
    samples = words("i", 318, 0, 0x1FFFFFFF)
    return [samples, number(0, 103), number(-(2**30), 2**30 - 1)]


def case_put_partial():
    return case_put()


def case_next_flagged():
    count = number(1, 60)
    flags = bytearray([number(1, 15) if number(0, 20) == 0 else 0 for _ in range(count)])
    return [flags, number(1, 15), number(0, count), count]


def fields_of_a_frame():
    """Byte, shift, bits, signed of up to six fields, as a table may have them."""
    fields = array("b")
    for _ in range(number(1, 6)):
        bits = (number(1, 7), 8, 16, 24)[number(0, 3)]
        shift = number(0, 8 - bits) if bits < 8 else 0
        signed = number(0, 1) if bits >= 8 else 0
        for part in (number(0, 7 if bits < 8 else 8 - bits // 8), shift, bits, signed):
            fields.append(part)
    return fields


def case_pack_fields():
    fields = fields_of_a_frame()
    count = len(fields) // 4
    image = words("i", count, -(2**30), 2**30 - 1)
    for slot in range(count):
        if number(0, 1):
            image[slot] >>= number(8, 29)
    return [image, fields, 0, count, octets(8)]


def case_unpack_fields():
    fields = fields_of_a_frame()
    count = len(fields) // 4
    return [octets(8), fields, 0, count, words("i", count, -(2**30), 2**30 - 1)]


def case_take_result():
    data = octets(8)
    if number(0, 1):  # a result near the largest that counts
        data[2] = data[3] = 0xFF * number(0, 1)
        data[3] ^= number(0, 40)
    last = 0x3FFFFFFF
    results = words("i", 4, -2000000, 2000000)
    results.extend(words("i", 4, last - 2, last - 1) if number(0, 1) else words("i", 4, 0, 99))
    results.extend(words("i", 4, 0, last))
    results.extend(words("i", 4, 0, 16))
    for channel in range(12, 16):
        if results[channel] == 16:
            results[channel] = 0xFF
    for high in (last, last, 2000, 2000):
        results.extend(words("i", 4, 0, high))
    return [data, number(0, 3), number(0, 2**30 - 1), results]


def case_count_charge():
    totals = words("i", 9, 0, 999)
    totals[0] = number(0, 3599)
    totals[2] = number(-(2**29), 2**29)
    totals[4], totals[6] = number(0, 2**29), number(0, 2**29)
    current_ma = (number(-2000000, 2000000), number(-9, 9), number(-400000, 400000))[number(0, 2)]
    return [totals, current_ma, (10, 0, number(0, 500))[number(0, 2)]]


def case_next_row():
    rows, signals = number(1, 30), number(1, 20)
    limits = array("i")
    for _ in range(rows):
        low = number(-(2**30), 2**29)
        limits.append(low)
        limits.append(low + number(0, 2**29))
    return [0, rows, octets(rows, 0, signals - 1), words("i", signals, 0, 3),
            words("i", rows, 0, 3), words("i", signals, -(2**30), 2**30 - 1), limits,
            octets(rows, 0, 1) if number(0, 1) else bytearray(rows)]  # fmt: skip


def case_count_other_words():
    devices = number(1, 8)
    rx = group(devices)
    for i in range(4, len(rx), 2):
        if number(0, 1):
            rx[i], rx[i + 1] = 0x55, 0x95
    return [rx, octets(devices, 0, 1), 0x9555]


def case_open_wires():
    layout = octets(number(1, 8), 1, 18)
    total = 0
    for count in layout:
        total += count
    return [words("H", total, 0, 9000), words("H", total, 0, 9000), layout, 4000]


def case_sum_of_fresh():
    fresh = octets(60, 0, 1) if number(0, 1) else bytearray(b"\x01" * 60)
    return [words("H", 60, 0, 65535), fresh, number(0, 20), number(0, 40)]


def case_judge_ntc():
    devices, per_device = number(1, 8), number(1, 5)
    scale = array("i", [number(0, 3) and 0x10000000 // 30000 for _ in range(devices)])
    raw = words("H", 6 * devices, 400, 29900)
    for _ in range(number(0, 6)):
        raw[number(0, len(raw) - 1)] = (0, 32000)[number(0, 1)]
    return [raw, scale, per_device, lost(devices * per_device), array("i", bytes(12))]


def lost(sensors):
    """Most well, some lost for a while."""
    return bytearray([number(0, 2) // 2 * (number(0, 100) | 128 * number(0, 1))
                      for _ in range(sensors)])  # fmt: skip


def case_stand_in():
    devices, per_device = number(1, 8), number(1, 5)
    count = devices * per_device
    values, fresh = words("H", count, 1, 2500), octets(count, 0, 1)
    out = array("i", bytes(24))
    leaves.scan(values, fresh, count, out)
    return [values, fresh, lost(count), per_device, octets(count, 0, 1), out]


def case_largest_rise():
    count = number(1, 40)
    first = number(0, 2) * count
    then = words("H", 3 * count, 0, 3)
    for i in range(number(0, count)):
        then[first + i] = number(0, 2500)
    return [words("H", count, 1, 2500), octets(count, 0, 1), lost(count), then, first,
            array("i", bytes(8))]  # fmt: skip


def case_count_unused():
    devices = number(1, 8)
    return [group(devices), octets(devices, 0, 1), number(0, 5), octets(devices, 1, 18),
            number(1000, 60000)]  # fmt: skip


def case_count_frozen():
    count = number(1, 40)
    values = words("H", count, 0, 3)
    return [values, words("H", count, 0, 3), words("H", count, 0, 300), count, number(0, 300),
            number(1, 200)]  # fmt: skip


def case_count_apart():
    count = number(1, 40)
    return [words("H", count, 0, 400), octets(count, 0, 1), count, number(2, 8), number(10, 200)]


def case_scan():
    count = number(1, 260)
    return [words("H", count, 0, 65535), octets(count, 0, 1), count, array("i", bytes(24))]


def copy(argument):
    if isinstance(argument, bytearray):
        return bytearray(argument)
    if isinstance(argument, array):
        return array(str(argument)[7], argument)
    return argument


checked = 0
for key, case in sorted(globals().items()):
    if not key.startswith("case_"):
        continue
    name = key[5:]
    for _ in range(300):
        arguments = case()
        twin = [copy(argument) for argument in arguments]
        native = getattr(leaves_viper, name)(*arguments)
        plain = getattr(leaves, name)(*twin)
        if native != plain or [a for a, b in zip(arguments, twin) if a != b]:
            print("differ:", name, native, plain)
            sys.exit(1)
        checked += 1
print("agreed", checked)
