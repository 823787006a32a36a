"""Evaluates the fault table: counts fresh samples, raises, latches, reacts.

Rules of protection.md that are structure here: only fresh samples count, and a delay is over
when they have been bad for its time, however many of them were lost; a partial sample may raise
and never clears; every row is judged in every state of every machine; reactions only add up.
"""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import const
from bess.port.ticks import hold_all, ticks_diff
from bess.protect.fault_table import TABLE
from bess.protect.hazards import stops_of
from bess.table import rows

LIMIT = const(2)
TRIP = const(3)
LOCKOUT = const(4)
STOP = const(5)  # orderly stop without a latch; as severe as a limit

_NO_GATE = const(255)
_CHARGE = const(1)
_DISCHARGE = const(2)
_BOTH = const(3)
_DIRECTIONS = {"charge": _CHARGE, "discharge": _DISCHARGE, "both": _BOTH}
_FAST_PERIOD_MS = const(10)
_RECHARGED = ("cell_uv", "string_uv")  # what a recharge is meant to end
_COUNT_MAX = const(60000)
_LOWEST = const(-0x3FFFFFFF)
_HIGHEST = const(0x3FFFFFFF)


# CiA 301 object 0x1001 by the class of an EMCY code: its bit and the generic one
_REGISTERS = b"\x81\x81\x03\x05\x09\x81\x81\x81\x11\x81\x81\x81\x81\x81\x81\x81"


def error_register(emcy_code):
    """CiA 301 object 0x1001 for an EMCY code: the class bit and the generic bit."""
    return _REGISTERS[emcy_code >> 12]


class Protection:
    """Judges all rows of the table; one row is one level of one fault.

    Results, renewed in every evaluation: `tripped` (level 3 or 4 stands or is latched),
    `locked_out`, `stop_requested`, `limited` (a level 2 takes the power of both directions, which
    ends in an orderly stop), `charge_blocked`, `discharge_blocked`, `stops` (bits of
    protect.hazards), `worst_level` (0..4), `worst_fault` (id, 0 for none).
    `on_change(id, level, raised, emcy_code, value, limit)` is called for every row that is raised
    or cleared. latches: protect.latches, None for protection without memory; table: rows as in
    fault_table.py.
    """

    def __init__(self, parameters, signals, on_change, leaves, latches=None, table=TABLE):
        self._signals = signals
        self._next_row = leaves.next_row
        self._next_set = leaves.next_set
        self._on_change = on_change
        self._latches = latches
        self._fault = bytearray()
        self._level = bytearray()
        self._signal = bytearray()
        self._gate = bytearray()
        self._direction = bytearray()
        self._stops = bytearray()
        self._sign = array("b")
        self._threshold = array("i")
        self._recover = array("i")
        self._quiet = array("i")  # lower and upper bound between which a quiet row stays quiet
        self._need = array("H")
        self._span_ms = array("i")  # from the first to the last sample of the delay
        self._recover_need = array("H")
        self._emcy = array("H")
        self._recharged = bytearray()  # rows that are suspended while the string is recharged
        self._fast_rows = 0
        names = s.names()
        for fields in rows(table):
            self._add(fields, parameters, names)
        count = len(self._fault)
        self._count = array("H", bytes(2 * count))
        self._good = array("H", bytes(2 * count))
        self._seen = array("i", bytes(4 * count))
        self._bad_ms = array("i", bytes(4 * count))  # when the first bad sample came
        self._now_ms = 0
        self._active = bytearray(count)
        self._standing = bytearray(len(_REGISTERS))  # active rows of each class of EMCY codes
        self._busy = bytearray(count)  # counting or active: every sample is judged in full
        self._suspended = bytearray(count)  # under-voltage trips while the string is recharged
        self._undervoltage_suspended = False
        self._well = bytearray(count)  # newest whole sample of a busy row lies beyond recovery
        self.tripped = False
        self.locked_out = False
        self.stop_requested = False
        self.limited = False
        self.charge_blocked = False
        self.discharge_blocked = False
        self.stops = 0
        self.worst_level = 0
        self.worst_fault = 0

    def _add(self, fields, parameters, names):
        name, unit, gate, levels = fields[1], fields[4], fields[5], fields[6]
        period_ms = int(fields[8])
        sign = 1 if fields[3] == "over" else -1
        stops = stops_of(name)
        for mark in levels:
            key = name + "_" + (mark if mark != "S" else "3")
            threshold = 0 if unit == "flag" else parameters.get(key + "_" + unit)
            delay_ms = self._optional(parameters, key + "_delay_ms", period_ms)
            recover_key = name + "_" + ("2" if mark == "2" else "1") + "_recover_" + unit
            recover_ms = parameters.get(fields[10]) if fields[10] != "-" else period_ms
            level = STOP if mark == "S" else int(mark)
            if level == TRIP and name in _RECHARGED:
                self._recharged.append(len(self._fault))
            self._fault.append(int(fields[0]))
            self._level.append(level)
            self._signal.append(names.index(fields[2]))
            self._gate.append(_NO_GATE if gate == "-" or mark != "3" else names.index(gate))
            self._direction.append(_DIRECTIONS[fields[7]])
            self._stops.append(stops)
            self._sign.append(sign)
            self._threshold.append(sign * threshold)
            self._recover.append(sign * self._optional(parameters, recover_key, threshold))
            self._quiet.append(_LOWEST if sign > 0 else threshold)
            self._quiet.append(threshold if sign > 0 else _HIGHEST)
            # N fresh samples span (N - 1) periods: the condition then held for the delay
            need = max(delay_ms // period_ms, 1)
            self._need.append(need)
            self._span_ms.append((need - 1) * period_ms)
            self._recover_need.append(max(recover_ms // period_ms, 1))
            self._emcy.append(int(fields[9], 0))
        if period_ms == _FAST_PERIOD_MS:
            self._fast_rows = len(self._fault)

    def _optional(self, parameters, name, default):
        try:
            return parameters.get(name)
        except KeyError:
            return default

    def evaluate_fast(self, now_ms):
        """Judge the rows whose signals come every tick."""
        self._now_ms = now_ms
        self._evaluate(0, self._fast_rows)

    def evaluate_cells(self, now_ms):
        """Judge the rows whose signals come with a scan of the cells."""
        self._now_ms = now_ms
        self._evaluate(self._fast_rows, len(self._fault))

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self._bad_ms, now_ms)

    def _evaluate(self, row, end):
        signals = self._signals
        changed = False
        try:
            while True:
                # quiet rows are passed over by the leaf; a sample out of bounds never is
                row = self._next_row(
                    row, end, self._signal, signals.count, self._seen, signals.value, self._quiet,
                    self._busy,
                )  # fmt: skip
                if row >= end:
                    break
                if self._judge(row):
                    changed = True
                row += 1
        finally:
            if changed:
                self._keep()
        if changed:
            self._react()

    def _keep(self):
        if self._latches is not None:
            self._latches.keep()

    def _judge(self, row):
        """Count one fresh sample of a row; True when the row was raised or cleared."""
        signals = self._signals
        signal = self._signal[row]
        self._seen[row] = signals.count[signal]
        value = signals.value[signal] * self._sign[row]
        gate = self._gate[row]
        if self._suspended[row]:
            self._count[row] = 0
            return False
        if value > self._threshold[row] and (gate == _NO_GATE or signals.value[gate]):
            self._good[row] = 0
            self._well[row] = 0
            self._busy[row] = 1
            count = self._count[row]
            if count == 0:
                self._bad_ms[row] = self._now_ms
            if count < _COUNT_MAX:
                count += 1
                self._count[row] = count
            if not self._active[row] and self._lasted(row, count):
                self._raise(row)
                return True
            return False
        if signals.partial[signal]:
            return False  # what was not read may be the bad one
        self._count[row] = 0
        if not self._active[row]:
            self._busy[row] = 0
            return False
        if value > self._recover[row]:
            self._well[row] = 0
            self._good[row] = 0
            return False
        self._well[row] = 1
        return self._recovering(row)

    def _lasted(self, row, count):
        """Every sample of the delay was bad; of those that were lost, those on both sides."""
        if count >= self._need[row]:
            return True
        return ticks_diff(self._now_ms, self._bad_ms[row]) >= self._span_ms[row]

    def _raise(self, row):
        self._stand(row)
        level = self._level[row]
        if self._latches is not None and (level == TRIP or level == LOCKOUT):
            self._latches.note(self._fault[row])
        self._tell(row, True)

    def _stand(self, row):
        self._active[row] = 1
        self._standing[self._emcy[row] >> 12] += 1

    def _tell(self, row, raised):
        sign = self._sign[row]
        self._on_change(
            self._fault[row], self._level[row], raised, self._emcy[row],
            self._signals.value[self._signal[row]], sign * self._threshold[row],
        )  # fmt: skip

    def _recovering(self, row):
        level = self._level[row]
        if level == TRIP or level == LOCKOUT:
            return False  # latched: only reset() clears
        good = self._good[row] + 1
        self._good[row] = good
        if good < self._recover_need[row]:
            return False
        self._clear(row)
        return True

    def restore(self):
        """At boot: what was latched before the loss of power stands again."""
        for row in range(len(self._fault)):
            level = self._level[row]
            if (level == TRIP or level == LOCKOUT) and self._latches.has(self._fault[row]):
                self._stand(row)
                self._busy[row] = 1
        self._react()

    def suspend_undervoltage(self, on):
        """Let a discharged string be charged again: its latched trips do not count meanwhile.

        Deep discharge (a lockout) goes on being judged.
        """
        if on == self._undervoltage_suspended:
            return
        self._undervoltage_suspended = on
        for row in self._recharged:
            self._suspended[row] = 1 if on else 0
            self._well[row] = 1 if on else 0

    def _clear(self, row):
        self._active[row] = 0
        self._standing[self._emcy[row] >> 12] -= 1
        level = self._level[row]
        if self._latches is not None and (level == TRIP or level == LOCKOUT):
            self._latches.drop(self._fault[row])  # a fault has one latching row at most
        self._busy[row] = 0
        self._good[row] = 0
        self._count[row] = 0
        self._tell(row, False)

    def _react(self):
        tripped = locked_out = stop = limited = False
        blocked = 0
        stops = 0
        worst = 0
        fault = 0
        end = len(self._fault)
        row = self._next_set(self._active, 0, end)
        while row < end:
            level = self._level[row]
            stops |= self._stops[row]
            if level == STOP:
                stop = True
                level = LIMIT
            elif level == LIMIT and self._direction[row] == _BOTH:
                limited = True
            if level >= TRIP:
                tripped = True
                if level == LOCKOUT:
                    locked_out = True
            if level >= LIMIT:
                blocked |= self._direction[row] if level == LIMIT else _BOTH
            if level > worst:
                worst = level
                fault = self._fault[row]
            row = self._next_set(self._active, row + 1, end)
        self.tripped = tripped
        self.locked_out = locked_out
        self.stop_requested = stop or limited
        self.limited = limited
        self.stops = stops
        self.charge_blocked = blocked & _CHARGE != 0
        self.discharge_blocked = blocked & _DISCHARGE != 0
        self.worst_level = worst
        self.worst_fault = fault

    def may_close(self):
        """No sample of a level that would open the contactors again is bad now.

        A threshold is a condition of closing from its first sample on, whatever its delay.
        """
        row = len(self._fault)
        while row:
            row -= 1
            if self._count[row] or self._active[row]:
                level = self._level[row]
                if level >= TRIP or (level == LIMIT and self._direction[row] == _BOTH):
                    return False
        return True

    @property
    def error_register(self):
        """CiA 301 object 0x1001 over all that stands."""
        register = 0
        kind = len(_REGISTERS)
        while kind:
            kind -= 1
            if self._standing[kind]:
                register |= _REGISTERS[kind]
        return register

    @property
    def levels(self):
        """Highest standing level of each fault, by id - 1; an orderly stop counts as 2."""
        found = bytearray(max(self._fault))
        for row in range(len(self._fault)):
            if self._active[row]:
                level = LIMIT if self._level[row] == STOP else self._level[row]
                at = self._fault[row] - 1
                found[at] = max(found[at], level)
        return found

    def row(self, fault, level):
        """Row of a level of the fault of that number, for `stands`. Raises KeyError."""
        for row in range(len(self._fault)):
            if self._fault[row] == fault and self._level[row] == level:
                return row
        raise KeyError(fault)

    def stands(self, row):
        """True while the row stands or is latched."""
        return self._active[row] != 0

    def reset(self, service):
        """Clear latches whose cause has gone; lockouts only in `service`.

        Returns True when nothing latched remains.
        """
        remaining = False
        row = 0
        end = len(self._fault)
        while row < end:
            level = self._level[row]
            if self._active[row] and (level == TRIP or level == LOCKOUT):
                if self._well[row] and (level == TRIP or service):
                    self._clear(row)
                else:
                    remaining = True
            row += 1
        self._keep()
        self._react()
        return not remaining
