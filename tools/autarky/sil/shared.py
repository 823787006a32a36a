"""Firmwares that share a process (boards/unix/shared.py), and the host's end of their link."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
from collections.abc import Sequence
from io import IOBase
from itertools import pairwise
from pathlib import Path

from autarky import processes
from autarky.build import image
from autarky.paths import UNIX_BOARD, wire
from autarky.sil import firmware
from autarky.sil.firmware import DONE, QUIT, ChipReset, Done, Firmware

ALONE = 4  # a site of so many cabinets gives each a process of its own, as a board is one
_HEAP_KIB = 512  # for the program, and as much for each cabinet
_SIZE = struct.Struct("<I")


def groups(count: int) -> list[range]:
    """Which of `count` cabinets share a process: as many processes as processors."""
    processes = os.cpu_count() or 1
    bounds = [i * count // processes for i in range(processes + 1)]
    return [range(*pair) for pair in pairwise(bounds) if pair[0] < pair[1]]


class SharedProcess:
    """Takes the TICKs of its cabinets and sends them once it has all; keeps their DONEs."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self._members: list[SharedFirmware] = []  # in the order of their TICKs
        self._ticks: dict[SharedFirmware, bytes] = {}
        self._dones: dict[SharedFirmware, Done | None] = {}
        self._socket: socket.socket | None = None
        self._reader: IOBase | None = None

    def join(self, member: SharedFirmware) -> None:
        self._members.append(member)

    def accept(self, connection: socket.socket) -> None:
        if self._socket is None:
            self._socket = connection
            self._reader = connection.makefile("rb", buffering=1 << 16)

    def queue(self, member: SharedFirmware, tick: bytes) -> None:
        """Its TICK of this tick. Raises OSError."""
        self._ticks[member] = tick
        self._send_whole()

    def _send_whole(self) -> None:
        if len(self._ticks) < len(self._members):
            return
        message = b"".join([self._ticks[each] for each in self._members])
        self._members = [each for each in self._members if self._ticks[each] is not QUIT]
        self._ticks.clear()
        assert self._socket is not None
        self._socket.sendall(_SIZE.pack(len(message)) + message)

    def done_of(self, member: SharedFirmware) -> Done | None:
        """Its DONE, None where its chip wants a reset. Raises EOFError, OSError."""
        if member not in self._dones:
            self._receive()
        return self._dones.pop(member)

    def _receive(self) -> None:
        assert self._reader is not None
        (size,) = _SIZE.unpack(firmware.read_exactly(self._reader, _SIZE.size))
        message = firmware.read_exactly(self._reader, size)
        at = 0
        for member in self._members:
            outputs, frames, spi_bytes, says = DONE.unpack_from(message, at)
            at += wire.DONE_SIZE
            end = at + frames * wire.FRAME_SIZE + spi_bytes
            done = firmware.unpack_done(outputs, frames, message[at:end])
            self._dones[member] = None if says == wire.DONE_RESET else done
            at = end
        self._members = [each for each in self._members if self._dones[each] is not None]

    def leave(self, member: SharedFirmware) -> None:
        """It is to end with the next message; the process with its last one. Never raises."""
        if member not in self._members:
            return
        self._ticks[member] = QUIT
        with contextlib.suppress(OSError):  # it may be gone already
            if any(self._ticks.get(each) is not QUIT for each in self._members):
                self._send_whole()  # the others may have waited for this one only
                return
            if self._socket is not None:
                self._socket.sendall(_SIZE.pack(0))
        self._members.clear()
        if self._socket is None:
            self.process.kill()  # it was never connected, and would wait to be
        else:
            self._socket.close()
        processes.end(self.process)


class SharedFirmware(Firmware):
    """A firmware with others in its process."""

    def __init__(self, node_id: int, shared: SharedProcess) -> None:
        super().__init__(node_id, shared.process, shared.log)
        self._shared = shared
        shared.join(self)

    def accept(
        self, connection: socket.socket, devices: int, realtime: bool, settings: str
    ) -> None:
        super().accept(connection, devices, realtime, settings)
        self._shared.accept(connection)

    def _send(self, message: bytes) -> None:
        self._shared.queue(self, message)

    def receive_done(self) -> Done:
        try:
            done = self._shared.done_of(self)
        except (OSError, EOFError) as error:
            raise self._lost() from error
        if done is None:
            raise ChipReset(f"{self.name} was reset")
        return done

    def close(self) -> None:
        self._shared.leave(self)


def start(
    indices: range, node_ids: Sequence[int], host: str, port: int, log: Path,
    folders: Sequence[Path],
) -> list[SharedFirmware]:  # fmt: skip
    """One process for the cabinets of these indices; folders: of their freshly flashed boards."""
    heap = f"heapsize={_HEAP_KIB * (1 + len(indices))}K"
    process = firmware.spawn(
        [image.tool("micropython"), "-X", heap, str(UNIX_BOARD / "shared.py"), host, str(port),
         str(indices[0]), *map(str, folders)],
        log,
    )  # fmt: skip
    shared = SharedProcess(process, log)
    return [SharedFirmware(node_id, shared) for node_id in node_ids]
