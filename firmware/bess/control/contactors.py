"""Contactors of one string: order, precharge by voltage, feedback, weld check.

One function per state, transitions in one place, each with its cause. Opening is
always allowed from everywhere; closing leads through precharge, without exception. What wears
or heats up is noted in protect.history before it happens, so that no restart forgets it.
"""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff
from bess.protect import history as h

OPEN = const(0)
CLOSE_MINUS = const(1)
PRECHARGE = const(2)
CLOSE_PLUS = const(3)
CLOSED = const(4)
OPENING = const(5)
WELD_CHECK = const(6)
LOCKED = const(7)
_NEVER = const(-1)
_BINS = const(7)  # six parts of the cooling time and the present one
_RATED_PERMILLE = const(1000)
STATE_NAMES = (
    b"open close_minus precharge close_plus closed opening weld_check locked"  # bytes stay in flash
)


class Contactors:
    """`close()` and `open()` ask, `step(now_ms)` acts; `state`, `cause`, `wanted` (asked to close),
    `closed`, `is_open` (commanded open, seen open, weld check passed) and `at_rest` (no power can
    flow: commanded open, and has had its time to open) tell.

    Puts FEEDBACK_DIFFERS, WELDED, CONTACTOR_STUCK and PRECHARGE_FAILED every tick while one of them
    stands, and once when none does any more. history: protect.history, with
    tries (precharges since the last success or `forget_tries()`), closings and heat.
    """

    def __init__(self, outputs, inputs, meter, parameters, signals, history):
        self._minus = outputs["minus"]
        self._plus = outputs["plus"]
        self._relay = outputs["precharge"]
        self._inputs = inputs
        self._meter = meter
        self._signals = signals
        self._timeout_ms = parameters.get("precharge_timeout_ms")
        self._pause_ms = parameters.get("precharge_pause_ms")
        self._tries = parameters.get("precharge_tries")
        self._match_permille = parameters.get("precharge_match_permille")
        self._match_mv = parameters.get("precharge_match_mv")
        self._match_ma = parameters.get("precharge_current_ma")
        self._settle_ms = parameters.get("contactor_settle_ms")
        self._weld_ms = parameters.get("weld_discharge_ms")
        self._weld_gap_mv = parameters.get("weld_gap_mv")
        self._resistor_ohm = parameters.get("precharge_resistor_mohm") // 1000
        self._rated_j = parameters.get("precharge_rated_j")
        self._bin_s = max(parameters.get("precharge_cooling_s") // (_BINS - 1), 1)
        self._in_a_row = parameters.get("closings_in_a_row")
        self._worked_off_s = parameters.get("closing_worked_off_s")
        self._breaking_ma = parameters.get("breaking_ma")
        self._breaking_wait_ms = parameters.get("breaking_wait_ms")
        self._tripped_ms = _NEVER  # when it was to open at once, since it closed
        self._history = history
        # energy in mJ that went into the precharge resistor, newest part of its cooling time first
        self._heat_mj = array("i", bytes(4 * _BINS))
        # when it went in is not known any more: as if just now
        self._heat_mj[0] = history.value[h.HEAT_PERMILLE] * self._rated_j
        self._bin_left_s = self._bin_s
        self._working_off_s = 0
        self.state = WELD_CHECK  # nobody knows how the last opening ended
        self.cause = "boot"
        self.closed = False
        self.is_open = False
        self.at_rest = True
        self._started = False
        self.welded = False
        self.stuck = False  # a contactor did not close
        self.wanted = False
        self._trouble = -1  # what was told last, a bit each; all of it in the first tick
        self._relay_parts = False  # the precharge relay is on its way, and the last samples of it
        self._now_ms = 0
        self._since_ms = 0
        self._failed_ms = 0
        self._link_samples = 0
        self._current_samples = 0
        self._on_minus = False
        self._on_plus = False
        self._on_relay = False
        self._states = (
            self._open,
            self._close_minus,
            self._precharge,
            self._close_plus,
            self._closed,
            self._opening,
            self._weld_check,
            self._locked,
        )
        bind(self, "step")

    def heat_permille(self):
        """Energy that the precharge resistor took within its cooling time, of its rating."""
        total_mj = 0
        for heat_mj in self._heat_mj:
            total_mj += heat_mj
        return total_mj // self._rated_j

    def step_slow(self):
        """Once a second: the precharge resistor cools, wear is worked off."""
        history = self._history
        self._bin_left_s -= 1
        if self._bin_left_s <= 0:
            self._bin_left_s = self._bin_s
            heat_mj = self._heat_mj
            i = _BINS - 1
            while i:
                heat_mj[i] = heat_mj[i - 1]
                i -= 1
            heat_mj[0] = 0
        heat_permille = self.heat_permille()
        self._signals.put(s.PRECHARGE_HEAT, heat_permille)
        if not self._closing():  # then it is noted as spent
            history.put(h.HEAT_PERMILLE, heat_permille)
        self._signals.put(s.CONTACTOR_CYCLES, max(history.closings))
        self._working_off_s += 1
        if self._working_off_s >= self._worked_off_s:
            self._working_off_s = 0
            recent = history.value[h.RECENT_CLOSINGS]
            history.put(h.RECENT_CLOSINGS, max(recent - 1, 0))

    def close(self):
        """Ask to precharge and close; goes on until `open()`."""
        self.wanted = True

    def open(self, cause):
        """Open now, from any state. The outputs fall in this very call."""
        self.wanted = False
        self._drive(False, False, False)
        if self.state != OPEN and self.state < OPENING:
            if self._closing():
                self._history.value[h.TRIES] -= 1  # withdrawn, not failed
                self._note_heat()
            self._enter(OPENING, cause)

    def trip(self, now_ms, locked_out):
        """Open at once, to stay open until service where it is `locked_out`.

        False while more current flows than the contactors can break: the fuse has its time first.
        Where the newest sample was lost the one before it still tells.
        """
        if self._tripped_ms == _NEVER:
            self._tripped_ms = now_ms
        current_ma = self._meter.current_ma
        if current_ma < 0:
            current_ma = -current_ma
        waited_ms = ticks_diff(now_ms, self._tripped_ms)
        if current_ma > self._breaking_ma and waited_ms < self._breaking_wait_ms:
            return False
        self.open("trip")
        if locked_out:
            self.lock()
        return True

    def _closing(self):
        return self.state == CLOSE_MINUS or self.state == PRECHARGE or self.state == CLOSE_PLUS

    def lock(self):
        """Open and stay open until service."""
        self.open("lockout")
        if self.state == OPEN:
            self._enter(LOCKED, "lockout")

    def unlock(self):
        """Service has looked at the contactors: the weld check judges them once more."""
        if self.state == LOCKED:
            self.welded = False
            self._enter(WELD_CHECK, "service")

    def forget_tries(self):
        """The operator reset a failed precharge or a contactor that did not close."""
        self._history.put(h.TRIES, 0)
        self.stuck = False

    def step(self, now_ms):
        """One fast tick."""
        self._now_ms = now_ms
        if not self._started:
            self._started = True
            self._enter(WELD_CHECK, "boot")
        self._states[self.state]()
        inputs = self._inputs
        trouble = 2 if self.welded else 0
        if (
            inputs.minus_closed != self._on_minus
            or inputs.plus_closed != self._on_plus
            or inputs.precharge_closed != self._on_relay
        ):
            trouble |= 1
        if self.stuck:
            trouble |= 4
        if self._history.value[h.TRIES] >= self._tries and not self._closing():
            trouble |= 8
        # what is well and was so in the last tick has been told
        if trouble or self._trouble:
            self._trouble = trouble
            signals = self._signals
            signals.put(s.FEEDBACK_DIFFERS, trouble & 1)
            signals.put(s.WELDED, trouble >> 1 & 1)
            signals.put(s.CONTACTOR_STUCK, trouble >> 2 & 1)
            signals.put(s.PRECHARGE_FAILED, trouble >> 3)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._since_ms = held(now_ms, self._since_ms)
        self._failed_ms = held(now_ms, self._failed_ms)
        self._tripped_ms = held(now_ms, self._tripped_ms)

    def _enter(self, state, cause):
        self._relay_parts = self.state == PRECHARGE and state == OPENING
        self.state = state
        self.cause = cause
        self.closed = state == CLOSED
        self.is_open = state == OPEN
        self.at_rest = state == OPEN or state > OPENING
        self._since_ms = self._now_ms
        self._link_samples = self._meter.link_samples
        self._current_samples = self._meter.current_samples

    def _elapsed_ms(self):
        return ticks_diff(self._now_ms, self._since_ms)

    def _drive(self, minus, plus, relay):
        if minus != self._on_minus:
            self._on_minus = minus
            self._count(h.MINUS_CLOSINGS, minus)
            self._minus.value(1 if minus else 0)
        if plus != self._on_plus:
            self._on_plus = plus
            self._count(h.PLUS_CLOSINGS, plus)
            self._plus.value(1 if plus else 0)
        if relay != self._on_relay:
            self._on_relay = relay
            self._count(h.PRECHARGE_CLOSINGS, relay)
            self._relay.value(1 if relay else 0)

    def _count(self, field, on):
        if on:
            self._history.add(field)
            self._history.keep()

    def _open(self):
        history = self._history
        tries = history.value[h.TRIES]
        if not self.wanted or tries >= self._tries:
            return
        if tries and ticks_diff(self._now_ms, self._failed_ms) < self._pause_ms:
            return
        if history.value[h.RECENT_CLOSINGS] >= self._in_a_row:
            return  # each closing costs life: one after the other, whoever asks
        if self.heat_permille() >= _RATED_PERMILLE:
            return  # the resistor has had its rating: it cools first
        inputs = self._inputs
        if inputs.minus_closed or inputs.plus_closed or inputs.precharge_closed:
            return
        # spent before it is: a restart in the middle finds a failed try and a hot resistor
        history.add(h.TRIES)
        history.add(h.RECENT_CLOSINGS)
        history.value[h.HEAT_PERMILLE] = _RATED_PERMILLE
        self._drive(True, False, False)
        self._tripped_ms = _NEVER
        self._enter(CLOSE_MINUS, "requested")

    def _close_minus(self):
        if self._inputs.minus_closed and self._elapsed_ms() >= self._settle_ms:
            self._drive(True, False, True)
            self._enter(PRECHARGE, "minus closed")
        elif self._elapsed_ms() > self._timeout_ms:
            self.stuck = True
            self._precharge_failed("minus does not close")

    def _precharge(self):
        meter = self._meter
        self._warm()
        # two samples of each after the relay closed: one may have been under way
        links = (meter.link_samples - self._link_samples) & 0xFFFF
        currents = (meter.current_samples - self._current_samples) & 0xFFFF
        if links >= 2 and currents >= 2 and self._matches():
            self._drive(True, True, True)
            self._enter(CLOSE_PLUS, "link matches")
        elif self._elapsed_ms() > self._timeout_ms:
            self._precharge_failed("precharge time-out")
        elif self.heat_permille() >= _RATED_PERMILLE:
            self._precharge_failed("precharge resistor hot")

    def _warm(self):
        """Energy of this tick in mJ: I^2 R for 10 ms, the current in 0.1 A, at most 100 A."""
        current_ma = self._meter.current_ma
        if current_ma < 0:
            current_ma = -current_ma
        current_da = min(current_ma // 100, 1000)
        heat_mj = self._heat_mj[0] + current_da * current_da * self._resistor_ohm // 10
        self._heat_mj[0] = min(heat_mj, 2 * self._rated_j * 1000)
        self._signals.put(s.PRECHARGE_HEAT, self.heat_permille())

    def _matches(self):
        meter = self._meter
        gap_mv = meter.string_mv - meter.link_mv
        if gap_mv < 0:
            gap_mv = -gap_mv
        allowed_mv = meter.string_mv // 1000 * self._match_permille
        allowed_mv = min(allowed_mv, self._match_mv)
        current_ma = meter.current_ma
        if current_ma < 0:
            current_ma = -current_ma
        return meter.string_mv > 0 and gap_mv <= allowed_mv and current_ma < self._match_ma

    def _close_plus(self):
        if self._inputs.plus_closed and self._elapsed_ms() >= self._settle_ms:
            self._drive(True, True, False)
            self._history.value[h.TRIES] = 0
            self._note_heat()
            self._enter(CLOSED, "plus closed")
        elif self._elapsed_ms() > self._timeout_ms:
            self.stuck = True
            self._precharge_failed("plus does not close")

    def _precharge_failed(self, cause):
        self._failed_ms = self._now_ms
        self._drive(False, False, False)
        self._note_heat()
        self._enter(OPENING, cause)

    def _note_heat(self):
        """What the precharge really took, in place of what was set aside for it."""
        history = self._history
        history.value[h.HEAT_PERMILLE] = self.heat_permille()
        history.keep()

    def _closed(self):
        pass  # stays until open(); protection judges the feedback

    def _opening(self):
        if self._relay_parts:
            self._warm()  # the sensor tells late and the relay parts late: it is still heating
        # a pole that does not open is judged by FEEDBACK_DIFFERS and by the weld check
        if self._elapsed_ms() >= self._settle_ms:
            if self._relay_parts:
                self._note_heat()
            self._enter(WELD_CHECK, "settled")

    def _weld_check(self):
        meter = self._meter
        inputs = self._inputs
        if inputs.minus_closed or inputs.plus_closed:
            if self._elapsed_ms() >= self._weld_ms:
                self.welded = True
                self._enter(LOCKED, "mirror contact closed")
            return
        fresh = (meter.link_samples - self._link_samples) & 0xFFFF
        if fresh < 2 or self._elapsed_ms() < self._weld_ms:
            return
        # both open: the dividers hold the discharging link symmetrical about the string's minus
        outer_minus_mv = meter.outer_minus_mv
        if outer_minus_mv < 0:
            outer_minus_mv = -outer_minus_mv
        gap_mv = self._weld_gap_mv
        # a broken string (module drawn, fuse blown) shows no voltage to compare with: nobody knows
        if meter.string_mv <= 2 * gap_mv:
            return
        plus_welded = meter.outer_plus_mv > meter.string_mv - gap_mv
        minus_welded = meter.outer_plus_mv > gap_mv and 2 * outer_minus_mv < gap_mv
        if plus_welded or minus_welded:
            self.welded = True
            self._enter(LOCKED, "plus welded" if plus_welded else "minus welded")
        else:
            self._enter(OPEN, "weld check passed")

    def _locked(self):
        self._drive(False, False, False)
