"""All files of a run's report, each whole or as it was before."""

from __future__ import annotations

import errno
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.rig import junit, mf4, page, results
from autarky.rig.results import Run

_FULL = (errno.ENOSPC, errno.EDQUOT)


class ReportError(AutarkyError):
    """A file of the report could not be written; what stood there is as it was."""


def write_all(run: Run, folder: Path, against: Run | None = None) -> str:
    """results.json, junit.xml, report.html and the MF4 files; "" or why there are no MF4 files.

    results.json comes first: from it `autarky rig report` makes all others again. against: an
    earlier run, for what moved. Raises ReportError where there is no room, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _put(folder / results.FILE, run.as_json(), folder)
    _put(folder / junit.FILE, junit.junit_xml(run), folder)
    _put(folder / page.FILE, page.render(run, folder, against), folder)
    try:
        note = mf4.convert(folder)
    except mf4.Mf4Error as error:
        note = str(error)
    # only now is it known which MF4 files the page may point to
    _put(folder / page.FILE, page.render(run, folder, against, note), folder)
    return note


def _put(path: Path, text: str, folder: Path) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno not in _FULL:
            raise
        raise ReportError(
            f"{path}: the disk is full, and what stood there before is untouched; make room, then "
            f"`autarky rig report {folder}`"
        ) from None
