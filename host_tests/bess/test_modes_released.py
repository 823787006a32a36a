"""Modules may be drawn: from where that is granted, what it does, and the way back."""

import pytest
from rigs.modes import RELEASE, RUN, STANDBY, Rig

from bess import modes as m
from bess.control import hot_swap as h

_PULL = h.LAMP_NAMES.decode().split().index("pull")


def released(**changed):
    rig = Rig(**changed).at(m.STANDBY)
    rig.machine.request = RELEASE
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.RELEASED, "granted")
    return rig


def parted(rig, ticks=5):
    rig.slots.all_seated = False
    rig.step(ticks)
    assert rig.machine.state == m.RELEASED
    return rig


@pytest.mark.parametrize("state", [m.READY, m.RUN, m.STOPPING, m.PRECHARGE])
def test_power_goes_first_then_the_contactors(state):
    rig = Rig().at(state)
    rig.contactors.is_open = False
    rig.machine.request = RELEASE
    rig.step(300)
    assert rig.machine.state == m.STANDBY  # the contactors are not open yet
    rig.contactors.is_open, rig.contactors.closed = True, False
    rig.step()
    assert rig.machine.state == m.RELEASED


@pytest.mark.parametrize("lacks", ["open", "seated", "coordinator"])
def test_it_is_refused_where_it_is_not_safe(lacks):
    rig = Rig().at(m.STANDBY)
    rig.machine.request = RELEASE
    rig.contactors.is_open = lacks != "open"
    rig.slots.all_seated = lacks != "seated"
    rig.machine.silent = lacks == "coordinator"
    rig.step(100)
    assert rig.machine.state == m.STANDBY
    rig.contactors.is_open = rig.slots.all_seated = True
    rig.machine.silent = False
    rig.step()
    assert rig.machine.state == m.RELEASED


def test_every_contactor_of_the_cabinet_has_to_be_open():
    rig = Rig(strings=2).at(m.STANDBY)
    rig.machine.request = RELEASE
    rig.strings[1].contactors.is_open = False
    rig.step(10)
    assert rig.machine.state == m.STANDBY


def test_a_broken_module_may_be_drawn_out_of_a_cabinet_that_tripped():
    rig = Rig().at(m.FAULT)
    rig.protection.clears = True
    rig.machine.request = RELEASE
    rig.step()
    assert rig.machine.state == m.RELEASED
    parted(rig)
    rig.slots.all_seated = True
    rig.step(1000)
    rig.machine.request = RUN
    rig.step(3)  # an operator clears it, nobody else
    assert (rig.machine.state, rig.machine.cause) == (m.FAULT, "trip")


def test_no_tick_of_it_lets_power_or_a_contactor_on():
    rig = released()
    for request in range(8):
        rig.machine.request = request
        rig.slots.all_seated = False
        assert rig.step(3) == ["block", "open: released"]
        assert rig.machine.state == m.RELEASED


def test_what_is_drawn_trips_and_does_not_lead_out_of_it():
    rig = parted(released())
    rig.protection.tripped = True
    assert rig.step(100) == ["block", "open: released"]
    assert rig.machine.state == m.RELEASED


@pytest.mark.parametrize("end", ["withdrawn", "silent", "late", "welded"])
def test_where_nothing_was_drawn_it_is_only_tested_again(end):
    rig = released()
    rig.machine.removal.asked = True
    rig.step(100)
    if end == "withdrawn":
        rig.machine.request = STANDBY
    elif end == "silent":
        rig.machine.silent = True
    elif end == "welded":
        rig.contactors.is_open = False
        rig.step()
        assert rig.machine.removal.lamp != _PULL
    else:
        rig.now_ms += 600_000
    assert rig.step(999 if end == "welded" else 1000) == ["block", "open: released"]
    assert rig.machine.state == m.RELEASED  # a hand may just be on its way
    assert rig.step() == ["block", "open: released"]
    assert (rig.machine.state, rig.machine.cause) == (m.SELF_TEST, "all sit again")
    assert not rig.machine.removal.asked
    assert rig.machine.removal.stops == 0


def test_when_all_sit_again_what_a_removal_raises_is_cleared_and_the_self_test_begins():
    rig = parted(released())
    rig.machine.request = RUN
    rig.slots.all_seated = True
    rig.step()
    assert rig.machine.removal.stage == h.CHECKED
    rig.step(999)
    assert rig.step() == ["block", "open: released", "clear of a removal"]
    assert rig.machine.state == m.RELEASED
    rig.protection.clears = True
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.SELF_TEST, "all sit again")
    rig.step(50)
    assert rig.machine.state == m.SELF_TEST  # a new round of diagnoses
    rig.diagnose().step(21)
    assert rig.machine.state == m.STANDBY
    rig.step()
    assert rig.machine.state == m.PRECHARGE


def test_what_does_not_go_away_is_a_fault():
    rig = parted(released())
    rig.protection.tripped = True
    rig.slots.all_seated = True
    rig.step(2000)
    assert rig.machine.state == m.RELEASED
    rig.step()
    assert (rig.machine.state, rig.machine.cause) == (m.FAULT, "trip")
    assert rig.machine.removal.stage == h.NONE


def test_a_trip_that_is_not_of_the_removal_stays_when_nothing_was_drawn():
    rig = released()
    rig.protection.tripped = True
    rig.machine.request = STANDBY
    rig.step(1010)
    assert rig.machine.state == m.FAULT


def test_one_grant_is_for_one_removal():
    rig = parted(released())
    rig.protection.tripped = True
    rig.slots.all_seated = True
    rig.step(3000)
    assert rig.machine.state == m.FAULT  # though the grant still stands
    rig.press(20)
    assert rig.machine.resetting() == 1  # and an operator is heard
    rig.step(200)
    rig.machine.request = RUN
    rig.step()
    rig.machine.request = RELEASE
    rig.step()
    assert rig.machine.state == m.RELEASED


def test_a_grant_that_is_withdrawn_during_the_self_test_is_seen():
    rig = released()
    rig.machine.request = STANDBY
    rig.step(1010)
    assert rig.machine.state == m.SELF_TEST
    rig.machine.request = RELEASE
    rig.diagnose().step(22)
    assert rig.machine.state == m.RELEASED


def test_while_a_reset_looks_for_causes_nothing_is_released():
    rig = Rig().at(m.FAULT)
    rig.press(20)
    rig.machine.request = RELEASE
    rig.step()
    assert rig.machine.state == m.FAULT


def test_the_lamp_follows_contactors_and_faults():
    for state, lamp in ((m.RUN, "active"), (m.FAULT, "quarantine")):
        rig = Rig().at(state)
        rig.machine.step_slow()
        assert h.LAMP_NAMES.decode().split()[rig.machine.removal.lamp] == lamp
