"""The firmwares of a site: flashed, started, connected, reset and ended."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import Popen
from typing import IO

from autarky.build import folder as board_folder
from autarky.build import package
from autarky.paths import wire
from autarky.sil import firmware, folders, shared
from autarky.sil.buses import VirtualCabinet
from autarky.sil.firmware import ChipReset, Firmware, FirmwareLost
from autarky.sil.inline import InlineFirmware
from autarky.sil.site_config import SiteConfig, SiteError

_CONNECT_S = 600.0  # against hanging only: a busy host starts a firmware in its time
# for a program on trial that does not come up: of processor time, a fiftieth of which starts a
# good one; of the clock's, for one that waits for ever
_WATCHDOG_CPU_S = 2.0
_WATCHDOG_S = 300.0


class Processes:
    """Gives each cabinet a running firmware; devices: front ends of a cabinet's chain.

    state: where the cabinets' storage lies, None while it is in RAM.
    """

    def __init__(
        self, config: SiteConfig, cabinets: Sequence[VirtualCabinet], devices: int, out: Path | None
    ) -> None:
        self.config = config
        self.cabinets = cabinets
        self.state = config.state
        self._devices = devices
        self._out = out
        self._scratch: Path | None = None  # where logs lie if no folder was given
        self._lock: IO[str] | None = None
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """All of them; "external" ones come by `attach`. Raises SiteError, AutarkyError."""
        config = self.config
        hosted = self.cabinets
        if config.board is not None:
            self._start_board(self.cabinets[0])
            hosted = self.cabinets[1:]
        if config.interpreter == "inline":
            for cabinet in hosted:
                self._start_inline(cabinet)
        elif config.interpreter != "external" and hosted:
            self._claim_folders()
            self._listener = socket.create_server((config.host, 0), backlog=64)
            flashed = config.interpreter == "micropython"
            if flashed:
                self._flash(hosted)
            if flashed and len(hosted) > shared.ALONE:
                self._start_shared(hosted)
            else:
                for cabinet in hosted:
                    self._start_process(cabinet)
            self._connect(hosted)

    def _claim_folders(self) -> None:
        if self.state is not None:
            self._lock = folders.claim(self.state)
        out = self.logs
        out.mkdir(parents=True, exist_ok=True)
        for log in out.glob("cabinet*.console.txt"):
            log.unlink()
        if self.state is None:
            self.state = out / "state"
            shutil.rmtree(self.state, ignore_errors=True)

    @property
    def logs(self) -> Path:
        """The folder of their consoles."""
        if self._out is None:
            self._out = self._scratch = folders.scratch()
        return self._out

    def _console(self, cabinet: VirtualCabinet) -> Path:
        return self.logs / f"cabinet{cabinet.number}.console.txt"

    def _flash(self, cabinets: Sequence[VirtualCabinet]) -> None:
        """What `autarky flash` leaves on a board, in the folder of each cabinet."""
        made = self.config.program or package.make(None)
        lines = f"@update_key={self.config.update_key.hex()}" if self.config.update_key else ""
        for cabinet in cabinets:
            board_folder.fresh(self._folder(cabinet), made, lines)

    def _folder(self, cabinet: VirtualCabinet) -> Path:
        assert self.state is not None
        folder = (self.state / f"cabinet{cabinet.number}").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _start_board(self, cabinet: VirtualCabinet) -> None:
        assert self.config.board is not None
        settings = self._settings_of(cabinet)
        cabinet.firmware = self.config.board(cabinet.number, settings, self._devices)

    def _start_inline(self, cabinet: VirtualCabinet) -> None:
        cabinet.firmware = InlineFirmware(self._settings_of(cabinet), self._devices)

    def _start_process(self, cabinet: VirtualCabinet) -> None:
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        cabinet.firmware = firmware.start(
            cabinet.index, cabinet.number, self.config.interpreter, host, port,
            self._console(cabinet), self._folder(cabinet),
        )  # fmt: skip
        cabinet.started_s = time.monotonic()

    def _start_shared(self, hosted: Sequence[VirtualCabinet]) -> None:
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        first = hosted[0].index
        for group in shared.groups(len(hosted)):
            indices = range(first + group.start, first + group.stop)
            cabinets = [self.cabinets[i] for i in indices]
            numbers = [cabinet.number for cabinet in cabinets]
            log = self.logs / f"cabinet{numbers[0]}-{numbers[-1]}.console.txt"
            started = shared.start(
                indices, numbers, host, port, log, [self._folder(cabinet) for cabinet in cabinets]
            )
            for cabinet, its_firmware in zip(cabinets, started, strict=True):
                cabinet.firmware = its_firmware
                cabinet.started_s = time.monotonic()

    def _connect(self, cabinets: Sequence[VirtualCabinet]) -> None:
        """Wait for the started ones."""
        listener = self._listener
        assert listener is not None
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
            process = self._process_of(self.cabinets[number])
            for cabinet in self.cabinets:  # that one, and who shares its process
                if self._process_of(cabinet) is process:
                    waiting.discard(cabinet.index)
                    self._accept(cabinet, connection)

    @staticmethod
    def _process_of(cabinet: VirtualCabinet) -> Popen[bytes] | None:
        return cabinet.firmware.process if isinstance(cabinet.firmware, Firmware) else None

    def _check_started(self, waiting: set[int], deadline: float) -> None:
        for index in sorted(waiting):
            cabinet = self.cabinets[index]
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
                text = self._console(cabinet).read_text(errors="replace").strip()
                raise SiteError(
                    f"the firmware of cabinet {cabinet.number} ended before it was connected; it "
                    f"said:\n{text}"
                )
        if time.monotonic() > deadline:
            names = ", ".join(str(self.cabinets[index].number) for index in sorted(waiting))
            raise SiteError(
                f"cabinets {names} did not connect within {_CONNECT_S:.0f} s: is this "
                "machine overloaded?"
            )

    def _settings_of(self, cabinet: VirtualCabinet) -> str:
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
        if self.state is not None:
            lines.append(f"@state={self._folder(cabinet)}")
        return "\n".join(lines)

    def _accept(self, cabinet: VirtualCabinet, connection: socket.socket) -> None:
        assert isinstance(cabinet.firmware, Firmware)
        cabinet.firmware.accept(
            connection, self._devices, self.config.realtime, self._settings_of(cabinet)
        )

    def attach(
        self, cabinet: VirtualCabinet, connection: socket.socket, process: Popen[bytes]
    ) -> None:
        """A firmware that somebody else started ("external")."""
        cabinet.firmware = Firmware(cabinet.number, process, self.logs / "console.txt")
        self._accept(cabinet, connection)

    def end(self, cabinet: VirtualCabinet) -> None:
        """End a cabinet's firmware; safe to call twice."""
        assert cabinet.firmware is not None
        cabinet.firmware.close()

    def restart(self, cabinet: VirtualCabinet) -> None:
        """End a cabinet's firmware and start it anew: storage is all that stays."""
        self.end(cabinet)
        if self.config.board is not None and cabinet.index == 0:
            self._start_board(cabinet)
        elif self.config.interpreter == "inline":
            self._start_inline(cabinet)
        else:
            self._start_process(cabinet)
            self._connect([cabinet])

    def note_reset(self, cabinet: VirtualCabinet, lost: FirmwareLost) -> None:
        """A process that ended is a chip that was reset, if it asked for that; or the run ends."""
        asked = isinstance(lost, ChipReset)
        if self.config.interpreter == "external" or not (asked or self.config.watchdog):
            raise lost
        cabinet.cause = "soft" if asked else "watchdog"

    def close(self) -> None:
        """End every firmware process; safe to call twice."""
        for cabinet in self.cabinets:
            if cabinet.firmware is not None:
                cabinet.firmware.close()
                cabinet.firmware = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._out = self._scratch = None
