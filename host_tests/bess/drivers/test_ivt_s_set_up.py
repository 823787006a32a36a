"""The set-up of the current sensor: sent step by step, answered, and repeated when it has to be."""

import pytest
from rigs.ivt_s import Port, answers, frame, run, settled

from bess.drivers.ivt_s import IvtS


def sent_kinds(port):
    return [data[0] for _, data in port.sent]


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
