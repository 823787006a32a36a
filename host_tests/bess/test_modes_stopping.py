"""Orderly stops and trips: when the gates are blocked, when the contactors open."""

import pytest
from rigs.modes import OPEN_MA, READY, RUN, STANDBY, Rig

from bess import modes as m
from bess.measure import signals as s
from bess.protect import history as h
from bess.protect.fault_table import TRIPPED
from bess.protect.history import History

BEFORE_TRIP = (m.STANDBY, m.PRECHARGE, m.READY, m.RUN, m.STOPPING)


def test_stopping_releases_then_blocks_the_gates_then_opens():
    """Two seconds by ramp, 200 ms by the gates, then whatever flows."""
    rig = Rig().at(m.STOPPING)
    for _ in range(199):
        assert rig.step() == []
        assert rig.pcs.asked == "release"
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


def test_while_the_fuse_has_its_time_the_gates_are_blocked_and_nothing_is_reset():
    rig = Rig().at(m.FAULT)
    rig.contactors.breakable, rig.protection.clears = False, True
    rig.press(20)
    for _ in range(50):
        assert rig.step() == ["block"]
    rig.contactors.breakable = True
    assert rig.step() == ["block", "open: trip", "clear"]
    assert rig.machine.state == m.SELF_TEST


def test_a_string_that_trips_alone_opens_and_the_others_go_on():
    rig = Rig(strings=2).at(m.RUN)
    second = rig.strings[1]
    second.judge.own, rig.protection.one_tripped = TRIPPED, True
    rig.others_events.clear()
    assert rig.step() == []
    assert rig.others_events == ["open: trip"]
    assert (rig.machine.state, rig.pcs.asked) == (m.RUN, ("follow", 0))
    rig.protection.tripped = True  # and now the first: none is left
    rig.others_events.clear()
    assert rig.step() == ["block", "open: trip"]
    assert (rig.others_events, rig.machine.state) == (["open: trip"], m.FAULT)


def test_a_string_whose_fuse_has_its_time_holds_up_the_opening_of_no_other():
    rig = Rig(strings=2).at(m.FAULT)
    rig.press(20)
    rig.contactors.breakable = False
    rig.others_events.clear()
    assert rig.step() == ["block"]
    assert rig.others_events == ["open: trip"]


def test_service_opens_every_string_whether_it_is_tripped_or_not():
    rig = Rig(strings=2).at(m.SERVICE)
    rig.strings[1].judge.own, rig.protection.one_tripped = TRIPPED, True
    rig.others_events.clear()
    assert rig.step() == ["block", "open: service"]
    assert rig.others_events == ["open: service"]


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


def test_a_level_two_of_the_first_tick_counts():
    rig = Rig()
    rig.protection.limited = rig.contactors.closed = True
    rig.step()
    assert rig.history.value[h.STOPS] == 1
