"""Plays samples of one cell through the firmware's estimator; runs in CPython and MicroPython.

usage: micropython on_target.py FIRMWARE TABLE RECORDS OUT SOC SIGMA SCALE [slices]

slices: a clock is read before the first and after each slice of a step, and printed is how many
slices each step had, for what counts instructions between clocks (arm/counting.py).

RECORDS: 16 bytes a sample: time ms, current mA of a string of 100 Ah (+ = discharge), voltage
0.1 mV, temperature 0.1 degC, all i32. OUT: soc and sigma in 0.01 %, i32 each, a pair a sample.
"""

import gc
import sys
import time
from array import array

CAPACITY_MAH = 100_000
_STEP_MS = 950  # a second, less what a logger's clock wanders
_PIECE_MS = 500


def replay(records, out, counter, soc, between=None):
    """records: array('i'), four numbers a sample; out: a list or array to append pairs to;
    between: called before the first (True) and after each slice (False) of a step.

    Returns how many steps the estimator made.
    """
    last_ms = stepped_ms = records[0]
    counter.add(0, last_ms & 0x3FFFFFFF)
    steps = 0
    for at in range(0, len(records), 4):
        now_ms = records[at]
        current_ma = records[at + 1]
        while last_ms < now_ms:
            last_ms = min(last_ms + _PIECE_MS, now_ms)
            counter.add(current_ma, last_ms & 0x3FFFFFFF)
        dt_ms = now_ms - stepped_ms
        if dt_ms >= _STEP_MS:
            stepped_ms = now_ms
            dmv = records[at + 2]
            dt_s, celsius = dt_ms / 1000, records[at + 3] / 10
            if between is None:
                soc.step(dt_s, celsius, dmv, dmv, dmv, True)
            else:
                slices = soc.slices(dt_s, celsius, dmv, dmv, dmv, True)
                between(True)
                for _ in slices:
                    between(False)
                between(False)
            steps += 1
        out.append(soc.soc_cpct)
        out.append(soc.sigma_cpct)
    return steps


def build(table, start_soc, start_sigma, scale, number=float):
    """(counter, StringSoc) of the firmware, started."""
    from bess.estimate.cell_model import CellModel
    from bess.estimate.charge_counter import ChargeCounter
    from bess.estimate.chemistry import Chemistry
    from bess.estimate.string_soc import StringSoc

    chemistry = Chemistry(table)
    counter = ChargeCounter(2000)
    soc = StringSoc(chemistry, CellModel(chemistry, number), counter, CAPACITY_MAH, number)
    soc.start(start_soc, start_sigma, scale)
    return counter, soc


def main(arguments):
    firmware, table, records, out = arguments[:4]
    shape = []
    ticks_us = getattr(time, "ticks_us")  # noqa: B009 MicroPython's own

    def between(first):
        if first:
            shape.append(0)
            gc.collect()  # the scheduler's, and no slice's
        else:
            shape[-1] += 1
        ticks_us()

    start_soc, start_sigma, scale = [float(text) for text in arguments[4:7]]
    sys.path.insert(0, firmware)
    with open(table, "rb") as file:
        text = file.read()
    counter, soc = build(text, start_soc, start_sigma, scale)
    with open(records, "rb") as file:
        samples = array("i", file.read())
    result = array("i")
    gc.collect()
    if arguments[7:]:
        gc.disable()
    counted = between if arguments[7:] else None
    print("steps", replay(samples, result, counter, soc, counted))
    if counted is None:
        print("garbage", garbage(soc))
    else:
        print("slices", " ".join([str(number) for number in shape]))
    with open(out, "wb") as file:
        file.write(result)


def garbage(soc):
    """Bytes that one more step leaves behind on this interpreter."""
    gc.collect()
    gc.disable()
    allocated = getattr(gc, "mem_alloc")  # noqa: B009 MicroPython's own
    before = allocated()
    soc.step(1.0, 25.0, 33000, 33000, 33000, True)
    used = allocated() - before
    gc.enable()
    return used


if __name__ == "__main__":
    main(sys.argv[1:])
