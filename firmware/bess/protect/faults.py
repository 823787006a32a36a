"""Evaluates the fault table: counts fresh samples, raises, latches, reacts.

Rules of protection.md that are structure here: only fresh samples count, and a delay is over
when they have been bad for its time, however many of them were lost; a partial sample may raise
and never clears; every row is judged in every state of every machine; reactions only add up.
"""

from array import array

from bess.port.interpreter import bind, const
from bess.port.ticks import hold_all, ticks_diff
from bess.protect.fault_table import (
    CHARGE_BLOCKED,
    DISCHARGE_BLOCKED,
    GATED,
    LIMIT,
    LIMITED,
    LOCKED_OUT,
    LOWEST,
    STOP,
    STOPPED,
    STOPS,
    TABLE,
    TRIPPED,
    Rows,
)

_COUNT_MAX = const(60000)
# state of a row; 0 while it is quiet
_COUNTING = const(1)  # its newest whole sample is bad
_STANDS = const(2)
_WELL = const(4)  # it stands, and its newest whole sample lies beyond recovery
_SUSPENDED = const(8)  # an under-voltage trip while its string is recharged


# CiA 301 object 0x1001 by the class of an EMCY code: its bit and the generic one
_REGISTERS = b"\x81\x81\x03\x05\x09\x81\x81\x81\x11\x81\x81\x81\x81\x81\x81\x81"


class Judge:
    """Judges the rows of one scope: `string` is 0 for the cabinet's, the string's number from 1 on
    for those of a string, whose judge has the cabinet's above it.

    Counters are its own, signals and latches those it was given. `acts` (bits of fault_table),
    `worst_level` (0..4) and `worst_fault` (id, 0 for none) tell of all that stands, here or above.
    standing: array('H'), active rows of all judges by the class of their EMCY codes.
    """

    def __init__(self, rows, string, signals, latches, leaves, on_change, standing, above=None):
        self.string = string
        self.rows = rows
        self._signals = signals
        self._latches = latches
        self._next_flagged = leaves.next_flagged
        self._on_change = on_change
        self.standing = standing
        self._above = above
        self.end = end = len(rows.fault)
        self.state = bytearray(end)
        self._count = array("H", bytes(2 * end))  # bad samples in a row, good ones while it is well
        self._seen = array("i", bytes(4 * end))
        self._bad_ms = array("i", bytes(4 * end))  # when the first bad sample came
        # at hand in one look
        self.look = (
            self, leaves.next_row, rows.fast, rows.signal, signals.count, self._seen,
            signals.value, rows.quiet, self.state,
        )  # fmt: skip
        self.acts = self.worst_level = self.worst_fault = 0
        bind(self, "evaluate", "_judge")

    def evaluate(self, row, end, now_ms):
        """Judge the fresh samples of rows from `row` on; True when one was raised or cleared."""
        _, next_row, _, signal, count, seen, value, quiet, state = self.look
        changed = False
        try:
            while True:
                # quiet rows are passed over by the leaf; a sample out of bounds never is
                row = next_row(row, end, signal, count, seen, value, quiet, state)
                if row >= end:
                    break
                if self._judge(row, now_ms):
                    changed = True
                row += 1
        finally:
            if changed:
                self._latches.keep()
        return changed

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self._bad_ms, now_ms)

    def _judge(self, row, now_ms):
        """Count one fresh sample of a row; True when the row was raised or cleared."""
        rows = self.rows
        signals = self._signals
        signal = rows.signal[row]
        self._seen[row] = signals.count[signal]
        state = self.state[row]
        if state & _SUSPENDED:
            return False
        value = signals.value[signal]
        quiet = rows.quiet
        lower = quiet[2 * row]
        if (value < lower or value > quiet[2 * row + 1]) and (
            not rows.acts[row] & GATED or signals.value[rows.gates[row]]
        ):
            count = self._count[row]
            if not state & _COUNTING:
                count = 0
                self._bad_ms[row] = now_ms
            if count < _COUNT_MAX:
                count += 1
            self._count[row] = count
            self.state[row] = state & _STANDS | _COUNTING
            if state & _STANDS:
                return False
            need = rows.need[row]
            if count < need:
                # of the samples that were lost those on both sides were bad
                lasted_ms = ticks_diff(now_ms, self._bad_ms[row])
                if lasted_ms < (need - 1) * rows.period_ms[row]:
                    return False
            self.stand(row)
            if self._latching(row):
                self._latches.note(rows.fault[row])
            self._tell(row, True)
            return True
        if signals.partial[signal]:
            return False  # what was not read may be the bad one
        if not state & _STANDS:
            self.state[row] = 0
            return False
        recover = rows.recover[row]
        if value > recover if lower == LOWEST else value < recover:
            self.state[row] = _STANDS
            return False
        self.state[row] = _STANDS | _WELL
        if self._latching(row):
            return False  # only reset() clears
        self._count[row] = count = self._count[row] + 1 if state & _WELL else 1
        if count < rows.recover_need[row]:
            return False
        self._clear(row)
        return True

    def _latching(self, row):
        return self.rows.acts[row] & TRIPPED

    def stand(self, row):
        """The row stands from now on."""
        self.state[row] |= _STANDS
        self.standing[self.rows.emcy[row] >> 12] += 1

    def _tell(self, row, raised):
        rows = self.rows
        lower = rows.quiet[2 * row]
        self._on_change(
            self.string, rows.fault[row], rows.level[row], raised, rows.emcy[row],
            self._signals.value[rows.signal[row]],
            lower if lower != LOWEST else rows.quiet[2 * row + 1],
        )  # fmt: skip

    def restore(self):
        """At boot: what was latched before stands again. False where some memory of it was lost."""
        latches = self._latches
        for row in range(self.end):
            if self._latching(row) and latches.has(self.rows.fault[row]):
                self.stand(row)
        return not (latches.blank or latches.torn)

    def _clear(self, row):
        self.state[row] &= _SUSPENDED
        self.standing[self.rows.emcy[row] >> 12] -= 1
        if self._latching(row):
            self._latches.drop(self.rows.fault[row])  # a fault has one latching row at most
        self._tell(row, False)

    def react(self):
        """Renew what is told, on top of what the judge above tells."""
        rows = self.rows
        acts = worst = fault = 0
        above = self._above
        if above is not None:
            acts, worst, fault = above.acts, above.worst_level, above.worst_fault
        end = self.end
        row = self._next_flagged(self.state, _STANDS, 0, end)
        while row < end:
            acts |= rows.acts[row]
            level = LIMIT if rows.level[row] == STOP else rows.level[row]
            if level > worst:
                worst = level
                fault = rows.fault[row]
            row = self._next_flagged(self.state, _STANDS, row + 1, end)
        self.acts = acts
        self.worst_level = worst
        self.worst_fault = fault

    def may_close(self):
        """No sample of a level that would open the contactors again is bad now, here or above.

        A threshold is a condition of closing from its first sample on, whatever its delay.
        """
        acts = self.rows.acts
        row = self.end
        while row:
            row -= 1
            if self.state[row] & (_COUNTING | _STANDS) and acts[row] & (TRIPPED | STOPPED):
                return False
        return self._above is None or self._above.may_close()

    def row(self, fault, level):
        """Row of a level of the fault of that number, for `stands`. Raises KeyError."""
        rows = self.rows
        for row in range(self.end):
            if rows.fault[row] == fault and rows.level[row] == level:
                return row
        raise KeyError(fault)

    def stands(self, row):
        """True while the row stands or is latched."""
        return self.state[row] & _STANDS != 0

    def reset(self, service, only=None):
        """Clear what has gone, of the faults with an id in `only` (bytes; None: of all); lockouts
        only in `service`. True when nothing latched remains.
        """
        remaining = False
        for row in range(self.end):
            state = self.state[row]
            if state & _STANDS and self._latching(row):
                may = service or not self.rows.acts[row] & LOCKED_OUT
                if only is not None and self.rows.fault[row] not in only:
                    may = False
                if may and state & (_WELL | _SUSPENDED):
                    self._clear(row)
                else:
                    remaining = True
        self._latches.keep()
        self._latches.renew()
        return not remaining


class Protection:
    """All faults of the cabinet: `judges`, the cabinet's first, then each string's by its number.

    Results, renewed when a judge's are: `string_tripped` (one is to open), `tripped`, `locked_out`
    (no string is left), `stop_requested`, `limited`, `charge_blocked`, `discharge_blocked` (by the
    cabinet, or by a string that is not tripped), `stops` (bits of protect.hazards, of all),
    `worst_level` (0..4) and `worst_fault` of all.
    `on_change(string, id, level, raised, emcy_code, value, limit)` is called for every row that is
    raised or cleared. signals, latches: one for each string; the cabinet shares those of the first,
    since no signal and no fault is of both scopes. table: rows as in fault_table.py.
    """

    def __init__(self, parameters, signals, on_change, leaves, latches, table=TABLE):
        self.string_tripped = False  # asked in every tick: found at once where it comes first
        shared = leaves, on_change, array("H", bytes(2 * len(_REGISTERS)))
        rows = Rows(table, "-", parameters)
        judges = [Judge(rows, 0, signals[0], latches[0], *shared)]
        rows = Rows(table, "string", parameters)
        for at in range(len(signals)):
            judges.append(Judge(rows, at + 1, signals[at], latches[at], *shared, judges[0]))
        self.judges = tuple(judges)
        self._looks = tuple([judge.look for judge in judges])
        bind(self, "evaluate_fast")
        self._react()

    def evaluate_fast(self, now_ms):
        """Judge the rows whose signals come every tick."""
        changed = False
        for judge, next_row, end, signal, count, seen, value, quiet, state in self._looks:
            # nearly always all is quiet: then no call is spent but the leaf's
            row = next_row(0, end, signal, count, seen, value, quiet, state)
            if row < end and judge.evaluate(row, end, now_ms):
                changed = True
        if changed:
            self._react()

    def evaluate_cells(self, now_ms):
        """Judge the rows whose signals come with a scan of the cells."""
        changed = False
        for judge in self.judges:
            if judge.evaluate(judge.rows.fast, judge.end, now_ms):
                changed = True
        if changed:
            self._react()

    def restore(self):
        """At boot: what was latched before stands again. False where some memory of it was lost."""
        whole = True
        for judge in self.judges:
            whole = judge.restore() and whole
        self._react()
        return whole

    def suspend_undervoltage(self, on):
        """Let discharged strings be charged again: their latched trips do not count meanwhile.

        Deep discharge (a lockout) goes on being judged.
        """
        for judge in self.judges:
            state = judge.state
            for row in judge.rows.recharged:
                if on:
                    state[row] = state[row] & _STANDS | _SUSPENDED
                elif state[row] & _SUSPENDED:
                    state[row] &= _STANDS

    def may_close(self):
        """Nothing stands against closing some string; see Judge."""
        for judge in self.judges:
            if judge.string and judge.may_close():
                return True
        return False

    def reset(self, service, only=None):
        """Clear latches whose cause has gone, see Judge. True when nothing latched remains."""
        well = True
        for judge in self.judges:
            well = judge.reset(service, only) and well
        self._react()
        return well

    def _react(self):
        """A string that is tripped is out: it blocks no power of those that are left."""
        every = -1
        left = some = worst = fault = 0
        for judge in self.judges:
            judge.react()
            if judge.worst_level > worst:
                worst = judge.worst_level
                fault = judge.worst_fault
            if judge.string:
                every &= judge.acts
                some |= judge.acts
                if not judge.acts & TRIPPED:
                    left |= judge.acts
        acts = every | left
        self.tripped = acts & TRIPPED != 0
        self.string_tripped = some & TRIPPED != 0
        self.locked_out = acts & LOCKED_OUT != 0
        self.stop_requested = acts & STOPPED != 0
        self.limited = acts & LIMITED != 0
        self.charge_blocked = acts & CHARGE_BLOCKED != 0
        self.discharge_blocked = acts & DISCHARGE_BLOCKED != 0
        self.stops = some >> STOPS
        self.worst_level = worst
        self.worst_fault = fault

    def error_register(self):
        """CiA 301 object 0x1001 over all that stands."""
        register = 0
        standing = self.judges[0].standing
        for kind in range(len(_REGISTERS)):
            if standing[kind]:
                register |= _REGISTERS[kind]
        return register

    def worst_of_strings(self):
        """Level (high byte) and id of what stands worst for each string, the cabinet's included."""
        return [judge.worst_level << 8 | judge.worst_fault for judge in self.judges[1:]]

    def levels(self):
        """Highest standing level of each fault anywhere, by id - 1; an orderly stop counts as 2."""
        found = bytearray(max(self.judges[0].rows.fault + self.judges[1].rows.fault))
        for judge in self.judges:
            rows = judge.rows
            for row in range(judge.end):
                if judge.stands(row):
                    level = LIMIT if rows.level[row] == STOP else rows.level[row]
                    at = rows.fault[row] - 1
                    found[at] = max(found[at], level)
        return found
