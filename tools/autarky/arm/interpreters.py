"""The interpreters that replay a record, each started on its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autarky.arm import heap
from autarky.build import image
from autarky.errors import AutarkyError
from autarky.paths import FIRMWARE

REPLAY = Path(__file__).with_name("replay.py")
_SCRIPT = Path(__file__).with_name("replay.mjs")
_HEAP = "heapsize=32M"
DIGEST = 32  # bytes of a SHA-256
BOARDS = "armv7m"  # processor of all boards so far


class ReplayError(AutarkyError):
    """An interpreter could not replay; the message says which, and what it said."""


@dataclass(frozen=True)
class Interpreter:
    """start: what comes before FOLDER RECORD OUT [TICK]; source: runs the firmware's text; march:
    whose image it takes, a board's where it says nothing."""

    name: str
    start: tuple[str, ...]
    source: bool = False
    march: str = BOARDS

    def command(self, folder: Path, record: Path, out: Path, tick: int | None = None) -> list[str]:
        """The command line; folder: the compiled files (image.stage)."""
        files = [str(FIRMWARE if self.source else folder), str(record), str(out)]
        return [*self.start, *files, *([] if tick is None else [str(tick)])]


@dataclass(frozen=True)
class Played:
    """SHA-256 of each DONE, the cabinet's states, tasks that died, what the interpreter said."""

    digests: list[bytes]
    states: list[str]
    dead: list[str]
    text: str


def cpython() -> Interpreter:
    return Interpreter("CPython", (sys.executable, str(REPLAY)), source=True)


def unix() -> Interpreter:
    """MicroPython's unix port of .venv: 64 bits, machine code of x86-64."""
    start = (image.tool("micropython"), "-X", _HEAP, str(REPLAY))
    return Interpreter("unix, 64 bit", start, march=image.UNIX)


def webassembly() -> Interpreter:
    """MicroPython's WebAssembly port: 32 bits, plain twins. Raises heap.HeapError."""
    script = heap.wasm_folder() / _SCRIPT.name
    shutil.copyfile(_SCRIPT, script)  # node looks for modules beside a script
    return Interpreter("WebAssembly, 32 bit", (heap.node(), str(script), str(REPLAY)))


def folders(replace: Mapping[str, bytes] | None = None) -> dict[str, Path]:
    """The images' compiled files, by processor; replace: see image.build."""
    return {march: image.stage(replace, march) for march in (BOARDS, image.UNIX)}


def play(interpreter: Interpreter, folder: Path, record: Path) -> Played:
    """Replay a whole record file. A firmware that dies on the way gives the digests until then."""
    out = record.with_suffix(".out")
    out.unlink(missing_ok=True)
    done = subprocess.run(
        interpreter.command(folder, record, out), capture_output=True, text=True, check=False
    )
    text = (done.stdout + done.stderr).strip()
    if not out.exists():
        raise ReplayError(
            f"{interpreter.name} did not start the firmware; it said:\n{text[-2000:]}"
        )
    content = out.read_bytes()
    said = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()}
    return Played(
        [content[i : i + DIGEST] for i in range(0, len(content), DIGEST)],
        said.get("states", []), said.get("dead", ["all"]), text,
    )  # fmt: skip


def done_of(interpreter: Interpreter, folder: Path, record: Path, tick: int) -> bytes:
    """The bytes of one DONE, b"" when the firmware did not come so far."""
    out = record.with_suffix(".done")
    out.unlink(missing_ok=True)
    command = interpreter.command(folder, record, out, tick)
    subprocess.run(command, capture_output=True, check=False)
    return out.read_bytes() if out.exists() else b""
