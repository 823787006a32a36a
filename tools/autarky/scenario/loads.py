"""What stands behind the meter of a scenario's site."""

from __future__ import annotations

import random
from collections.abc import Callable

Load = Callable[[int], float]  # W at a time in ms, asked in order


def constant(most_w: float, seed: int) -> Load:
    """Always most_w."""
    return lambda now_ms: most_w


def gpu_cluster(most_w: float, seed: int) -> Load:
    """Training jobs begin and end: a step within 100 ms, every 10 to 45 s, at 30 to 90 %."""
    rng = random.Random(seed)
    next_step_ms = 0
    share = goal = 0.45

    def load(now_ms: int) -> float:
        nonlocal next_step_ms, share, goal
        if now_ms >= next_step_ms:
            goal = rng.uniform(0.30, 0.90)
            next_step_ms += rng.randrange(10_000, 45_000, 1000)
        share += max(min(goal - share, 0.06), -0.06)
        return share * most_w

    return load


LOADS: dict[str, Callable[[float, int], Load]] = {"constant": constant, "gpu_cluster": gpu_cluster}
