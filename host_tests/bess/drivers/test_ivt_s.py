"""Results of the current sensor: taken, counted, refused, lost."""

import pytest
from rigs.ivt_s import Port, frame, run, settled

from bess.drivers import ivt_s
from bess.drivers.ivt_s import CURRENT, U1, IvtS
from bess.port.ticks import ticks_diff


class Small(int):
    """An integer of a 32-bit board: one beyond 2**30 would allocate there, here it fails."""

    def __lshift__(self, by):
        return self._held(int(self) << by)

    def __or__(self, other):
        return self._held(int(self) | other)

    def __sub__(self, other):
        return self._held(int(self) - other)

    @staticmethod
    def _held(value):
        assert -(2**30) <= value < 2**30
        return Small(value)


@pytest.mark.parametrize("top", [0x00, 0x1E, 0x1F, 0x20, 0x7F, 0x80, 0xC0, 0xE0, 0xFF])
def test_no_result_of_any_size_leaves_the_integers_of_a_32_bit_board(top):
    for low in (0x00, 0xFF):
        sensor = IvtS(Port())
        data = [Small(byte) for byte in (CURRENT, 1, top, low, low, low)]
        sensor.receive(0x521, data, 6, 10)
        exact = int.from_bytes(bytes(data[2:]), "big", signed=True)
        assert sensor.value[CURRENT] == min(max(exact, -2_000_000), 2_000_000)


def test_identifiers_and_channels_are_the_data_sheets():
    assert (ivt_s.CURRENT, ivt_s.U1, ivt_s.U2, ivt_s.U3) == (0, 1, 2, 3)
    assert (ivt_s.COMMAND_ID, ivt_s.RESPONSE_ID, ivt_s.RESULT_ID) == (0x411, 0x511, 0x521)
    assert IvtS.filters == ((0x520, 0x7F8, 0), (0x511, 0x7FF, 0))


def test_nothing_is_known_at_first():
    sensor = IvtS(Port())
    assert list(sensor.value) == list(sensor.count) == list(sensor.at_ms) == [0] * 4
    assert sensor.lost_permille == -1
    assert sensor.errors == 0


def test_results_keep_sign_and_size():
    sensor = IvtS(Port())
    counter = 0
    for value in (0, 1, -1, 123456, -123456, 500000, -500000, -1970000, 1999999, -2000000):
        counter = (counter + 1) & 15
        sensor.receive(0x521, frame(CURRENT, value, counter), 6, 10)
        assert sensor.value[CURRENT] == value


def test_repeated_counters_and_error_bits_are_not_fresh():
    sensor = IvtS(Port())
    sensor.receive(0x522, frame(U1, 700000, 1), 6, 10)
    for data in (frame(U1, 1, 1), frame(U1, 1, 2, 0x20), frame(U1, 1, 3, 0x80), frame(2, 1, 4)):
        sensor.receive(0x522, data, 6, 20)
    sensor.receive(0x522, frame(U1, 1, 5), 5, 20)
    assert sensor.count[U1] == 1
    assert sensor.value[U1] == 700000
    assert sensor.at_ms[U1] == 10
    assert sensor.errors == 5


def test_what_is_beyond_the_sensor_counts_as_its_largest_value():
    """A short of 100 kA is a short, and no product may leave 31 bits."""
    sensor = IvtS(Port())
    counter = 0
    for value in (2000001, 2097152, 0x7FFFFFFF, 100000000):
        for sign in (1, -1):
            counter = (counter + 1) & 15
            sensor.receive(0x521, frame(CURRENT, sign * value, counter), 6, 10)
            assert sensor.value[CURRENT] == sign * 2000000, value
    assert sensor.count[CURRENT] == 8


def test_the_filters_pass_its_frames():
    assert sorted(IvtS.ids) == [0x511, 0x521, 0x522, 0x523, 0x524]
    for can_id in IvtS.ids:
        assert any(can_id & mask == identifier for identifier, mask, _ in IvtS.filters)


@pytest.mark.parametrize("data", [frame(0, 1, 1), frame(0, 1, 2, 0x20), frame(3, 1, 3)])
def test_what_cannot_be_used_is_still_the_sensors(data):
    sensor = IvtS(Port())
    sensor.receive(0x521, frame(0, 1, 1), 6, 0)
    sensor.receive(0x521, data, 6, 10)
    assert sensor.errors == 1


def test_each_channel_counts_its_results_and_starts_over_at_one():
    """0 says that nothing ever came; beyond 2**30 a 32-bit board would allocate."""
    sensor = IvtS(Port())
    for channel in range(4):
        sensor.count[channel] = 2**30 - 3
        for counter, count in ((1, 2**30 - 2), (2, 1), (3, 2)):
            sensor.receive(0x521 + channel, frame(channel, 5, counter), 6, 10)
            assert sensor.count[channel] == count


def test_stamps_of_a_sensor_that_fell_silent_stay_old():
    """Time wraps at 2**30 ms; held once in a while, an age never looks small again."""
    sensor = IvtS(Port())
    for channel in range(4):
        sensor.receive(0x521 + channel, frame(channel, 5, 1), 6, 10)
    for quarter in range(1, 10):
        now_ms = quarter * 2**28 & 2**30 - 1
        sensor.hold_stamps(now_ms)
        for at_ms in sensor.at_ms:
            assert ticks_diff(now_ms, at_ms) > 2**27


def test_a_response_that_is_cut_short_is_no_harm():
    sensor = IvtS(Port())
    for length in range(8):
        sensor.receive(0x511, b"\xff" + bytes(7), length, 0)
        sensor.receive(0x521, bytes(8), min(length, 5), 0)


def test_an_empty_frame_says_nothing():
    """The buffer still holds what came before it: that the sensor is alive, say."""
    sensor, port = settled()
    sensor.receive(0x511, b"\xbf" + bytes(7), 0, 1000)
    sensor.configure(1010)
    assert port.sent == []
    assert sensor.errors == 1


def test_refused_commands_and_short_answers_are_counted_as_errors():
    sensor = IvtS(Port())
    for n, (data, length) in enumerate([(b"\xff", 8), (b"\xb4", 3), (b"\xa0", 3), (b"\x00", 8)]):
        sensor.receive(0x511, data + bytes(7), length, 0)
        assert sensor.errors == n + 1
    for data, length in ((b"\xff", 8), (b"\xb4", 3)):
        sensor.errors = 2**29 - 1
        sensor.receive(0x511, data + bytes(7), length, 0)
        assert sensor.errors == 0


@pytest.mark.parametrize("frames", [
    (frame(0, 1, 1), frame(0, 1, 1)), (frame(0, 1, 1, 0x20),), (frame(1, 1, 1),),
])  # fmt: skip
def test_errors_start_over_before_a_32_bit_board_would_allocate(frames):
    sensor = IvtS(Port())
    sensor.errors = 2**29 - 1
    for data in frames:
        sensor.receive(0x521, data, 6, 0)
    assert sensor.errors == 0


@pytest.mark.parametrize(("lost", "permille"), [
    (lambda channel, n: channel == 0 and n % 5 != 0, 800),
    (lambda channel, n: channel == 0 and n % 8 == 0, 125),
    (lambda channel, n: channel == 2 and n % 4 == 0, 250),
    (lambda channel, n: False, 0),
])  # fmt: skip
def test_results_that_the_counter_shows_as_lost_are_counted(lost, permille):
    sensor, port = settled()
    for second in range(1, 4):
        run(sensor, 1000 * second, (10, 50, 50, 50), port, lost)
    assert abs(sensor.lost_permille - permille) <= 12


def test_results_with_an_error_are_as_good_as_lost():
    sensor, _ = settled()
    for n in range(100):
        state = 0x20 if n % 4 == 0 else 0
        sensor.receive(0x521, frame(CURRENT, 5, n + 100 & 15, state), 6, 1000 + 10 * n)
    sensor.verify()
    assert 240 <= sensor.lost_permille <= 260


def test_when_no_result_could_be_used_all_are_lost():
    sensor, _ = settled()
    for n in range(20):
        sensor.receive(0x521, frame(CURRENT, 5, n + 100 & 15, 0x80), 6, 1000 + 10 * n)
    sensor.verify()
    assert sensor.lost_permille == 1000


def test_a_second_without_results_says_nothing_of_losses():
    sensor, _ = settled()
    sensor.verify()
    assert sensor.lost_permille == -1
