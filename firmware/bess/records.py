"""When log, trace, trend and the string's state are written: at once, where a write costs nothing.

FRAM neither stalls the controller nor wears (CY15B104Q: 1e14 cycles); a board without it writes by
`bess.sparing`. No protection waits for any of this.
"""

from bess.port.interpreter import const

_LOG_RECORDS_A_TICK = const(2)
_TRACE_SAMPLES_A_TICK = const(4)


class Records:
    """`step(at_rest)` each tick, `second(now_ms)` each second, `finish()` before a restart.

    `failed`: storage refused the last write. cabinet: owner of `log`, `trace`, `trend`, `journal`,
    and of `string`, which the trend samples.
    """

    def __init__(self, cabinet):
        self._cabinet = cabinet
        self._log = cabinet.log
        self._trace = cabinet.trace
        self._keep = cabinet.trend.append  # what takes a sample of the trend
        self._journal = cabinet.journal
        self._cells = cabinet.string.cells
        self._meter = cabinet.string.meter
        self._estimator = cabinet.string.estimator
        self.failed = self._trend_failed = False

    def step(self, at_rest):
        """Some of what waits; True when nothing is left, a trip's whole trace included.

        A region that fails holds up no other and no restart.
        """
        failed = self._trend_failed
        try:
            written = self._log.flush(_LOG_RECORDS_A_TICK)
        except OSError:
            failed = written = True
        try:
            if self._trace.writing >= 0:
                self._trace.flush(_TRACE_SAMPLES_A_TICK)
        except OSError:
            failed = True
        try:
            if self._estimator.dirty:
                self._estimator.save()
        except OSError:
            failed = True
        self.failed = failed
        return failed or (written and not self._trace.busy())

    def second(self, now_ms):
        """A sample of the trend, once all of it is known."""
        if not self._cabinet.telemetry.soc_known:
            return
        cells = self._cells
        try:
            self._keep(
                self._meter.current_ma, self._meter.string_mv, cells.cell_min_dmv,
                cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc,
                self._estimator.soc.soc_cpct,
            )  # fmt: skip
            self._trend_failed = False
        except OSError:
            self._trend_failed = True

    def finish(self):
        """What an orderly restart leaves behind; True when it stands."""
        self._estimator.dirty = self._estimator.settled = True
        self.step(True)
        return True
