"""Debian's MicroPython of 32 bits, unpacked into a folder; nothing is installed into the system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from autarky.arm.interpreters import REPLAY, Interpreter
from autarky.errors import AutarkyError
from autarky.paths import BUILD

FOLDER = BUILD / "arm"
_SUITE = "trixie"  # MicroPython 1.25
_QEMU_SUITE = "bookworm"  # later ones build qemu-user against a newer libc
_PACKAGES = (
    "micropython", "libc6", "libgcc-s1", "libffi8", "libmbedcrypto16", "libmbedtls21",
    "libmbedx509-7",
)  # fmt: skip
# one that takes plugins, and all that it is linked with (counting.py)
_QEMU_PACKAGES = (
    "qemu-user-static", "qemu-user", "libc6", "libgcc-s1", "zlib1g", "libcapstone4", "libnuma1",
    "liburing2", "libglib2.0-0", "libgnutls30", "libpcre2-8-0", "libp11-kit0", "libidn2-0",
    "libunistring2", "libtasn1-6", "libnettle8", "libhogweed6", "libgmp10", "libffi8",
)  # fmt: skip
_TRIPLETS = {"i386": "i386-linux-gnu", "armhf": "arm-linux-gnueabihf"}
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_CONFIG = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Etc "{folder}/etc";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; "armhf"; "i386"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
APT::Update::Error-Mode "any";
"""


class DebianError(AutarkyError):
    """The packages cannot be had here; the message is a sentence that says why."""


def interpreters() -> list[Interpreter]:
    """i386 natively, armhf under qemu-user. Raises DebianError when they cannot be had."""
    roots = {name: FOLDER / name for name in _TRIPLETS}
    qemu = FOLDER / "qemu" / "usr" / "bin" / "qemu-arm-static"
    counted = qemu.with_name("qemu-arm")
    if not all(path.exists() for path in (*map(micropython, roots.values()), qemu, counted)):
        _unpack(roots)
    libraries = roots["i386"] / "usr" / "lib" / _TRIPLETS["i386"]
    options = ("-X", "heapsize=32M", str(REPLAY))
    i386 = (
        str(libraries / "ld-linux.so.2"), "--library-path", str(libraries),
        str(micropython(roots["i386"])),
    )  # fmt: skip
    armhf = (str(qemu), "-L", str(roots["armhf"]), str(micropython(roots["armhf"])))
    return [
        Interpreter("Debian i386, 32 bit", (*i386, *options)),
        Interpreter("Debian armhf under qemu-user, 32 bit", (*armhf, *options)),
    ]


def micropython(root: Path) -> Path:
    """The interpreter in an unpacked folder."""
    return root / "usr" / "bin" / "micropython"


def _unpack(roots: dict[str, Path]) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise DebianError(f"{tool} is missing: Debian's 32-bit MicroPython cannot be fetched")
    shutil.rmtree(FOLDER, ignore_errors=True)
    _write_configuration(mirror(Path("/etc/apt")))
    _apt("update")
    downloads = FOLDER / "packages"
    downloads.mkdir()
    names = [f"{name}:{arch}/{_SUITE}" for arch in roots for name in _PACKAGES]
    names += [f"{name}:amd64/{_QEMU_SUITE}" for name in _QEMU_PACKAGES]
    _apt("download", *names, folder=downloads)
    for package in sorted(downloads.iterdir()):
        arch = package.stem.rpartition("_")[2]
        target = roots.get(arch, FOLDER / "qemu")
        _run(["dpkg", "-x", str(package), str(target)])
    for root in roots.values():
        if not (root / "lib").exists():
            (root / "lib").symlink_to("usr/lib")


def mirror(etc: Path) -> str:
    """URI of the Debian mirror in the APT sources of a machine. Raises DebianError."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for path in files:
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            found = re.match(r"\s*(?:URIs:|deb\b(?:\s+\[[^]]*\])?)\s+(\S+)", line)
            if found and re.search(r"/debian/?$", found[1]):
                return found[1]
    raise DebianError(f"no Debian mirror stands in {etc}: 32-bit MicroPython cannot be fetched")


def _write_configuration(uri: str) -> None:
    for name in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d",
                 "etc/preferences.d", "etc/sources.list.d"):  # fmt: skip
        (FOLDER / name).mkdir(parents=True)
    (FOLDER / "state" / "status").touch()
    lines = [f"deb [signed-by={_KEYRING}] {uri} {suite} main" for suite in (_SUITE, _QEMU_SUITE)]
    (FOLDER / "etc" / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = _CONFIG.format(folder=FOLDER)
    (FOLDER / "apt.conf").write_text(text, encoding="utf-8")


def _apt(*arguments: str, folder: Path = FOLDER) -> None:
    try:
        _run(["apt-get", "-q", *arguments], folder, {"APT_CONFIG": str(FOLDER / "apt.conf")})
    except DebianError as error:
        shutil.rmtree(FOLDER / "state", ignore_errors=True)
        raise DebianError(
            f"Debian's 32-bit MicroPython cannot be fetched: is the mirror of /etc/apt reachable?\n"
            f"{error}"
        ) from error


def _run(command: list[str], folder: Path = BUILD, extra: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(extra or {})}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise DebianError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()}")
