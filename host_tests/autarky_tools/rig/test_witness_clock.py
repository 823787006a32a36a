"""A witness's stamps in this host's time: over its wrap, a late hearing, a restart, a drift."""

import random

import pytest

from autarky.rig.can_buses import WitnessClock

WRAP_US = 1 << 32


def heard(
    clock: WitnessClock, at_s: float, delay_s: float, zero_s: float, drift: float = 0
) -> float:
    stamp_us = round((at_s - zero_s) * (1 + drift) * 1e6) % WRAP_US
    return clock.at_s(stamp_us, at_s + delay_s)


def test_late_hearings_make_no_late_times() -> None:
    clock, late = WitnessClock(), random.Random(3)
    heard(clock, 100.0, 0.001, 7.0)
    for n in range(1, 600):
        at_s = 100.0 + 0.1 * n
        assert heard(clock, at_s, late.uniform(0.001, 0.3), 7.0) == pytest.approx(
            at_s + 0.001, abs=1e-4 * 0.1 * n + 1e-4
        )


def test_its_wrap_is_no_jump() -> None:
    clock = WitnessClock()
    zero_s = 50.0 - (WRAP_US / 1e6 - 0.5)
    for n in range(20):
        at_s = 50.0 + 0.1 * n
        assert heard(clock, at_s, 0.002, zero_s) == pytest.approx(at_s + 0.002, abs=1e-5)


def test_a_quartz_that_drifts_is_followed() -> None:
    for drift in (5e-5, -5e-5):
        clock = WitnessClock()
        for n in range(6000):
            at_s = 20.0 + 0.1 * n
            assert heard(clock, at_s, 0.001, 0.0, drift) == pytest.approx(at_s + 0.001, abs=1e-4)


def test_a_board_that_starts_anew_is_heard_in_the_new_time() -> None:
    clock = WitnessClock()
    heard(clock, 10.0, 0.001, 0.0)
    assert heard(clock, 30.0, 0.001, 29.5) == pytest.approx(30.001, abs=1e-4)
    assert heard(clock, 30.1, 0.2, 29.5) == pytest.approx(30.101, abs=1e-4)
