"""The folder of a run: its own, and gone where the run never began."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.sil.folders import unwritable


@contextlib.contextmanager
def run_folder(folder: Path) -> Iterator[None]:
    """A run's own folder; one that is refused before its first tick leaves none behind.

    Raises AutarkyError where something is there already: two runs in one folder are neither.
    """
    made = own(folder)
    try:
        (folder / "can.log").touch()
    except OSError as error:
        raise unwritable("--out", folder, error) from None
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


def own(folder: Path) -> bool:
    """An empty folder; True where it had to be made. Raises AutarkyError, as run_folder does."""
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise AutarkyError(
                f"--out {folder}: something is there already; give another folder, or remove it"
            )
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable("--out", folder, error) from None
    return made


def unused(folder: Path) -> Path:
    """The folder, or the first of FOLDER-2, FOLDER-3, ... that is not there."""
    number, found = 2, folder
    while found.exists():
        found = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return found
