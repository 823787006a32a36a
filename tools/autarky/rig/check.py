"""Talks to everything on a bench once: who is there, how fast, and how long a reaction takes to be
seen through relays and buses."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autarky.errors import AutarkyError
from autarky.rig import opening
from autarky.rig.bench import Bench
from autarky.rig.bench_firmware import on_bench
from autarky.rig.can_buses import CanDaq, RealBus
from autarky.rig.courier import hurry
from autarky.rig.description import Rig
from autarky.rig.instruments import InstrumentError
from autarky.rig.lock import RigLock
from autarky.sil.plants import TICK_MS
from autarky.sil.site import SiteConfig, VirtualSite
from autarky.tables import faults

_TIMES = 5
_LINE = "door"  # its fault warns, and is gone with its cause
_LOOPS = 2
_BOOT_S = 30.0
_REACTION_S = 10.0
_BUS_S = 1.0
_RENEWED = 0.5  # of drop_s at least, where a renewal after 0.6 of it is taken
_POLL_S = 0.01
_LATE_S = 1.0  # of a contact that travels, a board's clock of 0.1 s, and a host that is busy


@dataclass(frozen=True)
class Row:
    """One instrument: its answer to *IDN?, or what is wrong and what to do; latency_ms: median of
    one reading of it, None where it was not measured."""

    instrument: str
    found: bool
    said: str
    latency_ms: float | None = None


@dataclass
class Checked:
    """allowance_ms: from a line put by the host to the controller's answer heard, less what the
    controller itself takes; None where something is missing. boot_ms: supply to first status."""

    rows: list[Row] = field(default_factory=list)
    allowance_ms: float | None = None
    boot_ms: float | None = None

    @property
    def passed(self) -> bool:
        return self.allowance_ms is not None and all(row.found for row in self.rows)


def check(rig: Rig, lock: Path | None = None) -> Checked:
    """Everything at once, then the loop where all is there. Raises AutarkyError where somebody
    else has the rig."""
    held, nice = RigLock(rig.name, lock), hurry()
    try:
        asks = _asks(rig)
        with ThreadPoolExecutor(len(asks)) as pool:
            rows = list(pool.map(lambda name: _row(name, asks[name]), asks))
    finally:
        hurry(nice)
        held.release()
    checked = Checked(rows)
    if all(row.found for row in rows):
        _measure_loop(rig, lock, checked)
    return checked


def _asks(rig: Rig) -> dict[str, Callable[[], tuple[str, float | None]]]:
    can, daq = rig.can, rig.daq
    assert can is not None
    assert daq is not None
    asks: dict[str, Callable[[], tuple[str, float | None]]] = {
        "can site": lambda: _heard(RealBus("site", can.site)),
        "can cabinet": lambda: _heard(RealBus("cabinet", can.cabinet)),
        "supply": lambda: _timed(opening.supply(rig), lambda one: one.measure()),
        "relays": lambda: _timed(opening.relays(rig), lambda one: one.read("enable")),
        "enable": lambda: _drops(rig),
        "daq": lambda: _edges(CanDaq(daq)),
    }
    if rig.meter is not None:
        asks["meter"] = lambda: _timed(opening.meter(rig), lambda one: one.volts())
    if rig.cells is not None:
        asks["cells"] = lambda: _timed(opening.cells(rig), lambda one: one.measure_cells())
    return asks


def _row(name: str, ask: Callable[[], tuple[str, float | None]]) -> Row:
    try:
        said, latency_ms = ask()
    except AutarkyError as error:
        return Row(name, False, str(error))
    return Row(name, True, said, latency_ms)


def _timed(one: Any, read: Callable[[Any], object]) -> tuple[str, float]:
    with contextlib.closing(one):
        name = one.idn()
        took_s = []
        for _ in range(_TIMES):
            start_s = time.monotonic()
            read(one)
            took_s.append(time.monotonic() - start_s)
    return name, 1000 * statistics.median(took_s)


def _heard(bus: RealBus) -> tuple[str, None]:
    with contextlib.closing(bus):
        return f"opens; {'frames' if bus.receive(_POLL_S) else 'nothing yet'} on it", None


def _edges(daq: CanDaq) -> tuple[str, None]:
    with contextlib.closing(daq):
        end_s = time.monotonic() + _BUS_S
        while not daq.edges():
            if time.monotonic() > end_s:
                raise InstrumentError(
                    "the DAQ says nothing: is it on, is can_id of rig.yaml the one it sends with?"
                )
            time.sleep(_POLL_S)
        return daq.idn(), None


def _drops(rig: Rig) -> tuple[str, float]:
    """The enable closed twice in a row, then left alone; with the supply off it carries nothing."""
    assert rig.relays is not None
    drop_s = rig.relays.drop_s
    with contextlib.closing(opening.relays(rig)) as relays:
        relays.keep()
        time.sleep(0.6 * drop_s)
        relays.keep()
        start_s = time.monotonic()
        while relays.read("enable"):
            if time.monotonic() > start_s + drop_s + _LATE_S:
                relays.all_open()
                raise InstrumentError(
                    f"the enable does not drop by itself within {drop_s + _LATE_S:g} s: the board "
                    "must know `flash on`; without it nothing makes the bench safe when the host "
                    "is gone"
                )
            time.sleep(_POLL_S)
    took_ms = 1000 * (time.monotonic() - start_s)
    if took_ms < _RENEWED * 1000 * drop_s:
        raise InstrumentError(
            f"the enable drops {took_ms:.0f} ms after it was renewed, and drop_s is {drop_s:g} s: "
            "its board does not take a renewal while the time runs; make drop_s longer"
        )
    return f"drops by itself {took_ms:.0f} ms after it was last renewed", took_ms


def _measure_loop(rig: Rig, lock: Path | None, checked: Checked) -> None:
    try:
        with Bench(rig, lock) as bench, on_bench(bench, SiteConfig(cabinets=1)) as site:
            checked.boot_ms = _boot(site)
            view = next(iter(site.coordinator.views.values()))
            said = f"node {view.node_id} in {view.state_name}, {checked.boot_ms:.0f} ms after power"
            checked.rows.append(Row("board", True, said, checked.boot_ms))
            assert rig.relays is not None
            if _LINE not in rig.relays.channels:
                raise InstrumentError(
                    f"no relay is the line {_LINE}: the allowance of this bench is not measured; "
                    "give it a channel"
                )
            loops = [_loop_ms(site) for _ in range(_LOOPS)]
    except AutarkyError as error:
        what = "board" if checked.boot_ms is None else "loop"
        checked.rows.append(Row(what, False, str(error)))
        return
    checked.allowance_ms = max(loops)
    said = f"a line put, and its fault heard: {', '.join(f'{ms:.0f}' for ms in loops)} ms"
    checked.rows.append(Row("loop", True, said, checked.allowance_ms))


def _boot(site: VirtualSite) -> float:
    """Until its first status; the contactors stay open."""
    site.coordinator.wanted_state = 0
    view = next(iter(site.coordinator.views.values()))
    while view.state_name in ("unknown", "boot", "self_test"):
        site.step()
        if site.now_ms > 1000 * _BOOT_S:
            raise InstrumentError(
                f"the board says nothing on the site's bus within {_BOOT_S:g} s of its supply: is "
                "it flashed, its bit rate and node id those of rig.yaml?"
            )
    return float(site.now_ms)


def _loop_ms(site: VirtualSite) -> float:
    """The line's fault from put to heard, less its own delay and sample."""
    code = faults()[_LINE].emcy_code
    took_ms = 0
    own_ms = site.parameters.get(f"{_LINE}_1_delay_ms") + faults()[_LINE].period_ms
    for level, wait_for in ((False, True), (True, False)):
        site.plants.input_forced[0][_LINE] = level
        start_ms, before = site.now_ms, len(site.coordinator.emergencies)
        while not any(
            (one.code == code) == wait_for and one.fault_id == faults()[_LINE].id
            for one in site.coordinator.emergencies[before:]
        ):
            site.step()
            if site.now_ms > start_ms + own_ms + 1000 * _REACTION_S:
                raise InstrumentError(
                    f"the board does not see the line {_LINE}: look at its relay's wires"
                )
        if wait_for:
            took_ms = site.now_ms - start_ms - own_ms
    return float(max(took_ms, TICK_MS))
