import pytest

from bess.drivers import ivt_s
from bess.drivers.ivt_s import CURRENT, U1, IvtS
from bess.port.ticks import ticks_diff


class Port:
    def __init__(self):
        self.sent = []
        self.full = False

    def send(self, can_id, data):
        if self.full:
            return False
        self.sent.append((can_id, bytes(data)))
        return True


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
        assert sensor.receive(0x521, data, 6, 10)
        exact = int.from_bytes(bytes(data[2:]), "big", signed=True)
        assert sensor.value[CURRENT] == min(max(exact, -2_000_000), 2_000_000)


def test_identifiers_and_channels_are_the_data_sheets():
    assert (ivt_s.CURRENT, ivt_s.U1, ivt_s.U2, ivt_s.U3) == (0, 1, 2, 3)
    assert (ivt_s.COMMAND_ID, ivt_s.RESPONSE_ID, ivt_s.RESULT_ID) == (0x411, 0x511, 0x521)
    assert ivt_s.FILTERS == ((0x520, 0x7F8, 0), (0x511, 0x7FF, 0))


def test_nothing_is_known_at_first():
    sensor = IvtS(Port())
    assert list(sensor.value) == list(sensor.count) == list(sensor.at_ms) == [0] * 4
    assert sensor.lost_permille == -1
    assert sensor.errors == 0


def frame(channel, value, counter, state=0):
    raw = value & 0xFFFFFFFF
    return bytes((channel, state | counter, raw >> 24, raw >> 16 & 255, raw >> 8 & 255, raw & 255))


def test_results_keep_sign_and_size():
    sensor = IvtS(Port())
    counter = 0
    for value in (0, 1, -1, 123456, -123456, 500000, -500000, -1970000, 1999999, -2000000):
        counter = (counter + 1) & 15
        assert sensor.receive(0x521, frame(CURRENT, value, counter), 6, 10)
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


def test_frames_of_others_are_left_alone():
    sensor = IvtS(Port())
    for can_id in range(0x800):
        ours = can_id in (0x511, 0x521, 0x522, 0x523, 0x524)
        for length in (0, 6):
            assert sensor.receive(can_id, bytes(8), length, 0) is ours, hex(can_id)


@pytest.mark.parametrize("data", [frame(0, 1, 1), frame(0, 1, 2, 0x20), frame(3, 1, 3)])
def test_what_cannot_be_used_is_still_the_sensors(data):
    sensor = IvtS(Port())
    sensor.receive(0x521, frame(0, 1, 1), 6, 0)
    assert sensor.receive(0x521, data, 6, 10) is True
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
        assert sensor.receive(0x511, b"\xff" + bytes(7), length, 0)
        assert sensor.receive(0x521, bytes(8), min(length, 5), 0)


def sent_kinds(port):
    return [data[0] for _, data in port.sent]


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


SET_UP = [0x34, 0x20, 0x21, 0x22, 0x23, 0x34]


def test_set_up_is_sent_a_step_a_tick_and_waits_for_room():
    port = Port()
    sensor = IvtS(port)
    port.full = True
    sensor.configure(0)
    port.full = False
    for now_ms in range(10, 70, 10):
        sensor.configure(now_ms)
        assert len(port.sent) == now_ms // 10
    assert sent_kinds(port) == SET_UP
    assert port.sent[0][1][1] == 0
    assert port.sent[-1][1][1] == 1


def answers(changed=None):
    """What a sensor says to each step; changed: (step, byte, value) that it took otherwise."""
    frames = [
        bytearray(b"\xb4\x00\x01\x00\x00\x00\x00\x00"),
        bytearray(b"\xa0\x02\x00\x0a\x00\x00\x00\x00"),
        bytearray(b"\xa1\x02\x00\x32\x00\x00\x00\x00"),
        bytearray(b"\xa2\x02\x00\x32\x00\x00\x00\x00"),
        bytearray(b"\xa3\x02\x00\x32\x00\x00\x00\x00"),
        bytearray(b"\xb4\x01\x01\x00\x00\x00\x00\x00"),
    ]
    if changed:
        step, at, value = changed
        frames[step][at] = value
    return frames


def test_an_answered_set_up_is_sent_once():
    port = Port()
    sensor = IvtS(port)
    frames = answers()
    for now_ms in range(0, 1000, 10):
        sensor.configure(now_ms)
        if frames:
            sensor.receive(0x511, frames.pop(0), 8, now_ms)
    assert sent_kinds(port) == SET_UP


@pytest.mark.parametrize("changed", [
    (0, 0, 0xFF), (1, 0, 0xFF), (5, 0, 0xFF), (1, 3, 20), (2, 2, 1), (3, 1, 0x82), (4, 1, 0x42),
    (0, 1, 1), (5, 1, 0), (5, 0, 0xA4), (1, 1, 1), (2, 3, 0x33), (3, 2, 2), (4, 3, 0),
])  # fmt: skip
def test_a_step_that_was_refused_or_taken_otherwise_is_repeated(changed):
    """Period, sign (bit 7), byte order (bit 6): whatever the sensor did not take."""
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 130, 10):
        sensor.configure(now_ms)
        if now_ms < 60:
            sensor.receive(0x511, answers(changed)[now_ms // 10], 8, now_ms)
    assert sent_kinds(port)[:8] == SET_UP + SET_UP[:2]


def test_an_unanswered_set_up_is_sent_again_50_ms_after_its_last_step():
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 120, 10):
        sensor.configure(now_ms)
        assert len(port.sent) == (
            now_ms // 10 + 1 if now_ms <= 50 else 6 + max(now_ms - 100, 0) // 10
        )


@pytest.mark.parametrize(("length", "commands"), [(3, 12), (4, 6), (8, 6)])
def test_an_answer_is_whole_with_its_four_bytes(length, commands):
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 170, 10):
        sensor.configure(now_ms)
        if now_ms < 60:
            sensor.receive(0x511, answers()[now_ms // 10], length, now_ms)
    assert len(port.sent) == commands


@pytest.mark.parametrize("missing", range(6))
def test_after_a_restart_of_the_sensor_every_step_must_be_answered_anew(missing):
    sensor, port = settled()
    sensor.receive(0x511, b"\xbf" + bytes(7), 8, 1000)
    for step in range(18):
        sensor.configure(1000 + 10 * step)
        if step < 6 and step != missing:
            sensor.receive(0x511, answers()[step], 8, 1000 + 10 * step)
    assert sent_kinds(port) == SET_UP + SET_UP


def test_no_set_up_is_repeated_for_a_second_that_began_before_its_end():
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 60, 10):
        sensor.configure(now_ms)
        sensor.receive(0x511, answers()[now_ms // 10], 8, now_ms)
    sensor.verify()
    sensor.configure(60)
    assert sent_kinds(port) == SET_UP


@pytest.mark.parametrize("channel", range(4))
@pytest.mark.parametrize(("eighths", "off_ms", "again"), [
    (8, 0, False), (9, 0, False), (9, 1, True), (7, 0, False), (7, -1, True),
])  # fmt: skip
def test_a_period_is_another_one_when_it_is_off_by_more_than_an_eighth(
    channel, eighths, off_ms, again
):
    sensor, port = settled()
    for at, (period_ms, last_ms) in enumerate(((10, 990), (50, 950), (50, 950), (50, 950))):
        took_ms = period_ms * eighths + off_ms if at == channel else period_ms * 8
        for n in range(1, 9):
            data = frame(at, 5, last_ms // period_ms + n & 15)
            sensor.receive(0x521 + at, data, 6, last_ms + took_ms * n // 8)
    sensor.verify()
    sensor.configure(9999)
    assert (port.sent != []) == again


def test_a_sensor_that_never_answers_is_asked_four_times_and_then_judged_by_its_periods():
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 2000, 10):
        sensor.configure(now_ms)
    assert sent_kinds(port) == SET_UP * 4
    sensor.verify()
    run(sensor, 2000, (10, 50, 50, 50), port)
    assert sent_kinds(port) == SET_UP * 4


def run(sensor, start_ms, periods_ms, port, lost=lambda channel, n: False):
    """A second of results with these periods, verified at its end."""
    for now_ms in range(start_ms, start_ms + 1000, 10):
        sensor.configure(now_ms)
        for channel, period_ms in enumerate(periods_ms):
            if period_ms and now_ms % period_ms < 10:
                n = now_ms // period_ms
                if not lost(channel, n):
                    sensor.receive(0x521 + channel, frame(channel, 5, n & 15), 6, now_ms)
    sensor.verify()


def settled():
    """A sensor that was set up and whose answers all came."""
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 60, 10):
        sensor.configure(now_ms)
        sensor.receive(0x511, answers()[now_ms // 10], 8, now_ms)
    sensor.verify()
    run(sensor, 0, (10, 50, 50, 50), port)
    port.sent.clear()
    return sensor, port


@pytest.mark.parametrize("periods_ms", [
    (20, 60, 60, 60), (20, 50, 50, 50), (10, 60, 50, 50), (10, 50, 60, 50), (10, 50, 50, 60),
    (100, 50, 50, 50), (0, 0, 0, 0), (10, 0, 50, 50),
])  # fmt: skip
def test_results_at_other_periods_bring_the_set_up_again(periods_ms):
    sensor, port = settled()
    run(sensor, 1000, periods_ms, port)
    run(sensor, 2000, periods_ms, port)
    assert sent_kinds(port)[:6] == SET_UP


def test_right_periods_are_left_alone_for_ever():
    sensor, port = settled()
    for second in range(1, 20):
        run(sensor, 1000 * second, (10, 50, 50, 50), port)
    assert port.sent == []


@pytest.mark.parametrize("of", [2, 5, 8, 14])
def test_lost_results_are_no_other_period(of):
    """Stopping the sensor to set it up again would lose still more."""
    sensor, port = settled()
    for second in range(1, 5):
        run(sensor, 1000 * second, (10, 50, 50, 50), port, lambda channel, n: n % of != 0)
    assert port.sent == []


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


def test_a_sensor_that_started_is_set_up_at_once_and_its_counter_begins_anew():
    sensor, port = settled()
    sensor.receive(0x511, b"\xbf\x04\x11\x00\x00\x00\x01\x00", 7, 1000)
    sensor.configure(1010)
    assert sent_kinds(port) == [0x34]
    for n in range(3):
        for channel in range(4):
            sensor.receive(0x521 + channel, frame(channel, 5, 9 + n), 6, 1010 + 10 * n)
    sensor.verify()
    assert sensor.lost_permille == 0
