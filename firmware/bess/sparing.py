"""When a board without FRAM writes: at rest, in few sessions, so that its flash lasts ten years.

Serial NOR bears 100 000 erases of a 4 KiB sector (Winbond W25Q16JV and its like): 27 a day for ten
years. littlefs spreads what is written over the blocks that are free, and no data block is
erased less than once a write. A session costs a few erases, and there are at most 96 a day beside
those of trips; host_tests/on_target/flash_wear.py counts the erases of each block over a day.
"""

from bess.estimate.charge_counter import IN_AH, OUT_AH
from bess.port.interpreter import const
from bess.port.ring import RECORD
from bess.protect.means import Means
from bess.records import Records

_SPACING_S = const(900)  # 96 sessions a day at most
_LONGEST_S = const(3600)  # without any news, for the trend
_FIRST_S = const(300)  # a board that is switched on and off writes nothing
_SOONEST_S = const(60)  # nor one that is restarted again and again over the bus
_EVENTS = const(64)
_TRACE_SAMPLES = const(100)  # three writes at most in a tick, about 50 ms each
_THROUGHPUT = const(100)  # a hundredth of the capacity moved: the state is worth a write
# what a session does, one in a tick
_IDLE, _LOG, _TRACE, _TREND, _STATE = const(0), const(1), const(2), const(3), const(4)


class SparingRecords(Records):
    """Records that wait for a session at rest; only a trip and a new program open one at once.

    Until then events stay in the log's buffer (what does not fit is counted as lost, a fault),
    the trend in means of a minute. A loss of power costs what waits, never a latch.
    """

    def __init__(self, cabinet):
        Records.__init__(self, cabinet)
        self._trend = cabinet.trend
        self._means = Means()
        self._keep = self._means.add
        self._job = _IDLE
        self._refused = False  # in the newest session
        self._uptime_s = 0
        self._since_s = _SPACING_S - _FIRST_S
        self._stored_ah = self._throughput_ah()

    def _throughput_ah(self):
        totals = self._estimator.counter.totals
        return totals[OUT_AH] + totals[IN_AH]

    def second(self, now_ms):
        self._uptime_s += 1
        self._since_s += 1
        Records.second(self, now_ms)

    def _due(self):
        if self._journal.hurried or (self._trace.writing >= 0 and not self._refused):
            return True
        if self._since_s < _SPACING_S:
            return False
        moved_ah = self._throughput_ah() - self._stored_ah
        return (
            self._log.waiting() > 0 or self._journal.changed or self._since_s >= _LONGEST_S
            or moved_ah * 1000 * _THROUGHPUT >= self._estimator.soc.capacity_mah
        )  # fmt: skip

    def step(self, at_rest):
        """One job of a session at rest; True when nothing is left that a restart must not lose."""
        if not at_rest:
            self._job = _IDLE
            return False
        if self._job == _IDLE and self._due():
            self._job = _LOG
            self._refused = False
        if self._job != _IDLE:
            try:
                self._do(self._job)
            except OSError:
                self.failed = self._refused = True
                self._job += 1  # a region that fails holds up no other
        # what storage refused holds up no restart
        return self._job == _IDLE and (
            self.failed or not (self._journal.hurried or self._trace.busy())
        )

    def _do(self, job):
        if job == _LOG:
            self._journal.hurried = False
            self._log.flush(_EVENTS)
        elif job == _TRACE:
            self._trace.flush(_TRACE_SAMPLES)
            if self._trace.writing >= 0:
                return
        elif job == _TREND:
            self._write_means()
        elif job == _STATE:
            self._estimator.save()
            self._journal.changed = False
            self._stored_ah = self._throughput_ah()
        else:
            self.failed = self._refused
            self._end()
            return
        self._job = job + 1

    def _write_means(self):
        means = self._means
        if not means.waiting:
            return
        records = bytearray(means.waiting * RECORD)
        at = 0
        for row in means.rows():
            self._trend.pack(records, at, *row)
            at += RECORD
        self._trend.write(records)
        means.clear()

    def _end(self):
        self._job = _IDLE
        self._since_s = 0

    def finish(self):
        """Open a last session; True once it has ended, or where none is worth its wear."""
        if self._uptime_s < _SOONEST_S or self._since_s == 0:
            return True
        self._estimator.settled = True
        self._job = _LOG
        return False
