"""The controller of the simulated bench: one cabinet in MicroPython, in real time, with a supply.

Its cells, lines and supply come from the instruments; its current sensor, insulation monitor
and PCS and its coordinator are silent, since whoever uses the bench plays them. Both buses are
served for the `autarky` interface of python-can. Without a supply there is no process. A bench
that was made safe gets a new board: what an earlier test latched or locked out is not there.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from autarky.build import folder as board_folder
from autarky.build import package
from autarky.paths import wire
from autarky.rig.simulated_instruments import Record
from autarky.sil import firmware
from autarky.sil.firmware import Done, FirmwareLost, Tick
from autarky.sil.site import SiteConfig, VirtualSite
from bess import lines

_EDGE = struct.Struct("<II")
_EDGE_MS = 100
_HEALTHY = 1 << lines.names(lines.OUTPUTS).index("healthy")  # toggles in every tick
_HELLO_S = 600.0  # against hanging only


class _Dark:
    """A controller without a supply: drives nothing, says nothing."""

    def send_tick(self, tick: Tick) -> None:
        """Nobody hears."""

    def receive_done(self) -> Done:
        return Done(0, [], [])

    def close(self) -> None:
        """There is nothing to end."""


class SimulatedDevice:
    """`step` it for ever: every call is a tick of 10 ms in real time.

    supply_v: what is at its terminals, V; safe: whether the bench is, so that somebody could have
    changed the board; cells: (number of changes, V) ; contacts: line -> closed.
    """

    def __init__(
        self, folder: Path, can_id: int, record: Record, supply_v: Callable[[], float],
        safe: Callable[[], bool], cells: Callable[[], tuple[int, list[float]]],
        contacts: Callable[[], Mapping[str, bool]],
    ) -> None:  # fmt: skip
        self._record = record
        self._supply_v = supply_v
        self._safe = safe
        self._cells = cells
        self._contacts = contacts
        self._can_id = can_id
        self._state = folder / "state"
        # real time, but what a busy machine has lost is not caught up: no chip's clock does that
        self.site = VirtualSite(
            SiteConfig(cabinets=1, interpreter="external", pace=1.0, state=self._state),
            out=folder,
        )
        self._made = package.make(None)
        self._board = self._state / f"cabinet{self.site.cabinets[0].number}"
        self._console = folder / "console.txt"
        self._console.touch()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_HELLO_S)
        self._process: subprocess.Popen[bytes] | None = None
        self._arrived: socket.socket | None = None
        self._new_board = True
        self._hung_up = False
        self._seen_cells = -1
        self._outputs = -1
        self._told_ms = -_EDGE_MS
        site = self.site
        site.coordinator.silent = True
        site.plants.sensors[0].silent = site.plants.faces[0].silent = True
        site.plants.monitors[0].silent = True
        self._port = site.cabinets[0].bus.attach(())  # the witness's
        site.after_done.append(self._witness)
        self._dark()
        site.__enter__()
        self._server = site.serve("127.0.0.1", 0)
        self.port = self._server.port

    def _dark(self) -> None:
        """No output is driven any more, and nothing waits."""
        cabinet = self.site.cabinets[0]
        self.site.plants.apply(0, 0)
        self.site.plants.chains[0].fault_changed()
        cabinet.forget()
        cabinet.firmware = _Dark()

    def step(self) -> None:
        """One tick, after what its supply, its lines and its cells do in it."""
        if self._hung_up:
            self._hung_up = False
            for calls in (self.site.before_tick, self.site.after_carry, self.site.on_frames):
                calls.clear()  # the server's are all there are
            self._server.close()
        powered = self._supply_v() > 0
        if self._safe():
            self._new_board = True
        if not powered and self._process is not None:
            self._end()
        elif powered and self._process is None:
            self._boot()
        if self._arrived is not None:
            connection, self._arrived = self._arrived, None
            assert self._process is not None
            self.site.attach(0, connection, self._process)
            self._record("device.boots", True)
        plants = self.site.plants
        plants.input_forced[0].update(self._contacts())
        changes, volts = self._cells()
        if changes != self._seen_cells:
            self._seen_cells = changes
            plants.cells.force_voltage(0, slice(None), np.array(volts))  # pyright: ignore[reportArgumentType]
        try:
            self.site.step()
        except FirmwareLost:  # reset by itself: it comes again
            self._end()

    def _boot(self) -> None:
        if self._new_board:
            self._new_board = False
            shutil.rmtree(self._board, ignore_errors=True)
            board_folder.fresh(self._board, self._made, "")
        host, port = self._listener.getsockname()[:2]
        command = firmware.command_line("micropython", host, port, 0, self._board)
        self._process = firmware.spawn(command, self._console)
        threading.Thread(target=self._meet, args=(self._process,), daemon=True).start()

    def _meet(self, process: subprocess.Popen[bytes]) -> None:
        """Its connection, while the buses go on."""
        with contextlib.suppress(OSError, ValueError):
            connection, _ = self._listener.accept()
            kind, _ = firmware.read_hello(connection)
            if kind == wire.KIND_CABINET and process is self._process:
                self._arrived = connection
            else:
                connection.close()

    def _end(self) -> None:
        process, self._process, self._arrived = self._process, None, None
        assert process is not None
        process.kill()  # a supply that is gone asks nobody
        process.wait()
        connected = self.site.cabinets[0].firmware
        self._dark()
        if connected is not None:
            connected.close()
        self._record("device.dark", True)

    def _witness(self, site: VirtualSite, index: int, outputs: int) -> None:
        now_ms = site.now_ms
        same = not (outputs ^ self._outputs) & ~_HEALTHY
        if same and now_ms - self._told_ms < _EDGE_MS:
            return
        if not same:
            self._record("device.outputs", outputs & ~_HEALTHY)
        self._outputs, self._told_ms = outputs, now_ms
        stamp_us = time.monotonic_ns() // 1000 & 0xFFFFFFFF  # its clock is not the controller's
        site.cabinets[index].bus.send(
            self._port, self._can_id, _EDGE.pack(outputs, stamp_us), now_ms * 1000
        )

    def hang_up(self) -> None:
        """Both buses end for everybody on them, with the next tick."""
        self._hung_up = True

    def close(self) -> None:
        if self._process is not None:
            self._end()
        if self.site.on_frames:  # not hung up
            self._server.close()
        self.site.close()
        self._listener.close()
