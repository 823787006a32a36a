"""Fans' speed by their pulses."""

from bess.drivers.tacho import Tacho

FALLING = 2
RATED = 100  # edges a second of 3000 rpm, 2 a turn


class Pin:
    def irq(self, handler, trigger, hard):
        assert trigger == FALLING
        assert hard
        self.edge = handler

    def edges(self, count):
        for _ in range(count):
            self.edge(self)


class Clock:
    now_ms = 0

    def __call__(self):
        return self.now_ms


def made(now_ms=0, rpm=3000, pulses=2):
    pin, clock = Pin(), Clock()
    clock.now_ms = now_ms
    return pin, clock, Tacho(pin, FALLING, clock, rpm, pulses)


def after(pin, clock, tacho, edges, ms):
    pin.edges(edges)
    clock.now_ms = (clock.now_ms + ms) & 0x3FFFFFFF
    return tacho.read_u16()


def test_share_of_rated_speed_from_the_edges_of_the_last_second():
    fan = made()
    assert after(*fan, 0, 1000) == 0
    assert after(*fan, RATED // 4, 1000) == 16384
    assert after(*fan, RATED // 2, 500) == 65535  # a word ends there
    assert after(*fan, 2 * RATED, 1000) == 65535
    assert after(*fan, 0, 1000) == 0


def test_other_fans_have_other_numbers():
    assert after(*made(rpm=1500, pulses=1), 25, 2000) == 32768


def test_a_window_too_short_for_a_figure_tells_the_one_before():
    fan = made()
    assert after(*fan, RATED // 2, 1000) == 32768
    assert after(*fan, 40, 400) == 32768
    assert after(*fan, 10, 600) == 32768  # and its edges are in the next


def test_counter_and_clock_wrap():
    fan = made(now_ms=0x3FFFFFFF - 500)
    for _ in range(3):
        fan[0].edges(65536 - 50)  # and as many as make it wrap
        assert after(*fan, 100, 1000) == 32768


def test_a_long_silence_of_the_reader_reads_too_low_and_is_over_in_the_next_second():
    fan = made()
    assert after(*fan, 30 * RATED, 30_000) == 1638 * 655360 // 30_000  # a small integer
    assert after(*fan, RATED // 2, 1000) == 32768
