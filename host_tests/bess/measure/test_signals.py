"""Signals: each number has the name that says it, each sample is counted, none speaks too much."""

from bess.measure import signals as s
from bess.measure.signals import COUNT, Signals, names
from bess.protect.fault_table import fault_rows


def test_every_number_stands_at_its_name() -> None:
    found = names()
    assert len(found) == len(set(found)) == COUNT
    for number, name in enumerate(found):
        assert getattr(s, name.upper()) == number, name


def test_nothing_was_sampled_at_first() -> None:
    signals = Signals()
    assert list(signals.value) == list(signals.count) == list(signals.partial) == [0] * COUNT


def test_each_sample_is_counted_at_its_signal_and_nowhere_else() -> None:
    signals = Signals()
    signals.put(s.CELL_MAX, 36_000)
    signals.put(s.CELL_MAX, 36_000)
    signals.put_partial(s.CELL_MIN, -5)
    assert signals.value[s.CELL_MAX] == 36_000
    assert signals.value[s.CELL_MIN] == -5
    assert signals.count[s.CELL_MAX] == 2
    assert signals.count[s.CELL_MIN] == 1
    assert sum(signals.count) == 3
    assert sum(signals.value) == 35_995


def test_first_and_last_signal_and_the_widest_values_keep_to_themselves() -> None:
    signals = Signals()
    for value in (-(2**30), 2**30 - 1):
        for signal in (0, COUNT - 1):
            signals.put(signal, value)
            signals.put_partial(signal, value)
    assert [list(signals.value).count(v) for v in (2**30 - 1, 0)] == [2, COUNT - 2]
    assert sum(signals.count) == 8
    assert sum(signals.partial) == 2


def test_a_count_starts_over() -> None:
    signals = Signals()
    signals.count[5] = 0x1FFFFFFF
    signals.put(5, 1)
    assert signals.count[5] == 0
    signals.count[5] = 0x1FFFFFFF
    signals.put_partial(5, 1)
    assert signals.count[5] == 0


def test_a_whole_sample_after_a_partial_one_is_whole_again() -> None:
    signals = Signals()
    signals.put_partial(s.TEMP_MAX, 250)
    assert list(signals.partial).index(1) == s.TEMP_MAX
    assert signals.partial[s.TEMP_MAX] == 1
    signals.put(s.TEMP_MAX, 250)
    assert sum(signals.partial) == 0


def test_counts_start_over_before_a_32_bit_board_would_allocate() -> None:
    signals = Signals()
    for put in (signals.put, signals.put_partial):
        signals.count[s.SHORT] = 2**29 - 2
        put(s.SHORT, 1)
        assert signals.count[s.SHORT] == 2**29 - 1
        put(s.SHORT, 1)
        assert signals.count[s.SHORT] == 0


# put while they are bad, and once when they are well again: tasks, inputs and contactors
TOLD_ONCE = (
    s.HVIL_OPEN, s.ESTOP, s.MODULES_MISSING, s.DOOR, s.SMOKE, s.GAS, s.ENABLE_LOST,
    s.FEEDBACK_DIFFERS, s.WELDED, s.CONTACTOR_STUCK, s.PRECHARGE_FAILED, s.PCS_FAULT,
    s.BLOCKED_CHARGE, s.BLOCKED_DISCHARGE, s.TASK_STOPPED, s.HEAP_USED, s.SELF_TEST_FAILED,
    s.GUARD_LOST, s.DUPLICATE_ID, s.BUS_OFF, s.CABINET_BUS_OFF, s.LOG_STORAGE, s.LINK_MUTE,
)  # fmt: skip


def test_what_is_told_once_recovers_with_one_sample():
    """A row that wants several good samples would never see them."""
    names = s.names()
    found = dict.fromkeys(TOLD_ONCE, 0)
    for fields in fault_rows():
        signal = names.index(fields[2])
        if signal in found:
            found[signal] += 1
            assert fields[10] == "-", fields[1]
    assert min(found.values()) == 1
