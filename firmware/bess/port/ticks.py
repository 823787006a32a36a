"""Millisecond time that wraps at 2**30, as time.ticks_ms() does on a 32-bit board.

Intermediate results stay inside -2**30..2**30-1, so nothing here allocates.
"""

from bess.port.interpreter import const
from bess.port.native import leaves

TICK_MS = const(10)
TICKS_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_HELD = const(0x10000000)  # 3.1 days: beyond, a stamp is moved along, so that its age stays old


ticks_diff = leaves.ticks_diff  # signed distance in ms between two wrapped times


def ticks_add(now_ms, delta_ms):
    """`now_ms` plus a distance below 2**29 ms, wrapped."""
    if delta_ms >= 0:
        rest = TICKS_MASK - now_ms
        if delta_ms > rest:
            return delta_ms - rest - 1
        return now_ms + delta_ms
    t = now_ms + delta_ms
    if t < 0:
        return t + _HALF + _HALF
    return t


def held(now_ms, stamp_ms):
    """A past stamp (or -1), moved along so that it never is more than 2**28 ms ago.

    Called now and then for whatever may stand for days: without it an age would turn
    negative after 6.2 days and small again after 12.4.
    """
    if stamp_ms < 0 or (now_ms - stamp_ms) & TICKS_MASK <= _HELD:
        return stamp_ms
    return (now_ms - _HELD) & TICKS_MASK


def hold_all(stamps, now_ms):
    """`held` for every stamp of an array('i')."""
    for i in range(len(stamps)):
        stamps[i] = held(now_ms, stamps[i])
