"""The table of faults, and when its rows are raised: delay, fresh samples, glitches, time."""

from kit.standing import stands
from rigs.faults import PARAMETERS, Rig, cases, counted, protection_of, row_of

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.protect.fault_table import LIMIT, LOCKOUT, TRIP, fault_rows


def test_every_row_trips_at_its_last_sample_and_not_one_sooner():
    for fields, _, level, threshold, samples, sign in cases():
        rig = Rig()
        signal = s.names().index(fields[2])
        rig.signals.put(s.CHARGING, 1)
        fault = int(fields[0])
        for _ in range(samples - 1):
            rig.feed(signal, threshold + sign)
        assert not stands(rig.protection, fault, level), fields[1]
        rig.feed(signal, threshold + sign)
        assert stands(rig.protection, fault, level), fields[1]
        assert (fault, level, True) in rig.events


def test_no_row_trips_at_its_threshold():
    for fields, _, level, threshold, samples, _sign in cases():
        rig = Rig()
        signal = s.names().index(fields[2])
        rig.signals.put(s.CHARGING, 1)
        for _ in range(samples + 5):
            rig.feed(signal, threshold)
        assert not stands(rig.protection, int(fields[0]), level), fields[1]


def test_glitches_one_sample_short_never_accumulate():
    for fields, _, level, threshold, samples, sign in cases():
        if samples < 2:
            continue
        rig = Rig()
        signal = s.names().index(fields[2])
        rig.signals.put(s.CHARGING, 1)
        for _ in range(5):
            for _ in range(samples - 1):
                rig.feed(signal, threshold + sign)
            rig.feed(signal, threshold)
        assert not stands(rig.protection, int(fields[0]), level), fields[1]


def test_old_samples_are_never_judged_again():
    """Rule 1: counters count fresh samples, not evaluations."""
    for fields, _, level, threshold, samples, sign in cases():
        if samples < 2:
            continue
        rig = Rig()
        signal = s.names().index(fields[2])
        rig.signals.put(s.CHARGING, 1)
        rig.feed(signal, threshold + sign)
        for _ in range(samples + 5):
            rig.evaluate()
        assert not stands(rig.protection, int(fields[0]), level), fields[1]


def test_a_partial_sample_raises_but_never_clears():
    """Rule 2: what was not read may be the bad cell."""
    rig = Rig()
    for _ in range(5):
        rig.feed(s.CELL_MAX, 37000)
        rig.feed(s.CELL_MAX, 33000, partial=True)
    assert not stands(rig.protection, "cell_ov", TRIP)
    for _ in range(5):
        rig.feed(s.CELL_MAX, 37000, partial=True)
    assert stands(rig.protection, "cell_ov", TRIP)


def test_charging_gate_belongs_to_the_trip_alone():
    rig = Rig()
    rig.signals.put(s.CHARGING, 0)
    for _ in range(60):
        rig.feed(s.TEMP_MIN, -10)
    assert stands(rig.protection, "charge_ut", LIMIT)
    assert not stands(rig.protection, "charge_below_zero", TRIP)
    rig.signals.put(s.CHARGING, 1)
    for _ in range(20):
        rig.feed(s.TEMP_MIN, -10)
    assert stands(rig.protection, "charge_below_zero", TRIP)


def test_every_signal_of_the_table_exists_and_every_fault_id_is_unique():
    ids = [fields[0] for fields in fault_rows()]
    assert len(set(ids)) == len(ids)
    for fields in fault_rows():
        assert fields[2] in s.names()
        assert len(fields) == 12
        assert fields[11] in ("string", "-")
    assert len(s.names()) == s.COUNT


def test_fast_rows_come_first():
    periods = [int(fields[8]) for fields in fault_rows()]
    fast = [period == 10 for period in periods]
    assert fast == sorted(fast, reverse=True)


def test_a_fault_has_one_latching_row_at_most():
    for fields in fault_rows():
        assert len([mark for mark in fields[6] if mark in "34"]) <= 1, fields[1]
        assert 0 < int(fields[0]) < 128, fields[1]  # the latches' bit map


def test_a_count_never_overflows():
    rig = Rig()
    rig.feed(s.CELL_MAX, 35801)
    judge, row = row_of(rig.protection, 19, 1)
    assert judge._count[row] == 1
    judge._count[row] = 60000
    rig.feed(s.CELL_MAX, 35801)
    assert judge._count[row] == 60000


def test_fast_rows_are_judged_in_every_tick_and_the_others_with_the_scan():
    rig = Rig()
    rig.signals.put(s.ESTOP, 1)
    rig.protection.evaluate_fast(0)
    assert rig.protection.tripped
    rig = Rig()
    for _ in range(10):
        rig.signals.put(s.CELL_MAX, 37000)
        rig.protection.evaluate_fast(0)
    assert not rig.protection.tripped
    for _ in range(10):
        rig.signals.put(s.CELL_MAX, 37000)
        rig.protection.evaluate_cells(0)
    assert rig.protection.tripped


def test_a_quiet_sample_costs_no_judgement():
    """The fast path's budget: what is well is passed over by the leaf, in every row."""
    for fields, _, level, threshold, samples, sign in cases():
        rig = Rig()
        judge, row = row_of(rig.protection, int(fields[0]), level)
        judged = counted(judge, "_judge")
        signal = s.names().index(fields[2])
        rig.feed(signal, threshold)
        rig.feed(signal, threshold - sign)
        assert (row, 0) not in judged, fields[1]
        if samples > 1 and fields[5] == "-":
            rig.feed(signal, threshold + sign)
            rig.feed(signal, threshold)
            assert judged.count((row, 0)) == 2, fields[1]
            rig.feed(signal, threshold)
            assert judged.count((row, 0)) == 2, fields[1]


def test_a_judgement_is_true_or_false():
    rig = Rig()
    judge, row = row_of(rig.protection, 19, 1)
    rig.signals.put(s.CELL_MAX, 33000)
    assert judge._judge(row, 0) is False
    rig.signals.put_partial(s.CELL_MAX, 33000)
    assert judge._judge(row, 0) is False
    for _ in range(200):
        rig.signals.put(s.CELL_MAX, 37000)
        result = judge._judge(row, 0)
        if result:
            break
        assert result is False
    assert result is True
    rig.signals.put(s.CELL_MAX, 37000)
    assert judge._judge(row, 0) is False
    rig.signals.put(s.CELL_MAX, 36600)
    _, trip = row_of(rig.protection, 19, TRIP)
    for _ in range(20):
        rig.signals.put(s.CELL_MAX, 36600)
        judge._judge(trip, 0)
    for value in (35500, 33000):  # inside the hysteresis; well, but latched
        rig.signals.put(s.CELL_MAX, value)
        assert judge._judge(trip, 0) is False
    _, suspended = row_of(rig.protection, 20, TRIP)
    rig.protection.suspend_undervoltage(True)
    rig.signals.put(s.CELL_MIN, 20000)
    assert judge._judge(suspended, 0) is False
    assert stands(rig.protection, "pcs_state", TRIP) is False
    assert stands(rig.protection, "cell_ov", LOCKOUT) is False


def test_a_table_without_fast_rows_is_judged_with_the_scan_alone():
    line = next(" ".join(fields) for fields in fault_rows() if fields[1] == "cell_ov")
    events = []
    signals = Signals()
    protection = protection_of(
        signals, lambda *event: events.append(event), table=(line + "\n").encode()
    )
    for _ in range(200):
        signals.put(s.CELL_MAX, 37000)
        protection.evaluate_fast(0)
    assert events == []
    for _ in range(200):
        signals.put(s.CELL_MAX, 37000)
        protection.evaluate_cells(0)
    assert protection.tripped is True
    assert {event[6] for event in events} == {
        PARAMETERS.get("cell_ov_%s_dmv" % mark) for mark in line.split()[6]
    }


def test_a_delay_is_over_by_time_with_two_bad_samples_and_never_with_one():
    rig = Rig()
    period_ms, delay_ms = 100, PARAMETERS.get("cell_ov_3_delay_ms")
    span_ms = delay_ms - period_ms
    for gap_ms, raised in ((span_ms - 1, False), (span_ms, True)):
        rig = Rig()
        rig.now_ms = 1000
        rig.feed(s.CELL_MAX, 40000)
        for _ in range(5):
            rig.now_ms += 100000
            rig.evaluate()  # no sample, no judgement
        assert not rig.protection.tripped
        rig = Rig()
        rig.now_ms = 1000
        rig.feed(s.CELL_MAX, 40000)
        rig.now_ms += gap_ms
        rig.feed(s.CELL_MAX, 40000)
        assert rig.protection.tripped == raised


def test_old_stamps_of_bad_samples_stay_old():
    rig = Rig()
    rig.feed(s.CELL_MAX, 40000)
    for _ in range(12):
        rig.now_ms += 2**26
        rig.protection.judges[1].hold_stamps(rig.now_ms)
    rig.feed(s.CELL_MAX, 40000)
    assert rig.protection.tripped


def test_stamps_of_bad_samples_are_held():
    rig = Rig()
    rig.signals.put(s.CELL_MAX, 43000)
    rig.evaluate()
    rig.protection.judges[1].hold_stamps(2**29 + 5)
    assert max(rig.protection.judges[1]._bad_ms) == 2**29 + 5 - 2**28
