"""A virtual board behind a pseudo-terminal: what mpremote sees of a board, without one.

The interpreter is MicroPython's unix port with the models of boards/unix/chip.py; here is what
survives its process: the terminal, soft and hard resets, the cabinet's plant.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from autarky.build import image
from autarky.errors import AutarkyError
from autarky.paths import UNIX_BOARD, wire
from autarky.sil import firmware
from autarky.sil.firmware import FirmwareLost
from autarky.sil.site import SiteConfig, VirtualSite

_RAW = b"raw REPL; CTRL-B to exit\r\n>"
_FRIENDLY = b'Type "help()" for more information.'
_CHUNK = 4096
_FACTS = ("version", "build", "rom_bytes", "rom_error", "rom_stuck")
# a process whose terminal this is gets its Ctrl-C; a thread may not do it between fork and exec
_OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class BoardError(AutarkyError):
    """A virtual board cannot start; the message says why."""


@dataclass
class ChipFacts:
    """What makes a chip another or a faulty one: lines of chip.txt, by name."""

    lines: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, items: list[str]) -> ChipFacts:
        """From NAME=VALUE texts. Raises BoardError for what chip.py cannot use."""
        lines = {}
        for item in items:
            name, equals, value = item.partition("=")
            if name not in _FACTS or not equals or not value:
                raise BoardError(f"--chip {item}: write NAME=VALUE with {', '.join(_FACTS)}")
            if name.startswith("rom_") and not value.isdigit():
                raise BoardError(f"--chip {item}: its value must be a number")
            lines[name] = value
        return cls(lines)

    def write(self, folder: Path) -> None:
        text = "".join(f"{name} {value}\n" for name, value in self.lines.items())
        (folder / "chip.txt").write_text(text, encoding="ascii")


class _Plant(threading.Thread):
    """The cabinet around the board: runs in real time while a firmware is attached."""

    def __init__(self, board: VirtualBoard, site: VirtualSite) -> None:
        super().__init__(daemon=True, name="plant")
        self._board = board
        self._site = site
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self.ended = threading.Event()

    def run(self) -> None:
        with self._listener:
            while not self.ended.is_set():
                with contextlib.suppress(TimeoutError, ConnectionError, ValueError):
                    connection, _ = self._listener.accept()
                    kind, number = firmware.read_hello(connection)
                    if kind == wire.KIND_CABINET and number == 0:
                        self._serve(connection)
                    connection.close()

    def _serve(self, connection: socket.socket) -> None:
        process = self._board.process
        assert process is not None
        self._site.attach(0, connection, process)
        try:
            while not self.ended.is_set():
                self._site.step()
        except FirmwareLost:
            pass  # reset, or stopped from the console: the next one comes by itself


class VirtualBoard:
    """`with VirtualBoard(folder) as board:`, then give `board.path` to mpremote.

    folder keeps the chip's memories. `site` is the plant and its bus. `power_cut()` ends the
    chip at any instant and starts it again.
    """

    def __init__(self, folder: Path, facts: ChipFacts | None = None, seed: int = 1) -> None:
        self.folder = folder.resolve()
        self.process: subprocess.Popen[bytes] | None = None
        self.site = VirtualSite(
            SiteConfig(
                cabinets=1, interpreter="external", realtime=True, seed=seed,
                state=self.folder / "state",
            ),
            out=self.folder,
        )  # fmt: skip
        self.site.coordinator.silent = True
        self._facts = facts or ChipFacts()
        self._plant: _Plant | None = None
        self._relay: threading.Thread | None = None
        self._ended = threading.Event()
        self._outer = self._outer_slave = self._inner = -1
        self._held: IO[str] | None = None
        self._recent = b""
        self._raw = False
        self._lock = threading.Lock()

    def __enter__(self) -> VirtualBoard:
        if self.folder.exists() and not self.folder.is_dir():
            raise BoardError(f"{self.folder} is no folder: name one for the chip's memories")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._held = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._held.close()
            raise BoardError(
                f"another virtual board uses {self.folder}: name another folder"
            ) from None
        self._facts.write(self.folder)
        (self.folder / "console.txt").touch()  # the chip's console is the terminal
        self._outer, self._outer_slave = pty.openpty()
        tty.setraw(self._outer_slave)
        self._plant = _Plant(self, self.site)
        self._plant.start()
        self._boot(raw=False)
        self._relay = threading.Thread(target=self._run, daemon=True, name="relay")
        self._relay.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        if self._plant is not None:
            self._plant.ended.set()
        self._kill()
        for thread in (self._relay, self._plant):
            if thread is not None:
                thread.join(timeout=5.0)
        for descriptor in (self._inner, self._outer, self._outer_slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.site.close()
        if self._held is not None:
            self._held.close()

    @property
    def path(self) -> str:
        """The terminal that mpremote connects to."""
        return os.ttyname(self._outer_slave)

    def _boot(self, raw: bool) -> None:
        """Start the chip's process on a terminal of its own."""
        assert self._plant is not None
        if self._inner >= 0:
            os.close(self._inner)
        self._inner, slave = pty.openpty()
        tty.setraw(slave)
        settings = termios.tcgetattr(slave)
        settings[3] |= termios.ISIG  # Ctrl-C interrupts what a REPL runs
        for other in (termios.VQUIT, termios.VSUSP):  # no board knows these two: bytes like others
            settings[6][other] = os.fpathconf(slave, "PC_VDISABLE")
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        command = [
            sys.executable, "-c", _OWN_TERMINAL, image.tool("micropython"), "-X", "heapsize=8M",
            "-i", str(UNIX_BOARD / "chip.py"), "board", str(self.folder), "127.0.0.1",
            str(self._plant.port), *(["raw"] if raw else []),
        ]  # fmt: skip
        self._recent = b""
        self._raw = False
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            cwd=self.folder,
        )  # fmt: skip
        os.close(slave)
        if raw:
            os.write(self._inner, b"\x01")

    def _kill(self) -> None:
        with self._lock:
            if self.process is not None and self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def power_cut(self) -> None:
        """The supply fails and returns: the relay starts the chip again."""
        self._kill()

    def _run(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self._outer, self._inner], [], [], 0.05)
            if self._outer in ready:
                data = os.read(self._outer, _CHUNK)
                with contextlib.suppress(OSError):
                    _write_all(self._inner, data)
            dead = self.process is not None and self.process.poll() is not None
            if (self._inner in ready and not self._from_chip()) or (not ready and dead):
                self._restart()

    def _from_chip(self) -> bool:
        """Pass what the chip says; False when its process has closed the terminal."""
        try:
            data = os.read(self._inner, _CHUNK)
        except OSError:
            return False
        if not data:
            return False
        self._recent = (self._recent + data)[-200:]
        for mark, raw in ((_RAW, True), (_FRIENDLY, False)):
            if mark in self._recent:
                self._raw = raw
                self._recent = self._recent.rpartition(mark)[2]
        _write_all(self._outer, data)
        return True

    def _restart(self) -> None:
        """The process has ended: by a reset of the chip, a soft one, or a power cut."""
        if self._ended.is_set():
            return
        assert self.process is not None
        code = self.process.wait()
        raw = self._raw and code == 0
        if code == 0:
            _write_all(self._outer, b"MPY: soft reboot\r\n")
        self._boot(raw)
        if raw:
            self._skip_to_raw()

    def _skip_to_raw(self) -> None:
        """A soft reset in raw mode stays in it: the banner before is no board's."""
        said = b""
        while b"raw REPL" not in said and not self._ended.is_set():
            ready, _, _ = select.select([self._inner], [], [], 5.0)
            if not ready:
                return
            with contextlib.suppress(OSError):
                said += os.read(self._inner, _CHUNK)
        self._raw = True
        _write_all(self._outer, said[said.index(b"raw REPL") :] if b"raw REPL" in said else b"")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
