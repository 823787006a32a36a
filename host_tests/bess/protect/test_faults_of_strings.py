"""Protection of many strings: a fault of one opens and latches that one, one of the cabinet all."""

from types import SimpleNamespace

import pytest
from rigs.contactors import Rig as StringRig
from rigs.faults import PARAMETERS
from rigs.latches import latch

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.port import leaves
from bess.protect.fault_table import (
    CHARGE_BLOCKED,
    LIMIT,
    LOCKED_OUT,
    LOCKOUT,
    TABLE,
    TRIP,
    TRIPPED,
    fault_id,
    fault_rows,
)  # fmt: skip
from bess.protect.faults import Protection
from bess.protect.latches import SIZE, Latches, latches_of
from bess.strings import String
from bess.table import rows

CELL_OV, ESTOP, WELDED = fault_id("cell_ov"), fault_id("estop"), fault_id("contactor_welded")
SIZES = (2, 16)


class Strings:
    """Protection of so many strings with signals of the test's own, and what it told."""

    def __init__(self, count, memory=None):
        self.memory = provisioned(count) if memory is None else memory
        self.signals = [Signals() for _ in range(count)]
        self.told = []
        self.latches = latches_of(self.memory, count)
        self.protection = Protection(
            PARAMETERS, self.signals, lambda *event: self.told.append(event[:4]), leaves,
            self.latches,
        )  # fmt: skip
        self.whole = self.protection.restore()
        self.judges = self.protection.judges

    def feed(self, string, signal, value, times=1):
        """string: from 1 on; a signal of the cabinet's is in the first's."""
        for _ in range(times):
            self.signals[string - 1].put(signal, value)
            self.protection.evaluate_fast(0)
            self.protection.evaluate_cells(0)
        return self

    def trip(self, string):
        return self.feed(string, s.CELL_MAX, 37000, 10)

    def tripped(self):
        """Numbers of the strings that are to open."""
        return [judge.string for judge in self.judges[1:] if judge.acts & TRIPPED]

    def latched(self):
        return [string + 1 for string, one in enumerate(self.latches) if one.has(CELL_OV)]


def provisioned(count):
    memory = bytearray(128 + (count - 1) * SIZE)
    for latches in latches_of(memory, count):
        latches.set_running(True)
        latches.set_running(False)
    return memory


@pytest.mark.parametrize("count", SIZES)
def test_only_the_string_of_the_fault_is_to_open_and_latched(count):
    for string in range(1, count + 1):
        site = Strings(count).trip(string)
        assert site.tripped() == site.latched() == [string]
        assert site.protection.string_tripped
        assert not site.protection.tripped
        assert (string, CELL_OV, TRIP, True) in site.told
        assert {told[0] for told in site.told} == {string}


@pytest.mark.parametrize("count", SIZES)
def test_only_the_contactors_of_that_string_open(count):
    site = Strings(count)
    contactors = [StringRig().closed() for _ in range(count)]
    strings = []
    for number in range(count):
        machine = contactors[number].machine
        string = SimpleNamespace(judge=site.judges[number + 1], contactors=machine)
        strings.append(string)

    def step():
        assert all(String.obey_trip(string, contactors[0].now_ms) for string in strings)
        return [number for number, rig in enumerate(contactors, 1) if rig.levels() == (0, 0, 0)]

    assert step() == []
    site.trip(2)
    assert step() == [2]
    site.feed(1, s.ESTOP, 1)
    assert step() == list(range(1, count + 1))


@pytest.mark.parametrize("count", SIZES)
def test_a_fault_of_the_cabinet_opens_all_and_is_told_once(count):
    site = Strings(count).feed(1, s.ESTOP, 1)
    assert site.tripped() == list(range(1, count + 1))
    assert site.protection.tripped
    assert site.told == [(0, ESTOP, TRIP, True)]
    assert [judge.worst_fault for judge in site.judges] == [ESTOP] * (count + 1)


@pytest.mark.parametrize("count", SIZES)
def test_the_cabinet_is_tripped_when_no_string_is_left(count):
    site = Strings(count)
    protection = site.protection
    assert protection.string_tripped is False
    for string in range(1, count + 1):
        assert not protection.tripped
        site.trip(string)
    assert protection.tripped
    assert not protection.locked_out
    assert (protection.charge_blocked, protection.discharge_blocked) == (True, True)


@pytest.mark.parametrize("name", sorted({fields[1] for fields in rows(TABLE)}))
def test_each_fault_is_judged_in_its_scope_alone(name):
    fields = next(fields for fields in fault_rows() if fields[1] == name)
    site = Strings(2)
    fault = fault_id(name)
    judged = [fault in judge.rows.fault for judge in site.judges]
    assert judged == ([False, True, True] if fields[11] == "string" else [True, False, False])


def test_strings_share_their_rows_and_no_counter():
    site = Strings(16)
    assert len({id(judge.rows) for judge in site.judges}) == 2
    site.feed(3, s.CELL_MAX, 37000, 9)
    site.feed(4, s.CELL_MAX, 37000, 9)
    assert site.tripped() == []  # eighteen bad samples, of two strings
    site.feed(4, s.CELL_MAX, 37000)
    assert site.tripped() == [4]


def test_the_most_severe_reaction_wins_in_each_string_and_over_all():
    site = Strings(2)
    for _ in range(30):
        site.feed(1, s.CELL_MAX, 36200).feed(2, s.CELL_MIN, 27900)
    first, second = site.judges[1:]
    assert (first.worst_level, first.worst_fault) == (LIMIT, CELL_OV)
    assert (second.worst_level, second.worst_fault) == (LIMIT, fault_id("cell_uv"))
    assert site.protection.worst_fault == CELL_OV  # of equals the first string's
    assert site.protection.charge_blocked
    assert site.protection.discharge_blocked
    assert site.protection.worst_level == LIMIT
    site.feed(2, s.WELDED, 1)
    assert (second.worst_level, second.worst_fault) == (LOCKOUT, WELDED)
    assert (site.protection.worst_level, site.protection.worst_fault) == (LOCKOUT, WELDED)
    assert site.protection.worst_of_strings() == [LIMIT << 8 | CELL_OV, LOCKOUT << 8 | WELDED]
    assert (first.acts & LOCKED_OUT, second.acts & LOCKED_OUT) == (0, LOCKED_OUT)
    assert not site.protection.locked_out  # the first string is left
    site.feed(1, s.ESTOP, 1)
    assert (first.worst_level, first.worst_fault) == (TRIP, ESTOP)
    assert (second.worst_level, second.worst_fault) == (LOCKOUT, WELDED)


def test_a_string_that_is_out_blocks_no_power_of_the_others_and_one_that_is_in_does():
    site = Strings(2).trip(2)
    assert site.judges[2].acts & CHARGE_BLOCKED
    assert not site.protection.charge_blocked
    assert not site.protection.discharge_blocked
    assert not site.protection.stop_requested
    for _ in range(30):
        site.feed(1, s.CELL_MAX, 36200)
    assert site.protection.charge_blocked
    assert not site.protection.discharge_blocked


def test_a_string_in_the_cold_stops_the_cabinet_in_order():
    """Until a string can leave in order by itself, a level 2 of both directions is of all."""
    site = Strings(2)
    for _ in range(60):
        site.feed(2, s.TEMP_MIN, -340)
    assert (site.protection.limited, site.protection.stop_requested) == (True, True)
    assert site.protection.string_tripped is False
    assert site.tripped() == []


def test_what_a_tripped_string_asks_of_heater_and_pump_holds_for_the_cabinet():
    site = Strings(2).feed(2, s.MODULES_MISSING, 1, 2)
    assert site.protection.stops == 15
    assert site.tripped() == [2]


@pytest.mark.parametrize("count", SIZES)
def test_latches_of_all_strings_survive_a_restart_and_a_reset_clears_each(count):
    site = Strings(count)
    odd = list(range(1, count + 1, 2))
    for string in odd:
        site.trip(string)
    again = Strings(count, site.memory)
    assert again.whole
    assert again.tripped() == again.latched() == odd
    assert not again.protection.reset(False)  # nothing well was seen since
    for string in odd:
        again.feed(string, s.CELL_MAX, 33000)
    assert again.protection.reset(False)
    assert Strings(count, site.memory).tripped() == []


def test_a_reset_that_leaves_a_string_latched_says_so_and_clears_the_others():
    site = Strings(2).trip(1).trip(2)
    site.feed(1, s.CELL_MAX, 33000)
    assert not site.protection.reset(False)
    assert site.tripped() == site.latched() == [2]


class Cut(Exception):
    """The supply is gone."""


class Memory(bytearray):
    """Backup memory whose supply fails after `left` bytes."""

    left = -1

    def __setitem__(self, at, value):
        if self.left == 0:
            raise Cut
        self.left -= 1
        super().__setitem__(at, value)


@pytest.mark.parametrize("count", SIZES)
def test_a_cut_at_every_byte_forgets_no_latch_of_any_string(count):
    written = 0
    for cut in range(200):
        memory = Memory(provisioned(count))
        site = Strings(count, memory)
        site.trip(1).trip(count)
        memory.left = cut
        try:
            site.feed(2, s.WELDED, 1)
            written = cut
        except Cut:
            pass
        memory.left = -1
        again = Strings(count, memory)
        assert again.latched() == [1, count], cut
        assert [one.has(WELDED) for one in again.latches[2:]] == [False] * (count - 2)
        if written:
            assert again.latches[1].has(WELDED)
            assert again.whole
            break
    assert written > 20  # the record was really cut in the middle


def test_what_a_cabinet_of_one_string_latched_is_latched_when_it_has_two():
    """The record of before: of the cabinet and of its only string, at the first byte."""
    memory = bytearray(128)
    old = Latches(memory)
    old.set_running(True)
    for fault in (ESTOP, CELL_OV):
        latch(old, fault)
    site = Strings(2, bytearray(memory + bytes(40)))
    assert site.latches[0].running
    assert site.latched() == [1]
    assert site.tripped() == [1, 2]
    assert site.judges[2].worst_fault == ESTOP
    assert not site.whole  # nobody knows of the second


def test_memory_of_a_string_that_holds_nothing_is_told_until_a_reset_answers_for_it():
    for count in SIZES:
        memory = provisioned(count)
        memory[-40:] = b"\xff" * 40
        assert not Strings(count, memory).whole
        assert not Strings(count, memory).whole  # a start alone answers for nothing
        Strings(count, memory).protection.reset(False)
        assert Strings(count, memory).whole


def test_a_half_that_is_torn_is_told_until_it_is_written_anew():
    memory = provisioned(2)
    memory[-30] ^= 1
    site = Strings(2, memory)
    assert not site.whole
    assert (site.latches[0].torn, site.latches[1].torn) == (False, True)
    site.protection.reset(False)
    assert not site.latches[1].torn
    assert Strings(2, memory).whole


def test_records_of_strings_never_touch_each_other_nor_the_history():
    memory = bytearray(728)
    for at, latches in enumerate(latches_of(memory, 16)):
        before = bytes(memory)
        latch(latches, at + 1)
        latch(latches, at + 20)
        changed = [i for i in range(len(memory)) if memory[i] != before[i]]
        first = 0 if at == 0 else 88 + 40 * at
        assert changed[0] >= first
        assert changed[-1] < first + 40
    found = [[i for i in range(1, 128) if one.has(i)] for one in latches_of(memory, 16)]
    assert found == [[at + 1, at + 20] for at in range(16)]
    assert memory[40:128] == bytes(88)


def test_room_for_all_strings_is_asked_for_before_anything_is_read():
    assert len(latches_of(bytearray(126), 1)) == 1
    with pytest.raises(ValueError, match="no room for so many strings"):
        latches_of(bytearray(167), 2)
    assert len(latches_of(bytearray(168), 2)) == 2


@pytest.mark.parametrize("count", SIZES)
def test_what_was_not_seen_of_a_string_is_not_fine(count):
    site = Strings(count)
    for string in range(1, count):
        site.feed(string, s.CELL_MAX, 33000, 20)
    site.trip(count)
    for string in range(1, count):
        site.feed(string, s.CELL_MAX, 33000, 20)
    assert not site.protection.reset(False)  # good samples of the others say nothing of it
    assert site.tripped() == [count]
    site.signals[count - 1].put_partial(s.CELL_MAX, 33000)
    site.protection.evaluate_cells(0)
    assert not site.protection.reset(False)
    site.feed(count, s.CELL_MAX, 33000)
    assert site.protection.reset(False)


def test_a_string_whose_samples_age_trips_by_its_own_age():
    site = Strings(2).feed(1, s.AFE_AGE, 10).feed(2, s.AFE_AGE, 3001)
    assert site.tripped() == [2]


def test_one_bad_sample_forbids_closing_that_string_and_one_of_the_cabinet_any():
    site = Strings(2)
    assert [judge.may_close() for judge in site.judges] == [True, True, True]
    site.feed(2, s.CELL_MAX, 37000)
    assert [judge.may_close() for judge in site.judges] == [True, True, False]
    assert site.protection.may_close()
    site.feed(1, s.CELL_MAX, 37000)
    assert not site.protection.may_close()
    site.feed(1, s.CELL_MAX, 33000).feed(2, s.CELL_MAX, 33000).feed(1, s.SMOKE, 1)
    assert [judge.may_close() for judge in site.judges] == [False, False, False]
    assert not site.protection.may_close()


def test_levels_and_register_tell_of_every_string():
    site = Strings(2).feed(2, s.WELDED, 1).feed(1, s.ESTOP, 1)
    levels = site.protection.levels()
    assert (levels[WELDED - 1], levels[ESTOP - 1]) == (LOCKOUT, TRIP)
    assert sum(levels) == LOCKOUT + TRIP
    assert site.protection.error_register() == 0x81
    site.trip(2)
    assert site.protection.error_register() == 0x85


def test_everything_that_can_stand_in_sixteen_strings_stands_and_is_counted():
    """More rows than a byte counts are of one class of EMCY codes."""
    site = Strings(16)
    for judge in site.judges:
        for row in range(judge.end):
            judge.stand(row)
    assert max(site.judges[0].standing) > 255
    assert site.protection.error_register() == 0x9F
    assert min(level for level in site.protection.levels() if level) >= 1


def test_recharging_suspends_under_voltage_in_every_string_and_old_stamps_stay_old_in_each():
    site = Strings(2)
    site.protection.suspend_undervoltage(True)
    site.feed(1, s.CELL_MIN, 24000, 20).feed(2, s.CELL_MIN, 24000, 20)
    assert site.tripped() == []
    site.protection.suspend_undervoltage(False)
    site.feed(2, s.CELL_MIN, 24000, 10)
    assert site.tripped() == [2]
    for judge in site.judges:
        judge.hold_stamps(2**29 + 5)
    assert max(site.judges[2]._bad_ms) == max(site.judges[0]._bad_ms) == 2**29 + 5 - 2**28
