"""The orderly way out of a module: what is told, what is switched off, and when it is over."""

from types import SimpleNamespace

import pytest

from autarky.tables import fault_names, faults
from bess.control import hot_swap as h
from bess.protect.hazards import BLEEDING, CHILLER, HEATER, PUMP


class Slots:
    all_seated = True


class Inputs:
    hvil_closed = True
    missing_slots = 0


class Rig:
    def __init__(self, strings=2):
        self.slots, self.inputs = [Slots() for _ in range(strings)], Inputs()
        self.contactors = [SimpleNamespace(is_open=True) for _ in range(strings)]
        made = [
            SimpleNamespace(slots=slots, contactors=contactors)
            for slots, contactors in zip(self.slots, self.contactors, strict=True)
        ]
        self.removal = h.Removal(made, self.inputs)
        self.now_ms = 5000

    def begin(self, tripped=False):
        self.removal.ask(True)
        self.removal.begin(self.now_ms, tripped)
        return self

    def step(self, ms=10, wanted=True, tripped=False):
        self.now_ms += ms
        return self.removal.step(self.now_ms, wanted, tripped)


def test_who_asks_waits_and_may_take_it_back():
    removal = Rig().removal
    assert (removal.stage, removal.stops) == (h.NONE, 0)
    removal.ask(True)
    assert (removal.asked, removal.stage, removal.stops) == (True, h.ASKED, 0)
    removal.ask(False)
    assert (removal.asked, removal.stage) == (False, h.NONE)


def test_while_it_is_safe_nothing_heats_pumps_or_bleeds():
    removal = Rig().begin().removal
    assert (removal.stage, removal.stops) == (h.SAFE, HEATER | CHILLER | PUMP | BLEEDING)
    removal.ask(False)  # what is granted already ends by the grant
    assert (removal.asked, removal.stage) == (False, h.SAFE)
    removal.end()
    assert (removal.stage, removal.stops) == (h.NONE, 0)


def test_it_is_over_when_it_is_not_wanted_any_more_or_after_ten_minutes_and_a_wait():
    rig = Rig().begin()
    assert rig.step()
    assert rig.step(wanted=False)
    assert (rig.removal.stage, rig.removal.lamp) == (h.CHECKED, 2)
    assert rig.step(9_990, wanted=False)
    assert not rig.step(10, wanted=False)
    rig = Rig().begin()
    assert rig.step(599_990)
    assert rig.removal.stage == h.SAFE
    assert rig.step(10)
    assert rig.removal.stage == h.CHECKED
    assert not rig.step(10_000)
    assert not rig.removal.forgives()


@pytest.mark.parametrize("first", ["hvil", "contact", "slot", "slot of another string"])
def test_once_something_is_out_only_all_that_sits_ends_it(first):
    rig = Rig().begin()
    rig.inputs.hvil_closed = first != "hvil"
    rig.inputs.missing_slots = 4 if first == "contact" else 0
    rig.slots[0].all_seated = first != "slot"
    rig.slots[1].all_seated = first != "slot of another string"
    for _ in range(3):
        assert rig.step(wanted=False)
        assert (rig.removal.stage, rig.removal.forgives()) == (h.PARTED, True)
    assert rig.step(3_000_000)  # however long it takes
    rig.inputs.missing_slots = 0
    rig.inputs.hvil_closed = rig.slots[0].all_seated = rig.slots[1].all_seated = True
    assert rig.step()
    assert rig.removal.stage == h.CHECKED
    assert rig.step(9_990)  # the next one may follow
    assert not rig.step()
    assert not rig.removal.too_long()
    rig.slots[0].all_seated = False  # out again before it was judged
    assert rig.step()
    assert rig.removal.stage == h.PARTED
    rig.slots[0].all_seated = True
    assert rig.step()
    assert not rig.step(19_990)
    assert not rig.removal.too_long()
    rig.step(10)
    assert rig.removal.too_long()


def test_the_next_removal_begins_anew():
    rig = Rig().begin()
    rig.slots[0].all_seated = False
    rig.step()
    rig.removal.end()
    rig.slots[0].all_seated = True
    assert rig.begin().step()
    assert not rig.removal.forgives()


def test_a_latch_that_stood_before_is_not_forgiven_with_what_a_removal_raises():
    for before, meanwhile, after, forgiven in (
        (True, False, False, False), (False, True, False, False), (False, False, True, True),
    ):  # fmt: skip
        rig = Rig().begin(tripped=before)
        rig.step(tripped=meanwhile)
        rig.slots[0].all_seated = False
        rig.step(tripped=after)
        assert rig.removal.forgives() == forgiven


def test_lamps_say_what_a_hand_may_do():
    names = h.LAMP_NAMES.decode().split()

    def lamp(removal, closed=False, faulty=False):
        removal.light(closed, faulty)
        return names[removal.lamp]

    rig = Rig()
    assert lamp(rig.removal) == "off"
    assert lamp(rig.removal, closed=True) == "active"
    assert lamp(rig.removal, faulty=True) == "quarantine"
    rig.removal.ask(True)
    assert lamp(rig.removal, closed=True, faulty=True) == "wait"
    rig.begin()
    assert lamp(rig.removal, faulty=True) == "pull"
    rig.slots[0].all_seated = False
    rig.step()
    assert lamp(rig.removal) == "wait"
    assert h.STAGE_NAMES.decode().split()[rig.removal.stage] == "parted"
    rig.slots[0].all_seated = True
    rig.step()
    assert lamp(rig.removal) == "wait"
    rig.removal.end()
    assert names[rig.removal.lamp] == "off"  # at once, not with the next second


def test_what_a_removal_raises_is_no_lockout_and_nothing_of_fire_or_heat():
    names = {fault_names()[i] for i in Rig().removal.raised}
    assert names == {
        "module_pulled", "hvil", "afe_silent", "temp_silent", "voltage_silent", "open_wire",
        "afe_self_test", "sensors_lost", "string_uv",
    }  # fmt: skip
    lockouts = {fault.name for fault in faults().values() if "4" in fault.levels}
    assert not names & lockouts


def test_an_old_stamp_stays_old():
    rig = Rig().begin()
    rig.removal.hold_stamps(rig.now_ms + 0x1FFFFFFF)
    assert rig.step(0x1FFFFFFF + 1_000_000)
    assert rig.removal.stage == h.CHECKED


def test_one_closed_contactor_of_any_string_counts():
    rig = Rig()
    assert rig.removal.all_open()
    rig.contactors[1].is_open = False
    assert not rig.removal.all_open()


def test_a_grant_is_spent_with_its_removal_until_it_is_taken_back():
    removal = Rig().begin().removal
    assert removal.granted(True)
    removal.end()
    assert not removal.granted(True)
    assert not removal.granted(False)
    assert removal.granted(True)
