"""Packages: an image with a signed manifest, as a cabinet takes it over CAN or by cable."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autarky.build import image, keys
from autarky.build.boards import alike, all_boards, find
from autarky.errors import AutarkyError
from autarky.paths import BUILD, FIRMWARE, ROOT
from bess.port.memory import MemoryRegion
from bess.port.slots import HEAD_BYTES, MAGIC, MANIFEST_MAX, Package, version_number

APP = FIRMWARE / "bess" / "app.py"
_VERSION = re.compile(rb'software_version = "([^"]+)"')
_HEAD = struct.Struct("<8sHH")


class PackageError(AutarkyError):
    """A package cannot be made or read; the message says why."""


@dataclass(frozen=True)
class Made:
    """A package and what its manifest says."""

    data: bytes
    manifest: dict[str, str]
    signature: bytes
    image: bytes

    @property
    def version(self) -> str:
        return self.manifest["version"]

    @property
    def text(self) -> bytes:
        """The manifest's bytes, which are what is signed."""
        (length,) = struct.unpack_from("<H", self.data, 8)
        return self.data[HEAD_BYTES : HEAD_BYTES + length]

    def signed_by(self, public_key: bytes) -> bool:
        return keys.verify(public_key, self.text, self.signature)


def git_revision() -> str:
    """Short hash of the checkout, with a + when it was changed; - outside of git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "-"


def make(
    key: Path | None,
    boards: Iterable[str] | None = None,
    replace: dict[str, bytes] | None = None,
    interpreter: str | None = None,
) -> Made:
    """Build the image and wrap it; key None leaves it unsigned.

    boards: names the package is for, of one processor; the virtual cabinet by default. replace:
    see image.build. Raises PackageError.
    """
    names = alike(image.UNIX) if boards is None else list(boards)
    content = image.build(replace, _march(names)).read_bytes()
    source = (replace or {}).get("bess/app") or APP.read_bytes()
    found = _VERSION.search(source)
    if found is None:
        raise PackageError(f"{APP} names no software_version")
    oldest = max(board.interpreter for board in all_boards())
    return wrap(content, found[1].decode(), names, interpreter or oldest, key)


def _march(names: list[str]) -> str:
    """The processor of these boards."""
    found = {find(name).march: name for name in names}
    if len(found) > 1:
        said = " and ".join(f"{name} has {march}" for march, name in sorted(found.items()))
        raise PackageError(
            f"an image holds the machine code of one processor: {said}; make a package for each"
        )
    return next(iter(found))


def wrap(
    content: bytes, version: str, boards: Iterable[str], interpreter: str, key: Path | None
) -> Made:
    """A package around an image. Raises PackageError for a version that is none."""
    try:
        version_number(version)
    except ValueError as error:
        raise PackageError(f"version {version!r}: {error}") from None
    manifest = {
        "format": "1",
        "version": version,
        "revision": git_revision(),
        "boards": ",".join(boards),
        "interpreter": interpreter,
        "size": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    text = "".join(f"{name} {value}\n" for name, value in manifest.items()).encode()
    signature = _signed(key, text) if key else b""
    head = _HEAD.pack(MAGIC, len(text), len(signature))
    return Made(head + text + signature + content, manifest, signature, content)


def _signed(key: Path, text: bytes) -> bytes:
    """A signature, made once for each key and text: a leaf is spent for ever."""
    name = hashlib.sha256(keys.public(key) + text).hexdigest()[:24]
    kept = BUILD / f"signature-{name}.bin"
    if kept.exists():
        return kept.read_bytes()
    signature = keys.sign(key, text)
    BUILD.mkdir(exist_ok=True)
    unfinished = kept.with_suffix(".unfinished")
    unfinished.write_bytes(signature)
    unfinished.replace(kept)
    return signature


def read(data: bytes, what: str = "the package") -> Made:
    """Take a package apart with the firmware's own reader. Raises PackageError."""
    region = MemoryRegion(len(data) + HEAD_BYTES + MANIFEST_MAX)
    region.write(0, data)
    package = Package(region)
    if not package.manifest:
        raise PackageError(f"{what} is no package of ours, or was cut short")
    content = data[package.image_at : package.image_at + package.size]
    if len(content) != package.size or package.image_at + package.size != len(data):
        raise PackageError(f"{what} has another length than its manifest says")
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise PackageError(f"{what} is damaged: its image has another hash")
    return Made(data, package.manifest, package.signature(), content)


def read_file(path: Path) -> Made:
    """`read` for a file."""
    try:
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror}; `autarky sign` makes packages") from None
