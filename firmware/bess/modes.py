"""The cabinet's state machine: one function per state, every transition with its cause.

Faults are judged before it in every tick and every state; a trip leaves whatever state
there is at once.
"""

from array import array

from bess.control.hot_swap import Removal
from bess.measure import signals as s
from bess.objects import REQUEST_READY, REQUEST_RELEASE, REQUEST_RUN
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff
from bess.protect import history as h
from bess.protect.limits import CHARGED_DMV

SELF_TEST = const(0)
STANDBY = const(1)
PRECHARGE = const(2)
READY = const(3)
RUN = const(4)
STOPPING = const(5)
FAULT = const(6)
SERVICE = const(7)
RELEASED = const(8)
# bytes stay in flash
NAMES = b"self_test standby precharge ready run stopping fault service released"

_SELF_TEST_TIMEOUT_MS = const(10000)
_SERVICE_KEY_MS = const(5000)
_DEEP_DMV = const(20000)  # below, the string is locked out
_HOLD_TICKS = const(100)  # a second for the coordinator to see it
_RESET_TICKS = const(100)  # a second for the causes to be seen gone
_BLOCK_MS = const(200)  # for the current to go once the gates are blocked
_RECENT_MS = const(100)  # a current older than this says nothing of now
# what the self-test must have seen anew and whole: one round of all diagnoses
_DIAGNOSES = (
    s.CELL_MAX, s.TEMP_MAX, s.STRING_PER_CELL, s.OPEN_WIRE, s.AFE_SUM, s.AFE_SUPPLY,
    s.AFE_SELF_TEST, s.AFE_CONFIG, s.AFE_REFERENCE,
)  # fmt: skip
_JUDGED_TICKS = const(20)  # a sample is judged with the next scan at the latest


class Modes:
    """`step(now_ms)` every fast tick, after protection.

    `request` is the coordinator's (bess.objects), `request_w` its power; `silent` says that
    commands stay away; `hold` keeps the cabinet in standby whatever is requested. `state`,
    `cause`, `self_test_failed`, `removal` are read by others.
    """

    def __init__(self, strings, inputs, protection, pcs, limits, self_check, insulation, signals,
                 history, parameters):  # fmt: skip
        self._strings = strings
        first = strings[0]  # which of many may join is asked of it alone: there is one
        self._cells = first.cells
        self._meter = first.meter
        self._slots = first.slots
        self._contactors = first.contactors
        self._inputs = inputs
        self._protection = protection
        self._pcs = pcs
        self._limits = limits
        self._self_check = self_check
        self._signals = signals
        self._history = history
        self._insulation = insulation
        self._start_timeout_ms = parameters.get("pcs_start_timeout_ms")
        self._precharge_timeout_ms = parameters.get("precharge_start_timeout_ms")
        self._open_wait_ms = parameters.get("open_wait_ms")
        rated_ma = parameters.get("capacity_mah") // 2  # 0.5C is the most the tables allow
        self._open_ma = rated_ma * parameters.get("open_current_permille") // 1000
        self.request = 0
        self.request_w = 0
        self.silent = False
        self.stop_requested = False
        self.hold = False
        self._hold_ticks = 0
        self.state = SELF_TEST
        self.cause = "boot"
        self.self_test_failed = False
        self.self_test_passed = False
        self._limited_was = False
        self._stop_worked_off_s = parameters.get("stop_worked_off_s")
        self._stop_age_s = 0
        self._now_ms = 0
        self._since_ms = 0
        self._started = False
        # fresh samples of what the self-test requires, as it began
        self._seen_before = array("i", bytes(4 * len(_DIAGNOSES)))
        self._insulation_before = 0
        self._judged_ticks = 0
        self._reset_ticks = 0
        self._key_since_ms = -1
        self._key_was = False
        self.removal = Removal(strings, inputs)
        self._states = (
            self._self_test,
            self._standby,
            self._precharge,
            self._ready,
            self._run,
            self._stopping,
            self._fault,
            self._service,
            self._released,
        )
        bind(self, "step", "_must_stop", "_elapsed_ms")

    def step(self, now_ms):
        """One fast tick."""
        self._now_ms = now_ms
        if not self._started:
            self._started = True
            self._since_ms = now_ms
        protection = self._protection
        if protection.limited != self._limited_was:
            self._count_stop(protection.limited)
        if protection.string_tripped and self.state < FAULT:  # from there on nothing is closed
            if protection.tripped:
                self._enter(FAULT, "trip")
            else:
                self._open_tripped()  # the others go on
        self._states[self.state]()
        if self._inputs.reset_key or self._key_was:
            self._watch_key()

    def _count_stop(self, limited):
        """A level 2 that comes back with each start ends in a trip (repeated_stops)."""
        if limited and self._contactors.closed:
            self._history.add(h.STOPS)
            self._history.keep()
        self._limited_was = limited

    def _enter(self, state, cause):
        self.state = state
        self.cause = cause
        self._since_ms = self._now_ms

    def _elapsed_ms(self):
        return ticks_diff(self._now_ms, self._since_ms)

    def _must_stop(self):
        """Orderly stop: NMT stop, or a fault that asks for it."""
        return self._protection.stop_requested or self.stop_requested

    def _wants_power(self):
        """The other values of the request are reserved and mean standby."""
        return not self.hold and (self.request == REQUEST_READY or self.request == REQUEST_RUN)

    def _self_test(self):
        self._pcs.block()
        self.removal.granted(self.request == REQUEST_RELEASE)  # a withdrawal is seen
        if (
            self._cells.seen_all
            and self._self_check.ready
            and self._cells.config_good
            and self._diagnosed()
            and self._meter.seen_all
            and self._contactors.is_open
            and self._slots.all_seated
        ):
            self.self_test_failed = False
            self.self_test_passed = True
            # whoever starts with nearly empty cells charges them first; their trips still count
            if self._cells.cell_min_dmv <= CHARGED_DMV:
                self._limits.charge_first()
            self._enter(STANDBY, "self-test passed")
        elif self._elapsed_ms() > _SELF_TEST_TIMEOUT_MS:
            self.self_test_failed = True

    def _diagnosed(self):
        """Each required signal came whole since the self-test began, and was judged."""
        signals = self._signals
        i = len(_DIAGNOSES)
        while i:
            i -= 1
            signal = _DIAGNOSES[i]
            if signals.count[signal] == self._seen_before[i] or signals.partial[signal]:
                self._judged_ticks = 0
                return False
        self._judged_ticks += 1
        return self._judged_ticks > _JUDGED_TICKS

    def _begin_self_test(self, cause):
        count = self._signals.count
        i = len(_DIAGNOSES)
        while i:
            i -= 1
            self._seen_before[i] = count[_DIAGNOSES[i]]
        self._insulation_before = self._insulation.samples
        self._judged_ticks = 0
        self._enter(SELF_TEST, cause)

    def _standby(self):
        self._pcs.block()
        if self._release():
            return
        if self._must_stop() or not self._slots.all_seated:
            return
        if self._wants_power() and self._contactors.is_open and self._may_close():
            self._pcs.stop()
            self._contactors.close()
            self._enter(PRECHARGE, "requested")

    def _may_close(self):
        """Nothing stands against it, and the insulation is known to be well."""
        protection = self._protection
        if protection.charge_blocked and protection.discharge_blocked:
            return False
        return protection.may_close() and self._insulation.sound(self._insulation_before)

    def _precharge(self):
        self._pcs.stop()
        if self._contactors.closed:
            self._enter(READY, "closed")
        elif self._must_stop() or not self._wants_power():
            self._open("request withdrawn")
            self._enter(STANDBY, "request withdrawn")
        elif self._elapsed_ms() > self._precharge_timeout_ms:
            self._open("precharge takes too long")
            self._enter(STANDBY, "precharge takes too long")

    def _ready(self):
        pcs = self._pcs
        if self._must_stop() or not self._wants_power():
            pcs.stop()
            self._enter(STOPPING, "stop requested")
        elif self.request == REQUEST_RUN and not self.silent:
            pcs.start()
            if pcs.running():
                self._enter(RUN, "PCS runs")
            elif self._elapsed_ms() > self._start_timeout_ms:
                pcs.fail_start()
        else:
            pcs.stop()
            self._since_ms = self._now_ms

    def _run(self):
        pcs = self._pcs
        leaving = False
        if self.hold:
            # the limits read 0: the coordinator first lets the others take its power over
            self._hold_ticks = self._hold_ticks + 1
            leaving = self.request_w == 0 or self._hold_ticks > _HOLD_TICKS
        else:
            self._hold_ticks = 0
        if self._must_stop() or self.request != REQUEST_RUN or leaving:
            self._enter(STOPPING, "stop requested")
        elif self.silent:
            pcs.fade()
        else:
            pcs.follow(self.request_w)

    def _stopping(self):
        pcs = self._pcs
        waited_ms = self._elapsed_ms()
        if waited_ms < self._open_wait_ms:
            pcs.release()
            quiet = pcs.setpoint_w == 0 and self._current_gone()
        else:
            pcs.block()  # it does not follow: its gates stop it
            quiet = self._current_gone()
        if not quiet and waited_ms < self._open_wait_ms + _BLOCK_MS:
            return
        if self.request == REQUEST_READY and not self.hold and not self._must_stop() and quiet:
            self._enter(READY, "power released")
            return
        pcs.block()
        self._open("orderly stop")
        self._enter(STANDBY, "current has gone" if quiet else "waited long enough")

    def _current_gone(self):
        """A current that is not seen now has not gone."""
        current_ma = self._meter.current_ma
        if current_ma < 0:
            current_ma = -current_ma
        recent = self._signals.value[s.CURRENT_AGE] < _RECENT_MS
        return recent and current_ma < self._open_ma

    def _fault(self):
        self._pcs.block()
        if self._open_tripped() and not self._release():
            self._try_reset(False)

    def _release(self):
        """Granted, and nothing is closed or welded: modules may be drawn."""
        removal = self.removal
        granted = removal.granted(self.request == REQUEST_RELEASE)
        if not granted or self.silent or self._reset_ticks:
            return False
        if not (removal.all_open() and removal.all_seated()):
            return False
        removal.begin(self._now_ms, self._protection.string_tripped)
        self._enter(RELEASED, "granted")
        return True

    def _released(self):
        self._pcs.block()
        self._open("released")
        removal = self.removal
        granted = self.request == REQUEST_RELEASE and not self.silent and removal.all_open()
        if removal.step(self._now_ms, granted, self._protection.string_tripped):
            return
        if not removal.forgives() or self._protection.reset(False, removal.raised):
            removal.end()
            self._begin_self_test("all sit again")
        elif removal.too_long():
            removal.end()
            self._enter(FAULT, "trip")

    def _open(self, cause):
        for string in self._strings:
            string.contactors.open(cause)

    def _open_tripped(self):
        """Open every string that is tripped, no other. False while one has a fuse to wait for."""
        opened = True
        for string in self._strings:
            opened = string.obey_trip(self._now_ms) and opened
        return opened

    def _service(self):
        self._pcs.block()
        self._open("service")
        self._try_reset(True)

    def self_test_result(self):
        """What the console says of the self-test: "" while it runs."""
        if self.self_test_passed:
            return "passed"
        return "failed" if self.self_test_failed or self.state == FAULT else ""

    def step_slow(self):
        """Once a second: time works off the orderly stops that were counted."""
        history = self._history
        self._stop_age_s += 1
        if self._stop_age_s >= self._stop_worked_off_s:
            self._stop_age_s = 0
            history.put(h.STOPS, max(history.value[h.STOPS] - 1, 0))
        self._signals.put(s.REPEATED_STOPS, history.value[h.STOPS])
        self.removal.light(self._contactors.closed, self.state == FAULT)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._since_ms = held(now_ms, self._since_ms)
        self._key_since_ms = held(now_ms, self._key_since_ms)

    def _watch_key(self):
        """Local reset key: a turn resets latches, five seconds enter and leave service."""
        key = self._inputs.reset_key
        if key and not self._key_was:
            self._key_since_ms = self._now_ms
        released = self._key_was and not key
        self._key_was = key
        if not released:
            return
        held = ticks_diff(self._now_ms, self._key_since_ms) >= _SERVICE_KEY_MS
        if held and (self.state == FAULT or self.state == STANDBY):
            self._enter(SERVICE, "service key")
        else:
            self.request_reset()

    def resetting(self):
        """1 while a reset that was asked for looks for causes that have gone."""
        return 1 if self._reset_ticks else 0

    def request_reset(self):
        """What a turn of the key does: in fault or service, try to clear the latches."""
        if self.state != FAULT and self.state != SERVICE:
            return
        self._reset_ticks = _RESET_TICKS
        self.self_test_failed = False
        self._pcs.reset()
        self._self_check.operator_reset()
        self._contactors.forget_tries()
        self._history.put(h.STOPS, 0)
        self._signals.put(s.REPEATED_STOPS, 0)
        if self.state == SERVICE:
            self._contactors.unlock()
        # protection.md: out of an under-voltage trip only by charging
        if _DEEP_DMV <= self._cells.cell_min_dmv <= CHARGED_DMV:
            self._limits.recharge(self._cells.cell_min_dmv)
            self._protection.suspend_undervoltage(True)

    def _try_reset(self, service):
        """The key was turned: for a second, clear latches as their causes are seen gone."""
        if self._reset_ticks == 0:
            return
        self._reset_ticks -= 1
        if self._protection.reset(service):
            self._reset_ticks = 0
            self._begin_self_test("operator reset")
