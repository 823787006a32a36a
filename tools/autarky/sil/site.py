"""A virtual site in lockstep: firmware processes, plants, buses, coordinator.

One tick: TICK to every cabinet; while they compute, plants and coordinator advance;
DONE from every cabinet; the buses carry what all have sent until the next tick. Nothing
depends on the machine's clock, so two runs of a seed give the same bits.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO

from autarky.build import folder as board_folder
from autarky.build import package
from autarky.bus.bus import Bus, Sent
from autarky.bus.server import BusServer
from autarky.bus.timing import REMOTE
from autarky.coordinator.cabinet import CabinetView
from autarky.coordinator.coordinator import COORDINATOR_ID, FIRST_NODE_ID, Coordinator, Segment
from autarky.errors import AutarkyError
from autarky.paths import wire
from autarky.plant import iso165c, ivt_s
from autarky.plant.pcs import COMMAND_ID, STATUS_ID
from autarky.sil import firmware, folders
from autarky.sil.firmware import ChipReset, Firmware, FirmwareLost
from autarky.sil.inline import InlineFirmware
from autarky.sil.plants import TICK_MS, Plants
from bess.parameter_rules import objections
from bess.parameters import Parameters
from bess.port.ticks import TICKS_MASK
from bess.protect.fault_table import TABLE as FAULT_TABLE

_GROUP_OF = {command: number for number, command in enumerate(wire.GROUPS)}
_TICK_US = TICK_MS * 1000
_CONNECT_S = 600.0  # against hanging only: a busy host starts a firmware in its time
# for a program on trial that does not come up: of processor time, a fiftieth of which starts a
# good one; of the clock's, for one that waits for ever
_WATCHDOG_CPU_S = 2.0
_WATCHDOG_S = 300.0
_NMT_STOP_ALL = b"\x02\x00"
_ASK_MS = 500
_WRITE_S = 3.0  # the rest of the trace, the log and the state of charge
_CONTACTORS = sum(1 << wire.OUTPUTS.index(name) for name in ("minus", "plus", "precharge"))
_RX_MAX = wire.RX_FRAMES_MAX // 2  # what a controller's queue takes in 10 ms
_SENSOR_OFFSET_US = 200  # the sensor is not in phase with the controller
_PCS_OFFSET_US = 4000


class SiteError(AutarkyError):
    """The site cannot start or go on; the message is a sentence for a person."""


@dataclass
class SiteConfig:
    """What a site is made of. parameters: overrides by name, for all cabinets."""

    cabinets: int = 2
    seed: int = 1
    realtime: bool = False
    interpreter: str = "micropython"
    soc: float = 0.5
    temperature_c: float = 25.0
    parameters: dict[str, int] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    bitrate: int = 500_000
    start_ms: int = 0
    unconfigured: bool = False
    state: Path | None = None  # where each cabinet's storage lies; None: for this run only
    device_key: bytes = bytes(32)
    update_key: bytes = b""  # public key of the packages that the cabinets take
    program: package.Made | None = None  # what they are flashed with; None: this checkout
    watchdog: bool = False  # a crash is a reset of the chip, not the end of the run
    first_serial: int = 1000

    def check(self) -> Parameters:
        """The parameters with their overrides. Raises SiteError with the reason."""
        if not 1 <= self.cabinets <= 32:
            raise SiteError(f"{self.cabinets} cabinets asked for; one segment carries 1 to 32")
        parameters = Parameters()
        for name, value in self.parameters.items():
            try:
                parameters.set(name, value)
            except (KeyError, ValueError) as error:
                raise SiteError(f"parameter refused: {error.args[0]}") from error
        found = [sentence for _, sentence in objections(parameters, FAULT_TABLE)]
        if found:
            raise SiteError("parameters refused: " + "\n".join(found))
        return parameters


@dataclass
class _Cabinet:
    """The host's side of one cabinet."""

    index: int
    node_id: int
    site_port: int
    bus: Bus
    bus_ports: tuple[int, int, int]  # controller, sensor, PCS
    firmware: Firmware | InlineFirmware | None = None
    site_rx: list[bytes] = field(default_factory=list)
    rx: list[bytes] = field(default_factory=list)
    groups: list[tuple[int, bytes]] = field(default_factory=list)
    skew_ms: int = 0  # its clock against the site's
    cause: str = "power"  # of its newest reset
    started_s: float = 0.0  # on the wall
    filters: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


class CanLog:
    """candump text of the site bus, hashed as it is written."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[str] | None = path.open("w", encoding="ascii") if path else None
        self._hash = hashlib.sha256()
        self.frames = 0

    def write(self, channel: str, sent: list[Sent]) -> None:
        lines = []
        for end_us, can_id, data, _, _ in sent:
            identifier = f"{can_id & 0x1FFFFFFF:08X}" if can_id >> 31 else f"{can_id & 0x7FF:03X}"
            # a remote frame asks for a length and carries no data
            body = f"R{len(data) or ''}" if can_id & REMOTE else data.hex().upper()
            lines.append(f"({end_us / 1e6:.6f}) {channel} {identifier}#{body}\n")
        text = "".join(lines)
        self._hash.update(text.encode())
        self.frames += len(sent)
        if self._file is not None:
            self._file.write(text)

    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class VirtualSite:
    """Start with `with VirtualSite(config) as site:`, then `site.step()` for every 10 ms.

    `plants`, `bus` (site bus), `coordinator`, `cabinets` are open to scenarios;
    `before_tick` callables run before each TICK with the site, `after_done` ones after each
    DONE with (site, cabinet, outputs), `after_carry` ones when a tick's frames have passed,
    `on_frames` ones with (0 for the site bus or the node id of a cabinet bus, frames).
    Raises SiteError when it cannot start and FirmwareLost when a cabinet dies; leaving the block
    ends every process.
    """

    def __init__(self, config: SiteConfig, log: CanLog | None = None, out: Path | None = None):
        self.config = config
        self.parameters = config.check()
        self.log = log or CanLog(None)
        self._state = config.state
        self._out = out
        self._scratch: Path | None = None  # where its logs lie if no folder was given
        self._lock: IO[str] | None = None
        self.now_ms = 0
        self.bus = Bus(config.bitrate, config.seed)
        self._coordinator_port = self.bus.attach()
        node_ids = [FIRST_NODE_ID + i for i in range(config.cabinets)]
        self.coordinator = Coordinator([Segment(CabinetView(n) for n in node_ids)])
        self.plants = Plants(
            config.cabinets, self.parameters, config.soc, config.temperature_c, config.seed
        )
        self.cabinets = [self._make_cabinet(i, node_id) for i, node_id in enumerate(node_ids)]
        self._by_site_port = {cabinet.site_port: cabinet for cabinet in self.cabinets}
        self._coordinator_rx: list[tuple[int, bytes]] = []
        self.before_tick: list[Callable[[VirtualSite], None]] = []
        self.after_done: list[Callable[[VirtualSite, int, int], None]] = []
        self.after_carry: list[Callable[[VirtualSite], None]] = []
        self.on_frames: list[Callable[[int, list[Sent]], None]] = []
        self.attached = 0  # clients of a server, whose frames come between ticks
        self._listener: socket.socket | None = None
        self._wall_start = 0.0

    @property
    def epoch_us(self) -> int:
        """When its time was 0 by the machine's clock of now, us since 1970."""
        return round(1e6 * (time.time() - time.monotonic() + self._wall_start))

    def serve(self, host: str, port: int, socketcand_port: int | None = None) -> BusServer:
        """Let CAN clients attach to its buses until the server is closed. Raises BusServerError."""
        buses = {0: self.bus, **{cabinet.node_id: cabinet.bus for cabinet in self.cabinets}}
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

    def _make_cabinet(self, i: int, node_id: int) -> _Cabinet:
        bus = Bus(500_000, self.config.seed + i)
        ports = (bus.attach(()), bus.attach(()), bus.attach(()))
        return _Cabinet(i, node_id, self.bus.attach(()), bus, ports)

    def __enter__(self) -> VirtualSite:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start(self) -> None:
        config = self.config
        if config.interpreter == "inline":
            self._start_inline()
            return
        if config.interpreter == "external":
            return
        if self._state is not None:
            self._lock = folders.claim(self._state)
        out = self._folder_of_logs()
        out.mkdir(parents=True, exist_ok=True)
        for log in out.glob("cabinet*.console.txt"):
            log.unlink()
        if self._state is None:
            self._state = out / "state"
            shutil.rmtree(self._state, ignore_errors=True)
        self._listener = socket.create_server((config.host, 0), backlog=64)
        if config.interpreter == "micropython":
            self._flash_all()
        self._start_processes(self.cabinets)
        self._wall_start = time.monotonic()

    def _folder_of_logs(self) -> Path:
        if self._out is None:
            self._out = self._scratch = folders.scratch()
        return self._out

    def _flash_all(self) -> None:
        """What `autarky flash` leaves on a board, in the folder of each cabinet."""
        made = self.config.program or package.make(None)
        lines = f"@update_key={self.config.update_key.hex()}" if self.config.update_key else ""
        for cabinet in self.cabinets:
            board_folder.fresh(self._folder(cabinet), made, lines)

    def _folder(self, cabinet: _Cabinet) -> Path:
        assert self._state is not None
        folder = (self._state / f"cabinet{cabinet.node_id}").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _start_process(self, cabinet: _Cabinet) -> None:
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        log = self._folder_of_logs() / f"cabinet{cabinet.node_id}.console.txt"
        cabinet.firmware = firmware.start(
            cabinet.index, cabinet.node_id, self.config.interpreter, host, port, log,
            self._folder(cabinet),
        )  # fmt: skip
        cabinet.started_s = time.monotonic()

    def _start_processes(self, cabinets: list[_Cabinet]) -> None:
        listener = self._listener
        assert listener is not None
        for cabinet in cabinets:
            self._start_process(cabinet)
        listener.settimeout(0.2)
        waiting = {cabinet.index for cabinet in cabinets}
        deadline = time.monotonic() + _CONNECT_S
        while waiting:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                self._check_started(waiting, deadline)
                continue
            try:
                kind, number = firmware.read_hello(connection)
            except ValueError:  # a stranger, or one that ended: its console is read below
                connection.close()
                continue
            if kind != wire.KIND_CABINET or number not in waiting:
                connection.close()
                continue
            waiting.discard(number)
            self._accept(self.cabinets[number], connection)

    def _start_inline(self) -> None:
        for cabinet in self.cabinets:
            cabinet.firmware = InlineFirmware(self._settings_of(cabinet), len(self.plants.layout))
        self._wall_start = time.monotonic()

    def _settings_of(self, cabinet: _Cabinet) -> str:
        """The text of the ANSWER: parameters, and what a board has of itself."""
        config = self.config
        parameters = dict(config.parameters, node_id=cabinet.node_id)
        parameters.setdefault("can_kbit_s", config.bitrate // 1000)
        if config.unconfigured:
            parameters["node_configured"] = 0
        lines = [f"{name}={value}" for name, value in parameters.items()]
        lines.append(f"@serial={config.first_serial + cabinet.index}")
        lines.append(f"@cause={cabinet.cause}")
        lines.append(f"@key={config.device_key.hex()}")
        if self._state is not None:
            lines.append(f"@state={self._folder(cabinet)}")
        return "\n".join(lines)

    def _accept(self, cabinet: _Cabinet, connection: socket.socket) -> None:
        assert isinstance(cabinet.firmware, Firmware)
        cabinet.firmware.accept(
            connection, len(self.plants.layout), self.config.realtime, self._settings_of(cabinet)
        )

    def attach(self, index: int, connection: socket.socket, process: Popen[bytes]) -> None:
        """A firmware that somebody else started ("external"), as a chip that comes out of reset."""
        cabinet = self.cabinets[index]
        self._clear(cabinet)
        cabinet.firmware = Firmware(
            cabinet.node_id, process, self._folder_of_logs() / "console.txt"
        )
        self._accept(cabinet, connection)
        self._wall_start = time.monotonic() - self.now_ms / 1000

    def _clear(self, cabinet: _Cabinet) -> None:
        """No output is driven, and nothing waits for it."""
        self.plants.apply(cabinet.index, 0)
        self.plants.chains[cabinet.index].fault_changed()
        cabinet.site_rx, cabinet.rx, cabinet.groups = [], [], []

    def power_cycle(self, index: int) -> None:
        """Take a cabinet's control supply away and give it back: storage is all that stays."""
        cabinet = self.cabinets[index]
        assert cabinet.firmware is not None
        cabinet.firmware.close()
        self._clear(cabinet)
        if self.config.interpreter == "inline":
            cabinet.firmware = InlineFirmware(self._settings_of(cabinet), len(self.plants.layout))
        else:
            self._start_processes([cabinet])

    def _reset_chip(self, cabinet: _Cabinet, lost: FirmwareLost) -> None:
        """A process that ended is a chip that was reset, if it asked for that; or the run ends."""
        asked = isinstance(lost, ChipReset)
        if self.config.interpreter == "external" or not (asked or self.config.watchdog):
            raise lost
        cabinet.cause = "soft" if asked else "watchdog"
        self.power_cycle(cabinet.index)

    def _check_started(self, waiting: set[int], deadline: float) -> None:
        for number in sorted(waiting):
            cabinet = self.cabinets[number]
            started = cabinet.firmware
            if not isinstance(started, Firmware):
                continue
            code = started.process.poll()
            waited_s = time.monotonic() - cabinet.started_s
            hangs = started.cpu_s > _WATCHDOG_CPU_S or waited_s > _WATCHDOG_S
            if self.config.watchdog and (code is not None or hangs):
                started.process.kill()  # what hangs would not hear that it shall end
                started.close()
                cabinet.cause = "soft" if code == wire.EXIT_RESET else "watchdog"
                self._start_process(cabinet)
            elif code is not None:
                log = self._folder_of_logs() / f"cabinet{cabinet.node_id}.console.txt"
                text = log.read_text(errors="replace").strip()
                raise SiteError(
                    f"the firmware of cabinet {cabinet.node_id} ended before it was connected; it "
                    f"said:\n{text}"
                )
        if time.monotonic() > deadline:
            names = ", ".join(str(self.cabinets[number].node_id) for number in sorted(waiting))
            raise SiteError(
                f"cabinets {names} did not connect within {_CONNECT_S:.0f} s: is this "
                "machine overloaded?"
            )

    def close(self) -> None:
        """End every firmware process and the log; safe to call twice."""
        for cabinet in self.cabinets:
            if cabinet.firmware is not None:
                cabinet.firmware.close()
                cabinet.firmware = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.log.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._out = self._scratch = None

    @property
    def state_folder(self) -> Path | None:
        """Where the cabinets' storage lies, None while it is in RAM."""
        return self._state

    @property
    def tick_ms(self) -> int:
        """The firmware's wrapped time."""
        return (self.now_ms + self.config.start_ms) & TICKS_MASK

    def step(self) -> None:
        """One tick of 10 ms."""
        for call in self.before_tick:
            call(self)
        if self.attached:  # what clients sent since the last tick passes while the bus was idle
            self._carry(self.now_ms * 1000)
        plants = self.plants
        now_ms = self.now_ms
        now_us = now_ms * 1000
        tick_ms = self.tick_ms
        resets: dict[int, FirmwareLost] = {}
        for cabinet in self.cabinets:
            i = cabinet.index
            self._refresh_images(cabinet, now_us)
            assert cabinet.firmware is not None
            try:
                cabinet.firmware.send_tick(
                    (tick_ms + cabinet.skew_ms) & TICKS_MASK, plants.inputs(i), cabinet.site_rx,
                    cabinet.rx, cabinet.groups, self._flags(cabinet), plants.analog[i],
                )  # fmt: skip
            except FirmwareLost as lost:
                resets[i] = lost
            cabinet.site_rx = []
            cabinet.rx = []
            cabinet.groups = []
        # while the firmware computes this tick, the world moves on to the next
        self._send_sensors(now_ms)
        plants.step()
        received, self._coordinator_rx = self._coordinator_rx, []
        for can_id, data in self.coordinator.step(now_ms, [received])[0]:
            self.bus.send(self._coordinator_port, can_id, data, now_us)
        for cabinet in self.cabinets:
            lost = resets.get(cabinet.index)
            try:
                if lost is None:
                    self._take_done(cabinet, now_us)
            except FirmwareLost as error:
                lost = error
            if lost is not None:
                self._reset_chip(cabinet, lost)
        self.now_ms = now_ms + TICK_MS
        self._carry(now_us + _TICK_US)
        for call in self.after_carry:
            call(self)
        if self.config.realtime:
            ahead = self.now_ms / 1000 - (time.monotonic() - self._wall_start)
            if ahead > 0:
                time.sleep(ahead)

    def stop_in_order(self, seconds: float = 60.0) -> bool:
        """Zero power, contactors open, records written, as NMT "stop" to all asks for it.

        True when every contactor opened within so much virtual time. What is then cut off
        starts again without a fault.
        """
        self.coordinator.silent = True
        until_ms = self.now_ms + round(seconds * 1000)
        while self.now_ms < until_ms:
            if self.now_ms % _ASK_MS == 0:
                self.bus.send(self._coordinator_port, 0, _NMT_STOP_ALL, self.now_ms * 1000)
            self.step()
            if not any(outputs & _CONTACTORS for outputs in self.plants.outputs):
                self.run_for(_WRITE_S)
                return not any(outputs & _CONTACTORS for outputs in self.plants.outputs)
        return False

    def _flags(self, cabinet: _Cabinet) -> int:
        flags = self.plants.flags[cabinet.index]
        if cabinet.site_port in self.bus.off:
            flags |= wire.TICK_BUS_OFF << wire.BUS_SITE
        if cabinet.bus_ports[0] in cabinet.bus.off:
            flags |= wire.TICK_BUS_OFF << wire.BUS_CABINET
        return flags

    def _refresh_images(self, cabinet: _Cabinet, now_us: int) -> None:
        chain = self.plants.chains[cabinet.index]
        chain.tick(now_us)
        commands = chain.changed()
        if commands:
            for command, content in zip(commands, chain.answers(commands), strict=True):
                cabinet.groups.append((_GROUP_OF[command], content))

    def _send_sensors(self, now_ms: int) -> None:
        plants = self.plants
        at_us = now_ms * 1000
        for cabinet in self.cabinets:
            i = cabinet.index
            values = (
                plants.current_a[i], plants.string_v[i], plants.outer_plus_v[i],
                plants.outer_minus_v[i],
            )  # fmt: skip
            _, sensor_port, pcs_port = cabinet.bus_ports
            send = cabinet.bus.send
            for can_id, data in plants.sensors[i].results(now_ms, values):
                send(sensor_port, can_id, data, at_us + _SENSOR_OFFSET_US)
            status = plants.faces[i].status(
                now_ms, plants.pcs_state[i], plants.pcs_power_w[i], plants.link_v[i], 0
            )
            if status is not None:
                send(pcs_port, STATUS_ID, status, at_us + _PCS_OFFSET_US)
            info = plants.monitors[i].info(now_ms)
            if info is not None:
                send(sensor_port, iso165c.INFO_ID, info, at_us + _SENSOR_OFFSET_US)

    def _take_done(self, cabinet: _Cabinet, now_us: int) -> None:
        assert cabinet.firmware is not None
        done = cabinet.firmware.receive_done()
        for bus, can_id, data in done.frames:
            if bus == wire.BUS_SITE:
                self.bus.send(cabinet.site_port, can_id, data, now_us)
            elif bus == wire.BUS_CABINET:
                cabinet.bus.send(cabinet.bus_ports[0], can_id, data, now_us)
            elif bus & wire.BUS_FILTER:
                self._take_filter(cabinet, bus & ~wire.BUS_FILTER, can_id, data)
            else:
                self._control(cabinet, bus & ~wire.BUS_CONTROL, can_id, data)
        if done.spi:
            chain = self.plants.chains[cabinet.index]
            self.plants.feed_chain(cabinet.index)
            for tx in done.spi:
                chain.write(tx, now_us)
        for call in self.after_done:
            call(self, cabinet.index, done.outputs)
        self.plants.apply(cabinet.index, done.outputs)

    def _take_filter(self, cabinet: _Cabinet, bus: int, can_id: int, data: bytes) -> None:
        filters = cabinet.filters.setdefault(bus, [])
        if data:
            filters.append((can_id, int.from_bytes(data, "little")))
        else:
            filters.clear()
        if bus == wire.BUS_SITE:
            self.bus.set_filters(cabinet.site_port, filters)
        else:
            cabinet.bus.set_filters(cabinet.bus_ports[0], filters)

    def _control(self, cabinet: _Cabinet, number: int, what: int, data: bytes) -> None:
        """What a cabinet does to one of its CAN controllers."""
        site = number == wire.BUS_SITE
        bus = self.bus if site else cabinet.bus
        port = cabinet.site_port if site else cabinet.bus_ports[0]
        if what == wire.CONTROL_RESTART:
            bus.restart(port)
        elif what == wire.CONTROL_BIT_RATE:
            bus.set_bit_rate(port, int.from_bytes(data, "little"))

    def _carry(self, until_us: int) -> None:
        sent = self.bus.advance(until_us)
        if sent:
            self.log.write("site", sent)
            for frame in sent:
                self._deliver_site(frame)
            for call in self.on_frames:
                call(0, sent)
        for cabinet in self.cabinets:
            self._carry_cabinet(cabinet, until_us)

    def _deliver_site(self, frame: Sent) -> None:
        for port in self.bus.recipients(frame.can_id):
            if port == frame.sender or self.bus.is_cut_off(port):
                continue
            if port == self._coordinator_port:
                self._coordinator_rx.append((frame.can_id, frame.data))
            else:
                cabinet = self._by_site_port.get(port)
                if cabinet is not None and len(cabinet.site_rx) < _RX_MAX:
                    cabinet.site_rx.append(firmware.pack_frame(frame.can_id, frame.data))

    def _carry_cabinet(self, cabinet: _Cabinet, until_us: int) -> None:
        plants = self.plants
        i = cabinet.index
        controller = cabinet.bus_ports[0]
        sent = cabinet.bus.advance(until_us)
        if sent:
            for call in self.on_frames:
                call(cabinet.node_id, sent)
        for frame in sent:
            if frame.can_id == COMMAND_ID:
                plants.faces[i].command(frame.data, self.now_ms)
            elif frame.can_id == ivt_s.COMMAND_ID:
                response = plants.sensors[i].command(frame.data)
                if response is not None:
                    port = cabinet.bus_ports[1]
                    cabinet.bus.send(port, ivt_s.RESPONSE_ID, response, until_us)
            elif frame.can_id == iso165c.REQUEST_ID:
                response = plants.monitors[i].answer(frame.data)
                if response is not None:
                    port = cabinet.bus_ports[1]
                    cabinet.bus.send(port, iso165c.RESPONSE_ID, response, until_us)
            wanted = controller in cabinet.bus.recipients(frame.can_id)
            cut_off = cabinet.bus.is_cut_off(controller)
            if frame.sender != controller and wanted and not cut_off and len(cabinet.rx) < _RX_MAX:
                cabinet.rx.append(firmware.pack_frame(frame.can_id, frame.data))

    def run_for(self, seconds: float) -> None:
        """Step until that much virtual time has passed."""
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self.step()


__all__ = ["COORDINATOR_ID", "CanLog", "FirmwareLost", "SiteConfig", "SiteError", "VirtualSite"]
