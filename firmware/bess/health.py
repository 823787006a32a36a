"""How scheduler, buses, log and node are, as signals for protection."""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.scheduler import TASKS
from bess.table import rows

_ESTIMATE = const(4)  # row of scheduler.TASKS


class Health:
    """`step_fast` each tick, `step_slow` once a second; `estimate_failed` in the last second.

    cabinet: owner of scheduler, node, site, cabinet_port, pcs_can, modes, records, log,
    journal and command.
    """

    def __init__(self, cabinet):
        self._scheduler = cabinet.scheduler
        self._node = cabinet.node
        self._site_port = cabinet.site.port
        self._cabinet_port = cabinet.cabinet_port
        self._pcs = cabinet.pcs_can
        self._modes = cabinet.modes
        self._records = cabinet.records
        self._log = cabinet.log
        self._journal = cabinet.journal
        self._command = cabinet.command
        self._checker = cabinet.command.checker()
        self._signals = cabinet.signals
        self.estimate_failed = False
        self._state = -1  # all of the group is put in the first tick
        self._overruns = 0
        self._crc_errors = 0
        self._counter_errors = 0
        self._frames_lost = 0
        self._events_lost = 0
        self._failures = array("i")
        for _ in rows(TASKS):
            self._failures.append(0)
        bind(self, "step_fast")

    def step_fast(self):
        """Put what changed: one sample is enough to raise or clear these."""
        scheduler = self._scheduler
        node = self._node
        if (
            scheduler.stopped or scheduler.allocated or self._modes.self_test_failed
            or node.guard_lost or node.duplicate_id or self._site_port.bus_off
            or self._cabinet_port.bus_off or self._records.failed or node.mute() or self._state
        ):  # fmt: skip
            self._put_state()
        streak = self._pcs.crc_streak
        if streak != self._signals.value[s.PCS_CRC]:
            self._signals.put(s.PCS_CRC, streak)

    def _put_state(self):
        scheduler = self._scheduler
        node = self._node
        state = (1 if scheduler.stopped else 0) | (2 if scheduler.allocated else 0)
        if self._modes.self_test_failed:
            state |= 4
        if node.guard_lost:
            state |= 8
        if node.duplicate_id:
            state |= 16
        if self._site_port.bus_off:
            state |= 32
        if self._cabinet_port.bus_off:
            state |= 64
        if self._records.failed:
            state |= 128
        if node.node_id and node.booted and node.mute():  # before, there is nobody to tell yet
            state |= 256
        if state != self._state:
            self._state = state
            signals = self._signals  # a bound put would allocate
            signals.put(s.TASK_STOPPED, state & 1)
            signals.put(s.HEAP_USED, state & 2)
            signals.put(s.SELF_TEST_FAILED, state & 4)
            signals.put(s.GUARD_LOST, state & 8)
            signals.put(s.DUPLICATE_ID, state & 16)
            signals.put(s.BUS_OFF, state & 32)
            signals.put(s.CABINET_BUS_OFF, state & 64)
            signals.put(s.LOG_STORAGE, state & 128)
            signals.put(s.LINK_MUTE, state & 256)

    def step_slow(self):
        """What was counted in the last second."""
        signals = self._signals
        overruns = 0
        for count in self._scheduler.overruns:
            overruns += count
        signals.put(s.TASK_OVERRUN, overruns - self._overruns & 0x1FFFFFFF)
        self._overruns = overruns
        checker = self._command.checker()
        if checker is not self._checker:  # a node that took an id anew counts from nothing
            self._checker = checker
            self._crc_errors = self._counter_errors = 0
        signals.put(s.COMMAND_CRC, checker.crc_errors - self._crc_errors & 0x1FFFFFFF)
        signals.put(s.COMMAND_REPLAY, checker.counter_errors - self._counter_errors & 0x1FFFFFFF)
        self._crc_errors = checker.crc_errors
        self._counter_errors = checker.counter_errors
        lost = self._site_port.rx_lost + self._cabinet_port.rx_lost
        signals.put(s.RECEIVE_OVERRUN, lost - self._frames_lost & 0x1FFFFFFF)
        self._frames_lost = lost
        signals.put(s.LOG_LOST, self._log.lost - self._events_lost & 0x1FFFFFFF)
        self._events_lost = self._log.lost
        self._count_failures()

    def _count_failures(self):
        failed = 0
        total = self._scheduler.failures
        self.estimate_failed = total[_ESTIMATE] != self._failures[_ESTIMATE]
        for task in range(len(total)):
            count = total[task] - self._failures[task]
            if count:
                self._failures[task] = total[task]
                failed += count
                self._journal.part_failed(task, count, total[task])
        self._signals.put(s.PART_FAILED, failed)
