"""What protection remembers over a restart: cut at every byte, kept to the last value."""

import contextlib

from rigs.latches import latch

from bess.protect import history as h
from bess.protect.backup import Record, record_bytes
from bess.protect.history import SIZE, History, provision
from bess.protect.latches import Latches


class Cut(Exception):
    """The supply is gone."""


class Memory:
    """Backup memory whose supply fails after some bytes."""

    def __init__(self, size, left=-1):
        self.data = bytearray(b"\xff" * size)
        self.left = left
        self.written = 0

    def __getitem__(self, at):
        return self.data[at]

    def __setitem__(self, at, value):
        if self.left == 0:
            raise Cut
        self.left -= 1
        self.written += 1
        self.data[at] = value


def fletcher(data):
    """Written apart from the firmware: Fletcher-16 with seeds that no erased memory gives."""
    low, high = 0x5A, 0xA5
    for byte in data:
        low = (low + byte) % 255
        high = (high + low) % 255
    return bytes((low, high))


def test_every_field_is_kept_with_all_its_bits():
    for field in range(h.COUNT):
        for value in (1, 0xFF, 0x1234, 0x123456, 0x3FFFFFFF):
            memory = bytearray(SIZE)
            provision(memory)
            History(memory).put(field, value)
            found = History(memory)
            assert [found.value[i] for i in range(h.COUNT)] == [
                value if i == field else 0 for i in range(h.COUNT)
            ]


def test_provisioned_memory_is_empty_and_known_whatever_stood_there():
    for fill in (0x00, 0xFF, 0x55):
        memory = bytearray([fill]) * SIZE
        provision(memory)
        assert not History(memory).blank
        assert list(History(memory).value) == [0] * h.COUNT
        assert not Latches(memory).blank
        assert not Latches(memory).running


def test_memory_that_was_lost_counts_as_a_hot_resistor_and_parts_just_switched_off():
    for fill in (0x00, 0xFF):
        history = History(bytearray([fill]) * SIZE)
        assert history.blank
        assert history.value[h.HEAT_PERMILLE] == 1000
        assert history.value[h.HEATER_HOT] == 1
        assert history.value[h.COMPRESSOR_RECENT] == 1
        assert history.value[h.TRIES] == 0


def test_a_cut_at_every_byte_leaves_the_old_or_the_new_values():
    memory = Memory(SIZE)
    provision(memory)
    History(memory).put(h.TRIES, 1)
    before = bytes(memory.data)
    whole = Memory(SIZE)
    whole.data[:] = before
    whole.written = 0
    History(whole).put(h.TRIES, 2)
    seen = set()
    for left in range(whole.written + 1):
        memory.data[:] = before
        memory.left = left
        with contextlib.suppress(Cut):
            History(memory).put(h.TRIES, 2)
        memory.left = -1
        found = History(memory)
        assert not found.blank
        assert [found.value[i] for i in range(h.COUNT) if i != h.TRIES] == [0] * (h.COUNT - 1)
        seen.add(found.value[h.TRIES])
    assert seen == {1, 2}


def test_history_and_latches_never_touch_each_other():
    memory = bytearray(SIZE)
    provision(memory)
    latches, history = Latches(memory), History(memory)
    for round_ in range(300):
        latches.set_running(round_ % 2 == 0)
        history.put(h.STOPS, round_)
        assert Latches(memory).running == (round_ % 2 == 0)
        assert History(memory).value[h.STOPS] == round_
    assert len(memory) == SIZE <= 128


def test_an_unchanged_value_is_not_written_and_adding_waits_for_keep():
    memory = Memory(SIZE)
    provision(memory)
    history = History(memory)
    memory.written = 0
    history.put(h.STOPS, 0)
    assert memory.written == 0
    history.add(h.MINUS_CLOSINGS)
    assert memory.written == 0
    assert History(memory).value[h.MINUS_CLOSINGS] == 0
    history.keep()
    assert History(memory).value[h.MINUS_CLOSINGS] == 1
    history.value[h.MINUS_CLOSINGS] = 0x3FFFFFFF
    history.add(h.MINUS_CLOSINGS)
    assert history.value[h.MINUS_CLOSINGS] == 0x3FFFFFFF


def test_closings_are_those_of_the_three_contactors_in_their_order():
    memory = bytearray(SIZE)
    provision(memory)
    history = History(memory)
    for field, value in ((h.MINUS_CLOSINGS, 5), (h.PLUS_CLOSINGS, 6), (h.PRECHARGE_CLOSINGS, 7)):
        history.put(field, value)
    history.put(h.RECENT_CLOSINGS, 9)
    assert list(history.closings) == [5, 6, 7]


def test_the_layout_of_a_record_is_exact():
    """Sequence, payload, Fletcher-16 over both; halves in turns; the newer one counts."""
    memory = bytearray(3 + record_bytes(4))
    record = Record(memory, 3, 4)
    assert record.blank
    for number in range(1, 600):
        record.payload[0] = number & 0xFF
        record.payload[3] = number >> 8
        record.keep()
        at = 3 if number % 2 else 10
        body = bytes((number & 0xFF, number & 0xFF, 0, 0, number >> 8))
        assert memory[at : at + 7] == body + fletcher(body)
        again = Record(memory, 3, 4)
        assert not again.blank
        assert bytes(again.payload) == body[1:]
        again.payload[1] = 0
        if number % 100 == 0:
            record = again  # a restart goes on where the last one stopped
    assert memory[:3] == bytes(3)


def test_a_flipped_bit_in_either_half_is_told_as_torn():
    """The other half may lack the newest write: who reads it must not take it for the last word."""
    for number in (1, 2):
        memory = bytearray(SIZE)
        provision(memory)
        latches = Latches(memory)
        for fault in range(1, 1 + number):
            latch(latches, fault)
        assert not Latches(memory).torn
        for bit in range(8 * 40):
            memory[bit // 8] ^= 1 << bit % 8
            assert Latches(memory).torn
            memory[bit // 8] ^= 1 << bit % 8
    assert not Latches(bytearray(SIZE)).torn
    assert Latches(bytearray(SIZE)).blank


def test_each_field_has_a_place_of_its_own():
    fields = [
        h.MINUS_CLOSINGS, h.PLUS_CLOSINGS, h.PRECHARGE_CLOSINGS, h.RECENT_CLOSINGS, h.TRIES,
        h.HEAT_PERMILLE, h.STOPS, h.WRONG_ANSWERS, h.HEATER_HOT, h.COMPRESSOR_RECENT,
    ]  # fmt: skip
    assert fields == list(range(h.COUNT))
