"""A virtual site in lockstep: firmware processes, plants, buses, coordinator.

One tick: TICK to every cabinet; while they compute, plants and coordinator advance;
DONE from every cabinet, whose own bus then carries what was sent there until the next tick;
last, the segments' buses. Nothing depends on the machine's clock, so two runs of a seed give
the same bits.
"""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from autarky.bus.bus import Bus, Sent
from autarky.bus.server import BusServer
from autarky.config import places
from autarky.coordinator.coordinator import Coordinator, Segment
from autarky.coordinator.law.removal import Reserve
from autarky.paths import wire
from autarky.plant.ltc6813 import Chain, answers
from autarky.sil.buses import CABINET_BIT_RATE, SegmentBus, VirtualCabinet
from autarky.sil.can_log import CanLog
from autarky.sil.firmware import FirmwareLost, Tick
from autarky.sil.plants import TICK_MS, Plants
from autarky.sil.processes import Processes
from autarky.sil.site_config import SiteConfig, SiteError
from bess import lines
from bess.port.ticks import TICKS_MASK

_GROUP_OF = {command: number for number, command in enumerate(wire.GROUPS)}
_TICK_US = TICK_MS * 1000
_NMT_STOP_ALL = b"\x02\x00"
_ASK_MS = 500
_WRITE_S = 3.0  # the rest of the trace, the log and the state of charge
_OUTPUTS = lines.names(lines.OUTPUTS)
_CONTACTORS = sum(1 << _OUTPUTS.index(name) for name in ("minus", "plus", "precharge"))
__all__ = ["CanLog", "FirmwareLost", "SiteConfig", "SiteError", "VirtualSite"]


class VirtualSite:
    """Start with `with VirtualSite(config) as site:`, then `site.step()` for every 10 ms.

    `plants`, `buses` of the segments, `bus` the first, `coordinator`, `cabinets`, the same
    `by_number`, are open to scenarios; `before_tick` callables run before each TICK with the site,
    `after_done` ones after each DONE with (site, cabinet, outputs), `after_carry` ones when a
    tick's frames have passed, `on_frames` ones with (number of the segment or of the cabinet whose
    bus it is, frames).
    Raises SiteError when it cannot start and FirmwareLost when a cabinet dies; leaving the block
    ends every process.
    """

    def __init__(self, config: SiteConfig, log: CanLog | None = None, out: Path | None = None):
        self.config = config
        self.parameters = config.check()
        self.log = log or CanLog(None)
        self.now_ms = 0
        self.plants = Plants(
            config.cabinets, self.parameters, config.soc, config.temperature_c, config.seed
        )
        self.segments: dict[int, SegmentBus] = {}
        self.cabinets: list[VirtualCabinet] = []
        described = config.described()
        self.coordinator = Coordinator(Segment.of(place) for place in described)
        if config.reserve is not None:
            kept = config.reserve
            self.coordinator.leaving.reserve = Reserve(1000 * kept.critical_kw, kept.hours)
        for place in described:
            self._place(place)
        self.by_number = {cabinet.number: cabinet for cabinet in self.cabinets}
        self.buses = [segment.bus for segment in self.segments.values()]
        self.bus = self.buses[0]
        self._processes = Processes(config, self.cabinets, len(self.plants.layout), out)
        self.before_tick: list[Callable[[VirtualSite], None]] = []
        self.after_done: list[Callable[[VirtualSite, int, int], None]] = []
        self.after_carry: list[Callable[[VirtualSite], None]] = []
        self.on_frames: list[Callable[[int, list[Sent]], None]] = []
        self._passed: list[tuple[int, list[Sent]]] = []  # inside of cabinets, by their numbers
        self.attached = 0  # clients of a server, whose frames come between ticks
        self._wall_start = 0.0
        self._due_s = 0.0  # on the wall: the next tick

    def _place(self, place: places.Segment) -> None:
        seed = self.config.seed
        segment = SegmentBus(place.name, self.config.bitrate, seed + place.number)
        self.segments[place.number] = segment
        for cabinet in place.cabinets:
            i = len(self.cabinets)
            bus = Bus(CABINET_BIT_RATE, seed + i)
            self.cabinets.append(VirtualCabinet(i, cabinet.node_id, cabinet.number, segment, bus))

    @property
    def epoch_us(self) -> int:
        """When its time was 0 by the machine's clock of now, us since 1970."""
        return round(1e6 * (time.time() - time.monotonic() + self._wall_start))

    def serve(self, host: str, port: int, socketcand_port: int | None = None) -> BusServer:
        """Let CAN clients attach to its buses until the server is closed. Raises BusServerError."""
        buses = {number: segment.bus for number, segment in self.segments.items()}
        buses |= {cabinet.number: cabinet.bus for cabinet in self.cabinets}
        server = BusServer(buses, host, port, socketcand_port)
        epoch_us: int | None = None

        def poll(site: VirtualSite) -> None:
            site.attached = server.poll(site.now_ms)

        def carried(number: int, sent: list[Sent]) -> None:
            nonlocal epoch_us
            if epoch_us is None:  # once, or the machine's clock would shift later frames
                epoch_us = self.epoch_us
            server.carried(number, sent, epoch_us)

        self.before_tick.append(poll)
        self.after_carry.append(lambda _: server.flush())
        self.on_frames.append(carried)
        return server

    def __enter__(self) -> VirtualSite:
        try:
            self._processes.start()
        except BaseException:
            self.close()
            raise
        self._wall_start = time.monotonic()
        # modules and tables stay: the collector needs not walk them again and again
        gc.freeze()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End every firmware process and the log; safe to call twice."""
        self._processes.close()
        self.log.close()
        gc.unfreeze()

    @property
    def state_folder(self) -> Path | None:
        """Where the cabinets' storage lies, None while it is in RAM."""
        return self._processes.state

    @property
    def console_folder(self) -> Path:
        """Where what the firmwares print is written."""
        return self._processes.logs

    @property
    def tick_ms(self) -> int:
        """The firmware's wrapped time."""
        return (self.now_ms + self.config.start_ms) & TICKS_MASK

    def attach(self, index: int, connection: socket.socket, process: Popen[bytes]) -> None:
        """A firmware that somebody else started ("external"), as a chip that comes out of reset."""
        cabinet = self.cabinets[index]
        self._let_go(cabinet)
        self._processes.attach(cabinet, connection, process)
        self._wall_start = time.monotonic() - self.now_ms / 1000

    def power_cycle(self, index: int) -> None:
        """Take a cabinet's control supply away and give it back: storage is all that stays."""
        cabinet = self.cabinets[index]
        self._let_go(cabinet)
        cabinet.dark = False
        self._processes.restart(cabinet)

    def supply(self, index: int, on: bool) -> None:
        """Take a cabinet's control supply away, or give it back; the same again does nothing."""
        cabinet = self.cabinets[index]
        if on and cabinet.dark:
            cabinet.dark = False
            self._processes.restart(cabinet)
        elif not on and not cabinet.dark:
            cabinet.dark = True
            self._let_go(cabinet)
            self._processes.end(cabinet)

    def _let_go(self, cabinet: VirtualCabinet) -> None:
        """No output is driven, and nothing waits for it."""
        self.plants.apply(cabinet.index, 0)
        self.plants.chains[cabinet.index].fault_changed()
        cabinet.forget()

    def step(self) -> None:
        """One tick of 10 ms."""
        for call in self.before_tick:
            call(self)
        if self.attached:  # what clients sent since the last tick passes while the bus was idle
            for cabinet in self.cabinets:
                self._carry_inside(cabinet, self.now_ms * 1000)
            self._carry(self.now_ms * 1000)
        lost = self._send_ticks()
        # while the firmwares compute this tick, the world moves on to the next
        self._move_world()
        self._take_dones(lost)
        self.now_ms += TICK_MS
        self._carry(self.now_ms * 1000)
        for call in self.after_carry:
            call(self)
        self._keep_pace()

    def _keep_pace(self) -> None:
        now_s = time.monotonic()
        if self.config.realtime:
            self._due_s = self._wall_start + self.now_ms / 1000
        else:  # what a busy machine has lost is not caught up
            self._due_s = max(self._due_s + TICK_MS / 1000 / self.config.pace, now_s)
        if self._due_s > now_s:
            time.sleep(self._due_s - now_s)

    def _send_ticks(self) -> dict[int, FirmwareLost]:
        """A TICK to each cabinet; those that ended, by index."""
        plants, tick_ms = self.plants, self.tick_ms
        lost: dict[int, FirmwareLost] = {}
        self._refresh_images(self.now_ms * 1000)
        for cabinet in self.cabinets:
            i = cabinet.index
            if cabinet.dark:
                cabinet.forget()
                continue
            assert cabinet.firmware is not None
            try:
                cabinet.firmware.send_tick(
                    Tick(
                        (tick_ms + cabinet.skew_ms) & TICKS_MASK, plants.inputs(i),
                        cabinet.site_rx, cabinet.rx, cabinet.groups,
                        plants.flags[i] | cabinet.bus_flags, plants.analog[i],
                    )
                )  # fmt: skip
            except FirmwareLost as error:
                lost[i] = error
            cabinet.forget()
        return lost

    def _refresh_images(self, now_us: int) -> None:
        asked: dict[int, tuple[Chain, list[int]]] = {}
        for i, chain in enumerate(self.plants.chains):
            chain.tick(now_us)
            commands = chain.changed()
            if commands:
                asked[i] = chain, commands
        if asked:
            arrived = answers(list(asked.values()))
            for (i, (_, commands)), contents in zip(asked.items(), arrived, strict=True):
                for command, content in zip(commands, contents, strict=True):
                    self.cabinets[i].groups.append((_GROUP_OF[command], content))

    def _move_world(self) -> None:
        for cabinet in self.cabinets:
            cabinet.send_sensors(self.plants, self.now_ms)
        self.plants.step()
        segments = self.segments.values()
        sent = self.coordinator.step(self.now_ms, [s.take_received() for s in segments])
        for segment, frames in zip(segments, sent, strict=True):
            for can_id, data in frames:
                segment.bus.send(segment.port, can_id, data, self.now_ms * 1000)

    def _take_dones(self, lost: dict[int, FirmwareLost]) -> None:
        for cabinet in self.cabinets:
            try:
                if cabinet.index in lost:
                    raise lost[cabinet.index]
                if not cabinet.dark:
                    self._take_done(cabinet, self.now_ms * 1000)
            except FirmwareLost as error:
                self._processes.note_reset(cabinet, error)
                self.power_cycle(cabinet.index)
            self._carry_inside(cabinet, (self.now_ms + TICK_MS) * 1000)

    def _take_done(self, cabinet: VirtualCabinet, now_us: int) -> None:
        assert cabinet.firmware is not None
        done = cabinet.firmware.receive_done()
        cabinet.send(done, now_us)
        if done.spi:
            chain = self.plants.chains[cabinet.index]
            self.plants.feed_chain(cabinet.index)
            for tx in done.spi:
                chain.write(tx, now_us)
        for call in self.after_done:
            call(self, cabinet.index, done.outputs)
        self.plants.apply(cabinet.index, done.outputs, done.drive)

    def _carry_inside(self, cabinet: VirtualCabinet, until_us: int) -> None:
        sent = cabinet.carry(until_us, self.plants)
        if sent:
            self._passed.append((cabinet.number, sent))

    def _carry(self, until_us: int) -> None:
        """Between the cabinets; then whoever watches hears what passed there and inside them."""
        passed, self._passed = self._passed, []
        for number, segment in self.segments.items():
            sent = segment.carry(until_us)
            if sent:
                self.log.write(segment.channel, sent)
                for call in self.on_frames:
                    call(number, sent)
        for number, sent in passed:
            for call in self.on_frames:
                call(number, sent)

    def run_for(self, seconds: float) -> None:
        """Step until that much virtual time has passed."""
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self.step()

    def stop_in_order(self, seconds: float = 60.0) -> bool:
        """Zero power, contactors open, records written, as NMT "stop" to all asks for it.

        True when every contactor opened within so much virtual time. What is then cut off
        starts again without a fault.
        """
        self.coordinator.silent = True
        until_ms = self.now_ms + round(seconds * 1000)
        while self.now_ms < until_ms:
            if self.now_ms % _ASK_MS == 0:
                for segment in self.segments.values():
                    segment.bus.send(segment.port, 0, _NMT_STOP_ALL, self.now_ms * 1000)
            self.step()
            if not self._any_closed:
                self.run_for(_WRITE_S)
                return not self._any_closed
        return False

    @property
    def _any_closed(self) -> bool:
        return any(outputs & _CONTACTORS for outputs in self.plants.outputs)
