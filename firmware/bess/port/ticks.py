"""Millisecond time that wraps at 2**30, as time.ticks_ms() does on a 32-bit board.

Intermediate results stay inside -2**30..2**30-1, so nothing here allocates.
"""

from bess.port.interpreter import const

TICKS_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


def ticks_diff(later_ms, earlier_ms):
    """Signed distance in ms between two wrapped times, -2**29..2**29-1."""
    d = later_ms - earlier_ms
    if d >= _HALF:
        return d - _HALF - _HALF
    if d < -_HALF:
        return d + _HALF + _HALF
    return d


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
