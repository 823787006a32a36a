"""The cabinet's state machine among stand-ins that note what it asks of them."""

from bess import modes as m
from bess import strings as of_strings
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.modes import Modes
from bess.parameters import Parameters
from bess.protect.fault_table import LOCKED_OUT, TRIPPED
from bess.protect.history import SIZE, History, provision

STANDBY, READY, RUN, RELEASE = 0, 1, 2, 3  # requests
ROUND = (
    s.CELL_MAX, s.TEMP_MAX, s.STRING_PER_CELL, s.OPEN_WIRE, s.AFE_SUM, s.AFE_SUPPLY,
    s.AFE_SELF_TEST, s.AFE_CONFIG, s.AFE_REFERENCE,
)  # fmt: skip
OPEN_MA = 7000  # 5 % of half of 280 Ah


class Cells:
    seen_all = True
    config_good = True
    cell_min_dmv = 32000


class Meter:
    seen_all = True
    current_ma = 0


class Inputs:
    reset_key = False
    hvil_closed = True
    missing_slots = 0


class Slots:
    all_seated = True


class SelfCheck:
    ready = True

    def __init__(self, events):
        self._events = events

    def operator_reset(self):
        self._events.append("operator reset")


class Judge:
    """Of a string: trips with the whole cabinet, or alone by `own`."""

    def __init__(self, protection):
        self._protection = protection
        self.own = 0

    @property
    def acts(self):
        whole = TRIPPED if self._protection.tripped else 0
        return self.own | whole | (LOCKED_OUT if self._protection.locked_out else 0)


class String:
    """One of the cabinet's; opens as its real class does."""

    obey_trip = of_strings.String.obey_trip

    def __init__(self, rig, events):
        self.cells, self.meter, self.slots = rig.cells, rig.meter, rig.slots
        self.contactors = Contactors(events)
        self.judge = Judge(rig.protection)


class Protection:
    tripped = one_tripped = limited = locked_out = stop_requested = False
    charge_blocked = discharge_blocked = False
    closable = True
    clears = False

    def __init__(self, events):
        self._events = events

    @property
    def string_tripped(self):
        return self.tripped or self.one_tripped

    def may_close(self):
        return self.closable

    def reset(self, service, only=None):
        which = "" if only is None else " of a removal"
        self._events.append(("clear in service" if service else "clear") + which)
        return self.clears

    def suspend_undervoltage(self, on):
        self._events.append(("suspend", on))


class Contactors:
    is_open = breakable = True
    closed = False

    def __init__(self, events):
        self._events = events

    def close(self):
        self._events.append("close")

    def open(self, cause):
        self._events.append("open: " + cause)

    def trip(self, now_ms, locked_out):
        if self.breakable:
            self.open("trip")
            if locked_out:
                self._events.append("lock")
        return self.breakable

    def unlock(self):
        self._events.append("unlock")

    def forget_tries(self):
        self._events.append("forget tries")


class Pcs:
    """`asked` is the newest verb, with its power."""

    setpoint_w = 0
    runs = start_failed = False

    def running(self):
        return self.runs

    def __init__(self, events):
        self._events = events
        self.asked = None

    def block(self):
        self.asked = "block"
        self._events.append("block")

    def stop(self):
        self.asked = "stop"

    def start(self):
        self.asked = "start"

    def follow(self, power_w):
        self.asked = ("follow", power_w)

    def release(self):
        self.asked = "release"

    def fade(self):
        self.asked = "fade"

    def fail_start(self):
        self.start_failed = True

    def reset(self):
        self.start_failed = False


class Limits:
    charge_only = False

    def __init__(self, events):
        self._events = events

    def charge_first(self):
        self.charge_only = True

    def recharge(self, cell_min_dmv):
        self._events.append(("recharge", cell_min_dmv))


class Insulation:
    samples = 7
    well = True
    asked = None

    def sound(self, before):
        self.asked = before
        return self.well


class Rig:
    """The machine among stand-ins that note what it asks of them; 10 ms a step."""

    def __init__(self, now_ms=500, strings=1):
        self.events = events = []
        self.cells, self.meter, self.inputs, self.slots = Cells(), Meter(), Inputs(), Slots()
        self.protection, self.pcs = Protection(events), Pcs(events)
        self.strings = [String(self, events), String(self, other := [])][:strings]
        self.contactors, self.others_events = self.strings[0].contactors, other
        self.limits, self.self_check = Limits(events), SelfCheck(events)
        self.insulation, self.signals = Insulation(), Signals()
        self.memory = bytearray(SIZE)
        provision(self.memory)
        self.history = History(self.memory)
        self.machine = Modes(
            self.strings, self.inputs, self.protection, self.pcs, self.limits, self.self_check,
            self.insulation, self.signals, self.history, Parameters(),
        )  # fmt: skip
        self.now_ms = now_ms

    def step(self, count=1):
        """What it asked in the newest tick."""
        for _ in range(count):
            self.events.clear()
            self.machine.step(self.now_ms)
            self.now_ms += 10
        return self.events

    def diagnose(self):
        for signal in ROUND:
            self.signals.put(signal, 0)
        return self

    def at(self, state):
        """In that state, by the way that leads there, with the entering step done."""
        self.diagnose().step(21)
        assert self.machine.state == m.STANDBY
        if state == m.SERVICE:
            self.press(5000)
        elif state in (m.PRECHARGE, m.READY, m.RUN, m.STOPPING):
            self.machine.request = READY
            self.step()
            if state != m.PRECHARGE:
                self.contactors.is_open, self.contactors.closed = False, True
                self.step()
            if state in (m.RUN, m.STOPPING):
                self.machine.request = RUN
                self.pcs.runs = True
                self.step()
            if state == m.STOPPING:
                self.meter.current_ma = OPEN_MA
                self.machine.request = STANDBY
                self.step()
        elif state == m.FAULT:
            self.protection.tripped = True
            self.step()
        assert self.machine.state == state
        return self

    def press(self, ms):
        """Hold the key for that time and release it."""
        self.inputs.reset_key = True
        self.step(ms // 10)
        self.inputs.reset_key = False
        return list(self.step())
