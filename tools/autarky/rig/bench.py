"""A bench as a context: its instruments, its lock and its guard; safe whatever happens inside.

    with Bench(rig) as bench, on_bench(bench, config) as site:  # of bench_firmware
        run_trial(site, case, ...)

The controller is live between `switch_on` and `safe_off` only, and only while somebody feeds it:
the supply's watchdog and the enable relay are renewed as long as the site steps.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autarky.errors import AutarkyError
from autarky.rig import opening
from autarky.rig.can_buses import CanDaq, RealBus
from autarky.rig.courier import Keeper, hurry
from autarky.rig.description import Rig
from autarky.rig.guard import Guard
from autarky.rig.instruments import CellEmulator, InstrumentError, Meter, Relays, Supply
from autarky.rig.lock import RigLock

# a feed may come late by three periods before anything drops
_FEEDS = 4
# five hundred ticks: a runner that stands still for so long has lost its bench
_STALL_S = 5.0
_DRAIN_S = 5.0


class Bench:
    """`supply`, `meter`, `cells`, `relays`, `daq`, `site_bus`, `cabinet_bus` of an open one.

    lock: where the lock file lies, None: .build/rigs. Raises AutarkyError where somebody else has
    the rig, InstrumentError where an instrument does not answer.
    """

    def __init__(self, rig: Rig, lock: Path | None = None) -> None:
        if rig.depth != "hardware":
            raise AutarkyError(f"rig {rig.name} has depth {rig.depth}: a bench needs hardware")
        self.rig = rig
        self.held: dict[str, Any] = {}
        self._lock_path = lock
        self._lock: RigLock | None = None
        self._guard: Guard | None = None
        self._keepers: dict[str, Keeper] = {}
        self._before_off: dict[str, list[Callable[[], None]]] = {}
        self._live = False
        self._nice = 0
        self._fed_until_s = 0.0

    # --- open and closed ---

    def __enter__(self) -> Bench:
        self._nice = hurry()
        self._lock = RigLock(self.rig.name, self._lock_path)
        try:
            self._guard = Guard(self.rig, self._lock.fileno())
            self._live = True  # whatever was left on is ours now
            self.refresh()
            self.end(None)
        except BaseException as error:
            self._close(error)
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._close(error)

    def _close(self, error: BaseException | None) -> None:
        try:
            if self._live:
                self.end(error)
        finally:
            for one in self.held.values():
                with contextlib.suppress(Exception):  # the bench is safe, or its guard sees to it
                    one.close()
            self.held.clear()
            if self._guard is not None:
                self._guard.close(safe=not self._live)
            if self._lock is not None:
                self._lock.release()
            hurry(self._nice)

    def refresh(self) -> None:
        """Open what is not open, or does not answer any more."""
        assert self._lock is not None
        assert self._guard is not None
        try:
            self._guard.check()
        except InstrumentError:
            self._guard.close()
            self._guard = Guard(self.rig, self._lock.fileno())
        for name, opener, answers in self._wanted():
            if name in self.held:
                try:
                    answers(self.held[name])
                except InstrumentError:
                    self._drop(name)
            if name not in self.held:
                self.held[name] = opener()
                try:
                    answers(self.held[name])
                except InstrumentError:
                    self._drop(name)
                    raise

    def _drop(self, name: str) -> None:
        with contextlib.suppress(Exception):  # it is gone anyway
            self.held.pop(name).close()

    def _wanted(self) -> list[tuple[str, Callable[[], Any], Callable[[Any], object]]]:
        rig = self.rig
        assert rig.can is not None
        assert rig.daq is not None
        can, daq = rig.can, rig.daq
        found: list[tuple[str, Callable[[], Any], Callable[[Any], object]]] = [
            ("supply", lambda: opening.supply(rig), lambda one: one.idn()),
            ("relays", lambda: opening.relays(rig), lambda one: one.idn()),
            ("site_bus", lambda: RealBus("site", can.site), lambda one: one.heard()),
            ("cabinet_bus", lambda: RealBus("cabinet", can.cabinet), lambda one: one.heard()),
            ("daq", lambda: CanDaq(daq), lambda one: one.edges()),
        ]
        if rig.meter is not None:
            found.append(("meter", lambda: opening.meter(rig), lambda one: one.idn()))
        if rig.cells is not None:
            found.append(("cells", lambda: opening.cells(rig), lambda one: one.idn()))
        return found

    # --- what it has ---

    @property
    def supply(self) -> Supply:
        return self.held["supply"]

    @property
    def relays(self) -> Relays:
        return self.held["relays"]

    @property
    def cells(self) -> CellEmulator | None:
        return self.held.get("cells")

    @property
    def meter(self) -> Meter | None:
        return self.held.get("meter")

    @property
    def daq(self) -> CanDaq:
        return self.held["daq"]

    @property
    def site_bus(self) -> RealBus:
        return self.held["site_bus"]

    @property
    def cabinet_bus(self) -> RealBus:
        return self.held["cabinet_bus"]

    @property
    def guard(self) -> Guard:
        assert self._guard is not None
        return self._guard

    def names(self) -> dict[str, str]:
        """Instrument -> its answer to *IDN?, for a report."""
        return {n: one.idn() for n, one in self.held.items() if not isinstance(one, RealBus)}

    # --- live ---

    def make_ready(self, lines: Mapping[str, bool], cells: Sequence[float]) -> None:
        """Lines and cells first, then the enable; the supply set, watched, and off. Raises
        BenchLimit too."""
        rig = self.rig
        assert rig.supply is not None
        assert rig.relays is not None
        self._live = True
        self.guard.check()
        self._wait_until_drained()
        for name, closed in lines.items():
            self.relays.put(name, closed)
        if self.cells is not None:
            self.cells.set_cells(cells)
            self.cells.output(True)
        self.supply.set(rig.supply.volts, rig.supply.amps)
        self.supply.arm(rig.supply.watchdog_s)
        self._fed_until_s = time.monotonic() + _STALL_S
        self.relays.keep()
        if not self._keepers:
            self._keep("relays", rig.relays.drop_s / _FEEDS, self.relays.keep)
            self._keep("supply", rig.supply.watchdog_s / _FEEDS, self.supply.feed)

    def switch_on(self) -> None:
        """The supply."""
        self.supply.output(True)

    def _wait_until_drained(self) -> None:
        """So that a restart is one."""
        end_s = time.monotonic() + _DRAIN_S
        while (volts := self.supply.measure()[0]) > opening.DRAINED_V:
            if time.monotonic() > end_s:
                raise InstrumentError(
                    f"the supply is off and still measures {volts:.1f} V: something else feeds the "
                    "controller; part it"
                )
            time.sleep(0.01)

    def _keep(self, name: str, period_s: float, call: Callable[[], None]) -> None:
        keeper = Keeper(name, period_s, lambda: time.monotonic() < self._fed_until_s, call)
        self._keepers[name] = keeper
        self.before_off(name, keeper.close)

    def before_off(self, name: str, call: Callable[[], None]) -> None:
        """What must have ended before the instrument of that name is made safe, once."""
        self._before_off.setdefault(name, []).append(call)

    def fed(self) -> None:
        """The runner goes on: a sign of life in every tick. Raises InstrumentError where it came
        too late: the bench has dropped meanwhile."""
        now_s = time.monotonic()
        if now_s > self._fed_until_s:
            raise InstrumentError(
                f"the runner stood still for more than {_STALL_S:g} s: nobody fed the bench, and "
                "it has switched off"
            )
        self._fed_until_s = now_s + _STALL_S

    def check(self) -> None:
        """Raises InstrumentError for what went wrong beside the tick."""
        self.guard.check()
        for keeper in self._keepers.values():
            keeper.check()

    def power_off(self) -> None:
        """The supply alone: what a restart needs."""
        self.supply.output(False)

    def safe_off(self) -> list[str]:
        """Supply off, relays open, emulator off, read back; what could not be confirmed."""
        before, self._before_off = self._before_off, {}
        left = opening.make_safe(self.rig, self.held, before)
        self._keepers.clear()
        self._live = bool(left)
        return left

    def end(self, error: BaseException | None) -> None:
        """Safe after a site, whatever ended it. Raises InstrumentError with what is not, or adds
        it to the error that is on its way."""
        left = self.safe_off()
        if left and error is None:
            raise opening.unsafe(self.rig, left)
        if left and error is not None:
            error.add_note(str(opening.unsafe(self.rig, left)))
