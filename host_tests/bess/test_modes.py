"""The cabinet's state machine, every transition with its cause, every bound exact."""

import pytest

from bess import modes as m
from bess.control import pcs_control
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.modes import Modes
from bess.parameters import Parameters
from bess.protect import history as h
from bess.protect.history import SIZE, History, provision

STANDBY, READY, RUN = 0, 1, 2  # requests
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


class Slots:
    all_seated = True


class SelfCheck:
    ready = True

    def __init__(self, events):
        self._events = events

    def operator_reset(self):
        self._events.append("operator reset")


class Protection:
    tripped = limited = locked_out = stop_requested = False
    charge_blocked = discharge_blocked = False
    closable = True
    clears = False

    def __init__(self, events):
        self._events = events

    def may_close(self):
        return self.closable

    def reset(self, service):
        self._events.append("clear in service" if service else "clear")
        return self.clears

    def suspend_undervoltage(self, on):
        self._events.append(("suspend", on))


class Contactors:
    is_open = True
    closed = False

    def __init__(self, events):
        self._events = events

    def close(self):
        self._events.append("close")

    def open(self, cause):
        self._events.append("open: " + cause)

    def lock(self):
        self._events.append("lock")

    def unlock(self):
        self._events.append("unlock")

    def forget_tries(self):
        self._events.append("forget tries")


class Pcs:
    mode = None
    request_w = setpoint_w = 0
    running = soft = start_failed = False

    def __init__(self, events):
        self._events = events

    def block(self):
        self.mode = pcs_control.BLOCKED
        self._events.append("block")


class Limits:
    charge_only = False

    def __init__(self, events):
        self._events = events

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

    def __init__(self, now_ms=500):
        self.events = events = []
        self.cells, self.meter, self.inputs, self.slots = Cells(), Meter(), Inputs(), Slots()
        self.protection, self.contactors, self.pcs = (
            Protection(events),
            Contactors(events),
            Pcs(events),
        )
        self.limits, self.self_check = Limits(events), SelfCheck(events)
        self.insulation, self.signals = Insulation(), Signals()
        self.memory = bytearray(SIZE)
        provision(self.memory)
        self.history = History(self.memory)
        self.machine = Modes(
            self.cells, self.meter, self.inputs, self.slots, self.protection, self.contactors,
            self.pcs, self.limits, self.self_check, self.insulation, self.signals, self.history,
            Parameters(),
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
                self.pcs.running = True
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


ALL = range(8)
BEFORE_TRIP = (m.STANDBY, m.PRECHARGE, m.READY, m.RUN, m.STOPPING)


def test_states_are_those_of_the_name_table():
    names = m.NAMES.decode().split()
    assert [names[i] for i in (m.SELF_TEST, m.STANDBY, m.PRECHARGE, m.READY, m.RUN)] == [
        "self_test", "standby", "precharge", "ready", "run",
    ]  # fmt: skip
    assert [names[i] for i in (m.STOPPING, m.FAULT, m.SERVICE)] == ["stopping", "fault", "service"]
    assert len(names) == 8


def test_it_starts_in_self_test_without_a_result_a_request_or_a_reset():
    machine = Rig().machine
    assert (machine.state, machine.cause) == (m.SELF_TEST, "boot")
    assert (machine.self_test_failed, machine.self_test_passed) == (False, False)
    assert (machine.request, machine.request_w, machine.resetting) == (0, 0, 0)
    assert (machine.silent, machine.stop_requested, machine.hold) == (False, False, False)


def test_self_test_passes_when_the_round_was_judged_for_twenty_ticks():
    rig = Rig().diagnose()
    for _ in range(20):
        assert rig.step() == ["block"]
        assert rig.machine.state == m.SELF_TEST
        assert not rig.machine.self_test_passed
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "self-test passed")
    assert rig.machine.self_test_passed


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("cells", "seen_all"), ("self_check", "ready"), ("cells", "config_good"),
        ("meter", "seen_all"), ("contactors", "is_open"), ("slots", "all_seated"),
    ],
)  # fmt: skip
def test_self_test_waits_for_each_of_its_conditions(part, name):
    rig = Rig().diagnose()
    setattr(getattr(rig, part), name, False)
    rig.step(100)
    assert rig.machine.state == m.SELF_TEST
    setattr(getattr(rig, part), name, True)
    rig.step(21)
    assert rig.machine.state == m.STANDBY


@pytest.mark.parametrize("signal", ROUND)
def test_self_test_waits_for_every_diagnosis_whole_and_counts_anew(signal):
    rig = Rig()
    for other in ROUND:
        if other != signal:
            rig.signals.put(other, 0)
    rig.step(100)
    rig.signals.put_partial(signal, 0)
    rig.step(100)
    assert rig.machine.state == m.SELF_TEST
    rig.signals.put(signal, 0)
    rig.step(20)
    rig.signals.put_partial(signal, 0)  # something of it was lost again
    rig.step()
    rig.signals.put(signal, 0)
    rig.step(20)
    assert rig.machine.state == m.SELF_TEST
    rig.step()
    assert rig.machine.state == m.STANDBY


def test_self_test_fails_after_ten_seconds_and_may_still_pass():
    rig = Rig(now_ms=123450)
    rig.step(1001)
    assert not rig.machine.self_test_failed
    rig.now_ms = 123450 + 10001
    rig.step()
    assert rig.machine.self_test_failed
    assert rig.machine.state == m.SELF_TEST
    rig.diagnose().step(21)
    assert rig.machine.state == m.STANDBY
    assert not rig.machine.self_test_failed


def test_a_string_that_is_nearly_empty_at_its_start_is_charged_first():
    for cell_min_dmv, charge_only in ((30000, True), (30001, False)):
        rig = Rig()
        rig.cells.cell_min_dmv = cell_min_dmv
        rig.at(m.STANDBY)
        assert rig.limits.charge_only == charge_only
        assert rig.events == ["block"]  # its under-voltage trips are not suspended


def test_standby_blocks_and_closes_for_ready_and_run_only():
    for request in range(8):
        rig = Rig().at(m.STANDBY)
        rig.machine.request = request
        events = rig.step()
        if request in (READY, RUN):
            assert events == ["block", "close"]
            assert (rig.machine.state, rig.machine.cause) == (m.PRECHARGE, "requested")
            assert rig.pcs.mode == pcs_control.OFF
        else:
            assert events == ["block"]
            assert rig.machine.state == m.STANDBY


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("machine", "hold", True), ("machine", "stop_requested", True),
        ("protection", "stop_requested", True), ("slots", "all_seated", False),
        ("contactors", "is_open", False), ("protection", "closable", False),
        ("insulation", "well", False),
    ],
)  # fmt: skip
def test_standby_does_not_close_while_anything_stands_against_it(part, name, value):
    rig = Rig().at(m.STANDBY)
    before = getattr(getattr(rig, part), name)
    setattr(getattr(rig, part), name, value)
    for request in (READY, RUN):
        rig.machine.request = request
        for _ in range(50):
            assert rig.step() == ["block"]
            assert rig.machine.state == m.STANDBY
    setattr(getattr(rig, part), name, before)
    rig.step()
    assert rig.machine.state == m.PRECHARGE


def test_one_direction_that_is_left_is_enough_to_close():
    for charge, discharge, state in (
        (True, True, m.STANDBY), (True, False, m.PRECHARGE), (False, True, m.PRECHARGE),
    ):  # fmt: skip
        rig = Rig().at(m.STANDBY)
        rig.protection.charge_blocked, rig.protection.discharge_blocked = charge, discharge
        rig.machine.request = RUN
        rig.step()
        assert rig.machine.state == state


def test_insulation_is_asked_for_samples_since_the_self_test_began():
    rig = Rig().at(m.STANDBY)
    rig.machine.request = RUN
    rig.step()
    assert rig.insulation.asked == 0  # of the start: whatever came
    rig = Rig().at(m.FAULT)
    rig.insulation.samples = 41
    rig.protection.tripped, rig.protection.clears = False, True
    rig.press(20)
    rig.step()
    assert rig.machine.state == m.SELF_TEST
    rig.insulation.samples = 45
    rig.diagnose().step(21)
    rig.machine.request = RUN
    rig.step()
    assert rig.insulation.asked == 41


def test_precharge_ends_ready_when_the_contactors_are_closed():
    rig = Rig().at(m.PRECHARGE)
    assert rig.step(10) == []
    assert rig.machine.state == m.PRECHARGE
    rig.pcs.mode = None
    rig.contactors.closed = True
    assert rig.step() == []
    assert (rig.machine.state, rig.machine.cause) == (m.READY, "closed")
    assert rig.pcs.mode == pcs_control.OFF


WITHDRAWALS = [
    ("machine", "request", STANDBY), ("machine", "request", 3), ("machine", "hold", True),
    ("machine", "stop_requested", True), ("protection", "stop_requested", True),
]  # fmt: skip


@pytest.mark.parametrize(("part", "name", "value"), WITHDRAWALS)
def test_precharge_is_left_when_the_request_is_withdrawn(part, name, value):
    rig = Rig().at(m.PRECHARGE)
    setattr(getattr(rig, part), name, value)
    assert rig.step() == ["open: request withdrawn"]
    assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "request withdrawn")


def test_precharge_gives_up_after_45_seconds():
    rig = Rig().at(m.PRECHARGE)
    rig.step(4500)
    assert rig.machine.state == m.PRECHARGE
    assert rig.step() == ["open: precharge takes too long"]
    assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "precharge takes too long")


@pytest.mark.parametrize(("part", "name", "value"), WITHDRAWALS)
def test_ready_is_left_by_an_orderly_stop(part, name, value):
    rig = Rig().at(m.READY)
    setattr(getattr(rig, part), name, value)
    assert rig.step() == []
    assert (rig.machine.state, rig.machine.cause) == (m.STOPPING, "stop requested")


def test_ready_keeps_the_pcs_off_until_it_shall_run_and_somebody_speaks():
    rig = Rig().at(m.READY)
    rig.pcs.running = True
    rig.step(2000)
    assert (rig.machine.state, rig.pcs.mode) == (m.READY, pcs_control.OFF)
    rig.machine.request = RUN
    rig.machine.silent = True
    rig.step(2000)
    assert (rig.machine.state, rig.pcs.mode) == (m.READY, pcs_control.OFF)
    assert not rig.pcs.start_failed


def test_a_pcs_is_started_without_power_and_runs_softly():
    rig = Rig().at(m.READY)
    rig.machine.request = RUN
    rig.pcs.request_w = 5000
    rig.step()
    assert (rig.pcs.mode, rig.pcs.request_w) == (pcs_control.FOLLOW, 0)
    assert (rig.machine.state, rig.pcs.soft) == (m.READY, False)
    rig.pcs.running = True
    rig.step()
    assert (rig.machine.state, rig.machine.cause, rig.pcs.soft) == (m.RUN, "PCS runs", True)


def test_a_pcs_that_does_not_start_within_ten_seconds_of_its_order_has_failed():
    rig = Rig().at(m.READY)
    rig.step(3000)  # however long it was only ready
    rig.machine.request = RUN
    rig.step(1000)
    assert not rig.pcs.start_failed
    rig.step()
    assert rig.pcs.start_failed
    assert rig.machine.state == m.READY


def test_run_follows_the_request_and_silence():
    rig = Rig().at(m.RUN)
    rig.machine.request_w = 12345
    assert rig.step() == []
    assert (rig.pcs.mode, rig.pcs.request_w) == (pcs_control.FOLLOW, 12345)
    rig.machine.silent = True
    rig.machine.request_w = 99
    rig.step(100)
    assert (rig.pcs.mode, rig.pcs.request_w) == (pcs_control.SILENT, 12345)
    rig.machine.silent = False
    rig.step()
    assert (rig.pcs.mode, rig.pcs.request_w) == (pcs_control.FOLLOW, 99)
    assert rig.machine.state == m.RUN


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("machine", "request", STANDBY), ("machine", "request", READY), ("machine", "request", 3),
        ("machine", "stop_requested", True), ("protection", "stop_requested", True),
    ],
)  # fmt: skip
def test_run_is_left_by_an_orderly_stop_silent_or_not(part, name, value):
    for silent in (False, True):
        rig = Rig().at(m.RUN)
        rig.machine.silent = silent
        setattr(getattr(rig, part), name, value)
        assert rig.step() == []
        assert (rig.machine.state, rig.machine.cause) == (m.STOPPING, "stop requested")


def test_hold_without_power_stops_at_once():
    rig = Rig().at(m.RUN)
    rig.machine.hold = True
    rig.step()
    assert rig.machine.state == m.STOPPING


def test_hold_under_power_leaves_the_coordinator_a_second_counted_anew_each_time():
    for power_w in (1, -1, 50000):
        rig = Rig().at(m.RUN)
        rig.machine.request_w = power_w
        rig.machine.hold = True
        rig.step(100)
        rig.machine.hold = False
        rig.step()
        rig.machine.hold = True
        rig.step(100)
        assert rig.machine.state == m.RUN
        rig.step()
        assert rig.machine.state == m.STOPPING


def test_stopping_releases_then_blocks_the_gates_then_opens():
    """Two seconds by ramp, 200 ms by the gates, then whatever flows."""
    rig = Rig().at(m.STOPPING)
    for _ in range(199):
        assert rig.step() == []
        assert rig.pcs.mode == pcs_control.RELEASE
    rig.step()
    for _ in range(20):
        assert rig.machine.state == m.STOPPING
        assert rig.events == ["block"]
        rig.step()
    assert rig.events == ["block", "block", "open: orderly stop"]
    assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "waited long enough")


def test_stopping_ends_when_set_point_and_current_have_gone():
    for current_ma in (OPEN_MA - 1, 1 - OPEN_MA, 0):
        rig = Rig().at(m.STOPPING)
        rig.meter.current_ma = current_ma
        rig.pcs.setpoint_w = 1
        rig.step(50)
        assert rig.machine.state == m.STOPPING
        rig.pcs.setpoint_w = 0
        assert rig.step() == ["block", "open: orderly stop"]
        assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "current has gone")


def test_stopping_waits_for_either_direction_of_current():
    for current_ma in (OPEN_MA, -OPEN_MA, 100000, -100000):
        rig = Rig().at(m.STOPPING)
        rig.meter.current_ma = current_ma
        rig.step(219)
        assert rig.machine.state == m.STOPPING


def test_a_current_that_is_not_seen_now_has_not_gone():
    rig = Rig().at(m.STOPPING)
    rig.meter.current_ma = 0
    rig.signals.put(s.CURRENT_AGE, 100)
    rig.step(219)
    assert rig.machine.state == m.STOPPING
    rig.signals.put(s.CURRENT_AGE, 99)
    rig.step()
    assert rig.machine.cause == "current has gone"


def test_once_the_gates_are_blocked_the_set_point_does_not_matter():
    rig = Rig().at(m.STOPPING)
    rig.pcs.setpoint_w = 1
    rig.meter.current_ma = 0
    rig.step(199)
    assert rig.machine.state == m.STOPPING
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "current has gone")


def test_stopping_goes_back_to_ready_for_who_asked_for_that():
    rig = Rig().at(m.STOPPING)
    rig.machine.request = READY
    rig.meter.current_ma = 0
    assert rig.step() == []
    assert (rig.machine.state, rig.machine.cause) == (m.READY, "power released")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("machine", "request", RUN), ("machine", "request", STANDBY), ("machine", "hold", True),
        ("machine", "stop_requested", True), ("protection", "stop_requested", True),
    ],
)  # fmt: skip
def test_stopping_opens_for_everybody_else(part, name, value):
    rig = Rig().at(m.STOPPING)
    rig.machine.request = READY
    setattr(getattr(rig, part), name, value)
    rig.meter.current_ma = 0
    assert rig.step() == ["block", "open: orderly stop"]
    assert rig.machine.state == m.STANDBY


def test_a_current_that_stays_opens_also_for_who_asked_for_ready():
    rig = Rig().at(m.STOPPING)
    rig.machine.request = READY
    rig.step(220)
    assert (rig.machine.state, rig.machine.cause) == (m.STANDBY, "waited long enough")


@pytest.mark.parametrize("state", BEFORE_TRIP)
def test_a_trip_blocks_and_opens_in_its_own_tick_from_every_state(state):
    rig = Rig().at(state)
    rig.protection.tripped = True
    assert rig.step() == ["block", "open: trip"]
    assert (rig.machine.state, rig.machine.cause) == (m.FAULT, "trip")
    assert rig.step() == ["block", "open: trip"]  # and goes on saying so


def test_a_trip_ends_the_self_test_too():
    rig = Rig().diagnose()
    rig.protection.tripped = True
    assert rig.step() == ["block", "open: trip"]
    assert rig.machine.state == m.FAULT


def test_service_stays_service_under_a_trip():
    rig = Rig().at(m.SERVICE)
    rig.protection.tripped = True
    assert rig.step() == ["block", "open: service"]
    assert (rig.machine.state, rig.machine.cause) == (m.SERVICE, "service key")


def test_a_lockout_opens_and_then_locks():
    rig = Rig().at(m.FAULT)
    rig.protection.locked_out = True
    assert rig.step() == ["block", "open: trip", "lock"]


@pytest.mark.parametrize("current_ma", [1000001, -1000001])
def test_beyond_the_breaking_capacity_the_fuse_has_a_second(current_ma):
    rig = Rig().at(m.RUN)
    rig.meter.current_ma = current_ma
    rig.protection.tripped = rig.protection.locked_out = True
    for age_ms in range(0, 1000, 10):  # the newest sample tells, however old it is
        rig.signals.put(s.CURRENT_AGE, age_ms)
        assert rig.step() == ["block"]
    assert rig.step() == ["block", "open: trip", "lock"]


@pytest.mark.parametrize("current_ma", [1000000, -1000000])
def test_what_the_contactors_can_break_is_broken_at_once(current_ma):
    rig = Rig().at(m.RUN)
    rig.meter.current_ma = current_ma
    rig.protection.tripped = True
    assert rig.step() == ["block", "open: trip"]


def test_the_contactors_open_as_soon_as_the_fuse_has_acted():
    rig = Rig().at(m.RUN)
    rig.meter.current_ma = 2000000
    rig.protection.tripped = True
    rig.step(30)
    rig.meter.current_ma = 0
    assert rig.step() == ["block", "open: trip"]


def test_only_a_level_two_that_rises_while_closed_counts_as_a_stop_and_is_kept():
    rig = Rig().at(m.RUN)
    rig.protection.limited = True
    rig.step(50)
    assert History(rig.memory).value[h.STOPS] == 1
    rig.protection.limited = False
    rig.step()
    rig.protection.limited = True
    rig.step(3)
    assert History(rig.memory).value[h.STOPS] == 2
    rig.protection.limited = rig.contactors.closed = False
    rig.step()
    rig.protection.limited = True
    rig.step()
    rig.contactors.closed = True  # it stood before they closed
    rig.step(5)
    assert History(rig.memory).value[h.STOPS] == 2


@pytest.mark.parametrize("state", [m.FAULT, m.STANDBY])
def test_the_key_enters_service_after_five_seconds_when_it_is_released(state):
    rig = Rig().at(state)
    rig.press(4990)
    assert rig.machine.state == state
    rig.inputs.reset_key = True
    rig.step(600)
    assert rig.machine.state == state
    rig.inputs.reset_key = False
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.SERVICE, "service key")
    assert rig.step() == ["block", "open: service"]


@pytest.mark.parametrize("state", [m.PRECHARGE, m.READY, m.RUN])
def test_the_key_does_nothing_while_power_may_flow(state):
    rig = Rig().at(state)
    rig.press(20)
    rig.press(5000)
    assert rig.machine.state == state
    assert rig.machine.resetting == 0


def test_five_seconds_of_the_key_in_service_ask_for_a_reset():
    rig = Rig().at(m.SERVICE)
    rig.press(5000)
    assert rig.machine.resetting == 1


def test_a_key_that_is_turned_at_the_start_counts_from_there():
    rig = Rig()
    rig.inputs.reset_key = True
    rig.diagnose().step(100)
    rig.inputs.reset_key = False
    rig.step()
    assert rig.machine.state == m.STANDBY


RESET = ["operator reset", "forget tries"]


def test_a_reset_forgets_what_an_operator_answers_for():
    rig = Rig().at(m.FAULT)
    rig.machine.self_test_failed = True
    rig.pcs.start_failed = True
    rig.history.put(h.STOPS, 3)
    rig.signals.put(s.REPEATED_STOPS, 3)
    assert rig.press(20) == ["block", "open: trip", *RESET]
    assert (rig.machine.self_test_failed, rig.pcs.start_failed) == (False, False)
    assert History(rig.memory).value[h.STOPS] == 0
    assert rig.signals.value[s.REPEATED_STOPS] == 0
    assert rig.signals.count[s.REPEATED_STOPS] == 2
    assert rig.machine.resetting == 1


def test_only_service_unlocks():
    rig = Rig().at(m.SERVICE)
    assert rig.press(20) == ["block", "open: service", *RESET, "unlock"]


@pytest.mark.parametrize("state", [m.STANDBY, m.PRECHARGE, m.READY, m.RUN, m.STOPPING])
def test_a_reset_is_for_fault_and_service_only(state):
    rig = Rig().at(state)
    rig.machine.self_test_failed = True
    rig.events.clear()
    rig.machine.request_reset()
    assert (rig.events, rig.machine.resetting) == ([], 0)
    assert rig.machine.self_test_failed


@pytest.mark.parametrize(
    ("cell_min_dmv", "recharges"),
    [(19999, False), (20000, True), (25000, True), (30000, True), (30001, False)],
)
def test_a_reset_lets_a_string_between_2_and_3_volts_be_charged(cell_min_dmv, recharges):
    for state in (m.FAULT, m.SERVICE):
        rig = Rig().at(state)
        rig.cells.cell_min_dmv = cell_min_dmv
        found = rig.press(20)
        expected = [("recharge", cell_min_dmv), ("suspend", True)] if recharges else []
        assert [event for event in found if isinstance(event, tuple)] == expected


def test_a_reset_looks_for_a_second_for_causes_that_have_gone():
    for state, word, also in (
        (m.FAULT, "clear", "open: trip"), (m.SERVICE, "clear in service", "open: service"),
    ):  # fmt: skip
        rig = Rig().at(state)
        rig.press(20)
        for _ in range(100):
            assert rig.machine.resetting == 1
            assert rig.step() == ["block", also, word]
        assert rig.machine.resetting == 0
        assert rig.step() == ["block", also]


def test_a_reset_that_cleared_all_begins_the_self_test_with_a_new_round():
    rig = Rig().at(m.FAULT)
    rig.press(20)
    rig.step(10)
    rig.protection.tripped, rig.protection.clears = False, True
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.SELF_TEST, "operator reset")
    assert rig.machine.resetting == 0
    rig.step(1000)
    assert rig.machine.state == m.SELF_TEST  # what was seen before says nothing of now
    assert not rig.machine.self_test_failed
    rig.step()
    assert rig.machine.self_test_failed
    for missing in ROUND:
        rig.protection.tripped = True
        rig.step()
        rig.press(20)
        rig.protection.tripped = False
        rig.step()
        assert rig.machine.state == m.SELF_TEST
        for signal in ROUND:
            if signal != missing:
                rig.signals.put(signal, 0)
        rig.step(50)
        assert rig.machine.state == m.SELF_TEST
        rig.signals.put(missing, 0)
        rig.step(20)
        assert rig.machine.state == m.SELF_TEST
        rig.step()
        assert rig.machine.state == m.STANDBY


def test_a_new_round_that_comes_at_once_is_judged_for_twenty_ticks_too():
    rig = Rig().at(m.FAULT)
    rig.protection.tripped, rig.protection.clears = False, True
    rig.press(20)
    rig.step()
    assert rig.machine.state == m.SELF_TEST
    rig.diagnose().step(20)
    assert rig.machine.state == m.SELF_TEST
    rig.step()
    assert rig.machine.state == m.STANDBY


def test_a_level_two_of_the_first_tick_counts():
    rig = Rig()
    rig.protection.limited = rig.contactors.closed = True
    rig.step()
    assert rig.history.value[h.STOPS] == 1
