"""Random faults and commands for as long as asked; nothing may be left unsafe."""

from __future__ import annotations

import random

from autarky.scenario.actions import named
from autarky.scenario.checks import Run
from autarky.scenario.provoke import Agenda
from autarky.scenario.recorder import Check, FaultResult
from autarky.sil.plants import TICK_MS
from autarky.tables import fault_names

_KEY_S = 5.0
_CLOSED_MS = (
    300  # a status is up to one SYNC old: latched in two in a row and still closed is wrong
)


class Soak:
    """Driver of the scenario."""

    def __init__(self, run: Run) -> None:
        self._run, self._site = run, run.site
        self._agenda = Agenda(run.site)
        self._rng = random.Random(run.site.config.seed)
        self._next_ms = 10_000
        self._latched_closed: list[str] = []
        self._done = 0
        self._pending_ms = [0] * len(run.site.cabinets)

    def tick(self) -> None:
        """Before every TICK."""
        site = self._site
        if site.now_ms >= self._next_ms:
            self._next_ms += self._rng.randrange(3000, 12000, 10)
            self._act(self._rng.choice(site.cabinets).number)
        for cabinet, view in zip(site.cabinets, self._run.views, strict=True):
            i = cabinet.index
            latched = view.level >= 3 and site.now_ms - view.heard_ms < 200
            commanded = bool(site.plants.strings.contactors.command[i].any())
            self._pending_ms[i] = self._pending_ms[i] + TICK_MS if latched and commanded else 0
            if self._pending_ms[i] == _CLOSED_MS:
                self._latched_closed.append(f"cabinet {view.number} at {site.now_ms} ms")

    def _act(self, cabinet: int) -> None:
        """One of seven things, its end, and at last the reset key."""
        plants, rng = self._site.plants, self._rng
        module = 1 + rng.randrange(plants.modules)
        cell, volts = 1 + rng.randrange(plants.cells.soc.shape[1]), rng.uniform(2.3, 3.9)
        begin, end, after_s = rng.choice((
            (("target", rng.uniform(-80, 80)), None, 0.0),
            (("cell", cell, volts), ("cells-back",), 2.0),
            (("pull", module), ("plug", module), 2.0),
            (("line", "hvil", "on"), ("line", "hvil", "off"), 1.0),
            (("temperature", rng.uniform(-40, 65)), ("temperature-back",), 4.0),
            (("command", "silent"), ("command", "back"), 4.0),
            (None, None, 0.0),
        ))  # fmt: skip
        self._done += 1
        planned = ((0.0, begin), (after_s, end), (_KEY_S, ("key",)))
        steps = [(at_s, named(row[0]).step(cabinet, row[1:])) for at_s, row in planned if row]
        self._agenda.add(self._site, steps, self._run.recorder.told)

    def elsewhere(self) -> dict[str, str]:
        """Nothing."""
        return {}

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        """Latched means open; and something was met at all."""
        seen = {e.fault_id for e in self._site.coordinator.emergencies if e.code}
        names = ", ".join(sorted(fault_names().get(n, "?") for n in seen))
        return [
            Check("latched means open", not self._latched_closed, "; ".join(self._latched_closed)),
            Check("faults were met", bool(seen), f"{self._done} actions: {names}", 60.0),
        ], []
