"""Processor in the loop: a board's flashed firmware, unchanged, as the first cabinet of a site.

    with Processor(rig) as processor:
        run = processor.connect()
        with VirtualSite(SiteConfig(board=run, realtime=processor.realtime)) as site:
            ...
        run.measures

What runs on the board is on_board.py; plants, buses, contacts and storage are here.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autarky.build import boards, package
from autarky.errors import AutarkyError
from autarky.flash.device import Device, DeviceError
from autarky.flash.flash import Flasher
from autarky.paths import wire
from autarky.rig import on_board
from autarky.rig.cable import Cable, Record
from autarky.rig.description import Rig
from autarky.sil import folders
from autarky.sil.firmware import (
    ChipReset,
    Done,
    FirmwareLost,
    Tick,
    unpack_done,
)
from bess.port.storage import FileRegion

_ANSWER_S = 60.0
_END_S = 20.0
_TRAILER = struct.Struct("<4I")
_SETTINGS = struct.Struct("<HBxI")
ROOM = wire.DONE_SIZE + wire.FRAMES_MAX * wire.FRAME_SIZE + wire.SPI_MAX
_ROOT = "/flash"


class ProcessorError(AutarkyError):
    """The board cannot be the firmware of a site; the message says why, and what to do."""


@dataclass
class Measures:
    """What the board measured, over all starts of a run.

    tick_us: each tick's computing, without the cable; collect_us: each collection of garbage, about
    one a second; heap_bytes and heap_before_bytes: what was taken after and before it, all in all:
    `own_heap_bytes` of the processor's facts were taken before a firmware was there.
    """

    tick_us: array[int] = field(default_factory=lambda: array("I"))
    collect_us: array[int] = field(default_factory=lambda: array("I"))
    heap_bytes: array[int] = field(default_factory=lambda: array("I"))
    heap_before_bytes: array[int] = field(default_factory=lambda: array("I"))

    def take(self, trailer: bytes) -> None:
        """What follows a DONE."""
        tick_us, collect_us, heap, heap_before = _TRAILER.unpack(trailer)
        self.tick_us.append(tick_us)
        if heap:
            self.collect_us.append(collect_us)
            self.heap_bytes.append(heap)
            self.heap_before_bytes.append(heap_before)


class ProcessorFirmware:
    """A running firmware as a site sees it (sil.site_config.Face).

    Raises FirmwareLost where it ended, ChipReset where it asked for a reset.
    """

    def __init__(self, cable: Cable, name: str, storage: Path, measures: Measures) -> None:
        self.name = name
        self.measures = measures
        self._cable = cable
        self._closed = False
        storage.mkdir(parents=True, exist_ok=True)
        sizes = [*wire.STORAGE, ("backup", wire.BACKUP_BYTES)]
        regions = [FileRegion(str(storage / f"{region}.bin"), size) for region, size in sizes]
        self._regions = dict(
            zip([*range(len(wire.STORAGE)), on_board.BACKUP], regions, strict=True)
        )

    def begin(self, settings: str, devices: int, realtime: bool) -> None:
        """Hand over what the ANSWER of a site says, and wait until the cabinet is built."""
        text = settings.encode()
        self._cable.send(_SETTINGS.pack(devices, realtime, len(text)), text)
        while (record := self._cable.receive()).kind != on_board.READY:
            self.serve(record)

    def send_tick(self, tick: Tick) -> None:
        """Each part by itself: the cable marks where one ends."""
        self._cable.send(*tick.parts())

    def receive_done(self) -> Done:
        """The DONE of the tick that was sent; storage is served until it comes."""
        cable = self._cable
        while True:
            record = cable.receive()
            if record.kind == 0:
                rest = cable.content(record.b * wire.FRAME_SIZE + record.c)
                self.measures.take(cable.content(on_board.TRAILER_SIZE))
                return unpack_done(record.a, record.b, rest)
            self.serve(record)

    def serve(self, record: Record) -> None:
        """A record that is no DONE."""
        a, b, c, kind = record
        if kind == on_board.ENDED:
            raise self._ended(a, self._cable.content(b).decode(errors="replace"))
        region = self._regions.get(a)
        if region is None or kind not in (on_board.READ, on_board.WRITE):
            raise FirmwareLost(
                f"the board at {self._cable.port} sent a record of kind {kind}, which is none of "
                f"ours: were other bytes printed into it? It had said {self._cable.said[-200:]!r}"
            )
        if kind == on_board.WRITE:
            region.write(b, self._cable.content(c))
            return
        content = bytearray(c)
        region.readinto(b, content)
        self._cable.send(bytes(content))

    def _ended(self, code: int, text: str) -> FirmwareLost:
        if code == wire.EXIT_RESET:
            return ChipReset(f"{self.name} was reset")
        said = (self._cable.said.decode(errors="replace") + text).strip()
        return FirmwareLost(
            f"the firmware of {self.name} on the board at {self._cable.port} ended with exit code "
            f"{code}" + (f"; it said:\n{said}" if said else "")
        )

    def close(self) -> None:
        """The board is at its prompt again. Never raises."""
        if not self._closed:
            self._closed = True
            self._cable.interrupt()


class Connection:
    """Gives a site its first cabinet's firmware (SiteConfig.board), again at each of its restarts.

    Storage is empty at first and kept over restarts; where the site has a folder for it, there.
    """

    def __init__(self, processor: Processor, storage: Path) -> None:
        self.measures = Measures()
        self._processor = processor
        self._storage = storage

    def __call__(self, number: int, settings: str, devices: int) -> ProcessorFirmware:
        """Raises ProcessorError, FirmwareLost."""
        lines, storage = [], self._storage
        for line in settings.splitlines():
            name, _, value = line.partition("=")
            if name == "@state":
                storage = Path(value)
            else:
                lines.append(line)
        return self._processor.start(
            f"cabinet {number}", "\n".join(lines), devices, storage, self.measures
        )


class Processor:
    """`with Processor(rig) as processor:` has a board at its prompt, flashed with our program.

    A rig whose port is "virtual" gets a virtual board of its own, flashed by `autarky flash`'s own
    means. `facts` say what board it is: build, machine, version, id, heap_bytes, own_heap_bytes
    (on_board.py's), sha256 and program of its image. realtime: as the rig paces it, for SiteConfig
    too: then the board's own clock judges its budgets. answer_s: how long it may be silent in a
    tick. any_image: run whatever it was flashed with.

    Raises ProcessorError, DeviceError. Leaves the board as it was found: at its prompt, or, where a
    program ran, reset so that it runs again.
    """

    def __init__(self, rig: Rig, answer_s: float = _ANSWER_S, any_image: bool = False) -> None:
        assert rig.board is not None
        self._board = boards.find(rig.board.name)
        self.realtime = rig.pace == "real-time"
        self._port = rig.board.port
        self._answer_s = answer_s
        self._any_image = any_image
        self._folder: Path | None = None
        self._virtual: subprocess.Popen[str] | None = None
        self._was_running = False
        self._cable: Cable | None = None
        self._current: ProcessorFirmware | None = None
        self._runs = 0
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Processor:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> None:
        self._folder = folders.scratch()
        made = package.make(None, boards.alike(self._board.march))
        self._wanted = made.manifest["sha256"]
        if self._port == "virtual":
            self._port = self._start_virtual(self._folder / "board")
            Flasher(self._board, self._port, made, b"").run()
        device = Device(self._port)
        self._was_running = device.reach()
        self._cable = Cable(device.open(), self._answer_s)
        self._launch()
        self._cable.interrupt()

    def _start_virtual(self, folder: Path) -> str:
        self._virtual = subprocess.Popen(
            [sys.executable, "-m", "autarky.rig.board_process", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._virtual.stdout is not None
        said = self._virtual.stdout.readline().strip()
        if not said.startswith("/dev/"):
            raise ProcessorError(f"the virtual board did not start: {said or 'it said nothing'}")
        return said

    @property
    def port(self) -> str:
        """Its serial port, the virtual board's terminal."""
        return self._port

    @property
    def image_sha256(self) -> str:
        """Of the program that runs, as the board itself has computed it."""
        return self.facts.get("sha256", "")

    @property
    def provenance(self) -> dict[str, str]:
        """Of the board, for a report."""
        return {
            "board": self.board_id, "interpreter": self.interpreter,
            "image on the board": self.image_sha256,
        }  # fmt: skip

    @property
    def interpreter(self) -> str:
        return "MicroPython {version}, {machine}".format(**self.facts) if self.facts else ""

    @property
    def board_id(self) -> str:
        """Name of the board and the chip's own number where it has one."""
        return f"{self._board.name} {self.facts.get('id', '')}".strip()

    def connect(self) -> Connection:
        """A run with empty storage, for one site."""
        assert self._folder is not None
        shutil.rmtree(self._folder / f"run{self._runs}", ignore_errors=True)
        self._runs += 1
        return Connection(self, self._folder / f"run{self._runs}")

    def start(
        self, name: str, settings: str, devices: int, storage: Path, measures: Measures
    ) -> ProcessorFirmware:
        """Reset the board's interpreter and start the flashed program in it."""
        assert self._cable is not None
        if self._current is not None:
            self._current.close()
        firmware = ProcessorFirmware(self._cable, name, storage, measures)
        self._current = firmware
        self._launch()
        firmware.begin(settings, devices, self.realtime)
        return firmware

    def _launch(self) -> None:
        """Start on_board.py and hear what board and program it finds."""
        cable = self._cable
        assert cable is not None
        source = Path(on_board.__file__).read_text(encoding="utf-8")
        call = f"begin({_ROOT!r}, {self._board.build!r}, {self._board.hertz}, {ROOM})"
        cable.run(f"{source}\n{call}\n".encode())
        record = cable.receive()
        if record.kind != on_board.FACTS:
            said = cable.said.decode(errors="replace")
            if record.kind == on_board.ENDED:
                said += cable.content(record.b).decode(errors="replace")
            raise ProcessorError(
                f"{self._port}: the board did not find its program; it said:\n{said}"
            )
        self.facts = json.loads(cable.content(record.a))
        self._judge()

    def _judge(self) -> None:
        """Raises ProcessorError for a board that is not what the rig says."""
        facts, port, board = self.facts, self._port, self._board
        remedy = f"`make flash BOARD={board.name} PORT={port}`"
        if facts["build"] != board.build:
            raise ProcessorError(
                f"{port}: rig.yaml says {board.name}, and the interpreter there is that of "
                f"{facts['build'] or facts['machine']!r}: name the board that it is"
            )
        refusal = facts.get("refusal")
        if refusal == on_board.NO_PROGRAM:
            raise ProcessorError(f"{port}: no program of ours is on the board: {remedy} first")
        if refusal == on_board.OTHER_IMAGE:
            raise ProcessorError(
                f"{port}: the image that stands on the board is not that of its package, so it "
                f"was not started: {remedy} writes it anew"
            )
        if not self._any_image and facts["sha256"] != self._wanted:
            raise ProcessorError(
                f"{port}: the board has program {facts['sha256'][:12]}, this checkout makes "
                f"{self._wanted[:12]}: {remedy}"
            )

    def close(self) -> None:
        """End everything that was started; safe to call twice."""
        if self._current is not None:
            self._current.close()
            self._current = None
        if self._cable is not None:
            self._cable.close()
            self._cable = None
        if self._virtual is not None:
            try:
                self._virtual.communicate(timeout=_END_S)  # its input ends
            except subprocess.TimeoutExpired:
                self._virtual.kill()
                self._virtual.communicate()
            self._virtual = None
        elif self._was_running:
            self._was_running = False
            self._resume()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _resume(self) -> None:
        """The program that was stopped for us runs again."""
        device = Device(self._port)
        try:
            device.call("leave_service")
            device.restart(())
        except DeviceError:
            pass  # its cable is gone: whoever finds it can flash it as ever
