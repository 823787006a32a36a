"""How fast a virtual site runs against the clock on the wall."""

from __future__ import annotations

import pytest

from autarky.sil import site as site_module
from autarky.sil.site import SiteConfig, VirtualSite

_TICKS = 10


class Clock:
    """Stands still but for who sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(site_module, "time", clock)
    return clock


def slept_s(config: SiteConfig, clock: Clock, stall_s: float = 0.0) -> list[float]:
    """In ten ticks before a stall of the machine and ten after it."""
    with VirtualSite(config) as site:
        for stalled_s in (stall_s, 0.0):
            for _ in range(_TICKS):
                site.step()
            clock.now_s += stalled_s
    return clock.slept_s


def test_a_paced_site_leaves_the_processor_and_catches_nothing_up(clock: Clock) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", pace=5.0)
    # the first tick, and the first after the stall, are due at once
    assert slept_s(config, clock, stall_s=60.0) == pytest.approx([0.002] * (2 * _TICKS - 2))


def test_a_realtime_site_catches_up_with_the_clock(clock: Clock) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", realtime=True)
    slept = slept_s(config, clock, stall_s=0.05)
    assert slept[:10] == pytest.approx([0.01] * 10)
    assert sum(slept) == pytest.approx(0.15)


def test_without_a_pace_nothing_waits(clock: Clock) -> None:
    assert slept_s(SiteConfig(cabinets=1, interpreter="inline"), clock) == []
