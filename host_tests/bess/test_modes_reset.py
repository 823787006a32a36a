"""The key and the operator's reset: service, what is forgotten, the new self-test."""

import pytest
from rigs.modes import ROUND, Rig

from bess import modes as m
from bess.measure import signals as s
from bess.protect import history as h
from bess.protect.history import History


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
    assert rig.machine.resetting() == 0


def test_five_seconds_of_the_key_in_service_ask_for_a_reset():
    rig = Rig().at(m.SERVICE)
    rig.press(5000)
    assert rig.machine.resetting() == 1


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
    assert rig.machine.resetting() == 1


def test_only_service_unlocks():
    rig = Rig().at(m.SERVICE)
    assert rig.press(20) == ["block", "open: service", *RESET, "unlock"]


@pytest.mark.parametrize("state", [m.STANDBY, m.PRECHARGE, m.READY, m.RUN, m.STOPPING])
def test_a_reset_is_for_fault_and_service_only(state):
    rig = Rig().at(state)
    rig.machine.self_test_failed = True
    rig.events.clear()
    rig.machine.request_reset()
    assert (rig.events, rig.machine.resetting()) == ([], 0)
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
            assert rig.machine.resetting() == 1
            assert rig.step() == ["block", also, word]
        assert rig.machine.resetting() == 0
        assert rig.step() == ["block", also]


def test_a_reset_that_cleared_all_begins_the_self_test_with_a_new_round():
    rig = Rig().at(m.FAULT)
    rig.press(20)
    rig.step(10)
    rig.protection.tripped, rig.protection.clears = False, True
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.SELF_TEST, "operator reset")
    assert rig.machine.resetting() == 0
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
