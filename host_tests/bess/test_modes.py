"""The cabinet's state machine from self-test to run, each transition with its cause."""

import pytest
from rigs.modes import READY, RELEASE, ROUND, RUN, STANDBY, Rig

from bess import modes as m


def test_states_are_those_of_the_name_table():
    names = m.NAMES.decode().split()
    assert [names[i] for i in (m.SELF_TEST, m.STANDBY, m.PRECHARGE, m.READY, m.RUN)] == [
        "self_test", "standby", "precharge", "ready", "run",
    ]  # fmt: skip
    assert [names[i] for i in (m.STOPPING, m.FAULT, m.SERVICE, m.RELEASED)] == [
        "stopping", "fault", "service", "released",
    ]  # fmt: skip
    assert len(names) == 9


def test_it_starts_in_self_test_without_a_result_a_request_or_a_reset():
    machine = Rig().machine
    assert (machine.state, machine.cause) == (m.SELF_TEST, "boot")
    assert (machine.self_test_failed, machine.self_test_passed) == (False, False)
    assert (machine.request, machine.request_w, machine.resetting()) == (0, 0, 0)
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
        if request == RELEASE:
            assert (rig.machine.state, events) == (m.RELEASED, ["block"])
        elif request in (READY, RUN):
            assert events == ["block", "close"]
            assert (rig.machine.state, rig.machine.cause) == (m.PRECHARGE, "requested")
            assert rig.pcs.asked == "stop"
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
    rig.pcs.asked = None
    rig.contactors.closed = True
    assert rig.step() == []
    assert (rig.machine.state, rig.machine.cause) == (m.READY, "closed")
    assert rig.pcs.asked == "stop"


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
    assert rig.pcs.asked == "stop"


def test_ready_keeps_the_pcs_off_until_it_shall_run_and_somebody_speaks():
    rig = Rig().at(m.READY)
    rig.pcs.runs = True
    rig.step(2000)
    assert (rig.machine.state, rig.pcs.asked) == (m.READY, "stop")
    rig.machine.request = RUN
    rig.machine.silent = True
    rig.step(2000)
    assert (rig.machine.state, rig.pcs.asked) == (m.READY, "stop")
    assert not rig.pcs.start_failed


def test_a_pcs_is_started_without_power_and_runs_softly():
    rig = Rig().at(m.READY)
    rig.machine.request = RUN
    rig.machine.request_w = 5000
    rig.step()
    assert (rig.machine.state, rig.pcs.asked) == (m.READY, "start")
    rig.pcs.runs = True
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.RUN, "PCS runs")
    assert rig.pcs.asked == "start"
    rig.step()
    assert rig.pcs.asked == ("follow", 5000)


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
    assert rig.pcs.asked == ("follow", 12345)
    rig.machine.silent = True
    rig.machine.request_w = 99
    rig.step(100)
    assert rig.pcs.asked == "fade"
    rig.machine.silent = False
    rig.step()
    assert rig.pcs.asked == ("follow", 99)
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
