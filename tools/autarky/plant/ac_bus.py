"""The site's AC bus: the load, and what the grid gives of it."""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from typing import Protocol


class Load(Protocol):
    """Something that takes power."""

    def power_w(self, now_ms: int) -> float:
        """What it takes at that time, in W; asked once every 10 ms, times rising."""
        ...


class ClusterLoad:
    """A GPU cluster: jobs start and end, each within 100 ms, and the next one in 10..45 s."""

    def __init__(self, rated_w: float, seed: int, least: float = 0.30, most: float = 0.90) -> None:
        self._rated_w = rated_w
        self._random = random.Random(seed)
        self._range = least, most
        self._next_ms = 0
        self._share = self._goal = 0.45

    def power_w(self, now_ms: int) -> float:
        if now_ms >= self._next_ms:
            self._goal = self._random.uniform(*self._range)
            self._next_ms += self._random.randrange(10_000, 45_000, 1000)
        self._share += max(min(self._goal - self._share, 0.06), -0.06)
        return self._share * self._rated_w


class TraceLoad:
    """Powers at rising times, each held until the next; before the first that, after the last that.

    times_s and powers_w: as many, one at least.
    """

    def __init__(self, times_s: Sequence[float], powers_w: Sequence[float]) -> None:
        self._times_ms = [1000 * time_s for time_s in times_s]
        self._powers_w = list(powers_w)

    def power_w(self, now_ms: int) -> float:
        return self._powers_w[max(bisect.bisect_right(self._times_ms, now_ms) - 1, 0)]


class AcBus:
    """One connection to the grid, one load, the batteries. Powers in W; load_w is from `step`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.load_w = 0.0

    def step(self, now_ms: int) -> float:
        """Load of the next tick."""
        self.load_w = self._load.power_w(now_ms)
        return self.load_w

    def grid_w(self, battery_w: float) -> float:
        """What the grid gives, negative where it takes; battery_w: + = discharge."""
        return self.load_w - battery_w
