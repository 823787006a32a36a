"""The folders of a site and of a run: what is nobody's goes with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from autarky.errors import AutarkyError

_PREFIX = "autarky-site-"


def scratch() -> Path:
    """A new folder for as long as this process lives; those of killed ones go first."""
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{_PREFIX}*"):
        owner = old.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            mine = old.stat().st_uid == os.getuid()
            if mine and owner.isdigit() and not Path("/proc", owner).exists():
                shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _unwritable(option: str, folder: Path, error: OSError) -> AutarkyError:
    return AutarkyError(f"{option} {folder}: {error.strerror}; give a folder to write in")


def claim(folder: Path) -> IO[str]:
    """Keep a --state folder for one site, until the file is closed or the process has gone.

    Raises AutarkyError where another one has it or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise _unwritable("--state", folder, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise AutarkyError(
            f"--state {folder}: process {owner} runs a site on this storage; end it first, or give "
            "another folder"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[None]:
    """A run's own folder; one that is refused before its first tick leaves none behind.

    Raises AutarkyError where something is there already: two runs in one folder are neither.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise AutarkyError(
                f"--out {folder}: something is there already; give another folder, or remove it"
            )
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "can.log").touch()
    except OSError as error:
        raise _unwritable("--out", folder, error) from None
    try:
        yield
    except BaseException:
        began = (folder / "can.log").exists() and (folder / "can.log").stat().st_size > 0
        if not began:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            if made:
                folder.rmdir()
        raise


def unused(folder: Path) -> Path:
    """The folder, or the first of FOLDER-2, FOLDER-3, ... that is not there."""
    number, found = 2, folder
    while found.exists():
        found = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return found
