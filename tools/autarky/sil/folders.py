"""The folders of a site: what is nobody's goes with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
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


def unwritable(option: str, folder: Path, error: OSError) -> AutarkyError:
    """The sentence for a folder that an option names and nothing can be written in."""
    return AutarkyError(f"{option} {folder}: {error.strerror}; give a folder to write in")


def claim(folder: Path) -> IO[str]:
    """Keep a --state folder for one site, until the file is closed or the process has gone.

    Raises AutarkyError where another one has it or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable("--state", folder, error) from None
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
