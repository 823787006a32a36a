"""What the virtual cabinet's time is made of: clocks, and the watchdog that is fed in time."""

import sys
import time

from bess.port.interpreter import heap_lock, heap_unlock
from bess.port.ticks import ticks_diff

_MICROPYTHON = sys.implementation.name == "micropython"


class LockstepClock:
    """Virtual time has no microseconds: budgets are judged in real time only."""

    ticks_us = int  # always 0; as cheap as a board's own, which each task is charged with twice
    ticks_us_diff = staticmethod(ticks_diff)

    def wait_us(self, delay_us):
        """In lockstep the chain is ready at once."""


class RealClock:
    """Microseconds of processor time, for budgets in real time.

    Not of the wall: a virtual cabinet shares its cores with whatever else the host does, and to
    stand in line for one is no fault of the program. time.clock() is a float, and a float wants
    the heap; a tick has it locked.
    """

    def ticks_us(self):
        if not _MICROPYTHON:
            return time.process_time_ns() // 1000
        heap_unlock()
        try:
            return int(time.clock() * 1000000)
        finally:
            heap_lock()

    def ticks_us_diff(self, later, earlier):
        return later - earlier

    def wait_us(self, delay_us):
        """The virtual chain is ready at once."""


class Watchdog:
    """Counts its feeds; a real board's would reset the chip."""

    def __init__(self):
        self.feeds = 0

    def feed(self):
        self.feeds = (self.feeds + 1) & 0x1FFFFFFF
