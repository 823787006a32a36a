"""A firmware process and the host's end of its link."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from typing import IO, NamedTuple

from autarky import processes
from autarky.build import image
from autarky.errors import AutarkyError
from autarky.paths import FIRMWARE, UNIX_BOARD, wire

_HELLO = struct.Struct("<4sBBH8x")
_ANSWER = struct.Struct("<4sBBHI")
_TICK = struct.Struct("<IIHHHH")
DONE = struct.Struct("<IIII")
FRAME = struct.Struct("<IBB2x8s")
_LINES = (1 << wire.DRIVE_BIT) - 1
_TIMEOUT = struct.pack("ll", 600, 0)  # s, us
_HELLO_S = 20.0  # a firmware says it in the line after it connects
_END_S = 60.0  # of a process that was asked to end
NO_ANALOG = bytes(wire.TICK_SIZE - wire.TICK_HEAD)
QUIT = _TICK.pack(0, 0, 0, 0, 0, wire.TICK_QUIT) + NO_ANALOG


class FirmwareLost(AutarkyError):
    """A firmware process ended or its link broke; the message says which and how."""


class ChipReset(FirmwareLost):
    """A firmware asked for a reset of its chip: its process has ended and wants a new one."""


class Tick(NamedTuple):
    """What a firmware is given for a tick: site and cabinet are packed frames of its buses, groups
    (number, image) of its front ends, analog u16 of each channel of wire.ANALOG."""

    now_ms: int
    inputs: int
    site: Sequence[bytes]
    cabinet: Sequence[bytes]
    groups: Sequence[tuple[int, bytes]]
    flags: int = 0
    analog: bytes = NO_ANALOG

    def parts(self) -> list[bytes]:
        """Its bytes, in the parts in which boards/unix/link.py reads them."""
        site, cabinet = self.site, self.cabinet
        counts = len(site), len(cabinet), len(self.groups)
        found = [_TICK.pack(self.now_ms, self.inputs, *counts, self.flags) + self.analog]
        if site or cabinet:
            found.append(b"".join([*site, *cabinet]))
        for number, content in self.groups:
            found.append(bytes((number, 0)))
            found.append(content)
        return found


@dataclass
class Done:
    """What a firmware gave back for a tick; outputs: bits of bess.lines; drive: permille."""

    outputs: int
    frames: list[tuple[int, int, bytes]]  # bus, id, data
    spi: list[bytes]
    drive: int = 0


def command_line(
    interpreter: str, host: str, port: int, cabinet: int, folder: Path | None
) -> list[str]:
    """How a cabinet's firmware is started: by its loader, the source tree, or CPython."""
    arguments = [host, str(port), str(cabinet)]
    if interpreter == "cpython":
        return [sys.executable, str(FIRMWARE / "main.py"), *arguments]
    micropython = [image.tool("micropython"), "-X"]
    if interpreter == "micropython-source":  # its compiler works in the same heap
        return [*micropython, "heapsize=2M", str(FIRMWARE / "main.py"), *arguments]
    if interpreter == "micropython" and folder is not None:
        chip = str(UNIX_BOARD / "chip.py")
        return [*micropython, "heapsize=1536K", chip, "site", str(folder), *arguments]
    raise ValueError(
        f"{interpreter!r} is no interpreter: choose micropython, micropython-source or cpython"
    )


class Firmware:
    """One running cabinet firmware; `send_tick`, then `receive_done`, in lockstep."""

    def __init__(self, node_id: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = f"cabinet {node_id}"
        self.process = process
        self._log = log
        self._socket: socket.socket | None = None
        self._reader: IOBase | None = None
        self.record: IO[bytes] | None = None  # where to copy every TICK, for replays

    def accept(
        self, connection: socket.socket, devices: int, realtime: bool, settings: str
    ) -> None:
        """Answer the HELLO of this firmware's connection."""
        text = settings.encode()
        connection.settimeout(None)  # Python's would cost a poll before every call
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(
            _ANSWER.pack(wire.MAGIC, wire.STATUS_OK, int(realtime), devices, len(text)) + text
        )
        self._socket = connection
        self._reader = connection.makefile("rb", buffering=16384)

    def send_tick(self, tick: Tick) -> None:
        """Raises FirmwareLost."""
        message = b"".join(tick.parts())
        if self.record is not None:
            self.record.write(message)
        try:
            self._send(message)
        except OSError as error:
            raise self._lost() from error

    def _send(self, message: bytes) -> None:
        assert self._socket is not None
        self._socket.sendall(message)

    def receive_done(self) -> Done:
        """The DONE of the tick that was sent."""
        assert self._reader is not None
        try:
            outputs, count, spi_bytes = unpack_head(read_exactly(self._reader, wire.DONE_SIZE))
            rest = read_exactly(self._reader, count * wire.FRAME_SIZE + spi_bytes)
        except (OSError, EOFError) as error:
            raise self._lost() from error
        return unpack_done(outputs, count, rest)

    def _lost(self) -> FirmwareLost:
        try:
            code = self.process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            return FirmwareLost(f"the firmware of {self.name} does not answer: its link was cut")
        if code == wire.EXIT_RESET:
            return ChipReset(f"{self.name} was reset")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = self._log.read_text(errors="replace").strip()
        return FirmwareLost(
            f"the firmware of {self.name} {how} during the run"
            + (f"; it said:\n{said}" if said else "")
        )

    @property
    def cpu_s(self) -> float:
        """Processor time that the process has used; 0 once it is gone. proc(5), utime and stime."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return 0.0
        ticks = stat.rpartition(")")[2].split()[11:13]
        return sum(int(count) for count in ticks) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process: asked first, then killed; at once where it was never connected, since
        it would wait to be. Never raises."""
        if self._socket is None:
            self.process.kill()
        else:
            with contextlib.suppress(OSError):  # it may be gone already
                self._socket.sendall(QUIT)
            self._socket.close()
        processes.end(self.process, _END_S)


def read_exactly(reader: IOBase, size: int) -> bytes:
    """Raises EOFError when the link ends or keeps silent before that many bytes, OSError."""
    data = reader.read(size)
    if data is None or len(data) < size:  # None: _TIMEOUT is over
        raise EOFError
    return data


def unpack_head(head: bytes) -> tuple[int, int, int]:
    """(outputs, frames, SPI bytes) of a DONE."""
    return DONE.unpack(head)[:3]


def unpack_done(outputs: int, count: int, rest: bytes) -> Done:
    """A DONE from what follows its head; outputs: the whole word that stands there."""
    frames = []
    at = 0
    for _ in range(count):
        can_id, length, bus, data = FRAME.unpack_from(rest, at)
        frames.append((bus, can_id, data[:length]))
        at += wire.FRAME_SIZE
    spi = []
    while at < len(rest):
        size = rest[at] | rest[at + 1] << 8
        spi.append(rest[at + 2 : at + 2 + size])
        at += 2 + size
    return Done(outputs & _LINES, frames, spi, outputs >> wire.DRIVE_BIT)


def pack_frame(can_id: int, data: bytes) -> bytes:
    """One received frame as a record of the TICK."""
    return FRAME.pack(can_id, len(data), 0, data)


def read_hello(connection: socket.socket) -> tuple[int, int]:
    """(kind, number) of a new connection. Raises ValueError when it is not ours."""
    connection.settimeout(_HELLO_S)
    raw = b""
    while len(raw) < wire.HELLO_SIZE:
        try:
            more = connection.recv(wire.HELLO_SIZE - len(raw))
        except TimeoutError:
            raise ValueError("the connection says nothing") from None
        if not more:
            raise ValueError("the connection closed before it said hello")
        raw += more
    magic, version, kind, number = _HELLO.unpack(raw)
    if magic != wire.MAGIC or version != wire.VERSION:
        raise ValueError("not an autarky link, or of another version")
    return kind, number


def start(
    cabinet: int, node_id: int, interpreter: str, host: str, port: int, log: Path,
    folder: Path | None,
) -> Firmware:  # fmt: skip
    """Start a firmware process; its console is appended to `log`. folder: the board's files.

    cabinet: which one of the site it says it is, from 0; node_id: what people call it.
    """
    process = spawn(command_line(interpreter, host, port, cabinet, folder), log)
    return Firmware(node_id, process, log)


def spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """A process whose console is appended to `log`."""
    with log.open("ab") as console:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
        )
