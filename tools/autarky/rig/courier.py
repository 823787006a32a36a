"""Threads beside the tick: what instruments take, and what must come again and again."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

from autarky.errors import AutarkyError

_HASTE = -15


def hurry(nice: int = _HASTE) -> int:
    """Before what else the machine does, where this user may: a bus waits for nobody. For the
    thread that calls it, and what it starts from then on; the nice value of before."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    return before


class Courier:
    """Delivers the newest that it was given, so that a slow instrument holds up no tick.

    What goes wrong is raised by the next `give` or `check`; until then nothing more is delivered.
    """

    def __init__(self, name: str, deliver: Callable[[Any], None]) -> None:
        self._deliver = deliver
        self._given: Any = None
        self._error: AutarkyError | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def give(self, what: Any) -> None:
        self.check()
        with self._changed:
            self._given = what
            self._changed.notify()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._given is not None or self._ended)
                if self._ended:
                    return
                what, self._given = self._given, None
            try:
                self._deliver(what)
            except AutarkyError as error:
                self._error = error
                return

    def close(self) -> None:
        """What was not yet delivered is not."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()


class Keeper:
    """Calls again and again while it may; stops at the first error, which `check` raises."""

    def __init__(
        self, name: str, period_s: float, may: Callable[[], bool], call: Callable[[], None]
    ) -> None:
        self._period_s = period_s
        self._may = may
        self._call = call
        self._error: AutarkyError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while not self._ended.wait(self._period_s):
            try:
                if self._may():
                    self._call()
            except AutarkyError as error:
                self._error = error
                return

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
