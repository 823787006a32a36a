"""How faults end: recovery, latches and their reset, under-voltage that is suspended."""

from kit.standing import stands
from rigs.faults import Rig, cases, protection_of, row_of
from rigs.latches import latch

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.protect.fault_table import LIMIT, LOCKOUT, TABLE, TRIP, fault_id
from bess.protect.latches import SIZE, Latches
from bess.table import rows


def healthy(fields, sign):
    """A value far on the good side."""
    return 0 if fields[4] in ("flag", "ms", "count", "permille") else (-sign) * 100000


def test_trips_latch_and_reset_needs_the_cause_gone():
    for fields, _, level, threshold, samples, sign in cases():
        if level not in (TRIP, LOCKOUT):
            continue
        rig = Rig()
        signal = s.names().index(fields[2])
        fault = int(fields[0])
        rig.signals.put(s.CHARGING, 1)
        for _ in range(samples):
            rig.feed(signal, threshold + sign)
        rig.protection.reset(True)
        assert stands(rig.protection, fault, level), fields[1]
        for _ in range(3):
            rig.feed(signal, healthy(fields, sign))
        assert stands(rig.protection, fault, level), fields[1]
        assert rig.protection.tripped
        rig.protection.reset(level == LOCKOUT)
        assert not stands(rig.protection, fault, level), fields[1]


def test_lockout_is_cleared_in_service_only():
    rig = Rig()
    rig.feed(s.WELDED, 1)
    rig.feed(s.WELDED, 0)
    assert not rig.protection.reset(False)
    assert rig.protection.locked_out
    assert rig.protection.reset(True)
    assert not rig.protection.locked_out


def test_a_reset_of_some_faults_leaves_the_others_latched():
    rig = Rig()
    for signal in (s.MODULES_MISSING, s.SMOKE, s.WELDED):
        for value in (*(1,) * 20, *(0,) * 3):
            rig.feed(signal, value)
    some = bytes([fault_id("module_pulled"), fault_id("contactor_welded")])
    assert not rig.protection.reset(False, some)
    assert not stands(rig.protection, "module_pulled", TRIP)
    assert stands(rig.protection, "smoke", TRIP)
    assert stands(rig.protection, "contactor_welded", LOCKOUT)  # in service only
    assert not rig.protection.reset(True, some)
    assert not stands(rig.protection, "contactor_welded", LOCKOUT)
    assert rig.protection.reset(False)
    assert not rig.protection.tripped


def test_reset_inside_the_hysteresis_is_refused():
    rig = Rig()
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36600)
    rig.feed(s.CELL_MAX, 35500)  # below the trip, above 3.50 V
    assert not rig.protection.reset(False)
    rig.feed(s.CELL_MAX, 35000)
    assert rig.protection.reset(False)


def test_levels_one_and_two_recover_beyond_their_hysteresis():
    rig = Rig()
    for _ in range(30):
        rig.feed(s.CELL_MAX, 36200)
    assert stands(rig.protection, "cell_ov", LIMIT)
    assert rig.protection.charge_blocked
    assert not rig.protection.discharge_blocked
    rig.feed(s.CELL_MAX, 34600)
    assert stands(rig.protection, "cell_ov", LIMIT)
    rig.feed(s.CELL_MAX, 34500)
    assert not stands(rig.protection, "cell_ov", LIMIT)
    assert not rig.protection.charge_blocked


def test_recovery_time_counts_good_samples_in_a_row():
    rig = Rig()
    rig.feed(s.CURRENT_AGE, 60)
    assert rig.protection.worst_level == 1
    for _ in range(999):
        rig.feed(s.CURRENT_AGE, 10)
    assert rig.protection.worst_level == 1
    rig.feed(s.CURRENT_AGE, 10)
    assert rig.protection.worst_level == 0


def trip_by_under_voltage(rig):
    for _ in range(10):
        rig.feed(s.CELL_MIN, 24000)
        rig.feed(s.STRING_PER_CELL, 25000)
    assert stands(rig.protection, "cell_uv", TRIP)
    assert stands(rig.protection, "string_uv", TRIP)


def test_a_suspended_under_voltage_trip_can_be_reset_and_comes_back_after():
    rig = Rig()
    trip_by_under_voltage(rig)
    assert not rig.protection.reset(False)
    rig.protection.suspend_undervoltage(True)
    rig.protection.suspend_undervoltage(True)
    assert rig.protection.reset(False)
    for _ in range(50):
        rig.feed(s.CELL_MIN, 24000)
        rig.feed(s.STRING_PER_CELL, 25000)
    assert not rig.protection.tripped
    rig.protection.suspend_undervoltage(False)
    trip_by_under_voltage(rig)


def test_a_suspended_under_voltage_takes_no_reset_when_it_ends():
    rig = Rig()
    trip_by_under_voltage(rig)
    rig.protection.suspend_undervoltage(True)
    rig.protection.suspend_undervoltage(False)
    assert not rig.protection.reset(False)


def test_under_voltage_counts_on_while_it_is_said_again_that_it_is_not_suspended():
    """Said once a scan."""
    rig = Rig()
    for _ in range(10):
        rig.protection.suspend_undervoltage(False)
        rig.feed(s.CELL_MIN, 24000)
    assert stands(rig.protection, "cell_uv", TRIP)


def test_no_good_sample_of_a_latched_row_is_counted():
    """It stands for days: a count of 16 bits would be full after 65535 scans."""
    rig = Rig()
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36600)
    judge, row = row_of(rig.protection, 19, TRIP)
    counted = judge._count[row]
    for _ in range(5):
        rig.feed(s.CELL_MAX, 33000)
    assert judge._count[row] == counted


def test_deep_discharge_and_over_voltage_are_judged_while_under_voltage_is_suspended():
    rig = Rig()
    rig.protection.suspend_undervoltage(True)
    for _ in range(10):
        rig.feed(s.CELL_MIN_RAW, 19999)
        rig.feed(s.CELL_MAX, 36501)
    assert stands(rig.protection, "deep_discharge", LOCKOUT)
    assert stands(rig.protection, "cell_ov", TRIP)


def test_a_sample_inside_the_hysteresis_starts_the_recovery_over():
    rig = Rig()
    rig.feed(s.CURRENT_AGE, 60)
    for _ in range(999):
        rig.feed(s.CURRENT_AGE, 10)
    rig.feed(s.CURRENT_AGE, 51)
    for _ in range(999):
        rig.feed(s.CURRENT_AGE, 10)
    assert rig.protection.worst_level == 1
    rig.feed(s.CURRENT_AGE, 10)
    assert rig.protection.worst_level == 0
    rig = Rig()  # between recovery and threshold is not well either
    for _ in range(1000):
        rig.feed(s.DISCHARGE_OVERLOAD, 1060)
    assert rig.protection.worst_level == 1
    for _ in range(5999):
        rig.feed(s.DISCHARGE_OVERLOAD, 990)
    rig.feed(s.DISCHARGE_OVERLOAD, 1030)
    for _ in range(5999):
        rig.feed(s.DISCHARGE_OVERLOAD, 990)
    assert rig.protection.worst_level == 1
    rig.feed(s.DISCHARGE_OVERLOAD, 990)
    assert rig.protection.worst_level == 0


def test_after_a_suspension_the_whole_delay_counts_again():
    rig = Rig()
    for _ in range(9):
        rig.feed(s.CELL_MIN, 24000)
    rig.protection.suspend_undervoltage(True)
    rig.feed(s.CELL_MIN, 24000)
    rig.protection.suspend_undervoltage(False)
    for _ in range(9):
        rig.feed(s.CELL_MIN, 24000)
    assert not stands(rig.protection, "cell_uv", TRIP)
    rig.feed(s.CELL_MIN, 24000)
    assert stands(rig.protection, "cell_uv", TRIP)


def test_after_a_reset_nothing_is_told_and_the_whole_delay_counts_again():
    rig = Rig()
    for _ in range(10):
        rig.feed(s.CELL_MAX, 37000)
    rig.feed(s.CELL_MAX, 33000)
    assert rig.protection.reset(False)
    assert rig.protection.worst_fault == 0
    assert rig.protection.worst_level == 0
    for _ in range(9):
        rig.feed(s.CELL_MAX, 37000)
    assert not stands(rig.protection, "cell_ov", TRIP)
    rig.feed(s.CELL_MAX, 37000)
    assert stands(rig.protection, "cell_ov", TRIP)


def test_recovery_starts_over_after_it_was_raised_again():
    rig = Rig()
    for _ in range(2):
        rig.feed(s.CURRENT_AGE, 60)
        for _ in range(999):
            rig.feed(s.CURRENT_AGE, 10)
        assert rig.protection.worst_level == 1
        rig.feed(s.CURRENT_AGE, 10)
        assert rig.protection.worst_level == 0


def test_after_it_cleared_a_fault_needs_its_whole_delay_and_recovery_again():
    rig = Rig()
    for _ in range(3):
        for _ in range(10):
            assert not stands(rig.protection, "cell_ov", TRIP)
            rig.feed(s.CELL_MAX, 36600)
            if stands(rig.protection, "cell_ov", TRIP):
                break
        assert stands(rig.protection, "cell_ov", TRIP)
        raised = [event for event in rig.events if event == (19, TRIP, True)]
        for _ in range(3):
            rig.feed(s.CELL_MAX, 33000)
        assert rig.protection.reset(False)
        judge, row = row_of(rig.protection, 19, TRIP)
        assert judge.state[row] == 0
    assert len(raised) == 3


def test_the_state_of_a_row_is_what_it_was_told_last():
    rig = Rig()
    trip_by_under_voltage(rig)
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36600)
    rig.feed(s.CELL_MAX, 33000)
    protection = rig.protection
    protection.suspend_undervoltage(True)
    memory = bytearray(SIZE)
    latches = Latches(memory)
    latch(latches, 19)
    restored = protection_of(Signals(), rig.event, memory)
    restored.restore()
    assert restored.tripped is True
    stands, well, suspended = 2, 4, 8
    # both latched by under-voltage; the levels of cell_ov that recover have gone
    assert sorted(protection.judges[1].state)[-3:] == [stands | well] + 2 * [stands | suspended]
    assert sum(restored.judges[1].state) == stands


def test_under_voltage_is_suspended_wherever_its_rows_stand():
    line = next(" ".join(fields) for fields in rows(TABLE) if fields[1] == "cell_ov")
    for copies in range(3):
        table = TABLE + ("\n" + line).encode() * copies + b"\n"
        protection = protection_of(Signals(), None, table=table)
        protection.suspend_undervoltage(True)
        suspended = [row for row, state in enumerate(protection.judges[1].state) if state]
        assert suspended == [row_of(protection, fault, TRIP)[1] for fault in (20, 22)]
