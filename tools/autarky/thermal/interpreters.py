"""The cabinets of cabinets.py in a MicroPython of their own, or in this process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autarky import processes
from autarky.build import constants, image
from autarky.errors import AutarkyError
from autarky.paths import BUILD
from autarky.thermal import cabinets, record

Halfwords = NDArray[np.int16]
Words = NDArray[np.uint16]
Settings = Sequence[Mapping[str, int]]  # parameters of each cabinet
_PLACE = Path("autarky") / "thermal"
_OWN = {
    name: Path(cabinets.__file__).with_name(f"{name}.py")
    for name in ("record", "faces", "cabinets")
}
_HEAP_KIB = 512  # for the program, and a quarter of it for each cabinet
_TOGETHER = 6  # cabinets of one process


class Interpreter(Protocol):
    """`record` (halfwords) is what the next `step` gives the cabinets; it returns what they say."""

    record: Words

    def step(self) -> Halfwords: ...
    def close(self) -> None: ...


class InCPython:
    """The cabinets in this process."""

    def __init__(self, settings: Settings, devices: int) -> None:
        self._cabinets = cabinets.Cabinets([list(one.items()) for one in settings], devices)
        self.record: Words = np.frombuffer(self._cabinets.record_in, dtype=np.uint16)
        self._out: Halfwords = np.frombuffer(self._cabinets.record_out, dtype=np.int16)

    def step(self) -> Halfwords:
        self._cabinets.step()
        return self._out

    def close(self) -> None:
        """Nothing to end."""


class _Process:
    """One MicroPython with some of the cabinets; `send` and then `receive`, in lockstep."""

    def __init__(self, settings: Settings, devices: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="autarky-thermal-")
        told = Path(self._folder.name) / "settings"
        texts = ("\n".join(f"{name}={value}" for name, value in one.items()) for one in settings)
        told.write_text("\n-\n".join(texts), encoding="utf-8")
        heap = f"heapsize={_HEAP_KIB + len(settings) * _HEAP_KIB // 4}K"
        folder = _program()
        command = [image.tool("micropython"), "-X", heap, str(folder / _PLACE / "cabinets.py"),
                   str(image.build()), str(folder), str(told), str(devices)]  # fmt: skip
        self._said = Path(self._folder.name) / "said"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, bufsize=0
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self._to, self._from = stdin.fileno(), stdout.fileno()

    def wait_ready(self) -> None:
        """Raises AutarkyError where it ended instead."""
        said = os.read(self._from, 1)
        if said != b"\x01":
            raise self._lost(said)

    def send(self, parts: Sequence[memoryview]) -> None:
        """Raises AutarkyError where the process has ended."""
        try:
            sent = os.writev(self._to, parts)
            if sent < sum(len(part) for part in parts):
                rest = b"".join(parts)[sent:]
                while rest:
                    rest = rest[os.write(self._to, rest) :]
        except BrokenPipeError:
            raise self._lost(b"") from None

    def receive(self, view: memoryview) -> None:
        """Fill it. Raises AutarkyError where the process has ended."""
        got = 0
        while got < len(view):
            more = os.readv(self._from, [view[got:]])
            if not more:
                raise self._lost(b"")
            got += more

    def _lost(self, said: bytes) -> AutarkyError:
        with contextlib.suppress(OSError):
            while more := os.read(self._from, 4096):
                said += more
        code = self._process.wait()
        said += self._said.read_bytes()
        text = said.decode(errors="replace").strip()
        return AutarkyError(
            f"the thermal firmware in MicroPython stopped with {code} and these words:\n{text}"
        )

    def close(self) -> None:
        """End it: its input ends, then it is killed. Never raises."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            processes.end(self._process)
        finally:
            self._folder.cleanup()


class InMicroPython:
    """The same in MicroPython, from the compiled image that a board gets: one process for few
    cabinets, else as many as processors."""

    def __init__(self, settings: Settings, devices: int) -> None:
        count, size = len(settings), record.in_size(devices)
        self.record: Words = np.zeros(record.HEAD + count * size, dtype="<u2")
        self._out: Halfwords = np.zeros(count * record.OUT_SIZE, dtype="<i2")
        whole, out = self.record.data.cast("B"), self._out.data.cast("B")
        self._head = whole[: 2 * record.HEAD]
        shares = 1 if count <= _TOGETHER else min(os.cpu_count() or 1, count)
        bounds = [i * count // shares for i in range(shares + 1)]
        self._shares: list[tuple[_Process, memoryview, memoryview]] = []
        try:
            for a, b in pairwise(bounds):
                started = _Process(settings[a:b], devices)
                at, to = (2 * (record.HEAD + i * size) for i in (a, b))
                told = out[2 * a * record.OUT_SIZE : 2 * b * record.OUT_SIZE]
                self._shares.append((started, whole[at:to], told))
            for process, _, _ in self._shares:
                process.wait_ready()
        except BaseException:
            self.close()
            raise

    def step(self) -> Halfwords:
        """Raises AutarkyError where a process has ended."""
        for process, rows, _ in self._shares:
            process.send((self._head, rows))
        for process, _, told in self._shares:
            process.receive(told)
        return self._out

    def close(self) -> None:
        """End the processes, all of them also where Ctrl-C comes meanwhile."""
        with contextlib.ExitStack() as all_of_them:
            for process, _, _ in self._shares:
                all_of_them.callback(process.close)


def _source(module: str) -> bytes | None:
    """Of the firmware's modules, and of ours that run beside them."""
    own = _OWN.get(module.rpartition(".")[2]) if module.startswith("autarky.thermal.") else None
    return own.read_bytes() if own is not None else constants.on_disk(module)


def _program() -> Path:
    """A folder with what runs beside the image, constants as numbers: an image keeps no names of
    those that none of its own modules says."""
    texts = {name: constants.inlined(path.read_bytes(), _source) for name, path in _OWN.items()}
    digest = hashlib.sha256(b"\0".join(texts.values())).hexdigest()[:16]
    target = BUILD / f"thermal-{digest}"
    if not target.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="thermal-", dir=BUILD) as made:
            whole = Path(made) / "whole"
            (whole / _PLACE).mkdir(parents=True)
            for name, text in texts.items():
                (whole / _PLACE / f"{name}.py").write_bytes(text)
            with contextlib.suppress(OSError):  # another process was faster
                whole.rename(target)
    return target


INTERPRETERS = {"micropython": InMicroPython, "cpython": InCPython}
