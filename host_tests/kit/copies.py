"""Tries many things on copies of one running site: a fork each, milliseconds instead of a boot."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kit.hazards import MAIN

from autarky.sil.site import VirtualSite
from autarky.tables import fault_names


@dataclass
class Outcome:
    """Reaction to one injection: ms until the main contactors were commanded open (None: still
    closed), and the highest level that each fault reached."""

    opened_ms: int | None = None
    levels: dict[str, int] = field(default_factory=dict)

    @property
    def worst(self) -> int:
        return max(self.levels.values(), default=0)


def in_a_copy(work: Callable[[], Any]) -> Any:
    """Run work in a forked copy of this process; what it returns comes back, pickled.

    Raises AssertionError with the copy's traceback when it fails.
    """
    out, into = os.pipe()
    copy = os.fork()
    if not copy:
        code = 1
        try:
            os.close(out)
            try:
                said = True, work()
            except BaseException:  # whatever happens there is told here
                said = False, traceback.format_exc()
            with os.fdopen(into, "wb") as pipe:
                pipe.write(pickle.dumps(said))
            code = 0
        finally:
            os._exit(code)  # no tests, fixtures or exit handlers of the parent run twice
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        content = pipe.read()
    os.waitpid(copy, 0)
    good, value = pickle.loads(content)
    assert good, value
    return value


def react(site: VirtualSite, inject: Callable[[], object], limit_ms: int, to_open: bool = True):
    """Inject, and step until a trip has opened (if `to_open`) or the time is over."""

    def work() -> Outcome:
        inject()
        outcome = Outcome()
        protection = site.cabinets[0].firmware.app.protection
        for elapsed in range(10, limit_ms + 10, 10):
            site.step()
            if not site.plants.outputs[0] & MAIN:
                if outcome.opened_ms is None:
                    outcome.opened_ms = elapsed
                if to_open and protection.tripped:  # a level 2 opens too, and sooner
                    break
            if not to_open and elapsed % 100 == 0:
                _note(outcome, protection.levels())
        _note(outcome, protection.levels())
        return outcome

    return in_a_copy(work)


def _note(outcome: Outcome, levels: Iterable[int]) -> None:
    for at, level in enumerate(levels):
        if level:
            name = fault_names()[at + 1]
            outcome.levels[name] = max(outcome.levels.get(name, 0), level)
