"""Signals: each number has the name that says it, each sample is counted, none speaks too much."""

from bess.measure import signals as s
from bess.measure.signals import COUNT, Signals, names


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
