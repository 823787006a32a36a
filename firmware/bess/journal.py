"""What happened, noted for the event log and the trace; when it is written is for the records."""

from bess.port.interpreter import const
from bess.protect import event_log
from bess.protect.fault_table import STOP, TRIP

# what event_log.PROGRAM tells
_ON_TRIAL = const(1)
_ROLLED_BACK = const(2)
_CONFIRMED = const(3)


class Journal:
    """Notes events with the time since boot; `hurried`: one of them must not wait for others,
    `changed`: the string's state made a step that its charge does not show, an anchor.

    log: EventLog; trace: Trace; scheduler: owner of `uptime_ticks`.
    """

    def __init__(self, log, trace, scheduler):
        self._log = log
        self._trace = trace
        self._scheduler = scheduler
        self.hurried = False
        self.changed = False

    def note(self, kind, item, level, value, limit, string=0):
        """An event of event_log's kinds; allocates nothing."""
        self._log.put(self._scheduler.uptime_ticks, kind, item, level, value, limit, string)

    def boot(self, board):
        """A start, and of what."""
        self.note(event_log.BOOT, 0, 0, self._log.boot, 0)
        if board.on_trial or board.rolled_back:
            self._program(_ON_TRIAL if board.on_trial else _ROLLED_BACK)

    def confirmed(self):
        """The program on trial is kept."""
        self._program(_CONFIRMED)

    def _program(self, what):
        self.note(event_log.PROGRAM, what, 0, 0, 0)
        self.hurried = True

    def fault(self, string, fault_id, level, raised, value, limit):
        """A row of the fault table was raised or cleared; a latch freezes the trace."""
        kind = event_log.RAISED if raised else event_log.CLEARED
        self.note(kind, fault_id, level, value, limit, string)
        if raised and level >= TRIP and level != STOP:
            self._trace.freeze()
            self.hurried = True

    def anchor(self, kind, before_cpct, after_cpct):
        """The state of charge was set where it is known: full or empty."""
        self.note(event_log.ANCHOR, kind, 0, before_cpct, after_cpct)
        self.changed = True

    def part_failed(self, task, count, total):
        """What may fail alone failed `count` times in the last second; task: row of TASKS."""
        self.note(event_log.PART_FAILED, task + 1, 1, count, total)
