"""MF4 files beside the BLF files of a run, made by a process with an environment of its own.

Once asammdf is installed, python-can imports it at load, and `import can` takes 2.2 s instead of
0.17: so it never lies in .venv.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.paths import BUILD, GENERATED

ENVIRONMENT = BUILD / "mf4"
COMMAND = "make rig-mf4"
MISSING = f"no MF4 files: asammdf is not here, `{COMMAND}` brings it once"
_SCRIPT = Path(__file__).with_name("mf4_script.py")
_LONGEST_S = 600


class Mf4Error(AutarkyError):
    """The conversion failed; the message says how."""


def of(name: str) -> str:
    """The MF4 file's name of a BLF file's."""
    return str(Path(name).with_suffix(".mf4"))


def python() -> Path | None:
    """The interpreter that has asammdf, None where `make rig-mf4` was not run."""
    found = ENVIRONMENT / "bin" / "python"
    return found if found.is_file() and (ENVIRONMENT / ".ready").is_file() else None


def convert(folder: Path, dbc: Path = GENERATED / "site.dbc") -> str:
    """Every BLF file below a folder, in one process; the DBC goes into each. "": all were made.

    Returns MISSING where the environment is not there. A file that stands there is replaced only
    by a whole one. Raises Mf4Error.
    """
    there = python()
    if there is None:
        return MISSING
    try:
        done = subprocess.run(
            [there, _SCRIPT, folder, dbc], capture_output=True, text=True, timeout=_LONGEST_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Mf4Error(f"the conversion to MF4 was not over within {_LONGEST_S} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Mf4Error(f"the conversion to MF4 failed: {said[-1]}")
    return ""
