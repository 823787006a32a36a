"""The controller on a bench as a site sees a cabinet's firmware: lines by relays, cells by the
emulator, frames over real buses, outputs by the witness."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from autarky.bus.messages import identifier_of
from autarky.errors import AutarkyError
from autarky.paths import wire
from autarky.plant.cells import Floats
from autarky.rig.bench import Bench
from autarky.rig.can_buses import RealBus
from autarky.rig.courier import Courier
from autarky.rig.instruments import InstrumentError
from autarky.sil.can_log import CanLog
from autarky.sil.firmware import FRAME, Done, Tick
from autarky.sil.plants import Plants
from autarky.sil.site import VirtualSite
from autarky.sil.site_config import Face, SiteConfig
from autarky.tables import fault_names
from bess import lines, modes

_BIT = {name: bit for bit, name in enumerate(lines.names(lines.INPUTS))}
_LISTEN_MS = 7  # of a tick's 10: the rest is for the world to move on
_EARLY_US = 1000
_STEADY_TICKS = 10
_SETTLE_MS = 10_000
_WELL_S = 0.3  # three of its statuses
_LIMITS = 2  # level of a fault that limits
_UP = (modes.STANDBY, modes.PRECHARGE, modes.READY, modes.RUN)
_CELLS_MS = 100  # an emulator settles in some; the front ends look every 100 ms too
_STEP_V = 0.002  # a change that does not wait
_EVERYTHING = [  # a real controller filters by itself
    (wire.BUS_FILTER | bus, 0, bytes(4)) for bus in (wire.BUS_SITE, wire.BUS_CABINET)
]
# of the ANSWER, what a board has from its own provisioning
_OWN = ("node_id", "can_kbit_s")


@contextlib.contextmanager
def on_bench(
    bench: Bench, config: SiteConfig, log: CanLog | None = None, out: Path | None = None
) -> Iterator[VirtualSite]:
    """A site in real time whose first cabinet is the controller on this bench; safe after it.

    Raises AutarkyError, and adds to an error inside what is not safe. `settle` it where a case
    begins with a cabinet that is well.
    """
    site = VirtualSite(replace(config, realtime=True, pace=math.inf), log, out)
    with around(bench, site), site:
        yield site


@contextlib.contextmanager
def around(bench: Bench, site: VirtualSite) -> Iterator[None]:
    """The same for a site in real time that has not started yet, and is started within."""
    bench.refresh()

    def board(number: int, settings: str, devices: int) -> Face:
        return BenchFirmware(bench, site.plants, settings)

    site.config.board = board
    site.before_tick.append(_answer_early)
    failed: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failed = error
        raise
    finally:
        bench.end(failed)


def _answer_early(site: VirtualSite) -> None:
    """What the current sensor and the insulation monitor answer goes out with this tick: they are
    asked again after 50 ms, and two real links on the way take their part of it."""
    cabinet = site.cabinets[0]
    sent = cabinet.carry(site.now_ms * 1000 + _EARLY_US, site.plants)
    for call in site.on_frames if sent else ():
        call(cabinet.number, sent)


def settle(site: VirtualSite, tries: int = 3) -> None:
    """Step until the board is up without a fault that limits it, with a new start where one came
    of the start itself: a host that was held up is a current sensor that fell silent.

    Raises InstrumentError.
    """
    cabinet = site.cabinets[0]
    view = site.coordinator.views[cabinet.number]
    for attempt in range(tries):
        if attempt:
            site.power_cycle(0)
            view.state = -1
        end_ms = site.now_ms + _SETTLE_MS
        while site.now_ms < end_ms and view.state not in _UP:
            site.step()
        site.run_for(_WELL_S)
        if view.state in _UP and view.level < _LIMITS:
            return
    name = fault_names().get(view.worst_fault, "none")
    raise InstrumentError(
        f"the board does not come up well in {tries} starts: it is in {view.state_name}, its worst "
        f"fault is {name}; what an earlier test latched or locked is reset by its key or by "
        "`autarky node`"
    )


class BenchFirmware:
    """Ready from here, live with its tenth tick, once current sensor and PCS are heard in step;
    until `close`, which takes its supply away.

    edges: (ms of the site's time, outputs) by the witness's clock, finer than a tick. plants: of
    the site; the cells' voltages are read there. What goes wrong at an instrument beside the tick
    is raised in the next one. Raises InstrumentError, BenchLimit.
    """

    def __init__(self, bench: Bench, plants: Plants, settings: str) -> None:
        self._bench = bench
        self._plants = plants
        self._first = True
        self._zero_s: float | None = None  # when the site's time was 0
        self.edges: list[tuple[float, int]] = []
        self._listen_until_s = 0.0
        assert bench.rig.relays is not None
        names = bench.rig.relays.channels
        self._lines = [(name, _BIT[name]) for name in names if name in _BIT]
        strange = [name for name in names if name not in _BIT and name != "enable"]
        if strange:
            raise InstrumentError(
                f"relay {strange[0]!r} is no line of a cabinet: use {', '.join(_BIT)}"
            )
        _refuse_parameters(settings)
        wanted = self._wanted(plants.inputs(0))
        self._put = dict(wanted)
        self._asked = dict(wanted)
        volts = self._cells()
        self._told, self._told_ms = volts, 0
        bench.site_bus.heard()  # what was said before is nothing of now
        bench.cabinet_bus.heard()
        bench.make_ready(wanted, volts.tolist())
        self._relays = Courier("lines", self._put_lines)
        bench.before_off("relays", self._relays.close)
        self._emulator = Courier("cells", self._set_cells)
        bench.before_off("cells", self._emulator.close)
        self._switch = Courier("supply", lambda _: bench.switch_on())
        bench.before_off("supply", self._switch.close)
        self._ticks = 0

    def _wanted(self, inputs: int) -> dict[str, bool]:
        return {name: bool(inputs >> bit & 1) for name, bit in self._lines}

    def _cells(self) -> Floats:
        return self._plants.cells.voltage(0, self._plants.current_a[0])

    def _put_lines(self, wanted: dict[str, bool]) -> None:
        for name, closed in wanted.items():
            if self._put[name] != closed:
                self._bench.relays.put(name, closed)
                self._put[name] = closed

    def _set_cells(self, volts: Floats) -> None:
        if self._bench.cells is not None:
            self._bench.cells.set_cells(volts.tolist())

    def send_tick(self, tick: Tick) -> None:
        """Lines and cells on their way where they changed, frames on the buses."""
        now_ms = tick.now_ms
        if self._zero_s is None:
            self._zero_s = time.monotonic() - now_ms / 1000
        self._listen_until_s = self._zero_s + (now_ms + _LISTEN_MS) / 1000
        self._bench.fed()
        self._bench.check()
        self._emulator.check()
        self._ticks += 1
        if self._ticks == _STEADY_TICKS:
            self._switch.give(True)
        self._switch.check()
        wanted = self._wanted(tick.inputs)
        if wanted != self._asked:
            self._asked = wanted
            self._relays.give(wanted)
        else:
            self._relays.check()
        self._tell_cells(now_ms)
        buses = (self._bench.site_bus, tick.site), (self._bench.cabinet_bus, tick.cabinet)
        for bus, frames in buses:
            for frame in frames:
                can_id, length, _, data = FRAME.unpack(frame)
                bus.send(can_id, data[:length])

    def _tell_cells(self, now_ms: int) -> None:
        volts = self._cells()
        moved_v = float(np.abs(volts - self._told).max())
        due = now_ms - self._told_ms >= _CELLS_MS or now_ms < self._told_ms
        if moved_v < _STEP_V and not (due and moved_v > 0):  # one that is no number goes on
            return
        self._told, self._told_ms = volts, now_ms
        self._emulator.give(volts)

    def receive_done(self) -> Done:
        """Outputs as the witness saw them last, and what both buses brought since."""
        bench = self._bench
        left_s = self._listen_until_s - time.monotonic()
        if left_s > 0:  # what is heard meanwhile is answered in the next tick, not in the one after
            time.sleep(left_s)
        frames = list(_EVERYTHING) if self._first else []
        self._first = False
        assert self._zero_s is not None
        for edge in bench.daq.edges():
            self.edges.append((1000 * (edge.at_s - self._zero_s), edge.outputs))
        frames += _heard(bench.site_bus, wire.BUS_SITE)
        assert bench.rig.daq is not None
        daq_id = bench.rig.daq.can_id
        frames += [f for f in _heard(bench.cabinet_bus, wire.BUS_CABINET) if f[1] != daq_id]
        return Done(bench.daq.outputs, frames, [])

    def close(self) -> None:
        """Its supply off. Never raises: whoever switches on again, or makes the bench safe, asks
        the same instrument and tells of it."""
        with contextlib.suppress(AutarkyError):
            self._bench.power_off()
        for courier in (self._switch, self._relays, self._emulator):
            courier.close()


def _refuse_parameters(settings: str) -> None:
    for line in settings.splitlines():
        name, _, value = line.partition("=")
        if not name.startswith("@") and name not in _OWN:
            raise InstrumentError(
                f"a board on a bench has its own parameters, and {name} = {value} is wanted: set "
                "it there with `autarky node write`"
            )


def _heard(bus: RealBus, number: int) -> list[tuple[int, int, bytes]]:
    return [(number, identifier_of(message), bytes(message.data)) for message in bus.heard()]
