import pytest
from kit.standing import stands

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.protect import hazards
from bess.protect.fault_table import TABLE
from bess.protect.faults import LIMIT, LOCKOUT, STOP, TRIP, Protection, error_register
from bess.protect.latches import SIZE, Latches
from bess.table import rows


class Remembered:
    """The default parameters, each looked up once: protection is built some thousand times here."""

    def __init__(self):
        self._parameters = Parameters()
        self._known = {}

    def get(self, name):
        if name not in self._known:
            try:
                self._known[name] = self._parameters.get(name)
            except KeyError:
                self._known[name] = None
        if self._known[name] is None:
            raise KeyError(name)
        return self._known[name]


PARAMETERS = Remembered()


class Rig:
    """Protection with a log of its events; `feed` gives one sample and evaluates."""

    def __init__(self):
        self.signals = Signals()
        self.events = []
        self.now_ms = 0  # stands: then samples alone decide
        self.protection = Protection(PARAMETERS, self.signals, self.event, leaves)

    def event(self, fault_id, level, raised, emcy_code, value, limit):
        self.events.append((fault_id, level, raised))

    def feed(self, signal, value, partial=False):
        if partial:
            self.signals.put_partial(signal, value)
        else:
            self.signals.put(signal, value)
        self.evaluate()

    def evaluate(self):
        self.protection.evaluate_fast(self.now_ms)
        self.protection.evaluate_cells(self.now_ms)


def cases():
    """(row fields, mark, level, threshold, samples, sign) of every row of the table."""
    parameters = PARAMETERS
    for fields in rows(TABLE):
        for mark in fields[6]:
            key = fields[1] + "_" + ("3" if mark == "S" else mark)
            threshold = 0 if fields[4] == "flag" else parameters.get(key + "_" + fields[4])
            period = int(fields[8])
            try:
                delay = parameters.get(key + "_delay_ms")
            except KeyError:
                delay = period
            level = STOP if mark == "S" else int(mark)
            yield (
                fields,
                mark,
                level,
                threshold,
                max(delay // period, 1),
                (1 if fields[3] == "over" else -1),
            )


def healthy(fields, sign):
    """A value far on the good side."""
    return 0 if fields[4] in ("flag", "ms", "count", "permille") else (-sign) * 100000


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


def test_silence_of_commands_stops_without_a_latch():
    rig = Rig()
    rig.feed(s.COMMAND_AGE, 3010)
    assert rig.protection.stop_requested
    assert not rig.protection.tripped
    rig.feed(s.COMMAND_AGE, 10)
    assert not rig.protection.stop_requested


def test_every_signal_of_the_table_exists_and_every_fault_id_is_unique():
    ids = [fields[0] for fields in rows(TABLE)]
    assert len(set(ids)) == len(ids)
    for fields in rows(TABLE):
        assert fields[2] in s.names()
        assert len(fields) == 11
    assert len(s.names()) == s.COUNT


def test_fast_rows_come_first():
    periods = [int(fields[8]) for fields in rows(TABLE)]
    fast = [period == 10 for period in periods]
    assert fast == sorted(fast, reverse=True)


def test_error_register_names_the_class():
    assert error_register(0x2310) == 0x03
    assert error_register(0x3210) == 0x05
    assert error_register(0x4210) == 0x09
    assert error_register(0x8130) == 0x11
    assert error_register(0xFF10) == 0x81


def test_a_fault_has_one_latching_row_at_most():
    for fields in rows(TABLE):
        assert len([mark for mark in fields[6] if mark in "34"]) <= 1, fields[1]
        assert 0 < int(fields[0]) < 128, fields[1]  # the latches' bit map


def test_levels_and_error_register_tell_what_stands():
    rig = Rig()
    assert rig.protection.error_register == 0
    assert not any(rig.protection.levels)
    for _ in range(60):
        rig.feed(s.CELL_MAX, 36200)
    rig.feed(s.COMMAND_AGE, 3010)
    levels = rig.protection.levels
    assert levels[19 - 1] == LIMIT
    assert levels[10 - 1] == LIMIT  # an orderly stop counts as a limit
    assert sum(levels) == 2 * LIMIT
    assert rig.protection.error_register == error_register(0x3210) | error_register(0x8250)


def test_an_unknown_level_is_not_active():
    assert not stands(Rig().protection, "cell_ov", LOCKOUT)
    assert not stands(Rig().protection, "pcs_state", TRIP)


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


def test_deep_discharge_and_over_voltage_are_judged_while_under_voltage_is_suspended():
    rig = Rig()
    rig.protection.suspend_undervoltage(True)
    for _ in range(10):
        rig.feed(s.CELL_MIN_RAW, 19999)
        rig.feed(s.CELL_MAX, 36501)
    assert stands(rig.protection, "deep_discharge", LOCKOUT)
    assert stands(rig.protection, "cell_ov", TRIP)


def test_a_count_never_overflows():
    rig = Rig()
    rig.feed(s.CELL_MAX, 35801)
    row = list(rig.protection._count).index(1)
    rig.protection._count[row] = 60000
    rig.feed(s.CELL_MAX, 35801)
    assert rig.protection._count[row] == 60000


def test_a_limit_blocks_the_directions_of_its_row():
    for fields, mark, _, threshold, samples, sign in cases():
        if mark != "2":
            continue
        rig = Rig()
        for _ in range(samples):
            rig.feed(s.names().index(fields[2]), threshold + sign)
        assert rig.protection.charge_blocked == (fields[7] != "discharge"), fields[1]
        assert rig.protection.discharge_blocked == (fields[7] != "charge"), fields[1]


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


def test_a_fresh_protection_is_quiet():
    protection = Rig().protection
    assert not protection.tripped
    assert not protection.locked_out
    assert not protection.stop_requested
    assert not protection.charge_blocked
    assert not protection.discharge_blocked
    assert protection.worst_level == 0
    assert protection.worst_fault == 0


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


def test_a_change_tells_the_value_and_the_limit_it_passed():
    told = []
    rig = Rig()
    rig.protection._on_change = lambda *event: told.append(event)
    for _ in range(10):
        rig.feed(s.CELL_MIN, 24990)
    assert (20, TRIP, True, 0x3220, 24990, 25000) in told
    rig.feed(s.CELL_MIN, 32000)
    rig.protection.reset(False)
    assert (20, TRIP, False, 0x3220, 32000, 25000) in told


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


def test_a_change_over_the_limit_tells_it_too():
    told = []
    rig = Rig()
    rig.protection._on_change = lambda *event: told.append(event)
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36510)
    assert (19, TRIP, True, 0x3210, 36510, 36500) in told


def row_of(protection, fault, level):
    for row in range(len(protection._fault)):
        if protection._fault[row] == fault and protection._level[row] == level:
            return row
    raise ValueError("no such row")


def counted(protection, name):
    """Replace a method by one that counts its calls; returns the counter, a list."""
    calls = []
    original = getattr(protection, name)

    def wrapper(*arguments):
        calls.append(arguments)
        return original(*arguments)

    setattr(protection, name, wrapper)
    return calls


def test_a_quiet_sample_costs_no_judgement():
    """The fast path's budget: what is well is passed over by the leaf, in every row."""
    for fields, _, level, threshold, samples, sign in cases():
        rig = Rig()
        protection = rig.protection
        row = row_of(protection, int(fields[0]), level)
        judged = counted(protection, "_judge")
        signal = s.names().index(fields[2])
        rig.feed(signal, threshold)
        rig.feed(signal, threshold - sign)
        assert (row,) not in judged, fields[1]
        if samples > 1 and fields[5] == "-":
            rig.feed(signal, threshold + sign)
            rig.feed(signal, threshold)
            assert judged.count((row,)) == 2, fields[1]
            rig.feed(signal, threshold)
            assert judged.count((row,)) == 2, fields[1]


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


def test_a_judgement_is_true_or_false():
    rig = Rig()
    row = list(rig.protection._signal).index(s.CELL_MAX)
    rig.signals.put(s.CELL_MAX, 33000)
    assert rig.protection._judge(row) is False
    rig.signals.put_partial(s.CELL_MAX, 33000)
    assert rig.protection._judge(row) is False
    for _ in range(200):
        rig.signals.put(s.CELL_MAX, 37000)
        result = rig.protection._judge(row)
        if result:
            break
        assert result is False
    assert result is True
    rig.signals.put(s.CELL_MAX, 37000)
    assert rig.protection._judge(row) is False
    rig.signals.put(s.CELL_MAX, 36600)
    trip = row_of(rig.protection, 19, TRIP)
    for _ in range(20):
        rig.signals.put(s.CELL_MAX, 36600)
        rig.protection._judge(trip)
    for value in (35500, 33000):  # inside the hysteresis; well, but latched
        rig.signals.put(s.CELL_MAX, value)
        assert rig.protection._judge(trip) is False
    rig.protection._suspended[trip] = 1
    rig.signals.put(s.CELL_MAX, 36600)
    assert rig.protection._judge(trip) is False
    assert stands(rig.protection, "pcs_state", TRIP) is False
    assert stands(rig.protection, "cell_ov", LOCKOUT) is False


def test_every_standing_row_shows_in_levels_register_and_answer():
    for fields, mark, level, _, _, _ in cases():
        rig = Rig()
        fault = int(fields[0])
        rig.protection._stand(row_of(rig.protection, fault, level))
        assert stands(rig.protection, fault, level) is True
        assert rig.protection.levels[fault - 1] == (LIMIT if mark == "S" else level)
        assert rig.protection.error_register == error_register(int(fields[9], 0))


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
        row = row_of(rig.protection, 19, TRIP)
        assert rig.protection._count[row] == 0
        assert rig.protection._good[row] == 0
        assert rig.protection._busy[row] == 0
    assert len(raised) == 3


def test_a_table_without_fast_rows_is_judged_with_the_scan_alone():
    line = next(" ".join(fields) for fields in rows(TABLE) if fields[1] == "cell_ov")
    events = []
    signals = Signals()
    protection = Protection(
        PARAMETERS,
        signals,
        lambda *event: events.append(event),
        leaves,
        None,
        (line + "\n").encode(),
    )
    for _ in range(200):
        signals.put(s.CELL_MAX, 37000)
        protection.evaluate_fast(0)
    assert events == []
    for _ in range(200):
        signals.put(s.CELL_MAX, 37000)
        protection.evaluate_cells(0)
    assert protection.tripped is True
    assert {event[5] for event in events} == {
        PARAMETERS.get("cell_ov_%s_dmv" % mark) for mark in line.split()[6]
    }


def test_flags_of_rows_are_zero_or_one():
    """They are shown and counted as numbers by tools."""
    rig = Rig()
    trip_by_under_voltage(rig)
    for _ in range(10):
        rig.feed(s.CELL_MAX, 36600)
    rig.feed(s.CELL_MAX, 33000)
    protection = rig.protection
    protection.suspend_undervoltage(True)
    memory = bytearray(SIZE)
    latches = Latches(memory)
    latches.add(19)
    restored = Protection(PARAMETERS, Signals(), rig.event, leaves, latches)
    restored.restore()
    assert restored.tripped is True
    for one in (protection, restored):
        for flags in (one._active, one._busy, one._well, one._suspended):
            assert max(flags) <= 1
    assert sum(protection._suspended) == 2
    assert sum(restored._active) == 1
    assert sum(restored._busy) == 1


def test_under_voltage_is_suspended_wherever_its_rows_stand():
    line = next(" ".join(fields) for fields in rows(TABLE) if fields[1] == "cell_ov")
    for copies in range(3):
        table = TABLE + ("\n" + line).encode() * copies + b"\n"
        protection = Protection(PARAMETERS, Signals(), None, leaves, None, table)
        protection.suspend_undervoltage(True)
        assert sum(protection._suspended) == 2
        assert protection._suspended[row_of(protection, 20, TRIP)] == 1
        assert protection._suspended[row_of(protection, 22, TRIP)] == 1


def test_nothing_is_limited_or_stopped_before_anything_was_judged():
    protection = Rig().protection
    assert (protection.limited, protection.stops, protection.may_close()) == (False, 0, True)


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
        rig.protection.hold_stamps(rig.now_ms)
    rig.feed(s.CELL_MAX, 40000)
    assert rig.protection.tripped


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


def test_stamps_of_bad_samples_are_held():
    rig = Rig()
    rig.signals.put(s.CELL_MAX, 43000)
    rig.evaluate()
    rig.protection.hold_stamps(2**29 + 5)
    assert max(rig.protection._bad_ms) == 2**29 + 5 - 2**28


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
