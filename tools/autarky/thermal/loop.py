"""Steps firmwares and world together, a second at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

from autarky.errors import AutarkyError, no_such
from autarky.thermal import events
from autarky.thermal import record as c
from autarky.thermal.case import ThermalCase, of_one_length
from autarky.thermal.interpreters import INTERPRETERS, Halfwords
from autarky.thermal.tally import Tally, ThermalResult
from autarky.thermal.world import World
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.parameters import Parameters
from bess.topology import Topology

_PROGRESS_S = 600


class ThermalLoop:
    """`run()` gives a ThermalResult for each case; `world` is at hand for tests between `step`s.

    interpreter: a name of INTERPRETERS. Raises AutarkyError.
    """

    def __init__(self, cases: Sequence[ThermalCase], interpreter: str = "micropython") -> None:
        if interpreter not in INTERPRETERS:
            raise AutarkyError(no_such("interpreter", interpreter, INTERPRETERS))
        self.cases = list(cases)
        self.seconds = of_one_length(self.cases)
        devices = Topology(Parameters(), CELLS_PER_DEVICE).devices
        settings = [_checked(case) for case in self.cases]
        self._firmwares = INTERPRETERS[interpreter](settings, devices)
        self.interpreter = interpreter
        self.world = World(self.cases, self._firmwares.record)
        self.tally = Tally(self.world)
        self.now_s = 0
        agenda = [(e.time_s, i, e) for i, case in enumerate(self.cases) for e in case.events]
        self._agenda = sorted(agenda, key=lambda row: row[:2])
        self._next = 0
        self._digest = hashlib.sha256()
        self.out: Halfwords

    def __enter__(self) -> ThermalLoop:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the interpreter; safe to call twice."""
        self._firmwares.close()

    def step(self) -> None:
        """One second."""
        world = self.world
        while self._next < len(self._agenda) and self._agenda[self._next][0] <= self.now_s:
            _, i, event = self._agenda[self._next]
            self._next += 1
            events.named(event.action).do(world, i, *event.values)
            self.tally.tell(i, self.now_s, events.sentence(event.action, event.values))
        world.fill(self.now_s)
        out = self.out = self._firmwares.step().reshape(world.n, c.OUT_SIZE)
        self._digest.update(out)
        world.obey(out)
        world.advance()
        self.tally.add(self.now_s, out)
        self.now_s += 1

    @property
    def sha256(self) -> str:
        """Of all that the firmwares said: equal for equal runs, on each interpreter."""
        return self._digest.hexdigest()

    def run(self, progress: Callable[[float, float], object] | None = None) -> list[ThermalResult]:
        """To the end, and close. progress: called now and then with (s done, s in all)."""
        started = time.monotonic()
        try:
            while self.now_s < self.seconds:
                self.step()
                if progress is not None and self.now_s % _PROGRESS_S == 0:
                    progress(self.now_s, self.seconds)
        finally:
            self.close()
        return self.tally.results(time.monotonic() - started)


def _checked(case: ThermalCase) -> dict[str, int]:
    settings, known = case.settings(), Parameters()
    for name, value in settings.items():
        try:
            known.set(name, value)
        except (KeyError, ValueError) as error:
            raise AutarkyError(f"{case.name} has a wrong parameter: {error.args[0]}") from None
    return settings
