"""A cabinet among dishonest neighbours: every actuator against the hazards, in every tick.

`make soak` runs a million ticks. NEIGHBOURS=seed repeats one episode.
"""

import os
from collections import Counter
from dataclasses import dataclass, field

import pytest
from kit.mishaps import MISHAPS
from kit.neighbours import RESTARTS, Episode
from soak import SOAK

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("neighbours")]
TICKS = 1_000_000 if SOAK else 42_000
EPISODE_TICKS = 15_000 if SOAK else 6_000
ONE = os.environ.get("NEIGHBOURS", "")
THIS = "host_tests/invariants/test_dishonest_neighbours.py"


def episode(seed: str) -> Episode:
    return Episode(seed, f"NEIGHBOURS={seed} .venv/bin/python -m pytest -q {THIS}")


@dataclass
class Run:
    ticks: int = 0
    episodes: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    broken: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest) -> Run:
    """Episodes until the ticks are over; one that ends early makes room for the next."""
    found = Run()
    base = request.config.getoption("hypothesis_seed", None) or 1
    while found.ticks < TICKS:
        one = episode(f"{base}.{found.episodes}.{EPISODE_TICKS}")
        one.run(EPISODE_TICKS)
        found.episodes += 1
        found.ticks += one.ticks
        found.reached += one.reached
        if one.broken:
            found.broken.setdefault(one.rule, []).append(one.broken)
            if len(found.broken) > 9:
                break
    return found


@pytest.mark.skipif(not ONE, reason="NEIGHBOURS names the episode to repeat")
def test_this_episode_breaks_nothing() -> None:
    one = episode(ONE)
    one.run(int(ONE.rpartition(".")[2]))
    assert not one.broken, one.broken


@pytest.mark.skipif(bool(ONE), reason="one episode is repeated")
def test_no_actuator_is_on_that_a_hazard_forbids(run: Run) -> None:
    lines = [
        f"{len(texts)} of {run.episodes} episodes: {texts[0]}" for texts in run.broken.values()
    ]
    assert not lines, "\n".join(lines)


@pytest.mark.skipif(bool(ONE), reason="one episode is repeated")
def test_what_matters_was_reached(run: Run) -> None:
    """A run in which nothing happens proves nothing."""
    reached, ticks = run.reached, run.ticks
    per_mille = {"closed": 90, "with current": 50, "heated": 30, "cooled": 2, "bled": 2}
    low = {n: reached[n] for n, share in per_mille.items() if reached[n] * 1000 < share * ticks}
    assert not low, f"of {ticks} ticks: {low}"
    missed = [how for how in RESTARTS if not reached[how]]
    assert not missed, f"restarts that never came: {missed}"
    hazards = sum(1 for name, times in reached.items() if name.startswith("hazard ") and times)
    assert hazards >= (34 if SOAK else 12), reached
    if SOAK:
        assert not [name for name in MISHAPS if reached[name] < 3], reached
