"""An episode of a cabinet among dishonest neighbours: mishaps and restarts at random moments.

Everything follows from the episode's seed, so that an episode that failed can be repeated alone.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from kit.hazard_watch import HazardBroken, HazardWatch
from kit.hazards import CHILLER, HEATER, MAIN, PUMP
from kit.mishaps import MISHAPS
from kit.neighbourhood import End, Neighbourhood

from autarky.sil.site import SiteConfig, VirtualSite

MOST_AT_ONCE = 3
STUCK_S = 2.5  # in fault with nothing that stands: somebody comes and services it
RESTARTS = ("NMT reset node", "NMT reset communication", "watchdog", "power", "memory lost")
# where an episode begins: soc, degC, and what it is there for
CLIMATES = (
    (0.6, 25.0, ""), (0.6, 3.0, "heat"), (0.6, 34.0, "cold"), (0.997, 25.0, "full"),
    (0.08, 25.0, "empty"), (0.6, -8.0, "heat"),
)  # fmt: skip


@dataclass
class _Standing:
    name: str
    until_ms: int
    end: End


@dataclass
class Episode:
    """One run from a seed BASE.NUMBER.TICKS; NUMBER takes the climates in turns.

    `run(ticks)` ends with the ticks or with the first broken hazard, which `broken` tells.
    """

    seed: str
    repeat: str
    reached: Counter[str] = field(default_factory=Counter)
    broken: str = ""
    rule: str = ""
    ticks: int = 0

    def run(self, ticks: int) -> None:
        self._random = random = Random(self.seed)
        number = self.seed.partition(".")[2].partition(".")[0] or "0"
        soc, celsius, climate = CLIMATES[int(number) % len(CLIMATES)]  # in turns: none is missed
        with tempfile.TemporaryDirectory(prefix="autarky-episode-") as folder:
            config = SiteConfig(
                cabinets=1, interpreter="inline", soc=soc, temperature_c=celsius,
                state=Path(folder), seed=random.randrange(1 << 30),
            )  # fmt: skip
            said = io.StringIO()  # tracebacks of planted deaths
            with VirtualSite(config) as site, contextlib.redirect_stderr(said):
                self._begin(site, climate)
                try:
                    for _ in range(ticks):
                        self._tick()
                except HazardBroken as error:
                    self.broken = str(error)
                    self.rule = self.broken.partition(":")[0]
                for name, times in self._watch.met_on.items():
                    self.reached[f"hazard {name}"] += times

    def _begin(self, site: VirtualSite, climate: str) -> None:
        self._site, self._world = site, Neighbourhood(site, self._random)
        self._watch = HazardWatch(site, repeat=self.repeat)
        self._watch.truth.planted = self._world.planted
        self._watch.standing = lambda: ", ".join(s.name for s in self._standing)
        self._standing: list[_Standing] = []
        self._next_ms = 0 if self._random.random() < 0.3 else 4500
        self._key_until_ms = -1
        self._restart_ms = self._random.randrange(2000, 60_000, 10)
        self._faulty_ms = 0
        if climate == "full":  # one cell ahead of the others: something to bleed
            site.plants.cells.soc[0, 7] += 0.002
            site.coordinator.wanted_state = self._random.choice((0, 2))
        site.coordinator.target_w = self._random.choice((-60e3, 40e3, 80e3, 0.0))

    def _tick(self) -> None:
        now_ms = self._site.now_ms
        for standing in [s for s in self._standing if s.until_ms <= now_ms]:
            self._standing.remove(standing)
            standing.end()
        if now_ms >= self._next_ms:
            self._act(now_ms)
        if now_ms >= self._restart_ms:
            self._restart_ms = now_ms + self._random.randrange(500, 120_000, 10)
            self._restart(self._random.choice(RESTARTS))
        self._service(now_ms)
        self._site.step()
        self.ticks += 1
        self._count()

    def _act(self, now_ms: int) -> None:
        random = self._random
        self._next_ms = now_ms + random.randrange(50, 8000, 10)
        if random.random() < 0.3:
            self._site.coordinator.target_w = random.uniform(-120e3, 120e3)
        if len(self._standing) < random.randrange(1, MOST_AT_ONCE + 1):
            name = random.choice(tuple(MISHAPS))
            if all(s.name != name for s in self._standing):
                shortest, longest, begin = MISHAPS[name]
                seconds = random.uniform(shortest, longest)
                end = begin(self._world)
                self._standing.append(_Standing(name, now_ms + round(1000 * seconds), end))
                self.reached[name] += 1
        if random.random() < 0.3:
            self._turn_key(now_ms, 300)

    def _restart(self, how: str) -> None:
        world = self._world
        self.reached[f"{how} in {self._site.coordinator.views[2].state_name}"] += 1
        self.reached[how] += 1
        if how.startswith("NMT"):
            world.send(0x000, bytes((0x81 if how.endswith("node") else 0x82, 2)))
            return
        if how == "memory lost":
            folder = self._site.state_folder
            assert folder is not None
            for path in folder.glob("cabinet*/backup.bin"):
                path.write_bytes(b"\xff" * path.stat().st_size)
            world.planted.add("backup_lost")
        world.restart("watchdog" if how == "watchdog" else "power")

    def _turn_key(self, now_ms: int, for_ms: int) -> None:
        self._site.plants.reset_key[0] = True
        self._key_until_ms = now_ms + for_ms

    def _service(self, now_ms: int) -> None:
        """The key is let go; a cabinet that stays in fault for nothing is serviced."""
        if self._site.plants.reset_key[0]:
            if now_ms >= self._key_until_ms:
                self._site.plants.reset_key[0] = False
            return
        state = self._site.coordinator.views[2].state_name
        self._faulty_ms = self._faulty_ms + 10 if state in ("fault", "service") else 0
        if self._faulty_ms >= STUCK_S * 1000:
            self._faulty_ms = 0
            # a short turn resets; one beyond five seconds enters or leaves service
            self._turn_key(now_ms, 300 if self._random.random() < 0.6 else 5500)

    def _count(self) -> None:
        plants = self._site.plants
        outputs = plants.outputs[0]
        reached = self.reached
        reached["closed"] += outputs & MAIN == MAIN
        reached["with current"] += abs(plants.current_a[0]) > 10.0
        for name, bit in (("heated", HEATER), ("cooled", CHILLER), ("pumped", PUMP)):
            reached[name] += bool(outputs & bit)
        reached["bled"] += plants.chains[0].any_discharge
