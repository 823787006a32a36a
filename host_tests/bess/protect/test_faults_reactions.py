"""What stands is told, and acts: levels, registers, blocked directions, stops, closing."""

import pytest
from kit.standing import stands
from rigs.faults import PARAMETERS, Rig, cases, counted, row_of

from bess.measure import signals as s
from bess.protect import hazards
from bess.protect.fault_table import LIMIT, LOCKOUT, STOP, TABLE, TRIP
from bess.table import rows


def test_the_most_severe_reaction_wins_and_reactions_add_up():
    rig = Rig()
    for _ in range(30):
        rig.feed(s.CELL_MAX, 36200)
        rig.feed(s.CELL_MIN, 27900)
    assert rig.protection.charge_blocked
    assert rig.protection.discharge_blocked
    assert rig.protection.worst_level == LIMIT
    rig.feed(s.ESTOP, 1)
    assert rig.protection.worst_level == TRIP
    assert rig.protection.worst_fault == 1
    rig.feed(s.WELDED, 1)
    assert rig.protection.worst_level == LOCKOUT
    assert rig.protection.worst_fault == 12


def test_silence_of_commands_stops_without_a_latch():
    rig = Rig()
    rig.feed(s.COMMAND_AGE, 3010)
    assert rig.protection.stop_requested
    assert not rig.protection.tripped
    rig.feed(s.COMMAND_AGE, 10)
    assert not rig.protection.stop_requested


def error_register(emcy_code):
    """CiA 301, object 0x1001: generic, and current, voltage, temperature, communication or ours."""
    return 1 | {2: 2, 3: 4, 4: 8, 8: 16}.get(emcy_code >> 12, 128)


def test_levels_and_error_register_tell_what_stands():
    rig = Rig()
    assert rig.protection.error_register() == 0
    assert not any(rig.protection.levels())
    for _ in range(60):
        rig.feed(s.CELL_MAX, 36200)
    rig.feed(s.COMMAND_AGE, 3010)
    levels = rig.protection.levels()
    assert levels[19 - 1] == LIMIT
    assert levels[10 - 1] == LIMIT  # an orderly stop counts as a limit
    assert sum(levels) == 2 * LIMIT
    assert rig.protection.error_register() == error_register(0x3210) | error_register(0x8250)


def test_an_unknown_level_is_not_active():
    assert not stands(Rig().protection, "cell_ov", LOCKOUT)
    assert not stands(Rig().protection, "pcs_state", TRIP)


def test_a_limit_blocks_the_directions_of_its_row():
    for fields, mark, _, threshold, samples, sign in cases():
        if mark != "2":
            continue
        rig = Rig()
        for _ in range(samples):
            rig.feed(s.names().index(fields[2]), threshold + sign)
        assert rig.protection.charge_blocked == (fields[7] != "discharge"), fields[1]
        assert rig.protection.discharge_blocked == (fields[7] != "charge"), fields[1]


def test_a_fresh_protection_is_quiet():
    protection = Rig().protection
    assert not protection.tripped
    assert not protection.locked_out
    assert not protection.stop_requested
    assert not protection.charge_blocked
    assert not protection.discharge_blocked
    assert protection.worst_level == 0
    assert protection.worst_fault == 0


def test_a_change_tells_the_value_and_the_limit_it_passed():
    told = []
    rig = Rig()
    rig.protection.judges[1]._on_change = lambda *event: told.append(event)
    for _ in range(10):
        rig.feed(s.CELL_MIN, 24990)
    assert (1, 20, TRIP, True, 0x3220, 24990, 25000) in told
    rig.feed(s.CELL_MIN, 32000)
    rig.protection.reset(False)
    assert (1, 20, TRIP, False, 0x3220, 32000, 25000) in told


def test_of_equally_severe_faults_the_first_of_the_table_is_told():
    rig = Rig()
    for _ in range(10):
        rig.feed(s.HVIL_OPEN, 1)
    assert rig.protection.worst_fault == 2
    rig.feed(s.MODULES_MISSING, 1)
    rig.feed(s.MODULES_MISSING, 1)
    assert rig.protection.worst_fault == 2
    rig.feed(s.ESTOP, 1)
    assert rig.protection.worst_fault == 1


def test_a_change_over_the_limit_tells_it_too():
    told = []
    rig = Rig()
    rig.protection.judges[1]._on_change = lambda *event: told.append(event)
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36510)
    assert (1, 19, TRIP, True, 0x3210, 36510, 36500) in told


def test_reactions_are_renewed_only_when_something_changed():
    rig = Rig()
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36600)
    reacted = counted(rig.protection, "_react")
    for value in (36600, 36600, 33000, 36600, 33000, 33000):
        rig.feed(s.CELL_MAX, value)
    assert rig.protection.tripped
    before = len(reacted)
    for _ in range(5):
        rig.feed(s.CELL_MAX, 35000, partial=True)
        rig.feed(s.CELL_MAX, 35000)
    assert len(reacted) == before
    rig.feed(s.CURRENT_AGE, 60)
    before = len(reacted)
    for _ in range(500):
        rig.feed(s.CURRENT_AGE, 10)  # on its way to recovery
    assert len(reacted) == before


def test_every_standing_row_shows_in_levels_register_and_answer():
    for fields, mark, level, _, _, _ in cases():
        rig = Rig()
        fault = int(fields[0])
        judge, row = row_of(rig.protection, fault, level)
        judge.stand(row)
        assert stands(rig.protection, fault, level) is True
        assert rig.protection.levels()[fault - 1] == (LIMIT if mark == "S" else level)
        assert rig.protection.error_register() == error_register(int(fields[9], 16))


def test_of_two_equal_faults_the_first_of_the_table_is_the_worst_and_none_when_both_have_gone():
    rig = Rig()
    rig.feed(s.COMMAND_AGE, 3010)
    first = rig.protection.worst_fault
    for _ in range(60):
        rig.feed(s.CELL_MAX, 36200)
    assert (rig.protection.worst_fault, rig.protection.worst_level) == (first, LIMIT)
    rig.feed(s.COMMAND_AGE, 10)
    assert rig.protection.worst_fault == 19
    for _ in range(60):
        rig.feed(s.CELL_MAX, 33000)
    assert (rig.protection.worst_fault, rig.protection.worst_level) == (0, 0)
    assert rig.protection.charge_blocked is False
    assert rig.protection.discharge_blocked is False
    assert rig.protection.tripped is False


def test_nothing_is_limited_or_stopped_before_anything_was_judged():
    protection = Rig().protection
    assert (protection.limited, protection.stops, protection.may_close()) == (False, 0, True)


def test_nothing_closes_while_a_level_that_would_open_again_is_counted_or_stands():
    rig = Rig()
    assert rig.protection.may_close()
    rig.signals.put(s.CELL_MAX, 43000)
    rig.evaluate()
    assert not rig.protection.tripped
    assert not rig.protection.may_close()  # from the first bad sample on
    rig.signals.put(s.CELL_MAX, 33000)
    rig.evaluate()
    assert rig.protection.may_close()
    rig.signals.put(s.DOOR, 1)  # a warning only
    rig.evaluate()
    assert rig.protection.may_close()
    rig.signals.put(s.ESTOP, 1)
    rig.evaluate()
    assert not rig.protection.may_close()


CASES = list(cases())


@pytest.mark.parametrize("name", sorted({fields[1] for fields in rows(TABLE)}))
def test_what_closing_and_a_stop_in_order_ask_of_each_row(name):
    """Level 3, 4, a stop, and level 2 of both directions: from the first bad sample on."""
    for fields, mark, level, threshold, samples, sign in CASES:
        if fields[1] != name:
            continue
        rig = Rig()
        signal = s.names().index(fields[2])
        rig.signals.put(s.CHARGING, 1)
        both = level == LIMIT and fields[7] == "both"
        harmful = False  # the same sample may be bad for other rows: these decide with it
        for other, _, also, limit, _, side in CASES:
            if other[2] == fields[2] and (threshold + sign) * side > limit * side:
                harmful |= also in (TRIP, LOCKOUT, STOP) or (also == LIMIT and other[7] == "both")
        rig.feed(signal, threshold + sign)
        assert rig.protection.may_close() == (not harmful), (name, mark)
        for _ in range(samples):
            rig.feed(signal, threshold + sign)
        assert stands(rig.protection, int(fields[0]), level)
        assert rig.protection.may_close() == (not harmful), (name, mark)
        if both:
            assert rig.protection.limited
            assert rig.protection.stop_requested


def test_only_level_two_of_both_directions_limits_and_only_hazards_stop_actuators():
    rig = Rig()
    for _ in range(1000):
        rig.feed(s.DOOR, 1)
    assert stands(rig.protection, "door", 1)
    assert (rig.protection.limited, rig.protection.stops) == (False, hazards.CHILLER)
    rig.feed(s.HVIL_OPEN, 1)
    for _ in range(10):
        rig.feed(s.HVIL_OPEN, 1)
    assert rig.protection.stops == hazards.CHILLER | hazards.HEATER
    rig = Rig()
    for _ in range(100):
        rig.feed(s.CELL_MAX, PARAMETERS.get("cell_ov_2_dmv") + 1)
    assert stands(rig.protection, "cell_ov", LIMIT)
    assert (rig.protection.limited, rig.protection.stops) == (False, 0)


def test_the_register_forgets_a_class_with_the_last_of_its_faults():
    rig = Rig()
    for signal, value, register in (
        (s.GUARD_LOST, 1, 0x11), (s.BUS_OFF, 1, 0x11), (s.GUARD_LOST, 0, 0x11), (s.BUS_OFF, 0, 0),
        (s.BUS_OFF, 1, 0x11), (s.BUS_OFF, 0, 0),
    ):  # fmt: skip
        rig.feed(signal, value)
        assert rig.protection.error_register() == register
