from bess.link import abort
from bess.link.emcy import Emergencies


class Port:
    """Takes so many frames, then refuses."""

    def __init__(self, room=1000):
        self.room = room
        self.sent = []

    def send(self, can_id, data):
        if not self.room:
            return False
        self.room -= 1
        self.sent.append((can_id, bytes(data)))
        return True


def build(room=1000):
    port = Port(room)
    return Emergencies(port), port


def items(port):
    return [data[3] for _, data in port.sent]


def test_an_emergency_is_code_register_item_level_and_part_in_this_order_and_zeros():
    emcy, port = build()
    emcy.put(0x3210, 0x85, 0x13, 0x03)
    emcy.put(0xFEDC, 0x01, 0xFF, 0x04, 0x10)
    emcy.transmit(5)
    assert port.sent == [
        (0x85, bytes((0x10, 0x32, 0x85, 0x13, 0x03, 0, 0, 0))),
        (0x85, bytes((0xDC, 0xFE, 0x01, 0xFF, 0x04, 0x10, 0, 0))),
    ]


def test_an_emergency_is_sent_once_and_nothing_when_none_waits():
    emcy, port = build()
    emcy.transmit(127)
    assert port.sent == []
    emcy.put(0x3210, 5, 19, 3)
    emcy.transmit(127)
    emcy.transmit(127)
    assert port.sent == [(0xFF, bytes((0x10, 0x32, 5, 19, 3, 0, 0, 0)))]


def test_nothing_of_an_earlier_emergency_stands_in_a_later_one():
    emcy, port = build()
    for _ in range(2):  # once round the queue and more
        for _ in range(20):
            emcy.put(0xFFFF, 0xFF, 0xFF, 7, 31)
        emcy.transmit(1)
    port.sent.clear()
    emcy.put(0, 0, 0, 0)
    emcy.transmit(1)
    assert port.sent == [(0x81, bytes(8))]


def test_what_a_full_controller_refuses_goes_out_later_in_its_order_and_nothing_twice():
    emcy, port = build(room=2)
    for item in range(1, 6):
        emcy.put(0x1000, 1, item, 2)
    emcy.transmit(5)
    assert items(port) == [1, 2]
    emcy.transmit(5)
    assert items(port) == [1, 2]
    port.room = 1
    emcy.transmit(5)
    assert items(port) == [1, 2, 3]
    port.room = 10
    emcy.transmit(5)
    assert items(port) == [1, 2, 3, 4, 5]
    assert emcy.lost == 0


def test_the_queue_holds_31_and_counts_what_it_cannot_take():
    emcy, port = build(room=0)
    for item in range(31):
        emcy.put(0x1000, 1, item, 2)
    assert emcy.lost == 0
    for lost in (1, 2, 3):
        emcy.put(0x1000, 1, 99, 2)
        assert emcy.lost == lost
    port.room = 100
    emcy.transmit(5)
    assert items(port) == list(range(31))


def test_the_queue_goes_round_for_ever():
    emcy, port = build()
    for item in range(100):
        emcy.put(0x1000, 1, item, 2)
        emcy.put(0x1000, 1, item + 100, 2)
        emcy.transmit(5)
    assert items(port) == [n for item in range(100) for n in (item, item + 100)]
    assert emcy.lost == 0


def test_the_count_of_what_was_lost_stays_a_small_number():
    emcy, _ = build(room=0)
    for _ in range(31):
        emcy.put(0x1000, 1, 1, 2)
    emcy.lost = 0x1FFFFFFE
    emcy.put(0x1000, 1, 1, 2)
    assert emcy.lost == 0x1FFFFFFF
    emcy.put(0x1000, 1, 1, 2)
    assert emcy.lost == 0


def test_the_history_is_newest_first_with_item_level_and_part_and_ends_after_16():
    emcy, _ = build()
    assert emcy.count == 0
    assert emcy.history() == [None] * 16
    for number in range(1, 20):
        emcy.put(0xF000 + number, 1, 0x40 + number, number % 5, number)
        kept = range(number, max(number - 16, 0), -1)
        expected = [0xF000 + n | (0x40 + n) << 16 | n % 5 << 24 | n << 27 for n in kept]
        assert emcy.count == len(expected)
        assert emcy.history() == expected + [None] * (16 - len(expected))


def test_an_emergency_that_the_queue_cannot_take_stands_in_history_and_register_all_the_same():
    emcy, _ = build(room=0)
    for _ in range(31):
        emcy.put(0x1000, 1, 1, 2)
    emcy.put(0x2000, 0x85, 7, 3)
    assert emcy.history()[0] == 0x2000 | 7 << 16 | 3 << 24
    assert emcy.register == 0x85


def test_what_is_cleared_is_sent_and_sets_the_register_but_is_no_error_of_the_history():
    emcy, port = build()
    assert emcy.register == 0
    emcy.put(0x3210, 0x85, 19, 3)
    emcy.put(0, 0x04, 19, 0)
    assert emcy.register == 0x04
    assert emcy.count == 1
    assert emcy.history()[:2] == [0x3210 | 19 << 16 | 3 << 24, None]
    emcy.transmit(5)
    assert port.sent[1] == (0x85, bytes((0, 0, 0x04, 19, 0, 0, 0, 0)))


def test_the_history_is_cleared_by_a_zero_only():
    emcy, port = build()
    emcy.put(0x3210, 5, 19, 3)
    for value in (1, 2, 255):
        assert emcy.clear_history(value) == abort.VALUE
        assert emcy.count == 1
    assert emcy.clear_history(0) == abort.NONE
    assert emcy.count == 0
    assert emcy.history() == [None] * 16
    assert emcy.register == 5
    emcy.transmit(5)
    assert len(port.sent) == 1
