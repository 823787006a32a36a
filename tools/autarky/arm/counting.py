"""ARM instructions between two time.ticks_us(): Debian's MicroPython under qemu with a plugin.

qemu-user is bookworm's dynamic one, since the static one takes no plugin; it runs with its own
libraries, so that the machine needs none of them. The plugin is count.c, compiled by gcc.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from autarky.arm.debian import FOLDER, DebianError, micropython

_SOURCE = Path(__file__).with_name("count.c")
_QEMU = FOLDER / "qemu"
_LIBRARIES = _QEMU / "usr" / "lib" / "x86_64-linux-gnu"
_PLUGIN = FOLDER / "libcount.so"


def counting(out: Path) -> Sequence[str]:
    """How MicroPython is started so that counts go into `out`. Raises DebianError where it
    is not there: `make test-32` brings it.
    """
    program, guest = _QEMU / "usr" / "bin" / "qemu-arm", micropython(FOLDER / "armhf")
    if not program.exists() or not guest.exists():
        raise DebianError("run `make test-32` once to have ARM instructions counted")
    return [
        str(loader(_QEMU)), "--library-path", str(_LIBRARIES), str(program),
        "-L", str(FOLDER / "armhf"), "-plugin", f"{_compiled()},out={out}", str(guest),
    ]  # fmt: skip


def loader(root: Path) -> Path:
    """The dynamic loader of amd64 in an unpacked libc6."""
    return next(root.glob("*/x86_64-linux-gnu/ld-linux-x86-64.so.2"), root / "no-loader")


def _compiled() -> Path:
    if _PLUGIN.exists() and _PLUGIN.stat().st_mtime > _SOURCE.stat().st_mtime:
        return _PLUGIN
    compiler = shutil.which("gcc")
    if compiler is None:
        raise DebianError("gcc is missing: it compiles the plugin that counts ARM instructions")
    done = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(_PLUGIN), str(_SOURCE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise DebianError(f"gcc does not compile {_SOURCE}:\n{done.stderr.strip()}")
    return _PLUGIN
