"""Static time-triggered table: who runs when, who overran, who stopped.

A tick runs with the heap locked, but for tasks that may allocate: an allocation raises
MemoryError, which becomes a fault. A task that protects and raises anything is dead: it is
never called again, the `on_death` call makes the cabinet safe, and the watchdog is no longer fed.
Any other may fail alone: that run is lost, counted and told, and the next one is tried.
"""

import sys
from array import array

from bess.port.interpreter import bind, const, heap_lock, heap_unlock
from bess.port.ticks import TICK_MS, ticks_add, ticks_diff

# What runs, in the order of a tick. When it raises: `stop` ends the cabinet, for it protects or
# commands an actuator; `tell` costs what it was doing. Columns: name, period and phase in ticks,
# budget in us, heap, when it raises. Period 0: not a task of the tick, the board calls it.
TASKS = b"""\
fast          1   0  5000 locked stop  # first: what it judges in a tick is what this tick acts on
scan          1   0  3000 locked stop
cells        10   6  5000 locked stop  # the tick after the last cell group was read
slow         10   8  5000 free   stop  # a turn of ten: thermal, slow signals, stamps, balancing
estimate      2   1  5000 free   tell  # a part of charge, health, power limits of the model
telemetry   100   9  5000 free   tell  # energy, extremes; status and power are of fast
service       1   0  5000 free   tell  # SDO and LSS: one request
update        1   0  5000 free   tell  # one slice of a verification
records       1   0  5000 free   tell  # event log, trace, state of the estimators
upkeep        1   0  5000 free   tell  # session, bus-off, what a master or an update asked for
trend       100  19  5000 free   tell
console       0   0     0 free   tell
"""
_CHECK_TICKS = const(10)
_LAST_TICK = const(999999999)  # below 2**30, and every phase is kept: periods divide 1000
_LATE_PERIODS = const(3)  # a task without a run for three periods counts as stopped


def print_exception(error):
    """Traceback to the console, on either interpreter."""
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error)


class Scheduler:
    """`add` tasks at boot, then `step(now_ms)` once every 10 ms.

    `uptime_ticks` since boot, wrapping at 2**30; `runs`, `overruns`, `longest_us`, `failures` by
    task number; `stopped`, `allocated` are what the last step found. ticks_us: the board's
    microsecond clock.
    """

    def __init__(self, clock, watchdog, on_death):
        self._ticks_us = clock.ticks_us
        self._ticks_us_diff = clock.ticks_us_diff
        self._watchdog = watchdog
        self._on_death = on_death
        self.names = []
        self._functions = []
        self._period = array("H")
        self._phase = array("H")
        self._budget_us = array("i")
        self._free = bytearray()
        self._protects = bytearray()
        self._dead = bytearray()
        self.failures = array("i")
        self._last_ms = array("i")
        self.runs = array("i")
        self.overruns = array("i")
        self.longest_us = array("i")
        self._tick = 0
        self.uptime_ticks = 0
        self.stopped = False
        self.allocated = False
        self._started = False
        bind(self, "_step")

    def add(
        self, name, function, period_ticks, phase_ticks, budget_us, locked, protects=True
    ):  # fmt: skip
        """Add a task: function(now_ms) every `period_ticks`, first at tick `phase_ticks`."""
        self.names.append(name)
        self._functions.append(function)
        self._period.append(period_ticks)
        self._phase.append(phase_ticks)
        self._budget_us.append(budget_us)
        self._free.append(0 if locked else 1)
        self._protects.append(1 if protects else 0)
        self._dead.append(0)
        self.failures.append(0)
        self._last_ms.append(0)
        self.runs.append(0)
        self.overruns.append(0)
        self.longest_us.append(0)

    def step(self, now_ms):
        """Run every task that is due in this tick, then feed the watchdog if all live."""
        heap_lock()
        try:
            self._step(now_ms)
        finally:
            heap_unlock()

    def _step(self, now_ms):
        if not self._started:
            self._started = True
            for i in range(len(self._last_ms)):
                self._last_ms[i] = now_ms
        tick = self._tick
        self._tick = tick + 1 if tick < _LAST_TICK else 0
        ticks_us = self._ticks_us
        periods = self._period
        phases = self._phase
        dead = self._dead
        frees = self._free
        budgets_us = self._budget_us
        longest_us = self.longest_us
        runs = self.runs
        last_ms = self._last_ms
        failure = None
        i = 0
        for function in self._functions:
            period = periods[i]
            if period and not dead[i] and (period == 1 or tick % period == phases[i]):
                start_us = ticks_us()
                free = frees[i]
                if free:
                    heap_unlock()
                try:
                    function(now_ms)
                except Exception as error:
                    failure = error
                finally:
                    if free:
                        heap_lock()
                if failure is not None:
                    self._fail(i, failure)
                    failure = None
                used_us = self._ticks_us_diff(ticks_us(), start_us)
                last_ms[i] = now_ms
                runs[i] = (runs[i] + 1) & 0x1FFFFFFF
                if used_us > longest_us[i]:
                    longest_us[i] = used_us
                if used_us > budgets_us[i]:
                    self.overruns[i] = (self.overruns[i] + 1) & 0x1FFFFFFF
            i += 1
        self.uptime_ticks = ticks_add(self.uptime_ticks, 1)
        if tick % _CHECK_TICKS == 0:
            self.stopped = self._any_stopped(now_ms)
        if not self.stopped and not self.allocated:
            self._watchdog.feed()

    def _fail(self, i, failure):
        if self._protects[i]:
            self._bury(i, failure)
        else:
            heap_unlock()
            self.note(self.names[i], failure)
            heap_lock()

    def note(self, name, failure):
        """A part failed alone. Its traceback is printed at the 1st, 2nd, 4th, 8th .. time: a line
        to the console costs a tick, and nobody may ask for one in each.
        """
        i = self.names.index(name)
        count = (self.failures[i] + 1) & 0x1FFFFFFF
        self.failures[i] = count
        if count & (count - 1) == 0:
            try:
                print_exception(failure)
            except OSError:
                pass  # nobody is at the console

    def _bury(self, i, failure):
        self._dead[i] = 1
        self.stopped = True
        if isinstance(failure, MemoryError):
            self.allocated = True
        heap_unlock()  # who makes safe may allocate: it happens once
        self._on_death(self.names[i])
        print_exception(failure)
        heap_lock()

    def _any_stopped(self, now_ms):
        i = len(self._functions)
        while i:
            i -= 1
            limit_ms = self._period[i] * TICK_MS * _LATE_PERIODS
            if self._dead[i] or (limit_ms and ticks_diff(now_ms, self._last_ms[i]) > limit_ms):
                return True
        return False
